"""All hosts at once: `HostView`s as arrays, one place in each array for each host.

A `Fleet` is kept while hosts come, change and go, and each `put` costs what has changed, not what is there. It decides
nothing; `placement` reads its arrays. What hosts hold (images, layers, labels) is one array of truth values for each
thing that any host holds, so memory is a byte for each host and thing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scheduler.transfers import Numbers, Places, Transfers
from scheduler.values import HostView, Request, Resources

Truths = NDArray[np.bool_]
Kind = Literal["image", "layer", "label", "seat", "title", "class", "unfetchable"]
Thing = tuple[Kind, str]

ROOM_AT_FIRST = 8
NONE_OFFERED = -1.0
"""Stands for a capacity of zero: even a session that asks for nothing of it is too much."""


class Fleet:
    """Hosts by their id; iterating gives their views.

    The arrays are for reading, and valid until the next change. A place without a host is not ready and offers nothing.
    Rows of the amounts are CPU cores, memory bytes and seats.
    """

    def __init__(self, hosts: Iterable[HostView] = ()) -> None:
        self._views: list[HostView | None] = []
        self._places: dict[str, int] = {}
        self._free: list[int] = []
        self._held: dict[Thing, Truths] = {}
        self._holders: dict[Thing, int] = {}
        self._transfers = Transfers()
        self._order: Places | None = None
        self.is_ready: Truths = np.zeros(0, np.bool_)
        self.disk_free_bytes: Numbers = np.zeros(0)
        self.disk_unasked_bytes: Numbers = np.zeros(0)  # of it, for what nobody waits for
        self.pull_bytes_per_s: Numbers = np.zeros(0)
        self.capacity: Numbers = np.zeros((3, 0))
        self.firm: Numbers = np.zeros((3, 0))  # reserved, less what warm seats would give up
        self.unreserved: Numbers = np.zeros((3, 0))  # used beyond what is reserved
        known = list(hosts)
        self._make_room(len(known))
        for host in known:
            self.put(host)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[HostView]:
        return (view for view in self._views if view is not None)

    def __contains__(self, host_id: object) -> bool:
        return host_id in self._places

    def put(self, host: HostView) -> None:
        """Add `host`, or replace what was known of it."""
        place = self._places.get(host.host_id)
        if place is None:
            place = self._new_place(host.host_id)
        before = self._views[place]
        self._views[place] = host
        self.is_ready[place] = host.is_ready
        self.disk_free_bytes[place] = host.disk_free_bytes
        self.disk_unasked_bytes[place] = max(0, host.disk_free_bytes - host.disk_kept_free_bytes)
        self.pull_bytes_per_s[place] = host.pull_bytes_per_s
        reserved, yielding, used = _amounts(host.reserved), _amounts(host.yielding), _amounts(host.used)
        self.capacity[:, place] = [offer if offer > 0 else NONE_OFFERED for offer in _amounts(host.capacity)]
        self.firm[:, place] = [held - given for held, given in zip(reserved, yielding, strict=True)]
        self.unreserved[:, place] = [max(0.0, use - held) for use, held in zip(used, reserved, strict=True)]
        self._hold(place, before, host)

    def reserve(self, host_id: str, sessions: Resources) -> None:
        """What live sessions take of a host now; what waits there takes what it took. Raises KeyError for an unknown
        host.
        """
        view = self.view_at(self._places[host_id])
        reserved = sessions + view.yielding
        if view.reserved != reserved:
            self.put(replace(view, reserved=reserved))

    def remove(self, host_id: str) -> None:
        """Forget a host; one that is not there is forgotten already."""
        place = self._places.pop(host_id, None)
        if place is None:
            return
        self._hold(place, self._views[place], None)
        self._views[place] = None
        self._free.append(place)
        self._order = None
        self.is_ready[place] = False
        self.capacity[:, place] = NONE_OFFERED
        self.firm[:, place] = self.unreserved[:, place] = 0

    def view_at(self, place: int) -> HostView:
        """The host that has this place. Raises LookupError when none has."""
        view = self._views[place]
        if view is None:
            raise LookupError(f"no host has the place {place}")
        return view

    def places(self, host_ids: Iterable[str]) -> list[int]:
        """Where the figures of these hosts stand; unknown ones are left out."""
        return [place for host_id in host_ids if (place := self._places.get(host_id)) is not None]

    def order(self) -> Places:
        """For each place, where its host's id stands among all ids: it breaks ties the same everywhere."""
        if self._order is None:
            self._order = np.zeros(len(self._views), np.intp)
            for position, (_, place) in enumerate(sorted(self._places.items())):
                self._order[place] = position
        return self._order

    def holds(self, kind: Kind, name: str) -> Truths | None:
        """Which places hold this thing; None when none does."""
        return self._held.get((kind, name))

    def count(self, kind: Kind, name: str) -> int:
        """How many hosts hold this thing."""
        return self._holders.get((kind, name), 0)

    def count_pulling(self, image_id: str) -> int:
        """How many hosts are getting this image."""
        return self._transfers.count(image_id)

    def missing_bytes(self, request: Request) -> Numbers:
        """What each host still has to fetch of the image. A host that is getting it lacks what is still to come."""
        if request.layers:
            missing = np.full(len(self._views), float(sum(request.layers.values())))
            for digest, size_bytes in request.layers.items():
                held = self.holds("layer", digest)
                if held is not None:
                    missing -= float(size_bytes) * held
        else:
            missing = np.full(len(self._views), float(request.image_bytes))
        at, left = self._transfers.of(request.image_id)
        missing[at] = left
        held = self.holds("image", request.image_id)
        if held is not None:
            missing[held] = 0.0
        return missing

    def bytes_ahead(self, request: Request, missing: Numbers) -> Numbers:
        """What other images' transfers take of each line before our last byte is there, when all share it equally: of
        each, as many bytes as we miss, or all it has left.
        """
        return self._transfers.ahead(request.image_id, missing)

    def has_transfers(self) -> Truths:
        """Which places are getting any image."""
        transferring = np.zeros(len(self._views), np.bool_)
        transferring[self._transfers.places()] = True
        return transferring

    def is_pulling(self, image_id: str) -> Truths:
        """Which places are getting this image."""
        pulling = np.zeros(len(self._views), np.bool_)
        pulling[self._transfers.of(image_id)[0]] = True
        return pulling

    def _hold(self, place: int, before: HostView | None, after: HostView | None) -> None:
        if before and after and _content(before) == _content(after):
            return
        old = _things(before) if before else set[Thing]()
        new = _things(after) if after else set[Thing]()
        for thing in old - new:
            self._held[thing][place] = False
            self._holders[thing] -= 1
            if not self._holders[thing]:
                del self._holders[thing], self._held[thing]
        for thing in new - old:
            if thing not in self._held:
                self._held[thing], self._holders[thing] = np.zeros(len(self._views), np.bool_), 0
            self._held[thing][place] = True
            self._holders[thing] += 1
        self._transfers.put(place, after.pulling if after else {})

    def _new_place(self, host_id: str) -> int:
        if not self._free:
            self._make_room(max(ROOM_AT_FIRST, len(self._views) // 4))
        place = self._places[host_id] = self._free.pop()
        self._order = None
        return place

    def _make_room(self, more: int) -> None:
        """Room for so many hosts more. Grown by a quarter, so that few places are looked at in vain."""
        there = len(self._views)
        self._views += [None] * more
        self._free += range(there + more - 1, there - 1, -1)
        self.is_ready = np.concatenate([self.is_ready, np.zeros(more, np.bool_)])
        self.disk_free_bytes = np.concatenate([self.disk_free_bytes, np.zeros(more)])
        self.disk_unasked_bytes = np.concatenate([self.disk_unasked_bytes, np.zeros(more)])
        self.pull_bytes_per_s = np.concatenate([self.pull_bytes_per_s, np.ones(more)])
        self.capacity = np.hstack([self.capacity, np.full((3, more), NONE_OFFERED)])
        self.firm = np.hstack([self.firm, np.zeros((3, more))])
        self.unreserved = np.hstack([self.unreserved, np.zeros((3, more))])
        for thing, held in self._held.items():
            self._held[thing] = np.concatenate([held, np.zeros(more, np.bool_)])
        self._order = None


def label(key: str, value: str) -> str:
    """The name of a label among the things that a host holds."""
    return f"{key}={value}"


def _amounts(resources: Resources) -> tuple[float, float, float]:
    return resources.cpu_cores, float(resources.memory_bytes), float(resources.seats)


def _content(host: HostView) -> tuple[object, ...]:
    held = host.image_ids, host.layers, host.warm_seats, host.warm_titles, host.host_class, host.labels
    return *held, host.pulling, host.unfetchable


def _things(host: HostView) -> set[Thing]:
    things: set[Thing] = {("image", image_id) for image_id in host.image_ids}
    things.update(("layer", digest) for digest in host.layers)
    things.update(("seat", size) for size in host.warm_seats)
    things.update(("title", build_id) for build_id in host.warm_titles)
    things.update(("label", label(key, value)) for key, value in host.labels.items())
    things.update(("unfetchable", image_id) for image_id in host.unfetchable)
    things.add(("class", host.host_class))
    return things
