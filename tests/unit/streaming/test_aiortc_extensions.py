"""Guards: each fails when an upgrade of aiortc or aioice moves what `aiortc_extensions` holds on to."""

import asyncio
import inspect

import aioice.ice
import pytest
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    rtcdtlstransport,
    rtcrtpsender,
    rtcsctptransport,
    rtp,
)
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket, RtpPacket, unpack_header_extensions

from streaming import aiortc_extensions
from streaming.aiortc_extensions import PLAYOUT_DELAY_URI, TRANSPORT_NUMBER_URI, OurExtensionsMap
from streaming.errors import SeatError
from streaming.packets import EncodedPacket
from streaming.peer import Peer
from streaming.protocol import SessionDescription
from streaming.tracks import AudioTrack, VideoTrack

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"


@pytest.fixture(autouse=True)
def installed() -> None:
    aiortc_extensions.install(["127.0.0.1"])


class Silent:
    """A listener who only counts."""

    def __init__(self) -> None:
        self.keyframe_requests = 0

    def peer_connected(self, peer: Peer) -> None: ...
    def peer_opened(self, peer: Peer) -> None: ...
    def peer_closed(self, peer: Peer) -> None: ...
    def peer_said(self, peer: Peer, label: str, message: object) -> None: ...
    def peer_needs_keyframe(self, peer: Peer) -> None:
        self.keyframe_requests += 1

    def peer_steered(self, peer: Peer) -> None: ...


def extension_map(*extensions: tuple[int, str]) -> rtp.HeaderExtensionsMap:
    mapping = rtp.HeaderExtensionsMap()
    parameters = [RTCRtpHeaderExtensionParameters(id=identity, uri=uri) for identity, uri in extensions]
    mapping.configure(RTCRtpParameters(headerExtensions=parameters))
    return mapping


async def page_offer() -> tuple[RTCPeerConnection, str]:
    page = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    page.createDataChannel("control")
    page.addTransceiver("video", "recvonly")
    page.addTransceiver("audio", "recvonly")
    await page.setLocalDescription(await page.createOffer())
    return page, page.localDescription.sdp


@pytest.mark.parametrize("identity", [1, 5, 14, 15, 200])
@pytest.mark.parametrize("mid", [None, "0", "video"])
def test_each_packet_carries_a_playout_delay_of_zero(identity: int, mid: str | None) -> None:
    mapping = extension_map((2, MID_URI), (identity, PLAYOUT_DELAY_URI))
    packet = RtpPacket(payload_type=100, sequence_number=7, timestamp=9, payload=b"picture")
    packet.extensions.mid = mid
    data = packet.serialize(mapping)
    profile, length = int.from_bytes(data[12:14]), int.from_bytes(data[14:16]) * 4
    found = dict(rtp.unpack_header_extensions(profile, data[16 : 16 + length]))
    if mid is None or identity < 15:
        assert found[identity] == b"\x00\x00\x00"
    assert data.endswith(b"picture")
    assert len(data) == 16 + length + len(b"picture")
    assert RtpPacket.parse(data, mapping).extensions.mid == mid


@pytest.mark.parametrize("identity", [6, 14, 200])
@pytest.mark.parametrize("mid", [None, "0", "video"])
@pytest.mark.parametrize("delay", [(), ((5, PLAYOUT_DELAY_URI),)])
def test_each_packet_carries_the_number_of_its_transport(
    identity: int, mid: str | None, delay: tuple[tuple[int, str], ...]
) -> None:
    mapping = extension_map((2, MID_URI), *delay, (identity, TRANSPORT_NUMBER_URI))
    packet = RtpPacket(payload_type=100, sequence_number=7, timestamp=9, payload=b"picture")
    packet.extensions.mid = mid
    data = packet.serialize(mapping)
    sent = aiortc_extensions.numbered(data, identity, 0xBEEF)
    if identity < 15 or mid is None:
        assert RtpPacket.parse(sent, mapping).extensions.transport_sequence_number == 0xBEEF
    assert len(sent) == len(data)
    assert sent.endswith(b"picture")
    assert RtpPacket.parse(sent, mapping).extensions.mid == mid


def test_a_packet_without_room_for_a_number_is_left_alone() -> None:
    packet = RtpPacket(payload_type=100, sequence_number=7, timestamp=9, payload=b"picture")
    packet.extensions.mid = "0"
    for mapping in (extension_map(), extension_map((2, MID_URI)), extension_map((5, PLAYOUT_DELAY_URI))):
        data = packet.serialize(mapping)
        assert aiortc_extensions.numbered(data, 6, 1) == data
        assert aiortc_extensions.numbered(data, None, 1) == data


def test_without_negotiation_nothing_is_added() -> None:
    packet = RtpPacket(payload_type=100, sequence_number=7, timestamp=9, payload=b"picture")
    assert len(packet.serialize(extension_map())) == 12 + len(b"picture")


