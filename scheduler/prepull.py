"""Which host should fetch which image before anybody asks, and which it lets go first: by how often the games were
played lately. Pure.

How many copies of each image pay is `copies`' matter, and where a fetch begins as well: at most one for a host, and
none where a transfer runs. Here is what it needs to know: demand, and how often a host is full.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scheduler.copies import Image, fetches, spare, wanted_now
from scheduler.fleet import Fleet
from scheduler.values import HostView

INTERVAL_S = 60.0
"""How often it is planned anew."""

WINDOW_S = 3 * 3600
"""Demand of so long ago counts half."""

WINDOWS = 8
"""A day is looked back on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Hosts and the image that each should begin to fetch now, how many copies of each image should be, and which
    images each host lets go first when it needs room.
    """

    fetches: Sequence[tuple[str, str]]
    wanted: Mapping[str, int]
    spare: Mapping[str, frozenset[str]]


def demand(launches: Sequence[int]) -> float:
    """How much an image is asked for, from its launches in each window, the newest first."""
    return float(sum(count * 0.5**age for age, count in enumerate(launches)))


def full_share(fleet: Fleet) -> float:
    """The share of ready hosts without room for one more session of the usual size; 0 without sessions."""
    sessions = fleet.firm[2, fleet.is_ready].sum()
    if sessions <= 0:
        return 0.0
    usual = fleet.firm[:, fleet.is_ready].sum(axis=1, keepdims=True) / sessions
    is_full = (fleet.firm + usual > fleet.capacity).any(axis=0)
    return float(np.count_nonzero(is_full & fleet.is_ready) / np.count_nonzero(fleet.is_ready))


def plan(hosts: Collection[HostView], images: Mapping[str, Image], ordered: Mapping[str, Collection[str]]) -> Plan:
    """`ordered` is what hosts were told to fetch already, by their ids: it counts as on its way, and such a host gets
    no second order.
    """
    return plan_of(Fleet(_with_orders(host, images, ordered.get(host.host_id, ())) for host in hosts), images)


def plan_of(fleet: Fleet, images: Mapping[str, Image]) -> Plan:
    """The same for a fleet that knows of all orders as transfers."""
    wanted = wanted_now(fleet, images, full_share(fleet))
    return Plan(fetches(fleet, images, wanted), wanted, spare(fleet, images, wanted))


def _with_orders(host: HostView, images: Mapping[str, Image], ordered: Collection[str]) -> HostView:
    coming = {name: images[name].bytes if name in images else 0 for name in ordered if name not in host.image_ids}
    return replace(host, pulling={**coming, **host.pulling}) if coming else host
