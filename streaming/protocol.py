"""What the agent and a seat worker say to each other: the seat's configuration and the messages of its control socket.

The socket speaks JSON lines. A request `{"id", "method", "params"}` gets one answer `{"id", "result"}` or `{"id",
"error": {"code", "message"}}`; events `{"event": …}` go to every client. This module names the shapes and does no I/O.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from streaming import PROTOCOL_VERSION

__all__ = [
    "PROTOCOL_VERSION",
    "ConnectOrder",
    "Hello",
    "Introduction",
    "Moment",
    "RevokeOrder",
    "SeatConfig",
    "SeatEvent",
    "SeatStatus",
    "SessionDescription",
    "Thumbnail",
]


class SeatModel(BaseModel):
    """Immutable, and tolerant of fields that a newer side adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SeatConfig(SeatModel):
    """`seat.json`: the picture that the seat shows and how it is sent.

    Width and height are even, as 4:2:0 video needs. No `ice_addresses` means every address of the host and loopback.
    `udp_ports` are the first and the last that may be used, None any; `public_address` is offered as well (NAT 1:1).
    A seat that `waits` has display and sound of this size, shows and sends nothing, and hears the rest by `take`. Each
    line of its log carries the `log_fields`.
    """

    width: int = Field(default=1280, ge=16, le=7680, multiple_of=2)
    height: int = Field(default=720, ge=16, le=4320, multiple_of=2)
    fps: int = Field(default=60, ge=1, le=120)
    ice_addresses: tuple[str, ...] = ()
    udp_ports: tuple[int, int] | None = None
    public_address: str | None = None
    gamepad: dict[str, str] = Field(default_factory=dict[str, str])
    bitrate_bps: int = Field(default=8_000_000, ge=200_000, le=100_000_000)
    waits: bool = False
    log_fields: dict[str, str] = Field(default_factory=dict[str, str])


class SessionDescription(SeatModel):
    """One side of the WebRTC negotiation, complete with its candidates."""

    type: Literal["offer", "answer"]
    sdp: str = Field(max_length=256 * 1024)


class Introduction(SeatModel):
    """Who comes with an offer. `person` is the same for every connection of one watcher, and `epoch` is that of the
    right by which they come. `again` says that this is a broken connection made anew, by nobody's wish: it takes the
    place of no other page.
    """

    name: str = Field(default="", max_length=64)
    person: str = Field(default="", max_length=64)
    epoch: int = Field(default=0, ge=0)
    again: bool = False


class ConnectOrder(SeatModel):
    """`connect` for the player, `watch` for a watcher."""

    offer: SessionDescription
    who: Introduction = Introduction()


class RevokeOrder(SeatModel):
    """`revoke`: watchers whose right is older than `epoch` go, and none of them comes back by it."""

    epoch: int = Field(ge=0)


class Hello(SeatModel):
    """Where a game finds this seat. All paths exist when the answer is given."""

    protocol: int
    pid: int
    display: int
    x_socket: str
    xauthority: str
    pulse_socket: str


class SeatStatus(SeatModel):
    """`peers` are all who are connected, `players` those of them whose input counts (None from an older worker), and
    `frames` those encoded so far. `idle_s` counts from the last input of whoever holds the controls, None before it.
    Of the player's link, `rtt_s` is the way there and back, `queue_s` what a queue adds to it and `loss` the share of
    packets that is lost; None until the page has told of it.
    """

    first_frame: bool
    peers: int
    idle_s: float | None
    fps: float
    bitrate_bps: int
    frames: int
    players: int | None = None
    rtt_s: float | None = None
    queue_s: float | None = None
    loss: float | None = None


class Moment(SeatModel):
    """Something that the seat did, by the wall clock. `moments` gives each once."""

    what: str = Field(max_length=64)
    began_ns: int = Field(ge=0, lt=2**63)
    ended_ns: int = Field(ge=0, lt=2**63)


class Thumbnail(SeatModel):
    """The picture on the display now, without the cursor, small enough to stand beside a save."""

    width: int
    height: int
    jpeg_base64: str


class SeatEvent(SeatModel):
    """News of the seat: `first_frame` once, `peers` with `count` (all) and `players` (whose input counts), `sound_lost`
    (the seat plays on) and `failed` (it has ended) with `message`.
    """

    event: str
    count: int | None = None
    players: int | None = None
    message: str | None = None
