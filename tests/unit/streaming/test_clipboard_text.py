"""What a game copied is text, bounded, without what a terminal would obey."""

from hypothesis import given
from hypothesis import strategies as st

from streaming.clipboard_text import LIMIT_BYTES, clean_text


def test_text_stays_and_control_characters_go() -> None:
    assert clean_text("Привет, 世界 😀\r\n\tok\x1b[31m\x00".encode()) == "Привет, 世界 😀\n\tok[31m"


def test_a_character_that_the_limit_cuts_is_left_out() -> None:
    assert clean_text(b"x" * (LIMIT_BYTES - 1) + "é".encode()) == "x" * (LIMIT_BYTES - 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_some_text(data: bytes) -> None:
    text = clean_text(data)
    assert all(character in "\n\t" or character.isprintable() for character in text)
