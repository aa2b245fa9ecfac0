"""One encoded piece of picture or sound, as it goes from an encoder's thread to a peer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """`pts` counts the clock of its kind: 90 kHz for video, samples for audio. Every audio packet is a keyframe."""

    data: bytes
    pts: int
    is_keyframe: bool = True
