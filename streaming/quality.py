"""What the player allows of the picture. Pure."""

from streaming.page_messages import Quality
from streaming.targets import VideoTarget


def bounded(most: VideoTarget, wish: Quality) -> VideoTarget:
    """No more than the seat gives and no more than the player wishes."""
    return VideoTarget(
        most.bitrate_bps if wish.bitrate_bps is None else min(most.bitrate_bps, wish.bitrate_bps),
        most.fps if wish.fps is None else min(most.fps, wish.fps),
        most.height if wish.height is None else min(most.height, wish.height),
    )