def test_the_sender_makes_its_map_and_its_history_through_the_names_that_we_replace() -> None:
    assert rtp.HeaderExtensionsMap is OurExtensionsMap
    source = inspect.getsource(rtcrtpsender.RTCRtpSender)
    assert "rtp.HeaderExtensionsMap()" in source
    assert "% RTP_HISTORY_SIZE" in source
    assert vars(rtcrtpsender)["RTP_HISTORY_SIZE"] >= 512
    assert "self._send_keyframe()" in source


def test_packets_and_feedback_pass_the_names_that_a_tap_replaces() -> None:
    sender, transport = (
        inspect.getsource(rtcrtpsender.RTCRtpSender),
        inspect.getsource(rtcdtlstransport.RTCDtlsTransport),
    )
    assert sender.count("await self.transport._send_rtp(packet_bytes)") == 2
    assert "await self._retransmit(seq)" in sender
    assert "for seq in packet.lost" in sender
    assert "ssrc=self._rtx_ssrc" in sender
    assert "packet.ssrc = self._ssrc" in sender
    assert "await self._handle_rtcp_data(data)" in transport
    assert "await recipient._handle_rtcp_packet(packet)" in transport


def test_the_data_channels_read_the_timers_that_we_replace() -> None:
    source = inspect.getsource(rtcsctptransport.RTCSctpTransport)
    assert "self._rto = SCTP_RTO_INITIAL" in source
    assert "max(SCTP_RTO_MIN," in source
    assert vars(rtcsctptransport)["SCTP_RTO_MIN"] <= 0.3
    assert vars(rtcsctptransport)["SCTP_RTO_INITIAL"] <= 1.0


def test_the_ice_agent_opens_its_sockets_as_we_expect() -> None:
    source = inspect.getsource(aioice.ice.Connection)
    assert "loop.create_datagram_endpoint(" in source
    assert "local_addr=(address, 0)" in source


async def test_udp_ports_are_of_the_range_and_never_more_than_it_has() -> None:
    loop = asyncio.get_running_loop()
    aiortc_extensions.keep_to_ports(loop, 21310, 21312)
    ends: list[asyncio.DatagramTransport] = []
    try:
        for _ in range(3):
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
            ends.append(transport)
        assert {end.get_extra_info("sockname")[1] for end in ends} == {21310, 21311, 21312}
        with pytest.raises(OSError, match="no free UDP port"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    finally:
        for end in ends:
            end.close()


def test_a_public_address_is_offered_beside_those_of_the_machine() -> None:
    host = "a=candidate:1 1 udp 2130706431 {} 50000 typ host"
    sdp = "\r\n".join(["v=0", host.format("10.0.0.5"), host.format("127.0.0.1"), host.format("fd00::1"), ""])
    public = aiortc_extensions.with_public_address(sdp, "198.51.100.7").splitlines()
    added = [line for line in public if line not in sdp.splitlines()]
    assert len(added) == 1
    assert added[0].endswith("198.51.100.7 50000 typ srflx raddr 10.0.0.5 rport 50000")
    assert aiortc_extensions.with_public_address(sdp, None) == sdp


def test_the_ice_agent_reads_the_names_that_we_replace() -> None:
    source = inspect.getsource(aioice.ice.Connection)
    assert "get_host_addresses(\n" in source
    assert "CONSENT_FAILURES" in source
    assert "CONSENT_INTERVAL" in source
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]


def test_without_a_choice_all_addresses_and_loopback_are_offered() -> None:
    assert "127.0.0.1" in aiortc_extensions.host_addresses([], True, False)
    assert aiortc_extensions.host_addresses(["192.0.2.1", "2001:db8::1"], True, False) == ["192.0.2.1"]
    assert aiortc_extensions.host_addresses(["192.0.2.1", "2001:db8::1"], False, True) == ["2001:db8::1"]


async def test_the_answer_is_h264_with_retransmission_playout_delay_and_streams_apart() -> None:
    page, offer = await page_offer()
    peer = Peer(Silent())
    try:
        answer = (await peer.answer(SessionDescription(type="offer", sdp=offer))).sdp
    finally:
        await peer.close()
        await page.close()
    video = answer[answer.index("m=video") : answer.index("m=audio")]
    codecs = [line.split()[1] for line in video.splitlines() if line.startswith("a=rtpmap")]
    assert {codec.split("/")[0] for codec in codecs} == {"H264", "rtx", "VP8"}
    assert codecs[0].startswith("H264")
    assert PLAYOUT_DELAY_URI in video
    assert TRANSPORT_NUMBER_URI in video
    assert "transport-cc" in video
    assert "a=candidate" in answer
    assert {line.split()[4] for line in answer.splitlines() if line.startswith("a=candidate")} == {"127.0.0.1"}
    streams = {line.split()[0] for line in answer.splitlines() if line.startswith("a=msid:")}
    assert len(streams) == 2


async def test_a_picture_loss_reaches_our_encoder() -> None:
    listener = Silent()
    peer = Peer(listener)
    sender = peer.video_sender
    try:
        handle = vars(type(sender))["_handle_rtcp_packet"]
        await handle(sender, RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=2))
    finally:
        await peer.close()
    assert listener.keyframe_requests == 1


