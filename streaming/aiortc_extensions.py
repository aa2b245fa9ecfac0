"""Everything that touches the insides of aiortc and aioice. No other file uses a name of theirs that begins with an
underscore, or replaces one of their names; `tests/unit/streaming/test_aiortc_extensions.py` fails when an upgrade moves
what this file holds on to.

What is changed, and why:
- every video packet carries the playout-delay extension (0, 0), so that the browser shows a frame when it is there
  (http://www.webrtc.org/experiments/rtp-hdrext/playout-delay): p95 213 → 12 ms for one frame after a still picture;
- PLI and FIR reach our encoder (aiortc would keep them for an encoder of its own);
- sound and picture have streams of their own, so that the browser does not hold one back for the other;
- the retransmission history covers more than 100 ms;
- each packet of the picture carries a number of its transport, the page tells when it came, and packets wait for the
  pacer instead of leaving as a burst (`Tap`);
- host candidates are the addresses that the seat was given, or all, loopback included, on ports of a range if one is
  set;
- a lost message of a data channel is repeated after 0.2 s instead of 1;
- a peer that is gone is noticed in 10 s instead of 30.
"""

import asyncio
import errno
import ipaddress
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import aioice.ice
from aiortc import RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver, rtcrtpsender, rtcsctptransport, rtp
from aiortc.codecs import CODECS as KNOWN_CODECS
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from streaming.packets import Codec
from streaming.transport_feedback import TransportFeedback, split_rtcp

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 5
PLAYOUT_DELAY_ZERO = b"\x00\x00\x00"
TRANSPORT_NUMBER_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TRANSPORT_NUMBER_ID = 6
TRANSPORT_FEEDBACK = RTCRtcpFeedback(type="transport-cc")
ONE_BYTE_PROFILE, TWO_BYTE_PROFILE = 0xBEDE, 0x1000
HISTORY_PACKETS = 1024
CONSENT_FAILURES, CONSENT_INTERVAL_S = 4, 2.5
SCTP_RTO_INITIAL_S, SCTP_RTO_MIN_S = 0.5, 0.2
PORT_TRIES = 64
MEDIA_LIMIT, CANDIDATES_LIMIT = 4, 200
EXTENSION_IDENTITIES = range(1, 256)
LOOPBACK = "127.0.0.1"
CODECS = {"video/H264": Codec.H264, "video/VP8": Codec.VP8}

_original_map = rtp.HeaderExtensionsMap
_original_addresses = aioice.ice.get_host_addresses


class OurExtensionsMap(_original_map):
    """aiortc's map, which also writes playout-delay (0, 0) and room for the transport's number, wherever they were
    negotiated. Each takes one word, and the number is the last.
    """

    def __init__(self) -> None:
        super().__init__()
        self._suffixes: dict[int, bytes] = {}

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        found = {extension.uri: extension.id for extension in parameters.headerExtensions}
        words = [
            (found[uri], value)
            for uri, value in ((PLAYOUT_DELAY_URI, PLAYOUT_DELAY_ZERO), (TRANSPORT_NUMBER_URI, b"\x00\x00"))
            if uri in found
        ]
        if words:
            self._suffixes = {TWO_BYTE_PROFILE: b"".join(two_byte(*word) for word in words)}
            if all(identity < 15 for identity, _ in words):
                self._suffixes |= {ONE_BYTE_PROFILE: b"".join(one_byte(*word) for word in words)}

    def set(self, values: rtp.HeaderExtensions) -> tuple[int, bytes]:
        """The packed extensions. Ours are whole numbers of words, so they may follow what is padded (RFC 8285)."""
        profile, packed = super().set(values)
        if not packed:
            profile = ONE_BYTE_PROFILE if ONE_BYTE_PROFILE in self._suffixes else TWO_BYTE_PROFILE
        return profile, packed + self._suffixes.get(profile, b"")


def one_byte(identity: int, value: bytes) -> bytes:
    packed = bytes([identity << 4 | len(value) - 1]) + value
    return packed + bytes(-len(packed) % 4)


