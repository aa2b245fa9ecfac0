"""The smallest PNG writer that serves cursors: 8 bits, RGB or RGBA, no filter
(https://www.w3.org/TR/png/).
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {3: 2, 4: 6}


def encode_png(pixels: bytes, width: int, height: int) -> bytes:
    """`pixels` are rows of 3 bytes each (RGB) or 4 (RGBA, not premultiplied)."""
    line = len(pixels) // height
    rows = b"".join(b"\0" + pixels[start : start + line] for start in range(0, len(pixels), line))  # filter 0 each
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[line // width], 0, 0, 0)
    body = zlib.compress(rows, 3)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
