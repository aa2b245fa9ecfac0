"""People who watch a seat and take little of the machine: `python -m bench.streaming.light_watchers URL COUNT`.

They receive, acknowledge and ask again as any page does, but decode nothing, so that four of them leave the processor
to what is measured. Prints `watching` when pictures come to all of them, and stays until it is ended.
"""

import asyncio
import sys

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.stats import RTCInboundRtpStreamStats

from streaming import aiortc_extensions

LOOK_EVERY_S = 0.1
FEW_PACKETS = 20


class NoDecoder:
    """Takes frames of any codec and makes nothing of them."""

    def __init__(self, _: RTCRtpCodecParameters) -> None:
        pass

    def decode(self, _: JitterFrame) -> list[object]:
        return []


async def watch(url: str) -> RTCPeerConnection:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.createDataChannel("control")
    aiortc_extensions.prefer_h264(connection.addTransceiver("video", direction="recvonly"))
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    order = {"offer": {"type": "offer", "sdp": connection.localDescription.sdp}}
    async with aiohttp.ClientSession() as client, client.post(f"{url}session/watcher/connect", json=order) as response:
        response.raise_for_status()
        answer = (await response.json())["answer"]
    await connection.setRemoteDescription(RTCSessionDescription(**answer))
    while not await gets_pictures(connection):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(LOOK_EVERY_S)
    return connection


async def gets_pictures(connection: RTCPeerConnection) -> bool:
    reports = (await connection.getStats()).values()
    videos = [each for each in reports if isinstance(each, RTCInboundRtpStreamStats) and each.kind == "video"]
    return any(each.packetsReceived > FEW_PACKETS for each in videos)


async def main() -> None:
    aiortc_extensions.install(["127.0.0.1"])
    setattr(rtcrtpreceiver, "get_decoder", NoDecoder)  # noqa: B010 - a copy that the module keeps for itself
    url, count = sys.argv[1], int(sys.argv[2])
    connections = [await watch(url) for _ in range(count)]
    print("watching", flush=True)
    await asyncio.Event().wait()
    del connections


if __name__ == "__main__":
    asyncio.run(main())