def two_byte(identity: int, value: bytes) -> bytes:
    packed = bytes([identity, len(value)]) + value
    return bytes(-len(packed) % 4) + packed


def numbered(packet: bytes, identity: int | None, number: int) -> bytes:
    """The packet with its transport's number written where `OurExtensionsMap` left room; unchanged without room."""
    if identity is None or not packet[0] & 0x10:
        return packet
    end = 16 + 4 * int.from_bytes(packet[14:16])
    if packet[end - 4 : end - 2] == bytes([identity, 2]):
        return packet[: end - 2] + number.to_bytes(2) + packet[end:]
    if packet[end - 4] == identity << 4 | 1:
        return packet[: end - 3] + number.to_bytes(2) + packet[end - 1 :]
    return packet


def install(ice_addresses: Sequence[str]) -> None:
    """Changes this process for good; repeating it only replaces the addresses."""
    for identity, uri in ((PLAYOUT_DELAY_ID, PLAYOUT_DELAY_URI), (TRANSPORT_NUMBER_ID, TRANSPORT_NUMBER_URI)):
        if all(extension.uri != uri for extension in HEADER_EXTENSIONS["video"]):
            HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=identity, uri=uri))
    for codec in KNOWN_CODECS["video"]:
        if codec.rtcpFeedback and TRANSPORT_FEEDBACK not in codec.rtcpFeedback:
            codec.rtcpFeedback.append(TRANSPORT_FEEDBACK)
    rtp.HeaderExtensionsMap = OurExtensionsMap
    setattr(rtcrtpsender, "RTP_HISTORY_SIZE", HISTORY_PACKETS)  # a copy that the module keeps for itself
    rtcsctptransport.SCTP_RTO_INITIAL = SCTP_RTO_INITIAL_S
    rtcsctptransport.SCTP_RTO_MIN = SCTP_RTO_MIN_S
    aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES
    aioice.ice.CONSENT_INTERVAL = CONSENT_INTERVAL_S
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: host_addresses(ice_addresses, use_ipv4, use_ipv6)


