"""What placement speaks of: amounts, hosts, requests, and why a host refuses. Frozen values; nothing is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

STANDARD_CLASS = "standard"
"""The class of a host that nobody labelled with one."""


class Refusal(StrEnum):
    """Why a host cannot take a session now."""

    NOT_READY = "not_ready"
    LABELS = "labels"
    CPU = "cpu"
    MEMORY = "memory"
    SEATS = "seats"
    DISK = "disk"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of what a session occupies."""

    cpu_cores: float
    memory_bytes: int
    seats: int

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.cpu_cores + other.cpu_cores, self.memory_bytes + other.memory_bytes, self.seats + other.seats
        )


NOTHING = Resources(0.0, 0, 0)


def seat_pixels(width: int, height: int) -> tuple[int, int]:
    """The width and height that a seat has for a picture of so many pixels: even, as 4:2:0 video needs."""
    return width // 2 * 2, height // 2 * 2


def seat_size(width: int, height: int) -> str:
    """The name of that size."""
    seat_width, seat_height = seat_pixels(width, height)
    return f"{seat_width}x{seat_height}"


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as the snapshot shows it.

    `is_ready` says that its lease is valid and it is not draining. `reserved` is the sum over live sessions and warm
    seats, and `yielding` the part of it that warm seats would give up for a session; `used` is what the whole machine
    uses, ours or not. `image_ids` are whole images, `layers` the digests that lie there, of these images and of others.
    `pulling` maps an image to the bytes still to come, and what is in `unfetchable` could not be fetched there lately.
    `disk_kept_free_bytes` of `disk_free_bytes` are for sessions' images alone. `warm_seats` are the sizes of display of
    which a seat waits, `warm_titles` the builds of which a game waits at its title.
    """

    host_id: str
    is_ready: bool
    labels: Mapping[str, str]
    capacity: Resources
    reserved: Resources
    used: Resources
    disk_free_bytes: int
    image_ids: frozenset[str]
    pulling: Mapping[str, int]
    pull_bytes_per_s: float
    layers: frozenset[str] = frozenset()
    host_class: str = STANDARD_CLASS
    yielding: Resources = NOTHING
    warm_seats: frozenset[str] = frozenset()
    warm_titles: frozenset[str] = frozenset()
    disk_kept_free_bytes: int = 0
    unfetchable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """What one session asks for.

    `build_id` and `seat_size` (as `seat_size` writes it) say which waiting title and which waiting seat it could take.
    `image_bytes` is the image's size as the hosts report it; where `layers` (digest to the bytes that are moved) are
    known, they count instead, and each of their bytes becomes `unpacked_ratio` on the disk. `is_pullable` is False for
    an image that no registry has: then only hosts that hold it, or are already getting it, can run the session.
    `boot_s` is the build's mean boot by class of hosts, `boot_prior_s` that of a class where it never ran; `seat_s` how
    long a seat takes to start where none waits warm, beside the image's pull. `network_s` is what the player's page
    measured to some hosts, by their id; the others count as near. `usual_cores` is what sessions take on average,
    `fragment_seconds` what a core is worth that lies in a gap too small for one: both are of the whole fleet, see
    `placement.among`.
    """

    image_id: str
    image_bytes: int
    resources: Resources
    required_labels: Mapping[str, str]
    boot_prior_s: float
    is_pullable: bool = True
    layers: Mapping[str, int] = field(default_factory=dict[str, int])
    unpacked_ratio: float = 1.0
    boot_s: Mapping[str, float] = field(default_factory=dict[str, float])
    seat_s: float = 0.0
    seat_size: str = ""
    build_id: str = ""
    network_s: Mapping[str, float] = field(default_factory=dict[str, float])
    region_s: Mapping[str, float] = field(default_factory=dict[str, float])
    elsewhere_s: float = 0.0
    usual_cores: float = 1.0
    fragment_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """How good a host is: `seconds` is what counts, the others say why. `load` and `stranded` are shares of capacity;
    `load` is above 1 where the machine is busier than its reservations say. `fragments` are cores, less than 0 where
    the session fills a gap that is of little use to others. `disk_bytes` must be free for what is missing of the image.
    """

    host_id: str
    seconds: float
    ready_s: float
    load: float
    stranded: float
    fragments: float
    disk_bytes: int = 0
