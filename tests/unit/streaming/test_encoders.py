"""Encoders and what feeds them, without a display: real codecs, made-up pixels."""

import ctypes

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.plane import VideoPlane

from streaming import picture_conversion
from streaming.encode_plan import Encode
from streaming.encoders.choice import best_h264, choose_h264, open_encoder
from streaming.encoders.h264 import H264Encoder, H264Kind
from streaming.encoders.live_options import set_option
from streaming.encoders.port import BUFFER_S, Encoder, buffer_frames
from streaming.encoders.vp8 import Vp8Encoder
from streaming.encodings import Encodings
from streaming.packets import Codec, EncodedPacket
from streaming.picture_conversion import FastConverter, PlainConverter, converter
from streaming.pixels import Pixels

WIDTH, HEIGHT, FPS = 320, 180, 60
BITRATE_BPS = 2_000_000
DECODERS = {Codec.H264: "h264", Codec.VP8: "libvpx"}

Array = npt.NDArray[np.uint8]


def pixels_of(picture: Array) -> Pixels:
    height, width = picture.shape[:2]
    return Pixels(memoryview(picture.data).cast("B"), width, height)


def noise() -> Array:
    return np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 4), dtype=np.uint8)


def plain(blue: int, green: int, red: int, width: int = WIDTH, height: int = HEIGHT) -> Array:
    pixels = np.zeros((height, width, 4), dtype=np.uint8)
    pixels[:] = (blue, green, red, 0)
    return pixels


def encoder_of(codec: Codec, bitrate_bps: int = BITRATE_BPS) -> Encoder:
    return open_encoder(Encode(codec, WIDTH, HEIGHT, FPS, bitrate_bps), H264Kind.X264)


def moving(encoder: Encoder, frames: int, first: int = 0, ticks: int = 1500) -> list[EncodedPacket]:
    """What becomes of a picture that moves, from the frame with number `first` on."""
    still = noise()
    pixels = still.copy()
    convert = converter(pixels_of(pixels), WIDTH, HEIGHT)
    packets: list[EncodedPacket] = []
    for place in range(first, first + frames):
        pixels[:] = np.roll(still, place * 7, axis=1)
        packet = encoder.encode(convert(), place * ticks, place == 0)
        assert packet is not None
        packets.append(packet)
    return packets


def bits_per_second(packets: list[EncodedPacket], fps: float = FPS) -> float:
    return sum(len(packet.data) for packet in packets) * 8 * fps / len(packets)


def nal_types(packet: EncodedPacket) -> list[int]:
    return [part[0] & 31 for part in packet.data.split(b"\x00\x00\x01")[1:]]


