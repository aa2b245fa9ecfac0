"""A picture beside each save version: what was on the display when it was taken over. Best effort: whatever fails here
is logged once and holds up neither a save nor a stop for longer than its deadline.
"""

import asyncio

from gameserver_agent.errors import ControlPlaneError, SeatError
from gameserver_agent.sessions.live import LiveSession

AT_MOST_EVERY_S = 10.0
_TAKEN_WITHIN_S = 0.5
_SENT_WITHIN_S = 2.0


class Pictures:
    """Of one session. The last one is taken while the game still draws and goes to the version of its end."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._newest: bytes | None = None
        self._is_well = True

    async def keep_sending(self) -> None:
        """For ever: the newest version gets a picture, at most one each `AT_MOST_EVERY_S`."""
        saves = self._live.saves
        while True:
            await saves.taken.wait()
            saves.taken.clear()
            await self.take()
            await self.send()
            await asyncio.sleep(AT_MOST_EVERY_S)

    async def take(self) -> None:
        """Remember what is on the display now. Never raises."""
        seat = self._live.seat
        if seat is None:
            return
        try:
            async with asyncio.timeout(_TAKEN_WITHIN_S):
                self._newest = await seat.thumbnail()
        except (SeatError, TimeoutError) as error:
            self._failed("picture.not_taken", error)

    async def send(self) -> None:
        """The newest picture, to the version that was taken over last. Never raises."""
        version, picture = self._live.saves.last, self._newest
        if version is None or picture is None:
            return
        try:
            async with asyncio.timeout(_SENT_WITHIN_S):
                await self._live.services.pictures.upload_picture(version.version_id, picture)
            self._is_well = True
        except (ControlPlaneError, TimeoutError) as error:
            self._failed("picture.not_sent", error)

    def _failed(self, event: str, error: Exception) -> None:
        if self._is_well:
            self._live.log.info(event, reason=str(error) or type(error).__name__)
        self._is_well = False