async def test_packets_that_are_encoded_already_reach_the_other_side_and_feedback_comes_back() -> None:
    page, offer = await page_offer()
    peer = Peer(Silent())
    try:
        answer = await peer.answer(SessionDescription(type="offer", sdp=offer))
        arrived = asyncio.Event()
        page.on("connectionstatechange", lambda: page.connectionState == "connected" and arrived.set())
        await page.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type="answer"))
        async with asyncio.timeout(60):
            await arrived.wait()
        assert await peer.feedback() is not None
    finally:
        await peer.close()
        await page.close()


NO_SUCH_CODEC = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=fmtp:97 apt=96\r\n"


@pytest.mark.parametrize("sdp", ["", "nonsense", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", NO_SUCH_CODEC])
async def test_a_bad_offer_is_refused_by_name(sdp: str) -> None:
    peer = Peer(Silent())
    with pytest.raises(SeatError) as refused:
        await peer.answer(SessionDescription(type="offer", sdp=sdp))
    assert refused.value.code == "bad_offer"
    await peer.close()


async def test_an_offer_that_leaves_its_channels_without_a_transport_is_closed_whole() -> None:
    page, offer = await page_offer()
    await page.close()
    [bundle] = [line for line in offer.splitlines() if line.startswith("a=group:BUNDLE")]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video")
    [video] = connection.getTransceivers()
    transport = video.receiver.transport.transport
    sdp = offer.replace(bundle, f"a=group:BUNDLE nobody {bundle.split()[-1]}")
    await connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
    assert connection.sctp is not None
    assert connection.sctp.transport is None
    await aiortc_extensions.close_whole(connection)
    assert transport.state == "closed"


async def test_an_offer_of_very_many_media_or_candidates_opens_no_sockets() -> None:
    page, offer = await page_offer()
    await page.close()
    video = offer[offer.index("m=video") :]
    candidate = "a=candidate:1 1 udp 2122 192.0.2.7 50000 typ host\r\n"
    for excess, reason in ((video * 50, "too many media"), (candidate * 500, "too many candidates")):
        peer = Peer(Silent())
        with pytest.raises(SeatError, match=reason) as refused:
            await peer.answer(SessionDescription(type="offer", sdp=offer + excess))
        assert refused.value.code == "bad_offer"
        await peer.close()


@pytest.mark.parametrize("identity", ["0", "256", "4096", "70000", "-1", "x"])
async def test_an_offer_whose_header_extensions_no_packet_can_name_is_refused(identity: str) -> None:
    page, offer = await page_offer()
    await page.close()
    uri = aiortc_extensions.TRANSPORT_NUMBER_URI
    wrong = offer.replace("a=rtpmap", f"a=extmap:{identity} {uri}\r\na=rtpmap", 1)
    peer = Peer(Silent())
    with pytest.raises(SeatError) as refused:
        await peer.answer(SessionDescription(type="offer", sdp=wrong))
    assert refused.value.code == "bad_offer"
    await peer.close()


@pytest.mark.parametrize("identity", [1, 14, 15, 255])
def test_an_extension_of_any_number_that_a_packet_can_name_is_written(identity: int) -> None:
    extensions = [RTCRtpHeaderExtensionParameters(id=identity, uri=aiortc_extensions.TRANSPORT_NUMBER_URI)]
    extensions_map = aiortc_extensions.OurExtensionsMap()
    extensions_map.configure(RTCRtpParameters(headerExtensions=extensions))
    packet = RtpPacket(payload_type=96, sequence_number=1)
    numbered = aiortc_extensions.numbered(packet.serialize(extensions_map), identity, 0x1234)
    profile, value = int.from_bytes(numbered[12:14]), numbered[16:20]
    assert unpack_header_extensions(profile, value) == [(identity, b"\x12\x34")]


def test_hidden_candidates_are_dropped_and_others_kept() -> None:
    kept = "a=candidate:1 1 udp 2122 192.0.2.7 50000 typ host"
    hidden = "a=candidate:2 1 udp 2122 0a1b-2c3d.local 50001 typ host"
    sdp = "\r\n".join(["v=0", "m=video 9 x 96", kept, hidden, "a=candidate:broken", "a=end-of-candidates", ""])
    assert aiortc_extensions.without_hidden_candidates(sdp) == f"v=0\r\nm=video 9 x 96\r\n{kept}\r\n"


async def test_a_video_track_begins_with_a_keyframe_and_after_an_overflow_begins_again() -> None:
    track = VideoTrack()
    assert not track.offer(EncodedPacket(b"p", 1, is_keyframe=False))
    assert track.offer(EncodedPacket(b"i", 2, is_keyframe=True))
    accepted = [track.offer(EncodedPacket(b"p", 3 + place, is_keyframe=False)) for place in range(20)]
    assert accepted == [True] * 7 + [False] * 13
    assert track.offer(EncodedPacket(b"i", 99, is_keyframe=True))
    packet = await track.recv()
    assert (bytes(packet), packet.pts) == (b"i", 99)
    track.stop()


async def test_an_audio_track_keeps_the_newest_sound() -> None:
    track = AudioTrack()
    for place in range(20):
        track.offer(EncodedPacket(bytes([place]), place * 480))
    assert bytes(await track.recv()) == bytes([12])
    track.stop()
