"""Encoded packets on their way to one peer: bounded queues that know what may be dropped, as tracks for aiortc."""

import asyncio
from collections import deque
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet
from av.stream import Stream

from streaming.encoders.port import CLOCK_HZ
from streaming.packets import EncodedPacket
from streaming.sound_server import SAMPLE_RATE

VIDEO_PACKETS = 8
AUDIO_PACKETS = 8


class PacketTrack(MediaStreamTrack):
    """A track of packets that are encoded already. Used by the event loop's thread only."""

    def __init__(self, kind: str, capacity: int, time_base: Fraction) -> None:
        self.kind = kind
        super().__init__()
        self._time_base = time_base
        self._capacity = capacity
        self._packets: deque[EncodedPacket] = deque()
        self._arrived = asyncio.Event()

    async def recv(self) -> "Packet[Stream]":
        """The next packet; raises `MediaStreamError` once the track has ended."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrived.clear()
            await self._arrived.wait()
        encoded = self._packets.popleft()
        packet = Packet(encoded.data)
        packet.pts, packet.time_base = encoded.pts, self._time_base
        return packet

    def stop(self) -> None:
        super().stop()
        self._arrived.set()

    def _append(self, packet: EncodedPacket) -> None:
        self._packets.append(packet)
        self._arrived.set()


class VideoTrack(PacketTrack):
    """Begins with a keyframe, and after an overflow begins again: frames that refer to a lost one are of no use."""

    def __init__(self) -> None:
        super().__init__("video", VIDEO_PACKETS, Fraction(1, CLOCK_HZ))
        self._needs_keyframe = True

    def offer(self, packet: EncodedPacket) -> bool:
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

    def interrupt(self) -> None:
        """What is not sent yet never is, and a keyframe comes next."""
        self._packets.clear()
        self._needs_keyframe = True


class AudioTrack(PacketTrack):
    """Leaky: the newest sound is kept and the oldest dropped, so that delay never grows."""

    def __init__(self) -> None:
        super().__init__("audio", AUDIO_PACKETS, Fraction(1, SAMPLE_RATE))

    def offer(self, packet: EncodedPacket) -> None:
        if len(self._packets) >= self._capacity:
            self._packets.popleft()
        self._append(packet)
