"""Somebody's visits: they launch, play, leave in their way, and find their number again when they come back."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.soak.peer import CONNECTED_WITHIN_S, NoSeat, Peer, connected
from bench.soak.plan import Leaving, Visit
from bench.soak.verdict import least_number
from tests.chaos.machine import SLUG
from tests.chaos.player import Player, Refused, Status
from tests.chaos.referee import MOST_LOST_S

STARTS_WITHIN_S = 150.0
ENDS_WITHIN_S = 150.0
LOOK_S = 1.0
CONNECTS_AGAIN_S = 0.5


@dataclass
class Visited:
    """One visit, in POSIX seconds. `launch_s` and `stop_s` are None when it did not come to that."""

    guest: str
    leaving: Leaving
    began_s: float
    ended_s: float = 0.0
    launch_s: float | None = None
    stop_s: float | None = None
    end_code: str | None = None
    presses: list[tuple[float, float | None]] = field(default_factory=list[tuple[float, float | None]])
    numbers: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])


class Guest:
    """Comes several times. `faults` tells what broke meanwhile, as (begin, end) in POSIX seconds: the end of one that
    lasts is infinite.
    """

    def __init__(
        self, name: str, player: Player, faults: Sequence[tuple[float, float]], note: Callable[[str], None]
    ) -> None:
        self.name, self.player = name, player
        self._faults = faults
        self._note = note
        self._least = 0

    async def visit(self, plan: Visit) -> Visited:
        """Raises `AssertionError` when something is not as promised."""
        visited = Visited(self.name, plan.leaving, time.time())
        try:
            await self._visit(plan, visited)
        finally:
            visited.ended_s = time.time()
            await self.player.hang_up()
            broken = [begin for begin, end in self._faults if end >= visited.began_s and begin <= visited.ended_s]
            self._least, before = least_number(self._least, visited.numbers, broken, MOST_LOST_S), self._least
        if visited.numbers and visited.numbers[0][1] < before:
            raise AssertionError(f"{self.name} left {before} and found {visited.numbers[0][1]}")
        return visited

    async def _visit(self, plan: Visit, visited: Visited) -> None:
        session_id = await self._launch(plan)
        status = await self.player.until(session_id, _has_begun, STARTS_WITHIN_S)
        if status.status == "running":
            visited.launch_s = time.time() - visited.began_s
            pages = 2 if plan.leaving is Leaving.RELOAD else 1
            for _ in range(pages):
                status = await self._play(status, visited, plan.play_s / pages)
        elif not status.is_over:
            raise AssertionError(f"{session_id} did not start: {status}")
        is_gone = plan.leaving is Leaving.CLOSE
        if not status.is_over and not is_gone:
            stops_s = time.time()
            with contextlib.suppress(Refused):  # it ended by itself meanwhile, which its status tells
                await self.player.stop(session_id)
            status = await self.player.until(session_id, _is_over, ENDS_WITHIN_S)
            visited.stop_s = time.time() - stops_s
        status = await self.player.until(session_id, _is_over, ENDS_WITHIN_S, keeps_alive=not is_gone)
        visited.end_code = status.code
        if not status.is_over:
            raise AssertionError(f"{session_id} did not end in {ENDS_WITHIN_S:.0f} s: {status}")

    async def _launch(self, plan: Visit) -> str:
        """Where no host has room or is there just now, people try again."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                return await self.player.launch(SLUG, loses_answer=plan.loses_answer)
            except Refused as refused:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.name} was refused for {STARTS_WITHIN_S:.0f} s") from refused
                self._note(f"refused: {refused}")
                await asyncio.sleep(1)

    async def _play(self, status: Status, visited: Visited, play_s: float) -> Status:
        """On one page, that connects again as often as it must. Its time begins with its first picture."""
        until_s, has_begun = time.monotonic() + play_s + CONNECTED_WITHIN_S, False
        while not status.is_over and time.monotonic() < until_s:
            try:
                token = await self.player.stream_token(status.session_id)
                async with connected(self.player.next_url(), status.session_id, token) as peer:
                    if not has_begun:
                        until_s, has_begun = time.monotonic() + play_s, True
                    try:
                        status = await self._watch(peer, status, until_s)
                    finally:
                        visited.presses += peer.presses
                        visited.numbers += peer.numbers
            except NoSeat as why:
                self._note(f"no seat: {why}")
                status = await self.player.until(status.session_id, _is_over, CONNECTS_AGAIN_S)
        return status

    async def _watch(self, peer: Peer, status: Status, until_s: float) -> Status:
        while peer.is_fresh and not status.is_over and (left_s := until_s - time.monotonic()) > 0:
            status = await self.player.until(status.session_id, _is_over, min(LOOK_S, left_s), reports_frames=True)
        return status


def _has_begun(status: Status) -> bool:
    return status.status == "running" or status.is_over


def _is_over(status: Status) -> bool:
    return status.is_over
