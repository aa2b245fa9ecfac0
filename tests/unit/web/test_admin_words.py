"""What the admin pages decide by themselves: addresses, words and plots."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.audit.recording import Action
from orchestrator.web.admin_views import DOINGS
from orchestrator.web.asked import Asked, pages_of
from orchestrator.web.plots import HEIGHT, WIDTH, Figures, plot
from orchestrator.web.wording import (
    ago_words,
    bytes_words,
    figure,
    moment_words,
    month_words,
    seconds_words,
    span_words,
)
from scheduler.profiles import EMPTY, SMALLEST_CPU_CORES, Sample, updated

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def test_an_address_keeps_what_was_asked_and_begins_at_the_first_page() -> None:
    asked = Asked("/admin/users", {"search": " a&b ", "state": "active", "page": "3", "role": ""})
    assert asked.page == 3
    assert asked.address(page=2) == "/admin/users?search=a%26b&state=active&page=2"
    assert asked.address(page=1) == "/admin/users?search=a%26b&state=active"
    assert asked.address(state="") == "/admin/users?search=a%26b"
    assert asked.address(search="", state="") == "/admin/users"


@pytest.mark.parametrize(("word", "page"), [("", 1), ("0", 1), ("-2", 1), ("x", 1), ("٣", 1), ("9999999", 1), ("7", 7)])
def test_a_page_that_is_none_is_the_first(word: str, page: int) -> None:
    assert Asked("/", {"page": word}).page == page


def test_what_is_written_in_an_address_can_be_stored() -> None:
    asked = Asked("/", {"search": "a\0b\ud800" + "c" * 999, "state": "odd"})
    assert asked.text("search").startswith("abc")
    assert len(asked.text("search")) == 320
    assert asked.one_of("state", ("even",)) == ""
    assert asked.text("nothing") == ""


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (50, 1), (51, 2), (120, 3)])
def test_there_is_always_a_page(total: int, pages: int) -> None:
    assert pages_of(total, 50) == pages


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (-1, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_960_000, "10 MB"), (245_000_000, "245 MB")],
)
def test_sizes_are_told_as_the_players_pages_do(count: float, words: str) -> None:
    assert bytes_words(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (42, "42 s"), (720, "12 min"), (12_000, "3 h 20 min"), (7200, "2 h"), (432_000, "5 days")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span_words(timedelta(seconds=seconds)) == words
    assert seconds_words(seconds) == words


def test_moments() -> None:
    assert ago_words(NOW - timedelta(seconds=3), NOW) == "just now"
    assert ago_words(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert ago_words(NOW - timedelta(days=60), NOW) == "2026-10-01"
    assert moment_words(NOW) == "2026-11-30 12:00:00 UTC"
    assert month_words("2026-01") == "January 2026"


@pytest.mark.parametrize(("value", "word"), [(0, "0"), (0.25, "0.25"), (3.0, "3"), (12.34, "12.3"), (512.0, "512")])
def test_figures(value: float, word: str) -> None:
    assert figure(value) == word


def test_a_plot_of_nothing_shows_the_reservation_alone() -> None:
    drawn = plot(Figures((), SMALLEST_CPU_CORES, 1.0))
    assert (drawn.bars, drawn.band, drawn.mean, drawn.p90, drawn.peak) == ((), None, None, None, None)
    assert 0 < drawn.reserved < WIDTH
    assert [value for _, value in drawn.ticks] == [0, 0.5, 1.0]


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 64)), max_size=40), st.floats(0, 64))
def test_everything_drawn_is_within_the_drawing(sessions: list[tuple[float, float]], reserved: float) -> None:
    profile = EMPTY
    for played_s, cpu_cores in sessions:
        profile = updated(profile, Sample(played_s, cpu_cores, 1000, 1.0, out_of_memory=False, failed=False))
    figures = Figures(
        profile.cpu_buckets,
        SMALLEST_CPU_CORES,
        reserved,
        profile.cpu_mean,
        profile.cpu_variance**0.5,
        profile.cpu_quantile(0.9),
        profile.cpu_quantile(1.0),
    )
    drawn = plot(figures)
    assert len(drawn.bars) == len(profile.cpu_buckets)
    assert drawn.band is not None
    marks = [drawn.mean, drawn.p90, drawn.peak, drawn.reserved, *(x for x, _ in drawn.ticks)]
    assert all(0 <= mark <= WIDTH for mark in marks if mark is not None)
    for bar in drawn.bars:
        assert 0 <= bar.x <= WIDTH
        assert 0 < bar.height <= HEIGHT
        assert bar.y + bar.height == pytest.approx(HEIGHT)
    assert 2 <= len(drawn.ticks) <= 6


def test_the_log_has_words_for_whatever_is_done() -> None:
    assert set(DOINGS) == set(Action)
