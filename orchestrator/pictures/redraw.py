"""A program of its own: somebody else's picture on standard input, drawn anew as a WebP on standard output.

It takes JPEG, PNG and WebP, of an animation the first frame, and keeps nothing but what is seen. `drawing` runs it,
with the most pixels and the longest side as arguments; it imports nothing of ours, and may take no more memory and time
than its limits say, whatever it is given. Its exit status says what was wrong.
"""

import io
import os
import resource
import sys

from PIL import Image, ImageOps

NOT_A_PICTURE = 3
TOO_MANY_PIXELS = 4

_MEMORY_BYTES = 1024**3
_CPU_S = 10
_QUALITY = 84


def main() -> int:
    most_pixels, longest_px = (int(argument) for argument in sys.argv[1:])
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))  # SIGXCPU comes before SIGKILL
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        drawn = _drawn(sys.stdin.buffer.read(), most_pixels, longest_px)
    except (MemoryError, Image.DecompressionBombError):
        return TOO_MANY_PIXELS
    except Exception:  # whatever a decoder says of what it was given
        return NOT_A_PICTURE
    if drawn is None:
        return TOO_MANY_PIXELS
    sys.stdout.buffer.write(drawn)
    return 0


def _drawn(content: bytes, most_pixels: int, longest_px: int) -> bytes | None:
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as given:
        if given.width * given.height > most_pixels:
            return None
        picture = ImageOps.exif_transpose(given)
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    drawn = io.BytesIO()
    Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(drawn, "WEBP", quality=_QUALITY, method=4)
    return drawn.getvalue()


if __name__ == "__main__":
    sys.exit(main())
