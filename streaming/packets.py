"""One encoded piece of picture or sound, as it goes from an encoder's thread to the peers."""

from dataclasses import dataclass
from enum import StrEnum


class Codec(StrEnum):
    """How a packet is encoded, and what a peer has agreed to take."""

    H264 = "h264"
    VP8 = "vp8"
    OPUS = "opus"


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """`pts` counts the clock of its kind: 90 kHz for video, samples for audio. Every audio packet is a keyframe."""

    data: bytes
    pts: int
    is_keyframe: bool = True
    codec: Codec = Codec.H264
