"""The seat's media behind one door: picture, sound, input and cursor, and the one player who has them.

This is what needs the heavy libraries; the worker imports it after it has answered `hello`.
"""

import asyncio
import base64
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import structlog

from streaming import aiortc_extensions
from streaming.audio import SoundCapture
from streaming.cursor import CursorImage, CursorWatch
from streaming.errors import SeatFailed
from streaming.focus import FocusKeeper
from streaming.injector import Injector
from streaming.listening import Listening
from streaming.packets import EncodedPacket
from streaming.page_messages import KeyframeRequest, Ping, ReleaseAll, parse_control, parse_pointer
from streaming.peer import Peer
from streaming.png import encode_png
from streaming.protocol import SeatConfig, SeatStatus, SessionDescription, Snapshot, Thumbnail
from streaming.sound_server import SoundServer
from streaming.thumbnail import Thumbnails
from streaming.video import VideoThread
from streaming.xconnection import PIXEL_BYTES, XConnection

TICK_S = 0.25
TICKS_PER_STATS = 4
CURSOR_DELAY_S = 0.03
KEYFRAME_INTERVAL_S = 0.3

log = structlog.get_logger()

Announce = Callable[[Mapping[str, object]], None]
Fail = Callable[[str], None]


class Studio:
    """Lives on one event loop, in the main thread. `announce` takes the events of the control socket; `fail` the reason
    why the seat cannot go on.
    """

    def __init__(self, config: SeatConfig, display: str, sound: SoundServer, announce: Announce, fail: Fail) -> None:
        aiortc_extensions.install(config.ice_addresses)
        self._config = config
        self._display_name = display
        self._announce = announce
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._peer: Peer | None = None
        self._first_frame = False
        self._last_input_at: float | None = None
        self._keyframe_at = float("-inf")
        self._keyframe_timer: asyncio.TimerHandle | None = None
        self._cursor_image = CursorImage(visible=False)
        self._cursor_timer: asyncio.TimerHandle | None = None
        self._listening = Listening(lambda pts: SoundCapture(sound, self._audio_encoded, pts))
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._x = XConnection(display)
        self._injector = Injector(self._x)
        self._focus = FocusKeeper(self._x)
        self._cursor = CursorWatch(self._x)
        self._thumbnails = Thumbnails(display)
        self._video = VideoThread(
            display,
            config.fps,
            config.bitrate_bps,
            on_packet=self._video_encoded,
            on_first_frame=lambda: self._post(self._first_frame_seen),
            on_failure=lambda message: self._post(fail, message),
        )

    def start(self) -> None:
        self._video.start()
        self._loop.add_reader(self._x.fileno(), self._read_x)
        self._read_cursor()
        self._spawn(self._tick())

    async def connect(self, offer: object) -> SessionDescription:
        """Answers a player's `SessionDescription`; who was connected before is told that it was replaced.
        Raises `SeatError`, or ValueError for what is no session description.
        """
        description = SessionDescription.model_validate(offer)
        peer = Peer(self)
        answer = await peer.answer(description)
        replaced, self._peer = self._peer, peer
        if replaced is not None:
            self._cancel_keyframe()
            leaving = replaced.close({"type": "replaced"})
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        self._injector.begin()
        return answer

    def status(self) -> SeatStatus:
        figures = self._video.figures()
        return SeatStatus(
            first_frame=self._first_frame,
            peers=self._peers(),
            idle_s=None if self._last_input_at is None else time.monotonic() - self._last_input_at,
            fps=figures.fps,
            bitrate_bps=figures.bitrate_bps,
            frames=figures.frames,
        )

    async def snapshot(self) -> Snapshot:
        return await asyncio.to_thread(take_snapshot, self._display_name)

    async def thumbnail(self) -> Thumbnail:
        return await asyncio.to_thread(self._thumbnails.take)

    async def close(self) -> None:
        """Tells the player `bye` and ends everything that was started here."""
        if self._peer is not None:
            await self._peer.close({"type": "bye"})
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._loop.remove_reader(self._x.fileno())
        self._cancel_keyframe()
        if self._cursor_timer is not None:
            self._cursor_timer.cancel()
        self._video.stop()
        self._thumbnails.close()
        self._x.close()

    # What peers tell

    def peer_connected(self, peer: Peer) -> None:
        if peer is self._peer:
            self._video.watch(True)
            self._listening.begin()
            self._announce({"event": "peers", "count": self._peers()})

    def peer_opened(self, peer: Peer) -> None:
        config = self._config
        peer.send({"type": "display", "width": config.width, "height": config.height, "fps": config.fps})
        peer.send(self._cursor_message())

    def peer_closed(self, peer: Peer) -> None:
        log.info("peer.closed", ignored_messages=peer.ignored_messages)
        if peer is self._peer:
            self._peer = None
            self._video.watch(False)
            self._injector.begin()
            self._listening.end()
            self._cancel_keyframe()
            self._announce({"event": "peers", "count": 0})

    def peer_said(self, peer: Peer, label: str, message: object) -> None:
        if peer is not self._peer:
            return
        now = time.monotonic()
        parsed = parse_pointer(message) if label == "pointer" else parse_control(message)
        match parsed:
            case None:
                peer.ignored_messages += 1
            case Ping():
                peer.send({"type": "pong", "t": parsed.t})
            case KeyframeRequest():
                self.peer_needs_keyframe(peer)
            case _:
                if not isinstance(parsed, ReleaseAll):
                    self._last_input_at = now
                self._injector.take(parsed, now)

    def peer_needs_keyframe(self, peer: Peer) -> None:
        """At most one keyframe an interval, and never none: a request within the interval is met at its end."""
        if peer is not self._peer or self._keyframe_timer is not None:
            return
        delay_s = max(0.0, self._keyframe_at + KEYFRAME_INTERVAL_S - time.monotonic())
        self._keyframe_timer = self._loop.call_later(delay_s, self._ask_for_keyframe)

    # What threads and timers bring

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who could listen
            self._loop.call_soon_threadsafe(call, *arguments)

    def _video_encoded(self, packet: EncodedPacket) -> None:
        self._post(self._send_video, packet)

    def _audio_encoded(self, packet: EncodedPacket) -> None:
        self._post(self._send_audio, packet)

    def _ask_for_keyframe(self) -> None:
        self._keyframe_timer = None
        self._keyframe_at = time.monotonic()
        self._video.request_keyframe()

    def _cancel_keyframe(self) -> None:
        """What one player asked for is no matter of the next, who begins with a keyframe anyway."""
        if self._keyframe_timer is not None:
            self._keyframe_timer.cancel()
            self._keyframe_timer = None

    def _send_video(self, packet: EncodedPacket) -> None:
        peer = self._peer
        if peer is not None and peer.is_connected and not peer.offer_video(packet):
            self.peer_needs_keyframe(peer)

    def _send_audio(self, packet: EncodedPacket) -> None:
        if self._peer is not None and self._peer.is_connected:
            self._peer.offer_audio(packet)

    def _first_frame_seen(self) -> None:
        self._first_frame = True
        log.info("display.first_frame")
        self._announce({"event": "first_frame"})

    def _read_x(self) -> None:
        try:
            for event in self._x.events():
                self._focus.take(event)
                if self._cursor.is_change(event) and self._cursor_timer is None:
                    self._cursor_timer = self._loop.call_later(CURSOR_DELAY_S, self._cursor_changed)
            self._x.flush()
        except SeatFailed as error:
            self._loop.remove_reader(self._x.fileno())
            self._fail(error.message)

    def _read_cursor(self) -> None:
        self._cursor_image = self._cursor.image()
        self._read_x()  # events that came with the reply

    def _cursor_changed(self) -> None:
        self._cursor_timer = None
        self._read_cursor()
        if self._peer is not None:
            self._peer.send(self._cursor_message())

    def _cursor_message(self) -> Mapping[str, object]:
        return {"type": "cursor", **asdict(self._cursor_image)}

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            self._injector.tick(time.monotonic())
            if ticks % TICKS_PER_STATS == 0 and self._peer is not None and self._peer.is_connected:
                await self._send_stats(self._peer)

    async def _send_stats(self, peer: Peer) -> None:
        figures, feedback = self._video.figures(), await peer.feedback()
        peer.send(
            {
                "type": "stats",
                "fps": figures.fps,
                "bitrate_bps": figures.bitrate_bps,
                "encode_ms": round(figures.encode_ms, 2),
                "capture_ms": round(figures.capture_ms, 2),
                "rtt_ms": None if feedback.rtt_s is None else round(feedback.rtt_s * 1000, 1),
                "loss": feedback.loss,
            }
        )

    def _peers(self) -> int:
        return int(self._peer is not None and self._peer.is_connected)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def open_studio(folder: Path, display: str, sound: SoundServer, announce: Announce, fail: Fail) -> Studio:
    """A started studio for the seat in `folder`. Raises ValueError for a bad `seat.json`, `SeatFailed` without X."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    config = SeatConfig.model_validate_json((folder / "seat.json").read_bytes())
    studio = Studio(config, display, sound, announce, fail)
    studio.start()
    return studio


def take_snapshot(display: str) -> Snapshot:
    """The picture now, over a connection of its own, so that any thread may ask."""
    connection = XConnection(display)
    try:
        width, height = connection.geometry
        picture = np.frombuffer(connection.picture(), dtype=np.uint8)
    finally:
        connection.close()
    rgb = picture[: width * height * PIXEL_BYTES].reshape(height, width, PIXEL_BYTES)[..., [2, 1, 0]]
    return Snapshot(width=width, height=height, png_base64=base64.b64encode(encode_png(rgb)).decode())
