"""Everything that touches the insides of aiortc and aioice. No other file uses a name of theirs that begins with an
underscore, or replaces one of their names; `tests/unit/streaming/test_aiortc_extensions.py` fails when an upgrade moves
what this file holds on to.

What is changed, and why:
- every video packet carries the playout-delay extension (0, 0), so that the browser shows a frame when it is there
  (http://www.webrtc.org/experiments/rtp-hdrext/playout-delay): p95 213 → 12 ms for one frame after a still picture;
- PLI and FIR reach our encoder (aiortc would keep them for an encoder of its own);
- sound and picture have streams of their own, so that the browser does not hold one back for the other;
- the retransmission history covers more than 100 ms;
- host candidates are the addresses that the seat was given, or all, loopback included;
- a peer that is gone is noticed in 10 s instead of 30.
"""

import ipaddress
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aioice.ice
from aiortc import RTCRtpSender, RTCRtpTransceiver, rtcrtpsender, rtp
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from streaming.packets import Codec

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 5
PLAYOUT_DELAY_ZERO = b"\x00\x00\x00"
ONE_BYTE_PROFILE, TWO_BYTE_PROFILE = 0xBEDE, 0x1000
HISTORY_PACKETS = 1024
CONSENT_FAILURES, CONSENT_INTERVAL_S = 4, 2.5
LOOPBACK = "127.0.0.1"
CODECS = {"video/H264": Codec.H264, "video/VP8": Codec.VP8}

_original_map = rtp.HeaderExtensionsMap
_original_addresses = aioice.ice.get_host_addresses


class PlayoutDelayMap(_original_map):
    """aiortc's map, which also writes playout-delay (0, 0) wherever the extension was negotiated."""

    def __init__(self) -> None:
        super().__init__()
        self._suffixes: dict[int, bytes] = {}

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == PLAYOUT_DELAY_URI:
                one_byte = bytes([extension.id << 4 | len(PLAYOUT_DELAY_ZERO) - 1]) if extension.id < 15 else b""
                two_bytes = bytes([extension.id, len(PLAYOUT_DELAY_ZERO)]) + PLAYOUT_DELAY_ZERO
                self._suffixes = {TWO_BYTE_PROFILE: two_bytes + b"\x00" * 3}
                if one_byte:
                    self._suffixes |= {ONE_BYTE_PROFILE: one_byte + PLAYOUT_DELAY_ZERO}

    def set(self, values: rtp.HeaderExtensions) -> tuple[int, bytes]:
        """The packed extensions. Ours is a whole number of words, so it may follow what is padded (RFC 8285)."""
        profile, packed = super().set(values)
        if not packed:
            profile = ONE_BYTE_PROFILE if ONE_BYTE_PROFILE in self._suffixes else TWO_BYTE_PROFILE
        return profile, packed + self._suffixes.get(profile, b"")


def install(ice_addresses: Sequence[str]) -> None:
    """Changes this process for good; repeating it only replaces the addresses."""
    if all(extension.uri != PLAYOUT_DELAY_URI for extension in HEADER_EXTENSIONS["video"]):
        extension = RTCRtpHeaderExtensionParameters(id=PLAYOUT_DELAY_ID, uri=PLAYOUT_DELAY_URI)
        HEADER_EXTENSIONS["video"].append(extension)
    rtp.HeaderExtensionsMap = PlayoutDelayMap
    setattr(rtcrtpsender, "RTP_HISTORY_SIZE", HISTORY_PACKETS)  # noqa: B010 -- a copy that the module keeps for itself
    aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES
    aioice.ice.CONSENT_INTERVAL = CONSENT_INTERVAL_S
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: host_addresses(ice_addresses, use_ipv4, use_ipv6)


def host_addresses(chosen: Sequence[str], use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The addresses to offer: the chosen ones, else all of the host and loopback."""
    addresses = list(chosen) or [*_original_addresses(use_ipv4, use_ipv6), LOOPBACK]
    wanted = {4: use_ipv4, 6: use_ipv6}
    return [address for address in dict.fromkeys(addresses) if wanted[ipaddress.ip_address(address).version]]


def on_keyframe_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """`callback` hears of every PLI and FIR for this sender."""
    setattr(sender, "_send_keyframe", callback)  # noqa: B010 -- a method of aiortc's, replaced on this one object


def separate_stream(transceiver: RTCRtpTransceiver) -> None:
    """Gives what this transceiver sends a stream of its own in the answer."""
    setattr(transceiver.sender, "_stream_id", str(uuid.uuid4()))  # noqa: B010 -- as above


def prefer_h264(transceiver: RTCRtpTransceiver) -> None:
    """Must come before the remote description, or aiortc labels our H.264 as whatever the page prefers."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType in ("video/H264", "video/rtx")])


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


def without_hidden_candidates(sdp: str) -> str:
    """The offer without its `.local` candidates, whose look-up would only cost time: the page is learnt as
    peer-reflexive. Without end-of-candidates too, or aioice would give up before the page's first check.
    """

    def is_kept(line: str) -> bool:
        if line.startswith("a=candidate:"):
            return not line.split()[4].endswith(".local") if len(line.split()) > 4 else False
        return not line.startswith("a=end-of-candidates")

    return "".join(line + "\r\n" for line in sdp.splitlines() if is_kept(line))
