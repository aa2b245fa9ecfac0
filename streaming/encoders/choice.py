"""Which encoder a codec gets on this machine. Which H.264 encoders open is tried once in a process, by `best_h264`,
which belongs where nobody waits for a picture yet.
"""

import functools
from collections.abc import Callable

import av
from av.error import FFmpegError

from streaming.encode_plan import Encode
from streaming.encoders.h264 import H264Encoder, H264Kind
from streaming.encoders.port import Encoder
from streaming.encoders.vp8 import Vp8Encoder
from streaming.packets import Codec

PREFERENCE = (H264Kind.NVENC, H264Kind.QUICK_SYNC)
PROBE_WIDTH, PROBE_HEIGHT, PROBE_FPS, PROBE_BPS = 320, 192, 60, 1_000_000


def choose_h264(opens: Callable[[H264Kind], bool]) -> H264Kind:
    """A graphics card's encoder where it really opens, x264 otherwise."""
    return next((kind for kind in PREFERENCE if opens(kind)), H264Kind.X264)


@functools.cache
def best_h264() -> H264Kind:
    return choose_h264(_opens)


def open_encoder(encode: Encode, h264_kind: H264Kind) -> Encoder:
    """Raises `FFmpegError` where it does not open after all."""
    if encode.codec is Codec.VP8:
        return Vp8Encoder(encode.width, encode.height, encode.bitrate_bps, encode.fps)
    return H264Encoder(encode.width, encode.height, encode.bitrate_bps, encode.fps, h264_kind)


def _opens(kind: H264Kind) -> bool:
    """Whether it opens and gives a keyframe for a picture: some only fail at that."""
    try:
        encoder = H264Encoder(PROBE_WIDTH, PROBE_HEIGHT, PROBE_BPS, PROBE_FPS, kind)
        packet = encoder.encode(av.VideoFrame(PROBE_WIDTH, PROBE_HEIGHT, "yuv420p"), 0, True)
    except (FFmpegError, ValueError):
        return False
    return packet is not None and packet.is_keyframe
