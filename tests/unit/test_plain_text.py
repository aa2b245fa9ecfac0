"""One line of text from a person: any script is kept, what is no line is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plain_text import one_line


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Before the fight", "Before the fight"),
        ("  two   words ", "two words"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("שלום עולם", "שלום עולם"),
        ("مرحبا", "مرحبا"),
        ("🏳️‍🌈 🎮 𐌀", "🏳️‍🌈 🎮 𐌀"),
        ("e\u0301", "é"),
        ("東方\u3000紅魔郷", "東方 紅魔郷"),
        ("", ""),
        (" \u00a0 ", ""),
        ("\u200b\u200d", ""),
        ("x" * 60, "x" * 60),
        ("😀" * 60, "😀" * 60),
    ],
)
def test_text_is_kept_as_text(text: str, kept: str) -> None:
    assert one_line(text, 60) == kept


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\tb", "\0", "\x7f", "\u2028", "\u202egnp.exe", "a\u2066b", "\u200f", "\ud800", "x" * 61, "😀" * 61],
)
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        one_line(text, 60)


@given(st.text())
def test_a_line_is_what_it_is_the_second_time_as_well(text: str) -> None:
    try:
        line = one_line(text, 20)
    except ValueError:
        return
    assert one_line(line, 20) == line
    assert len(line) <= 20
