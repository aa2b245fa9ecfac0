"""What a page tells of the packets' arrival is read whole, or refused; and each packet's fate is told once."""

import contextlib
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.transport_feedback import (
    REFERENCE_MODULO_US,
    REMEMBERED_PACKETS,
    SentPackets,
    TransportFeedback,
    parse_feedback,
    split_rtcp,
)

RECEIVER_REPORT = bytes.fromhex("80c9000100000001")


def body(first: int, chunks: Sequence[int], times: bytes, count: int, reference: int = 5) -> bytes:
    fixed = struct.pack("!IIHHI", 1, 2, first, count, reference << 8)
    whole = fixed + b"".join(chunk.to_bytes(2) for chunk in chunks) + times
    return whole + bytes(-len(whole) % 4)


def packet(content: bytes) -> bytes:
    return bytes([0x8F, 205]) + (len(content) // 4).to_bytes(2) + content


def written(first: int, reference: int, ticks: Sequence[int | None]) -> bytes:
    """The wire form of these differences in quarters of a millisecond, in vectors of two-bit symbols."""
    symbols = [0 if tick is None else 1 if 0 <= tick < 256 else 2 for tick in ticks]
    chunks: list[int] = []
    for start in range(0, len(symbols), 7):
        seven = (symbols[start : start + 7] + [0] * 7)[:7]
        chunks.append(0xC000 | sum(symbol << 2 * (6 - place) for place, symbol in enumerate(seven)))
    times = b"".join(
        tick.to_bytes(1) if 0 <= tick < 256 else tick.to_bytes(2, signed=True) for tick in ticks if tick is not None
    )
    return body(first, chunks, times, len(ticks), reference)


def test_a_run_and_a_vector_of_single_bits_are_read() -> None:
    run = body(10, [0x2000 | 3], bytes([4, 8, 0]), 3)
    assert parse_feedback(run) == TransportFeedback(10, (321_000, 323_000, 323_000))
    bits = body(65535, [0x8000 | 0b10100000000000], bytes([1, 2]), 4)
    assert parse_feedback(bits) == TransportFeedback(65535, (320_250, None, 320_750, None))


@given(
    st.integers(0, 65535),
    st.integers(0, (1 << 24) - 1),
    st.lists(st.one_of(st.none(), st.integers(-32768, 32767)), min_size=1, max_size=60),
)
def test_what_was_written_is_read(first: int, reference: int, ticks: list[int | None]) -> None:
    now_us, expected = reference * 64_000, list[int | None]()
    for tick in ticks:
        now_us += 250 * (tick or 0)
        expected.append(None if tick is None else now_us)
    assert parse_feedback(written(first, reference, ticks)) == TransportFeedback(first, tuple(expected))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (parse_feedback, split_rtcp):
        with contextlib.suppress(ValueError):
            read(data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        body(1, [], b"", 0)[:-4],
        body(1, [], b"", 7),
        body(1, [0x2000], b"", 7),
        body(1, [0x2000 | 3], bytes([1]), 3)[:-2],
        body(1, [0x6000 | 1], bytes([1, 1]), 1),
    ],
)
def test_a_feedback_that_ends_too_soon_or_means_nothing_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"feedback|no packets"):
        parse_feedback(content)


def test_other_packets_are_kept_as_they_are() -> None:
    feedback = packet(body(1, [0x2000 | 1], bytes([4, 0]), 1))
    rest, found = split_rtcp(RECEIVER_REPORT + feedback + RECEIVER_REPORT)
    assert rest == RECEIVER_REPORT * 2
    assert [each.first for each in found] == [1]
    for broken in (RECEIVER_REPORT[:3], RECEIVER_REPORT[:6]):
        with pytest.raises(ValueError, match="packet"):
            split_rtcp(broken)


def test_each_packet_is_reported_once_with_what_was_known_of_it() -> None:
    sent = SentPackets()
    numbers = [sent.number(place / 100, 100 + place, place if place > 1 else None) for place in range(4)]
    assert numbers == [0, 1, 2, 3]
    assert sent.in_flight_bytes == 406
    reports = sent.reported(TransportFeedback(0, (1_000_000, None, 1_020_000)))
    assert [(each.sent_at_s, each.arrived_at_s, each.size_bytes, each.probe) for each in reports] == [
        (0.0, 1.0, 100, None),
        (0.01, None, 101, None),
        (0.02, 1.02, 102, 2),
    ]
    assert sent.in_flight_bytes == 103
    assert sent.reported(TransportFeedback(0, (1_000_000, 1_010_000))) == []


def test_numbers_and_the_receivers_clock_begin_again_and_old_packets_are_forgotten() -> None:
    sent = SentPackets()
    assert [sent.number(0.0, 1) for _ in range(65536)][-1] == 65535
    assert sent.number(1.0, 1) == 0
    assert len(sent.reported(TransportFeedback(65536 - 5000, tuple([5] * 5001)))) == REMEMBERED_PACKETS
    numbers = [sent.number(2.0, 1) for _ in range(2)]
    late, early = REFERENCE_MODULO_US - 250, 250
    reports = sent.reported(TransportFeedback(numbers[0], (late, early)))
    first, second = (each.arrived_at_s for each in reports)
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(0.0005)


def test_feedback_of_more_packets_than_are_remembered_is_refused() -> None:
    """A few bytes that stand for very many packets would hold up the seat."""
    half = REMEMBERED_PACKETS // 2
    just_enough = packet(body(0, [half], b"", half))
    assert len(split_rtcp(2 * just_enough)[1]) == 2
    with pytest.raises(ValueError, match="more packets"):
        split_rtcp(3 * just_enough)
    with pytest.raises(ValueError, match="more packets"):
        split_rtcp(packet(body(0, [0x1FFF] * 9, b"", 0xFFFF)))
