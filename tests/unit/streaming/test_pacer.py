"""An ordinary picture leaves at once, a large one spread, what was lost first, and nothing while the link rests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.pacer import EXTRA_PACKETS, REPEAT_PACKETS, Pacer, Urgency, Waiting
from streaming.repeats import REMEMBERED, Repeats

PACKET = 1200


def picture(count: int) -> list[Waiting]:
    return [Waiting(bytes(PACKET), Urgency.PICTURE) for _ in range(count)]


def leave(pacer: Pacer, until_s: float, start_s: float = 0.0) -> list[tuple[float, Waiting]]:
    now, left = start_s, list[tuple[float, Waiting]]()
    while now <= until_s:
        packet = pacer.take(now)
        if packet is not None:
            left.append((now, packet))
        elif pacer.is_empty:
            break
        else:
            now = max(now + 1e-6, pacer.due_at(now))
    return left


def test_an_ordinary_picture_leaves_at_once() -> None:
    pacer = Pacer(8_000_000, 60)
    for packet in picture(13):
        pacer.put(packet)
    assert [at for at, _ in leave(pacer, 1.0)] == [0.0] * 13


@given(st.floats(3e5, 5e7), st.integers(15, 120), st.integers(1, 200), st.booleans())
def test_no_burst_is_longer_on_the_link_than_a_picture_lasts(bps: float, fps: int, count: int, is_limit: bool) -> None:
    pacer = Pacer(bps, fps)
    pacer.aim(bps, fps, is_limit=is_limit)
    for packet in picture(count):
        pacer.put(packet)
    left = leave(pacer, 1e6)
    assert len(left) == count
    at_once_bytes = sum(len(packet.data) for at, packet in left if at == 0.0)
    assert at_once_bytes <= max(2500, bps / 8 / fps) + PACKET
    assert left[-1][0] <= count * PACKET * 8 / bps + 1e-3
    assert pacer.backlog_s == 0


def test_what_was_lost_goes_first_and_what_is_only_to_be_safe_last() -> None:
    pacer = Pacer(1_000_000, 30)
    order = [Urgency.EXTRA, Urgency.PICTURE, Urgency.REPEAT]
    for urgency in order:
        pacer.put(Waiting(bytes(PACKET), urgency))
    assert [packet.urgency for _, packet in leave(pacer, 10.0)] == order[::-1]


def test_a_cluster_leaves_whole_and_the_next_picture_pays_for_it() -> None:
    pacer = Pacer(1_000_000, 30)
    for _ in range(6):
        pacer.put(Waiting(bytes(PACKET), Urgency.EXTRA, probe=1))
    assert [at for at, _ in leave(pacer, 10.0)] == [0.0] * 6
    pacer.put(picture(1)[0])
    assert leave(pacer, 10.0, 0.0)[0][0] > 0.01


def test_nothing_leaves_while_the_link_rests() -> None:
    pacer = Pacer(8_000_000, 60)
    pacer.rest(2.0)
    pacer.put(picture(1)[0])
    assert pacer.take(1.9) is None
    assert pacer.due_at(1.0) == 2.0
    assert pacer.take(2.0) is not None


def test_the_backlog_is_what_waits_and_can_be_forgotten() -> None:
    pacer = Pacer(1_000_000, 30)
    pacer.aim(1_000_000, 30, is_limit=True)
    for packet in picture(10):
        pacer.put(packet)
    assert pacer.backlog_s == pytest.approx(10 * PACKET * 8 / 1e6)
    for _ in range(2 * EXTRA_PACKETS):
        pacer.put(Waiting(b"extra", Urgency.EXTRA))
    pacer.clear()
    assert pacer.is_empty
    assert pacer.backlog_s == 0
    for _ in range(2 * EXTRA_PACKETS):
        pacer.put(Waiting(b"extra", Urgency.EXTRA))
    assert len(leave(pacer, 100.0, 50.0)) == EXTRA_PACKETS


def test_a_page_that_asks_for_ever_more_repeats_fills_no_queue() -> None:
    pacer = Pacer(1e6, 60)
    for _ in range(2 * REPEAT_PACKETS):
        pacer.put(Waiting(bytes(PACKET), Urgency.REPEAT))
    assert pacer.backlog_s == pytest.approx(REPEAT_PACKETS * PACKET * 8 / 2e6)
    pacer.put(picture(1)[0])
    assert len(leave(pacer, 100.0)) == REPEAT_PACKETS + 1


def test_a_packet_is_not_repeated_while_its_repeat_may_be_under_way() -> None:
    repeats = Repeats()
    assert repeats.wanted([7, 8], 1.0, 0.1) == [7, 8]
    assert repeats.wanted([7, 8, 9], 1.05, 0.1) == [9]
    assert repeats.wanted([7, 9], 1.11, 0.1) == [7]
    repeats.wanted(range(2 * REMEMBERED), 2.0, 0.1)
    assert repeats.wanted([0], 2.01, 0.1) == [0]


def test_what_was_given_up_is_not_repeated_and_what_follows_is() -> None:
    repeats = Repeats()
    repeats.sent(65535, 1000)
    repeats.give_up()
    assert repeats.wanted([65000, 65535, 0, 5], 1.0, 0.1) == [0, 5]


def test_long_after_something_was_given_up_everything_is_repeated_again() -> None:
    repeats = Repeats()
    repeats.sent(0, 1000)
    repeats.give_up()
    for sequence in range(1, 3 * 65536):
        repeats.sent(sequence % 65536, 1000)
        if sequence % 1000 == 0:
            assert repeats.wanted([sequence % 65536], float(sequence), 0.1) == [sequence % 65536]


def test_a_cluster_is_as_long_as_its_rate_wants_and_of_large_packets() -> None:
    repeats = Repeats()
    assert repeats.cluster(5e6, PACKET) == []
    repeats.sent(1, 100)
    assert repeats.cluster(5e6, PACKET) == []
    repeats.sent(2, 1000)
    assert repeats.cluster(1e6, PACKET) == [2] * 6
    for sequence in range(3, 60):
        repeats.sent(sequence, 1000)
    assert repeats.cluster(5e6, PACKET) == list(range(50, 60))
    assert len(repeats.cluster(1e9, PACKET)) == 40
