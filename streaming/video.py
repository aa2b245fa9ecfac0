"""The picture's thread: waits for damage, grabs, encodes, hands over. One thread, so that no frame ever waits in a
queue: when encoding is slow the next grab is simply later, and newer.

Without a viewer it only looks for the first frame that is not one single colour, then sleeps until somebody watches.
"""

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import xcffib.damage

from streaming import log
from streaming.encode_plan import Encode, plan_encodes
from streaming.encodings import Encodings
from streaming.errors import SeatFailed
from streaming.frame_grabber import best_grabber
from streaming.frame_pacing import FramePacer
from streaming.packets import Codec, EncodedPacket
from streaming.pixels import is_single_colour
from streaming.targets import VideoTarget
from streaming.xconnection import XConnection

FIRST_FRAME_CHECK_S = 0.05
RATE_WINDOW_S = 1.0
NOTHING_NEW_BYTES = 256  # of a packet: all of the picture is as it was


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """`fps` over the last second; the milliseconds are those of the last frame; `bitrate_bps` is what was produced. All
    of it is the player's; `sent` is what its picture is meant to be, None before the first.
    """

    frames: int
    fps: float
    bitrate_bps: int
    capture_ms: float
    encode_ms: float
    sent: Encode | None


class VideoThread:
    """All methods may be called from any thread; all callbacks come from the video thread and must only hand over."""

    def __init__(
        self,
        display: str,
        target: VideoTarget,
        *,
        on_packet: Callable[[EncodedPacket], None],
        on_first_frame: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._display_name = display
        self._lock = threading.Lock()
        self._target = target
        self._codecs: tuple[Codec, ...] = (Codec.H264,)
        self._on_packet = on_packet
        self._on_first_frame = on_first_frame
        self._on_failure = on_failure
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._is_stopping = False
        self._is_watched = False
        self._keyframes_wanted: frozenset[Codec] = frozenset()
        self._held_until = float("-inf")
        self._first_frame_seen = False
        self._steady_hold_s = 0.0
        self._pressed_at = float("-inf")
        self._followed: tuple[VideoTarget, tuple[Codec, ...]] | None = None
        self._sent: Encode | None = None
        self._recent: deque[tuple[float, int]] = deque(maxlen=240)
        self._frames = 0
        self._capture_ms = 0.0
        self._encode_ms = 0.0
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def watch(self, is_watched: bool) -> None:
        """Encode from now on, beginning with a keyframe, or stop."""
        with self._lock:
            self._is_watched = is_watched
            self._keyframes_wanted = frozenset(Codec) if is_watched else frozenset()
        self._wake()

    def aim(self, target: VideoTarget) -> None:
        """From the next picture on. Another height begins with a keyframe; rates change without one in H.264."""
        if target != self._target:
            self._target = target
            self._wake()

    def encode_for(self, codecs: Sequence[Codec]) -> None:
        """The player's codec first; see `plan_encodes`. What is added begins with a keyframe."""
        if tuple(codecs) != self._codecs:
            self._codecs = tuple(codecs)
            self._wake()

    def request_keyframe(self) -> None:
        with self._lock:
            self._keyframes_wanted = frozenset(Codec)
        self._wake()

    def hold(self, until: float) -> None:
        """No picture is taken before `until`, on the monotonic clock: it would only wait on its way."""
        is_sooner, self._held_until = until < self._held_until, until
        if is_sooner:
            self._wake()

    def hold_steady(self, hold_s: float) -> None:
        """From now on the pictures of a steady motion are taken so much later."""
        self._steady_hold_s = hold_s

    def expect_change(self, now: float) -> None:
        """The player has pressed something, at this moment of the monotonic clock."""
        self._pressed_at = now

    def figures(self) -> VideoFigures:
        since = time.monotonic() - RATE_WINDOW_S
        recent = [size for at, size in tuple(self._recent) if at >= since]
        bitrate_bps, fps = int(sum(recent) * 8 / RATE_WINDOW_S), len(recent) / RATE_WINDOW_S
        return VideoFigures(self._frames, fps, bitrate_bps, self._capture_ms, self._encode_ms, self._sent)

    def stop(self) -> None:
        self._is_stopping = True
        self._wake()
        self._thread.join(timeout=2.0)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is awake already
            os.write(self._wake_write, b"!")

    def _run(self) -> None:
        try:
            self._work(XConnection(self._display_name))
        except SeatFailed as error:
            if not self._is_stopping:
                self._on_failure(error.message)
        except Exception as error:
            log.exception("video.crashed")
            self._on_failure(f"the picture's thread crashed: {error}")

    def _work(self, display: XConnection) -> None:
        damage_extension = display.extension(xcffib.damage.key)
        damage_extension.QueryVersion(1, 1).reply()
        damage = display.new_identity()
        damage_extension.Create(damage, display.root, xcffib.damage.ReportLevel.NonEmpty)
        grabber = best_grabber(display)
        encodings = Encodings(grabber.pixels)
        pacer = FramePacer()
        pacer.damaged(time.monotonic())
        look_at, has_changed = 0.0, True
        log.info("video.started", grabber=type(grabber).__name__)
        while not self._is_stopping:
            self._follow(encodings, pacer, display)
            pacer.hold_steady(self._steady_hold_s)
            pacer.pressed(self._pressed_at)
            now = time.monotonic()
            if self._keyframes_wanted:
                pacer.force()
            if self._is_watched:
                due_at = max(pacer.due_at(now), self._held_until)
            elif has_changed and not self._first_frame_seen:
                due_at = look_at
            else:
                due_at = float("inf")
            if due_at > now:
                display.flush()
                if self._wait(display, due_at - now):
                    pacer.damaged(time.monotonic())
                    has_changed = True
                continue
            damage_extension.Subtract(damage, 0, 0)
            grabber.grab()
            grabbed_at = time.monotonic()
            has_changed = False
            if not self._first_frame_seen and not is_single_colour(grabber.pixels):
                self._first_frame_seen = True
                self._on_first_frame()
            if self._is_watched:
                size_bytes = self._encode(encodings, grabbed_at)
                pacer.captured(now)
                if size_bytes <= NOTHING_NEW_BYTES:
                    pacer.told_nothing(now)
                self._capture_ms = (grabbed_at - now) * 1000
            else:
                pacer.damaged(grabbed_at)
                look_at = grabbed_at + FIRST_FRAME_CHECK_S
            if display_events(display):
                pacer.damaged(time.monotonic())
                has_changed = True

    def _follow(self, encodings: Encodings, pacer: FramePacer, display: XConnection) -> None:
        """Takes over what is wanted now, if it is not what was."""
        followed = self._target, self._codecs
        if followed == self._followed:
            return
        target, codecs = self._followed = followed
        plan = plan_encodes(codecs, target, *display.geometry)
        if encodings.follow(plan):
            pacer.force()
        pacer.aim(target.fps)
        self._sent = plan[0] if plan else None

    def _encode(self, encodings: Encodings, grabbed_at: float) -> int:
        """How large the player's packet is."""
        size_bytes = 0
        with self._lock:
            keyframes, self._keyframes_wanted = self._keyframes_wanted, frozenset()
        for packet in encodings.encode(grabbed_at, keyframes):
            if self._sent is not None and packet.codec is self._sent.codec:
                done_at = time.monotonic()
                self._encode_ms = (done_at - grabbed_at) * 1000
                self._frames += 1
                size_bytes = len(packet.data)
                self._recent.append((done_at, size_bytes))
            self._on_packet(packet)
        return size_bytes

    def _wait(self, display: XConnection, timeout_s: float) -> bool:
        """Sleeps until damage (True), a call from another thread, or the time-out."""
        if display_events(display):
            return True
        timeout = None if timeout_s == float("inf") else timeout_s
        readable, _, _ = select.select([display.fileno(), self._wake_read], [], [], timeout)
        if self._wake_read in readable:
            os.read(self._wake_read, 4096)
        return display_events(display)


def display_events(display: XConnection) -> bool:
    """Whether damage was among what has arrived."""
    return any(isinstance(event, xcffib.damage.NotifyEvent) for event in display.events())
