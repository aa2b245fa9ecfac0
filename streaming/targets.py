"""What the picture is to be sent with: a value that whoever measures the network hands to whoever encodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoTarget:
    """At most `bitrate_bps` and `fps`; `height` in rows, of which the display has as many or more."""

    bitrate_bps: int
    fps: int
    height: int
