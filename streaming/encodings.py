"""The encodes that run: opened, aimed and closed as the plan says, fed from one grabbed picture.

Used by the picture's thread. It decides nothing about rates or about when a picture is taken.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import av
from av.error import FFmpegError

from streaming import log
from streaming.encode_plan import Encode
from streaming.encoders.choice import best_h264, open_encoder
from streaming.encoders.h264 import H264Kind
from streaming.encoders.port import CLOCK_HZ, Encoder
from streaming.packets import Codec, EncodedPacket
from streaming.picture_conversion import PictureConverter, converter
from streaming.pixels import Pixels

EARLY_SHARE = 0.25  # of a frame's time, by which the next one may come before its turn


@dataclass(slots=True)
class _Running:
    encode: Encode
    encoder: Encoder
    convert: PictureConverter
    is_new: bool = True
    due_at: float = float("-inf")


class Encodings:
    """Of the picture in `pixels`, which may change between calls."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self._h264_kind = best_h264()
        self._running: list[_Running] = []

    def follow(self, plan: Sequence[Encode]) -> bool:
        """From now on these, the player's first. What only changes its rate goes on without a keyframe. Whether there
        is a new one, which needs a picture to begin with.
        """
        kept = {(running.encode.codec, _size(running.encode)): running for running in self._running}
        self._running = [self._continued(kept.get((encode.codec, _size(encode))), encode) for encode in plan]
        return any(running.is_new for running in self._running)

    def encode(self, now: float, keyframes: Collection[Codec]) -> Iterator[EncodedPacket]:
        """A packet from each encode whose turn it is, the player's first; it is the turn of who needs a keyframe. Each
        is encoded when it is asked for, so that the player's is on its way before the next begins.
        """
        pictures: dict[tuple[int, int], av.VideoFrame] = {}
        for place, running in enumerate(self._running):
            keyframe = running.is_new or running.encode.codec in keyframes
            if place > 0 and not keyframe and now < running.due_at:
                continue
            size = _size(running.encode)
            if size not in pictures:
                pictures[size] = running.convert()
            packet = running.encoder.encode(pictures[size], int(now * CLOCK_HZ), keyframe)
            running.due_at = now + (1 - EARLY_SHARE) / running.encode.fps
            if packet is not None:
                running.is_new = False
                yield packet

    def _continued(self, running: _Running | None, encode: Encode) -> _Running:
        if running is not None:
            if running.encode != encode:
                running.encoder.aim(encode.bitrate_bps, encode.fps)
                running.encode = encode
            return running
        return _Running(encode, self._opened(encode), converter(self._pixels, encode.width, encode.height))

    def _opened(self, encode: Encode) -> Encoder:
        try:
            return open_encoder(encode, self._h264_kind)
        except FFmpegError as error:
            if encode.codec is not Codec.H264 or self._h264_kind is H264Kind.X264:
                raise
            log.warning("encoder.lost", kind=self._h264_kind, error=repr(error))  # a card has only so many encoders
            self._h264_kind = H264Kind.X264
            return open_encoder(encode, self._h264_kind)


def _size(encode: Encode) -> tuple[int, int]:
    return encode.width, encode.height
