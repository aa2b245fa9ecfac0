"""A page without a browser: it connects to a session's seat, sees every picture and presses a button.

What it measures is the way from a press to the first decoded picture in which the game's lamp is lit. aiortc hands a
picture on when the next one begins, so that up to a tick of the game (0.1 s) is in it: it tells whether the way becomes
longer, not how long a browser's is.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from bench.soak.picture import Luma, is_lit, number_of
from streaming import aiortc_extensions

CONNECTED_WITHIN_S = 20.0
LOST_AFTER_S = 2.0
FRESH_S = 3.0
HOLDS_S = 0.15
BETWEEN_PRESSES_S = 0.5


class NoSeat(Exception):
    """There is none, or no way to it, just now."""


class Peer:
    """`presses` are pairs of when (POSIX time) and after how many seconds the lamp was lit, None when it never was;
    `numbers` are those that were seen, each with its first moment.
    """

    def __init__(self) -> None:
        self.presses: list[tuple[float, float | None]] = []
        self.numbers: list[tuple[float, int]] = []
        self._lit: bool | None = None
        self._number: int | None = None
        self._seen_s = 0.0
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._control = self._connection.createDataChannel("control")
        self._connection.createDataChannel("pointer", ordered=False, maxRetransmits=0)
        aiortc_extensions.prefer_h264(self._connection.addTransceiver("video", direction="recvonly"))
        self._connection.addTransceiver("audio", direction="recvonly")

        @self._connection.on("track")
        def came(track: MediaStreamTrack) -> None:
            take = self._watch if track.kind == "video" else self._hear
            self._tasks.append(asyncio.create_task(take(track)))

    @property
    def is_fresh(self) -> bool:
        """Whether pictures come."""
        return time.monotonic() - self._seen_s < FRESH_S

    async def connect(self, url: str, session_id: str, token: str) -> None:
        """Returns when pictures come and the page can say something. Raises `NoSeat`."""
        try:
            async with asyncio.timeout(CONNECTED_WITHIN_S):
                await self._connection.setLocalDescription(await self._connection.createOffer())
                offer = {"type": "offer", "sdp": self._connection.localDescription.sdp}
                async with httpx.AsyncClient(timeout=CONNECTED_WITHIN_S) as client:
                    order = {"token": token, "offer": offer}
                    answer = await client.post(f"{url}/session/{session_id}/connect", json=order)
                    answer.raise_for_status()
                await self._connection.setRemoteDescription(RTCSessionDescription(**answer.json()["answer"]))
                while not self.is_fresh or self._control.readyState != "open":
                    await self._next_picture()
        except (TimeoutError, httpx.HTTPError) as error:
            raise NoSeat(repr(error)) from error

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()

    async def play(self) -> None:
        """Press again and again, until cancelled."""
        while True:
            began_s = time.time()
            took_s = await self._press(is_down=True)
            if self._control.readyState != "open":
                return
            self.presses.append((began_s, took_s))
            await asyncio.sleep(HOLDS_S)
            await self._press(is_down=False)
            await asyncio.sleep(BETWEEN_PRESSES_S)

    async def _press(self, *, is_down: bool) -> float | None:
        if self._control.readyState != "open":
            return None
        began_s = time.monotonic()
        self._control.send(json.dumps({"type": "button", "button": 0, "down": is_down}))
        try:
            async with asyncio.timeout(LOST_AFTER_S):
                while self._lit is not is_down:
                    await self._next_picture()
        except TimeoutError:
            return None
        return self._seen_s - began_s

    async def _next_picture(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _watch(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, VideoFrame)
                self._seen_s = time.monotonic()
                self._look(Luma(bytes(frame.planes[0]), frame.planes[0].line_size, frame.width, frame.height))
                self._news.set()
        except MediaStreamError:
            return

    def _look(self, picture: Luma) -> None:
        """A number counts when two pictures show it: one of them may have been taken while it was drawn."""
        self._lit = is_lit(picture)
        number, before = number_of(picture), self._number
        self._number = number
        if number is not None and number == before and (not self.numbers or self.numbers[-1][1] != number):
            self.numbers.append((time.time(), number))

    async def _hear(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
        except MediaStreamError:
            return


@asynccontextmanager
async def connected(url: str, session_id: str, token: str) -> AsyncGenerator[Peer]:
    """A page that plays. Raises `NoSeat`."""
    peer = Peer()
    try:
        await peer.connect(url, session_id, token)
        playing = asyncio.create_task(peer.play())
        try:
            yield peer
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    finally:
        await peer.close()
