"""What is shown of a game's pictures: what was there stays until the new one is."""

import pytest

from orchestrator.pictures.showing import (
    address_of,
    is_outside,
    outside_ones,
    shown_screenshots,
    shown_thumbnail,
)

A, B, C = "https://a.example/1.png", "http://b.example/2.jpg", "https://c.example/3.webp"
HERE = {A: "/pictures/a", B: "/pictures/b"}


def test_urls_lie_outside_and_paths_are_ours() -> None:
    assert [is_outside(each) for each in (A, B, "/static/a.png", "/")] == [True, True, False, False]
    assert outside_ones(A, [B, "/static/a.png", A, B]) == [A, B]
    assert outside_ones(None, []) == []
    assert address_of("pic1") == "/pictures/pic1"


@pytest.mark.parametrize(
    ("said", "before", "shown"),
    [
        (None, "/pictures/a", None),
        ("/static/a.png", "/pictures/a", "/static/a.png"),
        (A, None, "/pictures/a"),
        (A, "/pictures/b", "/pictures/a"),
        (C, "/pictures/a", "/pictures/a"),
        (C, None, None),
    ],
)
def test_a_cover_stays_until_the_new_one_is_there(said: str | None, before: str | None, shown: str | None) -> None:
    assert shown_thumbnail(said, before, HERE) == shown


@pytest.mark.parametrize(
    ("said", "before", "waiting", "shown"),
    [
        ([], ["/pictures/a"], set[str](), []),
        ([A, "/s.png", B], [], set[str](), ["/pictures/a", "/s.png", "/pictures/b"]),
        ([A, C], [], {C}, ["/pictures/a"]),  # each as it comes
        ([A, C], ["/old.png"], {C}, ["/old.png"]),
        ([A, C], ["/old.png"], set[str](), ["/pictures/a"]),  # without the one that could not be had
        ([C], ["/old.png"], set[str](), ["/old.png"]),
        ([C], [], {C}, []),
        ([C], [], set[str](), []),
    ],
)
def test_screenshots_change_when_all_has_been_seen_to(
    said: list[str], before: list[str], waiting: set[str], shown: list[str]
) -> None:
    assert list(shown_screenshots(said, before, HERE, waiting)) == shown