def host_addresses(chosen: Sequence[str], use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The addresses to offer: the chosen ones, else all of the host and loopback."""
    addresses = list(chosen) or [*_original_addresses(use_ipv4, use_ipv6), LOOPBACK]
    wanted = {4: use_ipv4, 6: use_ipv6}
    return [address for address in dict.fromkeys(addresses) if wanted[ipaddress.ip_address(address).version]]


def keep_to_ports(loop: asyncio.AbstractEventLoop, first: int, last: int) -> None:
    """UDP sockets that this loop opens on any port get one of `first` to `last`, both included, or OSError."""

    async def create(
        factory: Callable[[], asyncio.DatagramProtocol],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
    ) -> tuple[asyncio.DatagramTransport, asyncio.DatagramProtocol]:
        if local_addr is None or local_addr[1] != 0:
            return await original(factory, local_addr=local_addr, remote_addr=remote_addr)
        for port in random.sample(range(first, last + 1), min(PORT_TRIES, last + 1 - first)):
            try:
                return await original(factory, local_addr=(local_addr[0], port), remote_addr=remote_addr)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, f"no free UDP port from {first} to {last}")

    original = loop.create_datagram_endpoint
    setattr(loop, "create_datagram_endpoint", create)  # on this one loop


def on_keyframe_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """`callback` hears of every PLI and FIR for this sender."""
    setattr(sender, "_send_keyframe", callback)  # a method of aiortc's, replaced on this one object


def separate_stream(transceiver: RTCRtpTransceiver) -> None:
    """Gives what this transceiver sends a stream of its own in the answer."""
    setattr(transceiver.sender, "_stream_id", str(uuid.uuid4()))  # as above


def prefer_h264(transceiver: RTCRtpTransceiver) -> None:
    """H.264 where the page takes it, VP8 otherwise. Must come before the remote description, or aiortc labels what we
    send as whatever the page prefers.
    """
    codecs = RTCRtpSender.getCapabilities("video").codecs
    wanted = ("video/H264", "video/rtx", "video/VP8")
    preferred = [codec for codec in codecs if codec.mimeType in wanted]
    transceiver.setCodecPreferences(sorted(preferred, key=lambda codec: wanted.index(codec.mimeType)))


async def close_whole(connection: RTCPeerConnection) -> None:
    """Closes it, and its sockets too where an offer broke off before its media had a transport: aiortc's own closing
    breaks off there.
    """
    try:
        await connection.close()
    except AttributeError:
        for transport in [*vars(connection)["_RTCPeerConnection__dtlsTransports"]]:
            await transport.stop()
            await transport.transport.stop()


def agreed_codec(transceiver: RTCRtpTransceiver) -> Codec:
    """What the page takes on this video transceiver, once there is an answer. Raises LookupError when it is nothing of
    ours.
    """
    for parameters in vars(transceiver)["_codecs"]:
        if parameters.mimeType in CODECS:
            return CODECS[parameters.mimeType]
    raise LookupError("no codec of ours is in the offer")


@dataclass(frozen=True, slots=True)
class Feedback:
    """The newest receiver report: round trip in seconds, and the fraction of packets lost since the one before."""

    rtt_s: float | None
    loss: float | None


async def feedback_of(sender: RTCRtpSender) -> Feedback:
    for report in (await sender.getStats()).values():
        if isinstance(report, RTCRemoteInboundRtpStreamStats):
            return Feedback(report.roundTripTime, report.fractionLost / 256)
    return Feedback(None, None)


def require_modest(sdp: str) -> None:
    """Raises ValueError for more media than a page has, each of which opens sockets of its own, for so many candidates
    that trying them would be a scan of somebody's network, or for a header extension that no packet can name
    (RFC 8285): that would only be noticed with the first packet.
    """
    lines = sdp.splitlines()
    if sum(line.startswith("m=") for line in lines) > MEDIA_LIMIT:
        raise ValueError("there are too many media")
    if sum(line.startswith("a=candidate:") for line in lines) > CANDIDATES_LIMIT:
        raise ValueError("there are too many candidates")
    for line in lines:
        if line.startswith("a=extmap:"):
            identity = int(line.removeprefix("a=extmap:").split()[0].split("/")[0])
            if identity not in EXTENSION_IDENTITIES:
                raise ValueError(f"there is no header extension {identity}")


def without_hidden_candidates(sdp: str) -> str:
    """The offer without its `.local` candidates, whose look-up would only cost time: the page is learnt as
    peer-reflexive. Without end-of-candidates too, or aioice would give up before the page's first check.
    """

    def is_kept(line: str) -> bool:
        if line.startswith("a=candidate:"):
            return not line.split()[4].endswith(".local") if len(line.split()) > 4 else False
        return not line.startswith("a=end-of-candidates")

    return "".join(line + "\r\n" for line in sdp.splitlines() if is_kept(line))


def with_public_address(sdp: str, public: str | None) -> str:
    """The answer with each host candidate of the public address's family offered under that address too: NAT 1:1."""
    if public is None:
        return sdp
    version = ipaddress.ip_address(public).version
    lines: list[str] = []
    for line in sdp.splitlines():
        lines.append(line)
        words = line.split()
        if line.startswith("a=candidate:") and words[6:8] == ["typ", "host"] and _is_mapped(words[4], version, public):
            outside = [
                "a=candidate:" + str(ipaddress.ip_address(public)).translate(_AS_FOUNDATION),
                *words[1:4],
                public,
            ]
            lines.append(" ".join([*outside, words[5], "typ", "srflx", "raddr", words[4], "rport", words[5]]))
    return "".join(line + "\r\n" for line in lines)


_AS_FOUNDATION = str.maketrans({".": "0", ":": "1"})


def _is_mapped(address: str, version: int, public: str) -> bool:
    inside = ipaddress.ip_address(address)
    return inside.version == version and not inside.is_loopback and address != public


def extension_identity(sdp: str, uri: str) -> int | None:
    """The number that this description gives a header extension."""
    for line in sdp.splitlines():
        if line.startswith("a=extmap:") and line.endswith(" " + uri):
            return int(line.removeprefix("a=extmap:").split()[0].split("/")[0])
    return None


class Stream(Enum):
    """What a packet on its way out carries."""

    CONTROL = auto()
    SOUND = auto()
    PICTURE = auto()
    REPEAT = auto()


class TapListener(Protocol):
    """What passes a `Tap`, told from the event loop's thread."""

    async def leaving(self, packet: bytes, stream: Stream) -> None:
        """A packet of picture that aiortc would send now."""

    def transport_told(self, feedback: TransportFeedback) -> None: ...
    def loss_told(self, loss: float) -> None: ...
    def limit_told(self, bitrate_bps: int) -> None:
        """The receiver's own estimate (REMB)."""

    def lost(self, sequences: Sequence[int]) -> list[int]:
        """Those of the packets asked for (NACK) that are to be sent again now."""
        ...


class Tap:
    """Stands between a video sender and its transport, in both directions. For the life of the connection; made once
    the answer is made, since bundling gives the sender another transport before.
    """

    def __init__(self, sender: RTCRtpSender, number_identity: int | None, listener: TapListener) -> None:
        self._listener = listener
        self._number_identity = number_identity
        transport = sender.transport
        self._send_rtp: Callable[[bytes], Awaitable[None]] = getattr(transport, "_send_rtp")
        self._handle_data: Callable[[bytes], Awaitable[None]] = getattr(transport, "_handle_rtcp_data")
        self._handle_packet: Callable[[object], Awaitable[None]] = getattr(sender, "_handle_rtcp_packet")
        self._retransmit: Callable[[int], Awaitable[None]] = getattr(sender, "_retransmit")
        self._streams = {
            sender_ssrc(sender, "_ssrc").to_bytes(4): Stream.PICTURE,
            sender_ssrc(sender, "_rtx_ssrc").to_bytes(4): Stream.REPEAT,
        }
        self._ssrc = sender_ssrc(sender, "_ssrc")
        setattr(transport, "_send_rtp", self._leaving)  # on this one object, as below
        setattr(transport, "_handle_rtcp_data", self._arriving)
        setattr(sender, "_handle_rtcp_packet", self._told)

    @property
    def is_numbered(self) -> bool:
        """Whether the page will tell when packets came."""
        return self._number_identity is not None

    async def send(self, packet: bytes, number: int) -> None:
        """Sends now. Raises ConnectionError when the transport is not connected."""
        await self._send_rtp(numbered(packet, self._number_identity, number))

    async def repeat(self, sequence: int) -> None:
        """Makes a repeat of the packet, which comes by `leaving`; nothing when it is too old."""
        await self._retransmit(sequence)

    async def _leaving(self, packet: bytes) -> None:
        stream = Stream.CONTROL if rtp.is_rtcp(packet) else self._streams.get(packet[8:12], Stream.SOUND)
        if stream in (Stream.PICTURE, Stream.REPEAT):
            await self._listener.leaving(packet, stream)
        else:
            await self._send_rtp(packet)

    async def _arriving(self, data: bytes) -> None:
        try:
            rest, told = split_rtcp(data)
        except ValueError:
            return
        for feedback in told:
            self._listener.transport_told(feedback)
        if rest:
            await self._handle_data(rest)

    async def _told(self, packet: object) -> None:
        match packet:
            case rtp.RtcpRrPacket() | rtp.RtcpSrPacket():
                for report in packet.reports:
                    if report.ssrc == self._ssrc:
                        self._listener.loss_told(report.fraction_lost / 256)
            case rtp.RtcpRtpfbPacket(fmt=rtp.RTCP_RTPFB_NACK):
                packet.lost = self._listener.lost(packet.lost)
            case rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_APP):
                limit = remb(packet.fci)
                if limit is not None:
                    self._listener.limit_told(limit)
            case _:
                pass
        await self._handle_packet(packet)


def sender_ssrc(sender: RTCRtpSender, name: str) -> int:
    ssrc: int = getattr(sender, name)
    return ssrc


def remb(fci: bytes) -> int | None:
    try:
        return rtp.unpack_remb_fci(fci)[0]
    except (ValueError, LookupError):
        return None
