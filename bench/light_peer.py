"""A viewer without a browser: connects to a session's seat as the page does, and counts the pictures that come."""

import asyncio

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

PICTURES_WITHIN_S = 20.0


async def watch(url: str, session_id: str, token: str, pictures: int) -> None:
    """Returns when so many pictures were decoded. Raises `TimeoutError` when they do not come."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    track_came: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()

    @connection.on("track")
    def came(track: MediaStreamTrack) -> None:
        if track.kind == "video" and not track_came.done():
            track_came.set_result(track)

    connection.createDataChannel("control")
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    try:
        async with asyncio.timeout(PICTURES_WITHIN_S):
            await connection.setLocalDescription(await connection.createOffer())
            offer = {"type": "offer", "sdp": connection.localDescription.sdp}
            async with httpx.AsyncClient(timeout=PICTURES_WITHIN_S) as client:
                order = {"token": token, "offer": offer}
                answer = await client.post(f"{url}/session/{session_id}/connect", json=order)
                answer.raise_for_status()
            await connection.setRemoteDescription(RTCSessionDescription(**answer.json()["answer"]))
            video = await track_came
            for _ in range(pictures):
                await video.recv()
    finally:
        await connection.close()
