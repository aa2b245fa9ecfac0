"""Options of an open encoder that PyAV has no name for. The only file that reaches into PyAV's insides;
`tests/unit/streaming/test_encoders.py` fails when an upgrade moves what it holds on to.

PyAV changes `bit_rate` of an open encoder and nothing else, and FFmpeg's wrappers pass a changed `maxrate` and
`bufsize` on to x264 and NVENC as well, without a keyframe. Without them a lower rate would keep the bursts of the
higher.
"""

import ctypes
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

POINTER_BYTES = ctypes.sizeof(ctypes.c_void_p)
FIELDS_BEFORE = 3  # of a `CodecContext`: the object's reference count, its type, its table of C methods
CLASS_NAME = b"AVCodecContext"


class _OptionsClass(ctypes.Structure):
    """The beginning of FFmpeg's AVClass."""

    _fields_ = (("class_name", ctypes.c_char_p),)


def _libavutil() -> ctypes.CDLL:
    beside = Path(av.__file__).parent.parent / "av.libs"
    bundled = sorted(beside.glob("libavutil-*"))
    return ctypes.CDLL(str(bundled[0]) if bundled else "libavutil.so")


_set_integer = _libavutil().av_opt_set_int
_set_integer.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int]


def set_option(context: VideoCodecContext, name: str, value: int) -> None:
    """Of FFmpeg's own generic options. Raises ValueError for one that there is not."""
    if _set_integer(_structure(context), name.encode(), value, 0) < 0:
        raise ValueError(f"an encoder has no option {name}")


def _structure(context: VideoCodecContext) -> int:
    """Where FFmpeg keeps this context."""
    address = ctypes.c_void_p.from_address(id(context) + FIELDS_BEFORE * POINTER_BYTES).value
    options = ctypes.POINTER(_OptionsClass).from_address(address).contents if address else None
    if address is None or options is None or options.class_name != CLASS_NAME:
        raise ValueError("this PyAV keeps its contexts otherwise")
    return address
