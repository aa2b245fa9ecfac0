"""A number in a picture is read as it was written, or not at all."""

from hypothesis import example, given
from hypothesis import strategies as st

from bench.streaming.marker import BLOCKS, NUMBERS, blocks_of, number_of

numbers = st.integers(0, NUMBERS - 1)


@given(numbers, st.lists(st.integers(-60, 60), min_size=BLOCKS, max_size=BLOCKS))
@example(0xBEEF, [0] * BLOCKS)
def test_a_number_survives_coding_noise(number: int, noise: list[int]) -> None:
    levels = [(255 if white else 0) + each for white, each in zip(blocks_of(number), noise, strict=True)]
    assert number_of(levels) == number


@given(numbers, st.integers(0, BLOCKS - 1))
def test_one_turned_block_is_noticed(number: int, turned: int) -> None:
    blocks = blocks_of(number)
    blocks[turned] = not blocks[turned]
    assert number_of([255 * white for white in blocks]) is None


@given(st.integers(0, 255))
def test_a_plain_picture_has_no_number(level: int) -> None:
    assert number_of([level] * BLOCKS) is None


def test_part_of_a_marker_has_no_number() -> None:
    assert number_of([255, 0, 255]) is None


def test_numbers_go_round() -> None:
    assert blocks_of(NUMBERS + 3) == blocks_of(3)