def decoded(packets: list[EncodedPacket]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(DECODERS[packets[0].codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return frames + decoder.decode(None)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_a_keyframe_comes_when_asked_for_and_otherwise_never(codec: Codec) -> None:
    encoder, picture = encoder_of(codec), converter(pixels_of(noise()), WIDTH, HEIGHT)()
    packets = [encoder.encode(picture, place * 1500, place in (0, 90)) for place in range(120)]
    assert [place for place, packet in enumerate(packets) if packet and packet.is_keyframe] == [0, 90]
    assert [packet.pts for packet in packets if packet] == [place * 1500 for place in range(120)]
    assert all(packet and packet.codec is codec for packet in packets)


def test_a_keyframe_carries_its_parameter_sets() -> None:
    packet = encoder_of(Codec.H264).encode(converter(pixels_of(noise()), WIDTH, HEIGHT)(), 0, True)
    assert packet is not None
    assert {7, 8, 5} <= set(nal_types(packet))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_no_frame_is_held_back_and_what_comes_out_is_the_picture(codec: Codec) -> None:
    encoder, picture = encoder_of(codec), converter(pixels_of(plain(200, 100, 50)), WIDTH, HEIGHT)()
    packets = [packet for place in range(3) if (packet := encoder.encode(picture, place * 1500, place == 0))]
    frames = decoded(packets)
    assert len(frames) == 3
    seen = frames[-1].reformat(format="rgb24", src_colorspace="ITU601", src_color_range="MPEG").to_ndarray()[90, 160]
    assert np.abs(seen.astype(int) - (50, 100, 200)).max() < 8


def test_the_buffer_bounds_every_frame() -> None:
    packets = moving(encoder_of(Codec.H264), 120)
    assert max(len(packet.data) for packet in packets) < BITRATE_BPS / 8 / FPS * (buffer_frames(FPS) + 1)
    assert bits_per_second(packets) < BITRATE_BPS * 1.15


def test_at_half_the_pictures_none_occupies_the_link_for_longer() -> None:
    encoder, surprise = encoder_of(Codec.H264), converter(pixels_of(noise()), WIDTH, HEIGHT)()
    encoder.aim(BITRATE_BPS // 2, FPS / 2)
    still = converter(pixels_of(plain(200, 100, 50)), WIDTH, HEIGHT)()
    for place in range(30):
        encoder.encode(still, place * 3000, place == 0)
    packet = encoder.encode(surprise, 30 * 3000, False)
    assert packet is not None
    assert len(packet.data) < 1.3 * BITRATE_BPS / 2 / 8 * BUFFER_S


def test_h264_changes_its_rate_within_a_frame_and_without_a_keyframe() -> None:
    encoder = encoder_of(Codec.H264)
    moving(encoder, 60)
    encoder.aim(BITRATE_BPS // 8, FPS)
    slower = moving(encoder, 60, first=60)
    encoder.aim(BITRATE_BPS * 2, FPS)
    faster = moving(encoder, 60, first=120)
    assert not any(packet.is_keyframe for packet in slower + faster)
    assert max(len(packet.data) for packet in slower[1:]) < BITRATE_BPS / 8 / 8 / FPS * (buffer_frames(FPS) + 2)
    assert bits_per_second(slower[10:]) < BITRATE_BPS / 8 * 1.2
    assert BITRATE_BPS * 1.2 < bits_per_second(faster[30:]) < BITRATE_BPS * 2.2


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_half_the_pictures_get_twice_the_bits_each(codec: Codec) -> None:
    encoder = encoder_of(codec)
    whole = moving(encoder, 60)
    encoder.aim(BITRATE_BPS, FPS / 2)
    half = moving(encoder, 60, first=30, ticks=3000)
    assert bits_per_second(half[20:], FPS / 2) == pytest.approx(bits_per_second(whole[20:]), rel=0.3)


def test_vp8_takes_a_keyframe_for_a_new_rate_and_none_for_nearly_the_same() -> None:
    encoder = Vp8Encoder(WIDTH, HEIGHT, BITRATE_BPS, FPS)
    moving(encoder, 5)
    encoder.aim(int(BITRATE_BPS * 0.9), FPS)
    assert not any(packet.is_keyframe for packet in moving(encoder, 5, first=5))
    encoder.aim(BITRATE_BPS // 2, FPS)
    slower = moving(encoder, 60, first=10)
    assert [packet.is_keyframe for packet in slower] == [True] + [False] * 59
    assert bits_per_second(slower[30:]) < BITRATE_BPS / 2 * 1.3


def test_an_option_that_there_is_not_is_refused() -> None:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    set_option(context, "maxrate", 1_234_000)
    assert context.max_bit_rate == 1_234_000  # what it reaches into is where we think it is
    with pytest.raises(ValueError, match="no option"):
        set_option(context, "no-such-option", 1)


def test_a_card_is_chosen_where_it_opens_and_x264_otherwise() -> None:
    tried: list[H264Kind] = []

    def only(*open_ones: H264Kind) -> H264Kind:
        return choose_h264(lambda kind: (tried.append(kind), kind in open_ones)[1])

    assert only(H264Kind.QUICK_SYNC) is H264Kind.QUICK_SYNC
    assert only(H264Kind.NVENC, H264Kind.QUICK_SYNC) is H264Kind.NVENC
    assert only() is H264Kind.X264
    assert H264Kind.X264 not in tried  # it needs no trying


def test_what_was_chosen_opens_here() -> None:
    packet = H264Encoder(WIDTH, HEIGHT, BITRATE_BPS, FPS, best_h264()).encode(
        converter(pixels_of(noise()), WIDTH, HEIGHT)(), 0, True
    )
    assert packet is not None
    assert packet.is_keyframe


def test_both_conversions_give_the_same_picture() -> None:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([rows, columns * 255 // WIDTH, 255 - rows, rows * 0], axis=2).astype(np.uint8)
    for width, height in ((WIDTH, HEIGHT), (160, 90), (214, 120)):
        fast, slow = converter(pixels_of(smooth), width, height), PlainConverter(pixels_of(smooth), width, height)
        assert isinstance(fast, FastConverter)
        for ours, theirs in zip(fast().planes, slow().planes, strict=True):
            one, other = (plane_of(plane)[2:-2, 2:-2].astype(int) for plane in (ours, theirs))
            assert np.abs(one - other).mean() < 2


def plane_of(plane: VideoPlane) -> Array:
    return np.frombuffer(bytes(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def test_without_libyuv_libswscale_converts(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> ctypes.CDLL:
        raise OSError

    monkeypatch.setattr(picture_conversion.ctypes, "CDLL", missing)
    picture = converter(pixels_of(plain(255, 255, 255, 321, 181)), 320, 180)()
    assert (picture.width, picture.height) == (320, 180)
    assert plane_of(picture.planes[0]).min() > 230


def test_odd_sizes_lose_a_row_and_a_column() -> None:
    assert plane_of(converter(pixels_of(plain(255, 255, 255, 321, 181)), 320, 180)().planes[0]).min() > 230


def test_what_only_changes_its_rate_goes_on_and_what_is_new_begins_with_a_keyframe() -> None:
    encodings = Encodings(pixels_of(noise()))
    whole = Encode(Codec.H264, WIDTH, HEIGHT, 60, BITRATE_BPS)
    assert encodings.follow([whole])
    assert [packet.is_keyframe for packet in encodings.encode(0.0, ())] == [True]
    assert not encodings.follow([Encode(Codec.H264, WIDTH, HEIGHT, 30, BITRATE_BPS // 2)])
    assert [packet.is_keyframe for packet in encodings.encode(0.1, ())] == [False]
    assert [packet.is_keyframe for packet in encodings.encode(0.2, (Codec.H264,))] == [True]
    assert encodings.follow([Encode(Codec.H264, 160, 90, 30, BITRATE_BPS // 2)])
    [smaller] = encodings.encode(0.3, ())
    assert smaller.is_keyframe
    [frame] = decoded([smaller])
    assert (frame.width, frame.height) == (160, 90)


def test_a_second_encode_has_half_of_the_pictures_and_a_keyframe_out_of_turn() -> None:
    encodings = Encodings(pixels_of(noise()))
    encodings.follow(
        [Encode(Codec.H264, WIDTH, HEIGHT, 60, BITRATE_BPS), Encode(Codec.VP8, WIDTH, HEIGHT, 30, BITRATE_BPS // 2)]
    )
    packets = [packet for place in range(60) for packet in encodings.encode(place / 60, ())]
    assert sum(packet.codec is Codec.H264 for packet in packets) == 60
    assert sum(packet.codec is Codec.VP8 for packet in packets) == 30
    assert [packet.codec for packet in packets[:3]] == [Codec.H264, Codec.VP8, Codec.H264]
    assert [packet.is_keyframe for packet in encodings.encode(1.0, ())] == [False, False]
    assert [packet.is_keyframe for packet in encodings.encode(1.0 + 1 / 60, (Codec.VP8,))] == [False, True]
