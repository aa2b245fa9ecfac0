"""Which picture the player's link carries, of what the player allows; the picture's thread is told.

What is decided is decided in `picture_ladder`, `steady_phase` and `quality`. This holds their state.
"""

import time

from streaming.encode_plan import sent_size
from streaming.link import Link
from streaming.page_messages import Quality, Shown
from streaming.picture_ladder import LadderState, Picture, climbed
from streaming.quality import bounded
from streaming.steady_phase import PhaseState, told
from streaming.targets import VideoTarget
from streaming.video import VideoThread


class Steering:
    """Used by the event loop's thread only. `most` is what a picture of this width and height may ever be."""

    def __init__(self, video: VideoThread, most: VideoTarget, width: int, height: int) -> None:
        self._video = video
        self._width, self._height = width, height
        self._most = self._allowed = self._target = most
        self._ladder = LadderState()
        self._phase = PhaseState()

    @property
    def target(self) -> VideoTarget:
        return self._target

    def begin(self, link: Link | None) -> None:
        """Another player, over this link, of whom nothing is known yet; or none."""
        self._allowed, self._ladder, self._phase = self._most, LadderState(), PhaseState()
        self._video.hold_steady(self._phase.hold_s)
        self._steer(link)

    def follow(self, message: Quality | Shown, link: Link | None) -> None:
        """What the player allows of the picture, and in which phase it is best seen."""
        if isinstance(message, Quality):
            self._allowed = bounded(self._most, message)
            self._steer(link)
        else:
            self._phase = told(self._phase, message, self._target.fps)
            self._video.hold_steady(self._phase.hold_s)

    def link_changed(self, link: Link) -> None:
        self._steer(link)
        self._video.hold(link.rest_until_s)

    def _steer(self, link: Link | None) -> None:
        allowed = self._target = self._allowed
        if link is not None:
            full = Picture(*sent_size(self._width, self._height, allowed.height), allowed.fps)
            spend = min(allowed.bitrate_bps, link.picture_bps)
            self._ladder, self._target = climbed(self._ladder, full, spend, time.monotonic())
            link.wish(allowed.bitrate_bps, self._target.fps)
        self._video.aim(self._target)
