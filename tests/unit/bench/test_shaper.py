"""The shaped link is as slow, late and lossy as it says, and what a page is told leads through it."""

import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest

from bench.moving_clock import SQUARES, number_of, squares_of
from bench.shaper import LinkQuality, Shaper, offer_through

WITHIN_S = 60.0
CANDIDATE = "a=candidate:1 1 udp 2130706431 {} {} typ host"


@contextmanager
def ends(quality: LinkQuality) -> Generator[tuple[Shaper, socket.socket, socket.socket, tuple[str, int]]]:
    """A shaper, a seat and a page that has made itself known, and where the page finds the seat."""
    shaper = Shaper(quality, seed=3)
    with socket.socket(type=socket.SOCK_DGRAM) as seat, socket.socket(type=socket.SOCK_DGRAM) as page:
        for each in (seat, page):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            each.bind(("127.0.0.1", 0))
            each.settimeout(WITHIN_S)
        answer = "\n".join(["v=0", CANDIDATE.format("192.0.2.1", 9), CANDIDATE.format(*seat.getsockname()), ""])
        words = [line.split() for line in shaper.answer_through(answer).splitlines() if "candidate" in line]
        assert len(words) == 1
        shaper.start()
        try:
            yield shaper, seat, page, (words[0][4], int(words[0][5]))
        finally:
            shaper.close()


def introduced(seat: socket.socket, page: socket.socket, door: tuple[str, int]) -> tuple[str, int]:
    """Where the seat finds the page."""
    page.sendto(b"hello", door)
    data, source = seat.recvfrom(100)
    assert data == b"hello"
    assert source != page.getsockname()
    return source


def test_what_is_sent_arrives_later_by_the_way_and_by_its_turn_on_the_link() -> None:
    with ends(LinkQuality(rate_bps=800_000, rtt_s=0.1)) as (_, seat, page, door):
        source = introduced(seat, page, door)
        began = time.monotonic()
        for number in range(11):
            seat.sendto(bytes([number]) * 972, source)
        arrived = [(page.recv(2000)[0], time.monotonic() - began) for _ in range(11)]
    assert [number for number, _ in arrived] == list(range(11))
    first_s, last_s = arrived[0][1], arrived[-1][1]
    assert first_s >= 0.06
    assert last_s >= 0.05 + 11 * 0.01
    assert last_s - first_s >= 0.05  # a busy machine may hold up the first alone


def test_a_full_queue_drops_and_a_link_may_become_another() -> None:
    with ends(LinkQuality(rate_bps=100_000, queue_bytes=5_000)) as (shaper, seat, page, door):
        source = introduced(seat, page, door)
        for _ in range(20):
            seat.sendto(bytes(972), source)
        assert page.recv(2000)
        assert shaper.dropped_packets == 15
        shaper.become(LinkQuality())
        seat.sendto(b"new", source)
        while page.recv(2000) != b"new":
            pass


def test_losses_are_as_many_as_asked_for_and_the_same_each_time() -> None:
    counts: list[int] = []
    for _ in range(2):
        with ends(LinkQuality(loss=0.2)) as (shaper, seat, page, door):
            for _ in range(200):
                page.sendto(b"x", door)
            until = time.monotonic() + WITHIN_S
            seat.settimeout(0.3)
            received = 0
            while time.monotonic() < until and received + shaper.dropped_packets < 200:
                with suppress(TimeoutError):  # the rest may have been lost, which is counted a moment later
                    received += len(seat.recv(10))
            counts.append(shaper.dropped_packets)
    assert counts[0] == counts[1] == pytest.approx(40, abs=20)


def test_an_offer_without_candidates_makes_the_seat_wait_for_packets() -> None:
    offer = "\n".join(["v=0", CANDIDATE.format("127.0.0.1", 9), "a=end-of-candidates", "a=mid:0", ""])
    assert offer_through(offer) == "v=0\r\na=mid:0\r\n"


@pytest.mark.parametrize("number", [0, 1, 0x5555, 65535])
def test_a_marked_picture_tells_its_number_or_nothing(number: int) -> None:
    levels = [240.0 if white else 20.0 for white in squares_of(number)]
    assert number_of(levels) == number
    assert number_of(levels[:-1]) is None
    assert number_of([20.0] * SQUARES) is None
    assert number_of([*levels[:5], 260.0 - levels[5], *levels[6:]]) is None
