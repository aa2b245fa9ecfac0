"""What the lossy channel says: whole states, strangers' bytes, exact motion and exact notches."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.pointer_messages import Motion, Pad, Pointer, PointerMessage, parse_pointer
from streaming.relative_motion import MotionTotals
from streaming.wheel_steps import WheelSteps

sequences = st.integers(0, 2**32 - 1)
totals = st.integers(-(2**31), 2**31 - 1)
axes = st.integers(-32768, 32767)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (struct.pack("<BIHH", 1, 7, 65535, 0), Pointer(7, 1.0, 0.0)),
        (struct.pack("<BIii", 2, 8, -64, 640), Motion(8, -64, 640)),
        (
            struct.pack("<BIBI4h2B", 3, 9, 1, 1 << 20 | 1 << 16 | 1, -32768, 0, 32767, 0, 255, 0),
            Pad(9, 1, frozenset({0, 16}), (-1.0, 0.0, 1.0, 0.0), (1.0, 0.0)),
        ),
        (struct.pack("<BIBI4h2B", 3, 9, 4, 0, 0, 0, 0, 0, 0, 0), None),
        (struct.pack("<BIHH", 2, 7, 0, 0), None),
        (struct.pack("<BIHH", 4, 7, 0, 0), None),
        (b"", None),
        ("text", None),
    ],
)
def test_each_kind_says_what_its_bytes_are(message: object, said: PointerMessage | None) -> None:
    assert parse_pointer(message) == said


@given(sequences, st.integers(0, 65535), st.integers(0, 65535))
def test_a_pointer_position_survives_the_wire(sequence: int, x: int, y: int) -> None:
    parsed = parse_pointer(struct.pack("<BIHH", 1, sequence, x, y))
    assert parsed == Pointer(sequence, x / 65535, y / 65535)


@given(sequences, totals, totals)
def test_motion_survives_the_wire(sequence: int, x: int, y: int) -> None:
    assert parse_pointer(struct.pack("<BIii", 2, sequence, x, y)) == Motion(sequence, x, y)


@given(
    sequences, st.integers(0, 255), st.integers(0, 2**32 - 1), st.tuples(axes, axes, axes, axes), st.integers(0, 255)
)
def test_a_pad_survives_the_wire_in_range(
    sequence: int, index: int, bits: int, sticks: tuple[int, int, int, int], trigger: int
) -> None:
    parsed = parse_pointer(struct.pack("<BIBI4h2B", 3, sequence, index, bits, *sticks, trigger, 0))
    if index >= 4:
        assert parsed is None
        return
    assert isinstance(parsed, Pad)
    assert parsed.buttons == {button for button in range(17) if bits & 1 << button}
    assert all(-1 <= axis <= 1 for axis in parsed.axes)
    assert parsed.triggers == (trigger / 255, 0)


@given(st.binary(max_size=24) | st.text() | st.none())
def test_any_other_bytes_are_nothing(data: object) -> None:
    sizes = {1: 9, 2: 13, 3: 20}
    if not isinstance(data, bytes) or not data or len(data) != sizes.get(data[0]):
        assert parse_pointer(data) is None
    else:
        parse_pointer(data)


@given(st.lists(st.tuples(st.integers(-(2**16), 2**16), st.booleans()), min_size=1), totals)
def test_no_lost_or_late_message_loses_motion(steps: list[tuple[int, bool]], start: int) -> None:
    motion, total, moved, late = MotionTotals(), 0, 0, None
    motion.advance(0, start, 0)
    for sequence, (step, is_lost) in enumerate([*steps, (0, False)], start=1):
        total += step
        said = (sequence, (start + total + 2**31) % 2**32 - 2**31, 0)
        if is_lost:
            late = said
            continue
        moved += motion.advance(*said)[0]
        if late is not None:
            assert motion.advance(*late) == (0, 0)
    assert moved == int(total / 64) or abs(moved - total / 64) < 1
    motion.begin()
    assert motion.advance(0, 640, -64) == (0, 0)
    assert motion.advance(1, 704, -128) == (1, -1)


def test_what_comes_late_moves_nothing_and_a_new_connection_counts_anew() -> None:
    motion = MotionTotals()
    assert motion.advance(5, 640, 640) == (0, 0)
    assert motion.advance(7, 768, 576) == (2, -1)
    assert motion.advance(6, 704, 640) == (0, 0)
    motion.begin()
    assert motion.advance(0, 0, 0) == (0, 0)
    assert motion.advance(1, 64, -64) == (1, -1)


def test_totals_may_wrap() -> None:
    motion = MotionTotals()
    motion.advance(0, 2**31 - 64, 0)
    assert motion.advance(1, -(2**31), 0) == (1, 0)


def test_a_notch_is_a_notch_and_nothing_of_a_smooth_wheel_is_lost() -> None:
    steps = WheelSteps()
    assert [steps.turn(pixels) for pixels in (100, 100, -100, 200)] == [1, 1, -1, 2]
    assert sum(steps.turn(7) for _ in range(100)) == 7
    assert [steps.turn(pixels) for pixels in (60, -60, -60)] == [0, 0, -1]
    assert steps.turn(1e6) == 20
