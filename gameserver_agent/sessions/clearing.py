"""What is left of a session goes: its container, its seat, its home. Every step is tried even when another has failed,
and each may be taken again.
"""

import asyncio
import contextlib
import random

from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import SeatError
from gameserver_agent.sessions.live import LiveSession

_TRIES = 3


class Clearing:
    """Of one session, whose game must not be running any more, save for `kill`."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live

    async def everything(self) -> None:
        """The container goes even if that takes for ever; what else does not go is the next agent's to remove."""
        live = self._live
        is_gone = await live.attempt("container.remove", self._remove_container(), 30)
        for step, end in (("seat.end", self._end_seat), ("save_folder.end", self.end_home)):
            for _ in range(_TRIES):
                if await live.attempt(step, end(), 20):
                    break
        failures = 0
        while not is_gone:
            failures += 1
            await asyncio.sleep(delay_s(failures, random.random, most_s=15))
            is_gone = await live.attempt("container.remove", self._remove_container(), 30, is_said=False)

    async def interrupted_start(self) -> None:
        """Nothing was played yet: the session may begin anew."""
        live = self._live
        await live.attempt("container.remove", self._remove_container(), 30)
        await live.attempt("seat.end", self._end_seat(), 15)
        live.place, live.container_id, live.title_id = None, None, None

    async def kill(self) -> None:
        """The agent has no more time: container and seat go at once. Home and record stay, and the next agent takes the
        end up from there.
        """
        live = self._live
        await asyncio.gather(
            live.attempt("container.remove", self._remove_container(), 2),
            live.attempt("seat.kill", self._kill_seat(), 2),
        )

    async def find_place(self) -> None:
        self._live.place = await self._live.services.seats.existing(self._live.session_id)

    async def end_home(self) -> None:
        """Removed when its save is safe, else kept."""
        live = self._live
        if live.is_saved:
            await live.saves.remove()
        else:
            await asyncio.to_thread(live.services.kept.keep, live.session_id, live.desired.generation)

    async def _remove_container(self) -> None:
        runtime = self._live.services.runtime
        for container in await runtime.list_containers(self._live.labels()):
            await runtime.remove(container.container_id)

    async def _kill_seat(self) -> None:
        if self._live.place is None:
            await self.find_place()
        if self._live.place is not None:
            await self._live.services.seats.release(self._live.place)

    async def _end_seat(self) -> None:
        live = self._live
        if live.place is None:
            return
        seat, live.seat = live.seat, None
        live.peers = live.players = 0
        try:
            if seat is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        seat = await live.services.seats.adopt(live.place)
            if seat is not None:
                await seat.shutdown()
        except SeatError as error:
            live.log.info("seat.gone", reason=str(error))
        finally:
            await live.services.seats.release(live.place)
