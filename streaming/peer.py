"""One viewer's WebRTC connection: an offer answered, two channels listened to, packets sent.

It decides nothing about who may connect or what a message does; it tells its `PeerListener`.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from typing import Protocol

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidStateError, OperationError

from streaming import aiortc_extensions, log
from streaming.aiortc_extensions import Feedback
from streaming.errors import SeatError
from streaming.link import Link
from streaming.packets import Codec, EncodedPacket
from streaming.protocol import SessionDescription
from streaming.sound_catch_up import CatchUp, catching_up
from streaming.tracks import AudioTrack, VideoTrack

CONNECT_TIMEOUT_S = 20.0
LAST_WORDS_S = 0.1
BACKLOG_LIMIT_BYTES = 256 * 1024
_NO_OFFER = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError, InvalidStateError, OperationError),
    RuntimeError,  # what becomes of aiortc's StopIteration for a payload type that no codec has
)


class PeerListener(Protocol):
    """What a peer tells, from the event loop's thread."""

    def peer_connected(self, peer: "Peer") -> None: ...
    def peer_opened(self, peer: "Peer") -> None:
        """The control channel is open: messages can be sent."""

    def peer_closed(self, peer: "Peer") -> None: ...
    def peer_said(self, peer: "Peer", label: str, message: object) -> None: ...
    def peer_needs_keyframe(self, peer: "Peer") -> None: ...
    def peer_steered(self, peer: "Peer") -> None:
        """What its link may be given has changed."""


class Peer:
    """Use: `answer` once, `send`, `offer_video`, `offer_audio`, `close`. Closes itself when nobody connects in time."""

    def __init__(self, listener: PeerListener) -> None:
        self._listener = listener
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._control: RTCDataChannel | None = None
        self._video, self._audio = VideoTrack(), AudioTrack()
        self._catch_up = CatchUp()
        self.identity = secrets.token_urlsafe(6)
        self.codec = Codec.H264
        self.is_closed = False
        self.is_connected = False
        self.ignored_messages = 0
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel_opened)
        self._video_transceiver = video = self._connection.addTransceiver(self._video, "sendonly")
        audio = self._connection.addTransceiver(self._audio, "sendonly")
        self.video_sender = video.sender
        aiortc_extensions.prefer_h264(video)
        aiortc_extensions.separate_stream(audio)
        aiortc_extensions.on_keyframe_request(video.sender, lambda: listener.peer_needs_keyframe(self))
        self._deadline = asyncio.create_task(self._expect_connection())
        self._closing: asyncio.Task[None] | None = None
        self.link: Link | None = None

    async def answer(self, offer: SessionDescription, public_address: str | None = None) -> SessionDescription:
        """Offers `public_address` too, which a router passes on to us. Raises `SeatError` `bad_offer` for an offer that
        cannot be met: not SDP, or neither H.264 nor VP8 in it.
        """
        sdp = aiortc_extensions.without_hidden_candidates(offer.sdp)
        try:
            aiortc_extensions.require_modest(sdp)
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=offer.type))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            self.codec = aiortc_extensions.agreed_codec(self._video_transceiver)
        except _NO_OFFER as error:
            self.close()
            raise SeatError(f"this offer cannot be answered: {error}", code="bad_offer") from error
        except BaseException:
            self.close()
            raise
        sdp = self._connection.localDescription.sdp
        self.link = Link(self.video_sender, sdp, lambda: self._listener.peer_steered(self), self._begin_anew)
        return SessionDescription(type="answer", sdp=aiortc_extensions.with_public_address(sdp, public_address))

    def send(self, message: Mapping[str, object]) -> None:
        """Tells the page, if it listens and keeps up."""
        channel = self._control
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > BACKLOG_LIMIT_BYTES:
            return
        channel.send(json.dumps(message, separators=(",", ":")))

    def offer_video(self, packet: EncodedPacket) -> bool:
        """False when only a keyframe can be sent. What is encoded otherwise than was agreed is none of this peer's.
        While the link is behind, everything is dropped, and a keyframe comes next.
        """
        if packet.codec is not self.codec:
            return True
        if self.link is not None and self.link.is_backlogged:
            self._video.interrupt()
            return True
        return self._video.offer(packet)

    def offer_audio(self, packet: EncodedPacket) -> None:
        if time.monotonic() >= self._catch_up.silent_until_s:
            self._audio.offer(packet)

    def sound_is_behind(self, by_s: float) -> None:
        """The page plays sound so much later than it has to: as much is left out."""
        self._catch_up = catching_up(self._catch_up, by_s, time.monotonic())

    async def feedback(self) -> Feedback:
        return await aiortc_extensions.feedback_of(self.video_sender)

    def close(self, last_words: Mapping[str, object] | None = None) -> "asyncio.Task[None]":
        """Ends the connection in the background, after `last_words` had a moment to leave. Harmless when repeated."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(last_words))
        return self._closing

    async def _close(self, last_words: Mapping[str, object] | None) -> None:
        self._closed()
        if last_words is not None and self._control is not None:
            self.send(last_words)
            await asyncio.sleep(LAST_WORDS_S)
        self._deadline.cancel()
        await aiortc_extensions.close_whole(self._connection)
        if self.link is not None:
            self.link.close()

    async def _expect_connection(self) -> None:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        if not self.is_connected:
            log.info("peer.timed_out")
            self.close()

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        log.info("peer.state_changed", state=state)
        if state == "connected" and not self.is_connected and not self.is_closed:
            self.is_connected = True
            self._listener.peer_connected(self)
        elif state in ("failed", "closed"):
            self.close()

    def _closed(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.is_connected = False
            self._listener.peer_closed(self)

    def _begin_anew(self) -> None:
        self._video.interrupt()
        self._listener.peer_needs_keyframe(self)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        label = channel.label

        def said(message: object) -> None:
            if not self.is_closed:
                self._listener.peer_said(self, label, message)

        channel.on("message", said)
        if label == "control" and self._control is None:
            self._control = channel
            channel.on("close", self.close)
            self._listener.peer_opened(self)
