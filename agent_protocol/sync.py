"""`POST /api/agents/sync`: what a host sees, and what it should run.

The answer is complete desired state, never a command list. A session that is missing from it is not to be killed: one
that must end is listed with `want="stop"`.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from agent_protocol.build import BuildSpec
from agent_protocol.model import PublicUrl, WireModel
from agent_protocol.run_result import RunResult
from agent_protocol.versions import SPOKEN, Spoken

Amount = Annotated[float, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
SESSION_ID = r"^[A-Za-z0-9_-]{1,64}$"


class ObservedState(StrEnum):
    """How far a session has come on its host. `ENDED` is final and carries an `EndReport`."""

    PULLING = "pulling"
    RESTORING = "restoring"
    BOOTING = "booting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Progress(WireModel):
    """`total` is None while it is not known. What has arrived is unpacked, and `unpacked` tells that it goes on.
    `waited_s` grows while the engine fetches others first: nothing comes then, and nothing is amiss.
    """

    done: Bytes
    total: Bytes | None = None
    unpacked: Bytes = 0
    waited_s: Annotated[int, Field(ge=0, lt=2**31)] = 0
    unit: Literal["bytes"] = "bytes"


class Statistics(WireModel):
    """What the container used. `duration_s` and `cpu_seconds` cover its whole life; the `played_*` figures only the
    time between first frame and stop signal, and `boot_s` the time from container start to first frame. `frame_s` is
    the mean time from one picture to the next while the game moved and was watched; None when it was not.
    """

    duration_s: Amount
    cpu_seconds: Amount
    peak_memory_bytes: Bytes
    boot_s: Amount | None = None
    played_s: Amount = 0.0
    played_cpu_seconds: Amount = 0.0
    frame_s: Amount | None = None


class SavedVersion(WireModel):
    """A save archive that the orchestrator has taken over. `version_id` is the id that it answered with."""

    version_id: str
    digest: str
    size_bytes: int


class EndCode(StrEnum):
    """Why a session ends on its host. Agents may come to know more than an orchestrator does: see `EndReport.code`."""

    STOPPED = "stopped"  # as ordered
    EXITED = "exited"  # the game left by itself with status 0
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    BOOT_TIMEOUT = "boot_timeout"
    IMAGE_MISSING = "image_missing"
    PULL_FAILED = "pull_failed"
    RESTORE_FAILED = "restore_failed"
    SEAT_FAILED = "seat_failed"
    ENGINE_FAILED = "engine_failed"
    DISK_FULL = "disk_full"  # the host has no room for another session
    HOST_RESTARTED = "host_restarted"  # the machine was started anew while the game ran
    EXPIRED = "expired"  # a deadline held on the host
    SAVE_FULL = "save_full"  # the save outgrew its limit where the host cannot bound it
    SAVE_FAILED = "save_failed"  # ended, and the save is kept on the host


class EndReport(WireModel):
    """Why a session ended on its host. `code` is an `EndCode`, or one that only a newer agent knows."""

    code: str
    message: str
    log_tail: tuple[str, ...] = ()


class ObservedSession(WireModel):
    """One session as the host sees it.

    `seat_ready` says that players can connect; `peers` how many are connected; `paused` that the game stands still
    because nobody is; `last_input_at` when the player last did something; `save_used_bytes` how much of the build's
    `save_bytes` the home takes. `result` comes with the end of a session that was `for_result`, where its game told
    one.
    """

    session_id: str
    generation: int
    state: ObservedState
    seat_ready: bool = False
    progress: Progress | None = None
    peers: int = Field(default=0, ge=0)
    paused: bool = False
    last_input_at: AwareDatetime | None = None
    save_used_bytes: Bytes | None = None
    statistics: Statistics | None = None
    save: SavedVersion | None = None
    result: RunResult | None = None
    end: EndReport | None = None


class HostImage(WireModel):
    """An image in the host's engine that carries our labels or that a build named. `last_used_at` is when it was
    played here last, or fetched unasked; None when neither, as far as the host remembers.
    """

    image_id: str
    manifest_digest: str | None = None
    size_bytes: Bytes = 0
    last_used_at: AwareDatetime | None = None


class HostPull(WireModel):
    """An image on its way to the host. `unasked` says that no session waits for it. With a `failure`, for people, it is
    one that was ordered unasked and could not be fetched lately, and is not on its way.
    """

    image_id: str
    done: Bytes = 0
    total: Bytes | None = None
    unasked: bool = False
    failure: str | None = Field(default=None, max_length=1000)


class Capacity(WireModel):
    """What the host offers to games. `disk_evictable_bytes` is what cached images would give up on top of what is
    free, and `disk_kept_free_bytes` what images that nobody waits for leave free.
    """

    cpu_cores: Amount
    memory_bytes: Bytes
    seats: int = Field(ge=0, le=10_000)
    disk_free_bytes: Bytes
    disk_evictable_bytes: Bytes = 0
    disk_kept_free_bytes: Bytes = 0


class Usage(WireModel):
    """What the whole machine uses now, ours or not."""

    cpu_cores: Amount
    memory_bytes: Bytes


class WarmSeats(WireModel):
    """Seats of one display size that wait started for a session, and are no session's. Those with a `build_id` have a
    game of that build and image on them that waits at its title, and takes `memory_bytes` with its seat.
    """

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    count: int = Field(ge=0, le=1000)
    build_id: str | None = Field(default=None, max_length=64)
    image_id: str | None = Field(default=None, max_length=128)
    memory_bytes: Bytes = 0


class WarmTitles(WireModel):
    """So many games of a build that declares it safe should wait at their title. `memory_bytes` is what each takes with
    its seat.
    """

    build: BuildSpec
    count: int = Field(ge=0, le=1000)
    memory_bytes: Bytes = 0


class SyncRequest(WireModel):
    """`seq` grows by one a request within an `incarnation`, and an older one is refused. `incarnation` grows at each
    start of the agent. `warm_seats` wait now.

    It is written in the version `protocol`, and answered in it; the agent `speaks` others as well, which is None of one
    that is older than this. These two are told alike in every version.
    """

    protocol: int = Field(default=SPOKEN.oldest, ge=0, lt=2**31)
    speaks: Spoken | None = None
    incarnation: int = Field(ge=0, lt=2**63)
    seq: int = Field(ge=0, lt=2**63)
    public_url: PublicUrl
    sessions: tuple[ObservedSession, ...] = ()
    images: tuple[HostImage, ...] = ()
    capacity: Capacity
    usage: Usage
    pull_bytes_per_s: Amount | None = None
    warm_seats: Annotated[tuple[WarmSeats, ...], Field(max_length=64)] = ()
    pulls: tuple[HostPull, ...] = ()


class RestoreSource(WireModel):
    """Where the save comes from: `GET` of `path` at the orchestrator gives a tar+zstd archive with this SHA-256. The
    version's `DownloadWay` may spare the orchestrator that.
    """

    version_id: str
    path: str
    digest: str
    size_bytes: int


class DesiredSession(WireModel):
    """One session that this host should run or end.

    `expires_at` (idle) and `ends_at` (cap) hold on the host too: past either it ends the session by itself. `epoch`
    below which stream tokens are refused. `session_id` names folders and mounts of a host, and root makes and removes
    them. One that is `for_result` has a game that is played once, and tells how it went in `/session/result`; nothing
    of it is saved. What its launch does here is told below `traceparent` (W3C Trace Context); who traces nothing, or
    cannot read it, leaves it alone.
    """

    session_id: Annotated[str, Field(pattern=SESSION_ID)]
    generation: int
    want: Literal["run", "stop"]
    build: BuildSpec
    restore: RestoreSource | None = None
    timezone: str = "UTC"
    epoch: int = 0
    for_result: bool = False
    traceparent: str | None = None
    expires_at: AwareDatetime
    ends_at: AwareDatetime


class SyncResponse(WireModel):
    """`revision` grows whenever this host's desired state changes; `GET /api/agents/wait?revision=N` returns `News` as
    soon as it is no longer N. `now` is the orchestrator's clock: every moment in these messages is told by it, whatever
    the host's own clock says. `warm_seats` and after them `warm_titles` should wait, those named first before the
    others; sessions go before them all. `prepulls` are builds to fetch unasked, when no session waits for another. Of
    the images here `spare_images` go first when room is needed, since enough other hosts hold them; None says nothing
    new of that. A replica that `speaks` more than the version in which it was asked says so.
    """

    revision: int
    speaks: Spoken | None = None
    now: AwareDatetime | None = None
    sessions: tuple[DesiredSession, ...]
    warm_seats: tuple[WarmSeats, ...] = ()
    warm_titles: tuple[WarmTitles, ...] = ()
    next_sync_ms: int = Field(ge=100)
    lease_until: AwareDatetime
    keys: dict[str, object]
    prepulls: tuple[BuildSpec, ...] = ()
    spare_images: tuple[str, ...] | None = None


class News(WireModel):
    """What `GET /api/agents/wait` answers. With a `revision` that the host did not know come the `sessions` that it
    should run or end then: those of a sync's answer, but for any that only a report of the host brings up, since none
    was made. They spare an order the way of a sync; None says that one has to be made.
    """

    revision: int
    sessions: tuple[DesiredSession, ...] | None = None
