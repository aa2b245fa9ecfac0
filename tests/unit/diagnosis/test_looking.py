"""What an error says to people."""

from diagnosis.looking import words_of


def test_a_time_out_says_how_long_nothing_came() -> None:
    assert words_of(TimeoutError()) == "nothing came within 5 s"
    assert words_of(TimeoutError(), 15) == "nothing came within 15 s"


def test_a_time_out_of_the_kernels_says_its_own_words() -> None:
    assert words_of(TimeoutError(110, "Connection timed out"), 15) == "[Errno 110] Connection timed out"


def test_an_error_is_told_in_one_line_or_by_its_name() -> None:
    assert words_of(ValueError("first\nsecond")) == "first"
    assert words_of(ValueError()) == "ValueError"
