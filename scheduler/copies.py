"""How many hosts should hold each image, which to fetch unasked, and which copies a full cache can spare.

A copy helps when somebody asks for the image and the host of every earlier copy is full. When a host has no room with
probability `full`, the n-th copy is wanted with probability `full ** (n - 1)`, and saves the transfer of the image's
bytes; so by cached byte it is worth `demand * full ** (n - 1)`, whatever the image's size. Filling the fleet's caches
by that worth, best first, gives the copies below. Nothing here moves a byte: hosts are told what to fetch and to keep.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from scheduler.fleet import Fleet, Kind
from scheduler.placement import DISK_HEADROOM

LEAST_FULL, MOST_FULL = 0.1, 0.95
"""What is believed of how often a host is full: never that no host is, and never that all are."""

BUDGET_SHARE = 0.8
"""Of what the caches can hold beside the images in use; the rest is for what was played last."""

ROUNDS = 40
"""Of bisection: they find the least worth to one part in a billion."""


@dataclass(frozen=True, slots=True)
class Image:
    """`demand` is how often it was asked for lately, in any unit that is the same for all."""

    bytes: int
    demand: float


def wanted_copies(images: Mapping[str, Image], budget_bytes: float, hosts: int, full_share: float) -> dict[str, int]:
    """On how many of `hosts` each image should lie, so that all together take at most `budget_bytes`.

    More demand never means fewer copies. What nobody asks for gets none.
    """
    full = min(MOST_FULL, max(LEAST_FULL, full_share))
    asked = {name: image for name, image in images.items() if image.demand > 0}
    if not asked or hosts <= 0:
        return dict.fromkeys(images, 0)
    names, sizes = list(asked), np.array([float(image.bytes) for image in asked.values()])
    worth = np.log(np.array([image.demand for image in asked.values()]))
    low, high = float(worth.min()) + hosts * log(full), float(worth.max()) + 1.0
    copies = np.zeros(len(names))
    for _ in range(ROUNDS):
        least = (low + high) / 2
        tried = np.clip(np.floor((worth - least) / -log(full)) + 1, 0, hosts)
        if float(sizes @ tried) <= budget_bytes:
            high, copies = least, tried
        else:
            low = least
    return dict.fromkeys(images, 0) | {name: int(count) for name, count in zip(names, copies, strict=True)}


def wanted_now(fleet: Fleet, images: Mapping[str, Image], full_share: float) -> dict[str, int]:
    """`wanted_copies` for the fleet as it is."""
    budget = BUDGET_SHARE * float(fleet.disk_unasked_bytes[fleet.is_ready].sum())
    return wanted_copies(images, budget, int(np.count_nonzero(fleet.is_ready)), full_share)


def fetches(fleet: Fleet, images: Mapping[str, Image], wanted: Mapping[str, int]) -> list[tuple[str, str]]:
    """Hosts and the image that each should fetch now: the copies that are missed most, each where most room is left
    beside the copies to keep and what is for sessions alone. At most one for a host, none where a transfer runs
    (players' pulls go first), and none that could not be fetched there lately.
    """
    kept = np.zeros(len(fleet.is_ready))
    lacking: list[tuple[float, str]] = []
    for name, image in images.items():
        there = fleet.count("image", name)
        if 0 < there <= wanted[name]:
            kept += float(image.bytes) * _held(fleet, "image", name)
        copies = there + fleet.count_pulling(name)
        if copies < wanted[name]:
            lacking.append(((copies + 1) / wanted[name], name))
    room = fleet.disk_unasked_bytes - kept
    is_idle = fleet.is_ready & ~fleet.has_transfers()
    found: list[tuple[str, str]] = []
    for _, name in sorted(lacking):
        if not is_idle.any():
            break
        is_out = _held(fleet, "image", name) | _held(fleet, "unfetchable", name)
        free = np.where(is_idle & ~is_out, room, -np.inf)
        best = int(np.argmax(free))
        if free[best] >= DISK_HEADROOM * images[name].bytes:
            is_idle[best] = False
            found.append((fleet.view_at(best).host_id, name))
    return found


def spare(fleet: Fleet, images: Mapping[str, Image], wanted: Mapping[str, int]) -> dict[str, frozenset[str]]:
    """By host, which of `images` it can let go first: of each as many copies as there are too many, where least room is
    left. However many hosts drop what they can spare at once, the wanted copies stay. A host that has none is left out,
    and one that is not ready neither counts nor is told anything.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    room = fleet.disk_unasked_bytes.copy()
    for name, image in images.items():
        room -= float(image.bytes) * _held(fleet, "image", name)
    for name in sorted(images, key=lambda name: (images[name].demand, name)):
        holders = np.flatnonzero(_held(fleet, "image", name) & fleet.is_ready)
        surplus = len(holders) - wanted.get(name, 0)
        if surplus <= 0:
            continue
        if surplus < len(holders):
            holders = holders[np.lexsort((fleet.order()[holders], room[holders]))[:surplus]]
        room[holders] += float(images[name].bytes)
        for place in holders:
            found[fleet.view_at(int(place)).host_id].add(name)
    return {host_id: frozenset(names) for host_id, names in found.items()}


def _held(fleet: Fleet, kind: Kind, image_id: str) -> np.ndarray:
    held = fleet.holds(kind, image_id)
    return np.zeros_like(fleet.is_ready) if held is None else held
