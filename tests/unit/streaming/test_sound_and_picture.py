"""Sound, cursor and PNG without a display: real codecs, made-up pixels."""

import zlib

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio import FRAME_BYTES, FRAME_SAMPLES, Frames, OpusEncoder, SilenceGate
from streaming.display import authority_entry
from streaming.pixels import Pixels, is_single_colour, straight_rgba
from streaming.png import encode_png


def test_opus_keeps_the_time_it_was_given() -> None:
    encoder = OpusEncoder()
    packets = [encoder.encode(bytes([place]) * FRAME_BYTES, 96_000 + place * FRAME_SAMPLES) for place in range(5)]
    assert [packet.pts for packet in packets if packet] == [96_000 + place * FRAME_SAMPLES for place in range(5)]


def test_the_gate_closes_after_two_seconds_of_silence_and_opens_with_the_first_sound() -> None:
    gate, silence, sound = SilenceGate(), bytes(FRAME_BYTES), b"\x01" + bytes(FRAME_BYTES - 1)
    assert not gate.lets_pass(silence)
    assert gate.lets_pass(sound)
    assert sum(gate.lets_pass(silence) for _ in range(500)) == 199
    assert gate.lets_pass(sound)


def test_one_different_pixel_is_a_picture_and_the_unused_byte_is_none() -> None:
    picture = np.zeros((20, 30, 4), dtype=np.uint8)
    pixels = Pixels(memoryview(picture.data).cast("B"), 30, 20)
    picture[5:, :, 3] = 255
    assert is_single_colour(pixels)
    picture[19, 29, 0] = 1
    assert not is_single_colour(pixels)


def test_premultiplied_cursor_colours_become_straight() -> None:
    rgba = straight_rgba([0x80400020, 0xFF102030, 0x00000000, 0x01FFFFFF])
    assert rgba == bytes([127, 0, 63, 128, 16, 32, 48, 255, 0, 0, 0, 0, 255, 255, 255, 1])


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4]))
def test_a_png_can_be_read_back(width: int, height: int, channels: int) -> None:
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, channels), dtype=np.uint8)
    decoder = av.CodecContext.create("png", "r")
    [frame] = decoder.decode(av.Packet(encode_png(pixels.tobytes(), width, height)))
    assert np.array_equal(frame.to_ndarray(format="rgb24" if channels == 3 else "rgba"), pixels)
    assert zlib.crc32(b"IEND") == 0xAE426082


def test_the_cookie_is_good_for_every_display() -> None:
    entry = authority_entry(b"0123456789abcdef")
    assert entry.startswith(b"\xff\xff\x00\x00\x00\x00\x00\x12MIT-MAGIC-COOKIE-1\x00\x10")
    assert entry.endswith(b"0123456789abcdef")


@given(st.lists(st.integers(0, 3 * FRAME_BYTES), max_size=8))
def test_sound_is_cut_into_whole_frames_and_nothing_is_lost(sizes: list[int]) -> None:
    samples = bytes(index % 251 for index in range(sum(sizes)))
    frames, cut, start = Frames(), list[bytes](), 0
    for size in sizes:
        cut += frames.cut(samples[start : start + size])
        start += size
    assert all(len(frame) == FRAME_BYTES for frame in cut)
    assert b"".join(cut) == samples[: len(samples) - len(samples) % FRAME_BYTES]
