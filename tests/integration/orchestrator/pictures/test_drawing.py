"""Pictures drawn anew: what comes out is ours, whatever went in."""

import io
import signal
import sys
import zlib

import pytest
from PIL import Image, PngImagePlugin

from orchestrator.pictures import drawing
from orchestrator.pictures.drawing import LONGEST_PX, drawn_anew
from orchestrator.pictures.faults import Fault
from orchestrator.pictures.fetching import NotFetched
from tests.integration.orchestrator.pictures.conftest import picture, png_claiming


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=["WEBP"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_looks_the_same_and_is_a_webp(kind: str) -> None:
    drawn = opened(drawn_anew(picture(kind)))
    assert (drawn.size, drawn.mode) == ((460, 215), "RGB")
    red, green, blue = drawn.getpixel((10, 10))  # pyright: ignore[reportGeneralTypeIssues] - RGB
    assert max(abs(red - 0x2B), abs(green - 0x6C), abs(blue - 0xB0)) < 6


def test_a_large_one_is_made_smaller_and_keeps_its_shape() -> None:
    assert opened(drawn_anew(picture("JPEG", (3840, 2160)))).size == (LONGEST_PX, LONGEST_PX * 9 // 16)


def test_nothing_is_kept_but_what_is_seen() -> None:
    """Not where it was taken, not what was written beside it, and not what was hidden behind it."""
    made = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (40, 20), "red").save(made, "PNG", pnginfo=notes, exif=exif)
    drawn = drawn_anew(made.getvalue() + b"<script>alert(2)</script>")
    assert b"script" not in drawn
    assert (opened(drawn).size, dict(opened(drawn).getexif())) == ((20, 40), {})


def test_what_is_see_through_stays_so() -> None:
    assert opened(drawn_anew(picture("PNG", colour="#00000000", mode="RGBA"))).mode == "RGBA"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("JPEG")[:200],
        picture("PNG")[:-30],
        picture("WEBP")[:40],
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_what_is_no_whole_picture_of_the_three_kinds_is_refused(content: bytes) -> None:
    with pytest.raises(NotFetched) as told:
        drawn_anew(content)
    assert told.value.fault is Fault.NOT_A_PICTURE


@pytest.mark.parametrize(
    "bomb",
    [
        png_claiming(50_000, 50_000),
        png_claiming(5001, 5000, zlib.compress(b"")),
        picture("PNG", (6000, 5000)),  # 90 MB out of a few kB
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(bomb: bytes) -> None:
    with pytest.raises(NotFetched) as told:
        drawn_anew(bomb)
    assert told.value.fault is Fault.TOO_MANY_PIXELS


def test_a_bomb_in_what_is_written_beside_a_picture_does_not_go_off() -> None:
    made = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", 8 * 1024**2 * "a", zip=True)
    Image.new("RGB", (4, 4)).save(made, "PNG", pnginfo=notes)
    with pytest.raises(NotFetched):
        drawn_anew(made.getvalue())


@pytest.mark.parametrize(
    ("ended_by", "fault"), [(signal.SIGINT, Fault.INTERNAL), (signal.SIGXCPU, Fault.TOO_MANY_PIXELS)]
)
def test_only_its_own_limits_tell_against_a_picture(
    monkeypatch: pytest.MonkeyPatch, ended_by: signal.Signals, fault: Fault
) -> None:
    ends = f"import os, signal; signal.signal({ended_by:d}, signal.SIG_DFL); os.kill(os.getpid(), {ended_by:d})"
    monkeypatch.setattr(drawing, "_PROGRAM", (sys.executable, "-c", ends))
    with pytest.raises(NotFetched) as told:
        drawn_anew(b"")
    assert told.value.fault is fault
