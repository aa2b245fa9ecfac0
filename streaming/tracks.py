"""Encoded packets on their way to one peer: bounded queues that know what may be dropped, as tracks that aiortc reads."""

import asyncio
from collections import deque

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

VIDEO_PACKETS = 8
AUDIO_PACKETS = 8


class PacketTrack(MediaStreamTrack):
    """A track of packets that are encoded already. Used by the event loop's thread only."""

    def __init__(self, kind: str, capacity: int) -> None:
        self.kind = kind
        super().__init__()
        self._capacity = capacity
        self._packets: deque[av.Packet] = deque()
        self._arrived = asyncio.Event()

    async def recv(self) -> av.Packet:
        """The next packet; raises `MediaStreamError` once the track has ended."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        return self._packets.popleft()

    def stop(self) -> None:
        super().stop()
        self._arrived.set()

    def _append(self, packet: av.Packet) -> None:
        self._packets.append(packet)
        self._arrived.set()


class VideoTrack(PacketTrack):
    """Begins with a keyframe, and after an overflow begins again: frames that refer to a lost one are of no use."""

    def __init__(self) -> None:
        super().__init__("video", VIDEO_PACKETS)
        self._needs_keyframe = True

    def offer(self, packet: av.Packet) -> bool:
        """False when a keyframe is needed before anything can be sent again."""
        if packet.is_keyframe:
            self._packets.clear()
            self._needs_keyframe = False
        elif self._needs_keyframe:
            return False
        elif len(self._packets) >= self._capacity:
            self._packets.clear()
            self._needs_keyframe = True
            return False
        self._append(packet)
        return True


class AudioTrack(PacketTrack):
    """Leaky: the newest sound is kept and the oldest dropped, so that delay never grows."""

    def __init__(self) -> None:
        super().__init__("audio", AUDIO_PACKETS)

    def offer(self, packet: av.Packet) -> None:
        if len(self._packets) >= self._capacity:
            self._packets.popleft()
        self._append(packet)
