"""Names of images mean what they mean to an engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog.references import ImageReference, InvalidReference, is_plain_http, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("game", ImageReference(None, "game")),
        ("playhouse/the-question:1.0", ImageReference(None, "playhouse/the-question", "1.0")),
        ("reg:5000/a/game:1", ImageReference("reg:5000", "a/game", "1")),
        ("reg.example/game", ImageReference("reg.example", "game")),
        ("localhost/game:1", ImageReference("localhost", "game", "1")),
        ("[::1]:5000/game", ImageReference("[::1]:5000", "game")),
        (f"reg:5000/game:1@{DIGEST}", ImageReference("reg:5000", "game", "1", DIGEST)),
    ],
)
def test_a_name_is_read_as_an_engine_reads_it(text: str, reference: ImageReference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    "text", ["", "Game", "game:", "game:a b", "game@sha256:short", "reg:5000/../game", "reg:5000/", "re_g.x/game", "/x"]
)
def test_what_is_no_name_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_reference(text)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=60))
def test_no_text_is_read_as_something_that_it_does_not_say(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReference:
        return
    assert str(reference) == text


def test_a_registry_is_asked_for_the_digest_else_the_tag() -> None:
    assert parse_reference(f"r.x/game:1@{DIGEST}").wanted == DIGEST
    assert parse_reference("r.x/game:1").wanted == "1"
    assert parse_reference("r.x/game").wanted == "latest"


@pytest.mark.parametrize(
    ("version", "tag"), [("1.0", "1.0"), ("2 (beta)", "2-beta-"), ("..", "latest"), ("é", "latest")]
)
def test_a_version_becomes_a_tag(version: str, tag: str) -> None:
    assert ImageReference("r", "game", digest=DIGEST).tagged(version) == ImageReference("r", "game", tag)


@pytest.mark.parametrize(
    ("registry", "is_plain"),
    [
        ("127.0.0.1:5000", True),
        ("127.1.2.3", True),
        ("[::1]:5000", True),
        ("localhost:5000", True),
        ("10.0.0.1:5000", False),
        ("registry.example", False),
        ("lan.example:5000", True),
        ("other.example:5000", True),
    ],
)
def test_only_this_machine_and_named_ones_are_spoken_to_without_tls(registry: str, is_plain: bool) -> None:
    assert is_plain_http(registry, ("lan.example", "other.example:5000")) is is_plain
