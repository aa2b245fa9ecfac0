"""Which host should fetch which image before anybody asks: by how often the games were played lately. Pure.

How many copies of each image pay is `copies`' matter, and where a fetch begins as well: at most one for a host, and
none where a transfer runs. Here is what it needs to know: demand, and how often a host is full.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from scheduler.copies import Image, fetches, wanted_now
from scheduler.fleet import Fleet
from scheduler.values import HostView

WINDOW_S = 3 * 3600
"""Demand of so long ago counts half."""

WINDOWS = 8
"""A day is looked back on."""


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


def plan(
    hosts: Collection[HostView], images: Mapping[str, Image], ordered: Mapping[str, Collection[str]]
) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Hosts and the image that each should begin to fetch now, and how many copies of each image should be.

    `ordered` is what hosts were told to fetch already, by their ids: it counts as on its way, and such a host gets no
    second order.
    """
    fleet = Fleet(_with_orders(host, images, ordered.get(host.host_id, ())) for host in hosts)
    wanted = wanted_now(fleet, images, full_share(fleet))
    return fetches(fleet, images, wanted), wanted


def _with_orders(host: HostView, images: Mapping[str, Image], ordered: Collection[str]) -> HostView:
    coming = {name: images[name].bytes if name in images else 0 for name in ordered if name not in host.image_ids}
    return replace(host, pulling={**coming, **host.pulling}) if coming else host
