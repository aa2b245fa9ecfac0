"""The seat's media behind one door: picture, sound, input and cursor, for one player and those who watch.

This is what needs the heavy libraries; the worker imports it after it has answered `hello`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping

from streaming import aiortc_extensions, log
from streaming.audience import Audience, Role
from streaming.audio import SoundCapture
from streaming.encode_plan import Encode, picture_message, plan_encodes
from streaming.gamepad_map import game_map
from streaming.injector import Injector
from streaming.keyframes import KeyframeWishes
from streaming.link import Link
from streaming.listening import Listening
from streaming.packets import Codec, EncodedPacket
from streaming.page_messages import (
    Button,
    Controls,
    Copy,
    Key,
    KeyframeRequest,
    Paste,
    Ping,
    Quality,
    ReleaseAll,
    Shown,
    SoundBehind,
    parse_control,
)
from streaming.peer import Peer
from streaming.pointer_messages import parse_pointer
from streaming.protocol import (
    ConnectOrder,
    RevokeOrder,
    SeatConfig,
    SeatStatus,
    SessionDescription,
    Thumbnail,
)
from streaming.sound_server import SAMPLE_RATE, SoundServer
from streaming.steering import Steering
from streaming.surroundings import Surroundings
from streaming.targets import VideoTarget
from streaming.thumbnail import Thumbnails
from streaming.video import VideoThread
from streaming.viewers import Viewers
from streaming.xconnection import XConnection

LET_GO_EVERY_S = 0.25
STATS_EVERY_S = 1.0


Announce = Callable[[Mapping[str, object]], None]
Fail = Callable[[str], None]


class Studio:
    """Lives on one event loop, in the main thread. `announce` takes the events of the control socket; `fail` the reason
    why the seat cannot go on.
    """

    def __init__(self, config: SeatConfig, display: str, sound: SoundServer, announce: Announce, fail: Fail) -> None:
        aiortc_extensions.install(config.ice_addresses)
        if config.udp_ports is not None:
            aiortc_extensions.keep_to_ports(asyncio.get_running_loop(), *config.udp_ports)
        self._config = config
        self._announce = announce
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._viewers = Viewers(self, config.public_address)
        self._first_frame = False
        self._last_input_at: float | None = None
        self._listening = Listening(lambda pts: SoundCapture(sound, self._audio_encoded, pts), SAMPLE_RATE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._holds_inputs, self._is_watched = asyncio.Event(), asyncio.Event()
        self._x = XConnection(display)
        self._gamepad = game_map(config.gamepad)
        self._injector = Injector(self._x, self._gamepad)
        self._surroundings = Surroundings(self._x, display, self)
        self._thumbnails = Thumbnails(display)
        self._told_plan: tuple[Encode, ...] = ()
        most = VideoTarget(config.bitrate_bps, config.fps, config.height)
        self._video = VideoThread(
            display,
            most,
            on_packet=self._video_encoded,
            on_first_frame=lambda: self._post(self._first_frame_seen),
            on_failure=lambda message: self._post(fail, message),
        )
        self._keyframes = KeyframeWishes(self._video.request_keyframe)
        self._steering = Steering(self._video, most, config.width, config.height)

    def start(self) -> None:
        self._video.start()
        self._surroundings.start()
        self._spawn(self._let_go_of_inputs())
        self._spawn(self._tell_stats())

    async def connect(self, role: Role, parameters: Mapping[str, object]) -> SessionDescription:
        """Answers a `ConnectOrder`. Raises `SeatError`, or ValueError for what is none."""
        return await self._viewers.admit(role, ConnectOrder.model_validate(parameters))

    def revoke(self, parameters: Mapping[str, object]) -> None:
        """Carries out a `RevokeOrder`; raises ValueError for what is none."""
        self._viewers.revoke(RevokeOrder.model_validate(parameters).epoch)

    def status(self) -> SeatStatus:
        figures = self._video.figures()
        player = self._viewers.player
        link = None if player is None else player.link
        view = None if link is None or not link.state.view.batches else link.state.view
        return SeatStatus(
            first_frame=self._first_frame,
            peers=len(self._viewers.audience.connected),
            players=self._viewers.audience.players,
            idle_s=None if self._last_input_at is None else time.monotonic() - self._last_input_at,
            fps=figures.fps,
            bitrate_bps=figures.bitrate_bps,
            frames=figures.frames,
            rtt_s=view and view.rtt_s,
            queue_s=view and view.queue_s,
            loss=view.loss if view else link and link.loss,
        )

    async def thumbnail(self) -> Thumbnail:
        return await asyncio.to_thread(self._thumbnails.take)

    async def close(self) -> None:
        """Tells everybody `bye` and ends everything that was started here."""
        await self._viewers.close()
        await self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keyframes.met()
        self._surroundings.close()
        self._video.stop()
        self._thumbnails.close()
        self._x.close()

    # What the audience does

    def audience_changed(self, before: Audience, now: Audience) -> None:
        self._surroundings.watch_pointer(any(True for _ in self._onlookers()))
        self._note(self._is_watched, bool(now.connected))
        if now.holder != before.holder:
            self._injector.begin()
        if (len(now.connected), now.players) != (len(before.connected), before.players):
            self._announce({"event": "peers", "count": len(now.connected), "players": now.players})
        if not now.viewers:
            self._video.watch(False)
            self._listening.end()
            self._keyframes.met()
            return
        if now.connected:
            self._video.encode_for(self._viewers.codecs)
        if now.player != before.player:
            player = self._viewers.player
            self._steering.begin(None if player is None else player.link)
        for newcomer in set(now.connected) - set(before.connected):
            self._listening.begin()
            if newcomer.role is Role.PLAYER or not before.connected:
                self._keyframes.met()
                self._video.watch(True)
            else:
                self._keyframes.wish_of_newcomer()

    def greetings(self, codec: Codec) -> tuple[Mapping[str, object], ...]:
        config = self._config
        display = {"type": "display", "width": config.width, "height": config.height, "fps": config.fps}
        pictures = (picture_message(encode) for encode in self._plan() if encode.codec is codec)
        gamepad = {"type": "gamepad", "bindings": self._gamepad}
        return (display, *pictures, self._surroundings.cursor_message(), gamepad)

    def viewer_said(self, peer: Peer, label: str, message: object) -> None:
        now = time.monotonic()
        parsed = parse_pointer(message) if label == "pointer" else parse_control(message)
        match parsed:
            case None:
                peer.ignored_messages += 1
            case Ping():
                peer.send({"type": "pong", "t": parsed.t})
            case KeyframeRequest():
                self._viewers.peer_needs_keyframe(peer)
            case Controls():
                self._viewers.hand_controls(peer, parsed.to)
            case Quality() | Shown() | SoundBehind():
                self._stream_seen(peer, parsed)
            case _ if not self._viewers.holds_controls(peer):
                pass  # the input of a page that does not hold the controls, or not any more
            case Copy():
                self._surroundings.ask_clipboard()
            case Paste():
                self._last_input_at = now
                self._surroundings.offer_clipboard(parsed.text)
            case _:
                if not isinstance(parsed, ReleaseAll):
                    self._last_input_at = now
                self._injector.take(parsed, now)
                if isinstance(parsed, Button | Key) and parsed.down:
                    self._video.expect_change(now)
                self._note(self._holds_inputs, self._injector.holds_inputs)

    def _stream_seen(self, peer: Peer, said: Quality | Shown | SoundBehind) -> None:
        if isinstance(said, SoundBehind):
            peer.sound_is_behind(said.seconds)
        elif peer is self._viewers.player:
            self._steering.follow(said, peer.link)

    def keyframe_wished(self, role: Role) -> None:
        self._keyframes.wish(role)

    def link_changed(self, link: Link) -> None:
        self._steering.link_changed(link)

    def _plan(self) -> tuple[Encode, ...]:
        return plan_encodes(self._viewers.codecs, self._steering.target, self._config.width, self._config.height)

    def _tell_pictures(self) -> None:
        """Tells everybody what they are sent, if that has changed."""
        plan = self._plan()
        if plan == self._told_plan:
            return
        self._told_plan = plan
        messages = {encode.codec: picture_message(encode) for encode in plan}
        for peer in self._viewers.connected():
            peer.send(messages[peer.codec])

    # What the display tells

    def cursor_changed(self, message: Mapping[str, object]) -> None:
        self._viewers.tell(message)

    def pointer_moved(self, message: Mapping[str, object]) -> None:
        for peer in self._onlookers():
            peer.send(message)

    def wants_copies(self) -> bool:
        return self._viewers.holder is not None

    def text_copied(self, text: str) -> None:
        if self._viewers.holder is not None:
            self._viewers.holder.send({"type": "clipboard", "text": text})

    def display_failed(self, message: str) -> None:
        self._fail(message)

    # What threads and timers bring

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it everybody who could listen
            self._loop.call_soon_threadsafe(call, *arguments)

    def _video_encoded(self, packet: EncodedPacket) -> None:
        self._post(self._viewers.send_video, packet)

    def _audio_encoded(self, packet: EncodedPacket) -> None:
        self._post(self._viewers.send_audio, packet)

    def _first_frame_seen(self) -> None:
        self._first_frame = True
        log.info("display.first_frame")
        self._announce({"event": "first_frame"})

    def _onlookers(self) -> Iterator[Peer]:
        """Those who see a pointer that is not their own."""
        return (peer for peer in self._viewers.connected() if not self._viewers.holds_controls(peer))

    async def _let_go_of_inputs(self) -> None:
        """While something is held, whoever holds it must go on saying so."""
        while True:
            await self._holds_inputs.wait()
            await asyncio.sleep(LET_GO_EVERY_S)
            self._injector.tick(time.monotonic())
            self._note(self._holds_inputs, self._injector.holds_inputs)

    async def _tell_stats(self) -> None:
        while True:
            await self._is_watched.wait()
            await asyncio.sleep(STATS_EVERY_S)
            self._tell_pictures()
            for peer in tuple(self._viewers.connected()):
                await self._send_stats(peer)

    @staticmethod
    def _note(event: asyncio.Event, holds: bool) -> None:
        if holds:
            event.set()
        else:
            event.clear()

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

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Without its clocks a seat would keep keys down for ever: better that it ends aloud."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("studio.task_failed", error=repr(error))
            self._fail(f"a part of the seat failed: {error}")


def open_studio(
    config: Mapping[str, object], display: str, sound: SoundServer, announce: Announce, fail: Fail
) -> Studio:
    """A started studio for a seat of this `SeatConfig`. Raises ValueError for a bad one, `SeatFailed` without X."""
    studio = Studio(SeatConfig.model_validate(config), display, sound, announce, fail)
    studio.start()
    return studio
