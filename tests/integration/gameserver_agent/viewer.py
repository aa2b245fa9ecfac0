"""Somebody who watches a game: connects to its seat as the page does, and goes on decoding whatever comes."""

import asyncio
import json
from typing import Self

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from tests.integration.gameserver_agent.agent_process import AgentProcess

WITHIN_S = 60.0


def viewer_of(agent: AgentProcess, session_id: str) -> "Viewer":
    """Of a session that was ordered by a control plane in the test's hand."""
    token = agent.control_plane.stream_token(session_id)
    return Viewer(f"{agent.url}/session/{session_id}/connect", token)


class Viewer:
    """`frames` counts the pictures that were decoded so far. `url` is where the session's offers go."""

    def __init__(self, url: str, token: str) -> None:
        self.frames = 0
        self._url = url
        self._token = token
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
            await self.sees(1)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._connection.close()

    async def sees(self, more: int) -> None:
        """Returns when so many more pictures have been decoded."""
        wanted = self.frames + more
        async with asyncio.timeout(WITHIN_S):
            while self.frames < wanted:  # noqa: ASYNC110 - frames are counted, not announced
                await asyncio.sleep(0.01)

    async def press(self, code: str) -> None:
        """One key, down and up."""
        async with asyncio.timeout(WITHIN_S):
            while self._control.readyState != "open":  # noqa: ASYNC110 - a channel tells its own listeners alone
                await asyncio.sleep(0.01)
        for is_down in (True, False):
            self._control.send(json.dumps({"type": "key", "code": code, "down": is_down}))

    async def _connect(self) -> None:
        connection = self._connection

        @connection.on("track")
        def came(track: MediaStreamTrack) -> None:
            if track.kind == "video":
                self._watching = asyncio.ensure_future(self._watch(track))

        self._control = connection.createDataChannel("control")
        connection.addTransceiver("video", direction="recvonly")
        connection.addTransceiver("audio", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        offer = {"type": "offer", "sdp": connection.localDescription.sdp}
        order = {"token": self._token, "offer": offer}
        async with aiohttp.ClientSession() as browser, browser.post(self._url, json=order) as answer:
            assert answer.status == 200, await answer.text()
            description = (await answer.json())["answer"]
        await connection.setRemoteDescription(RTCSessionDescription(**description))

    async def _watch(self, video: MediaStreamTrack) -> None:
        try:
            while True:
                await video.recv()
                self.frames += 1
        except MediaStreamError:
            return
