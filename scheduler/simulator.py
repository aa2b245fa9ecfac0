"""A fleet in virtual time: who waits how long for the first frame when a `Policy` places a `Trace`.

The policy sees what a replica sees, a `Fleet` of reports, and answers with a host; everything else (caches, lines,
boots, outages) happens alike under every policy. Nothing here knows a clock or draws a number, so a trace and a policy
give the same outcome again and again.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scheduler.fleet import Fleet
from scheduler.prepull import INTERVAL_S, Plan
from scheduler.simulated_host import SimulatedHost
from scheduler.trace import Game, Launch, Outage, Trace
from scheduler.values import Request

PLACING_LIMIT_S = 120.0
"""Who has waited so long for a place is refused, as in a real fleet."""

NOTICED_AFTER_S = 11.0
"""A lease of 6 s and 5 s more: then the sessions of a silent host are placed again."""

REPORT_INTERVAL_S = 10.0
"""A host with transfers reports as often; every host does at each change."""


class Policy(Protocol):
    """Decides; one for each run, since it may learn."""

    def choose(self, fleet: Fleet, request: Request, draw: float) -> str | None:
        """The host that takes the session, or None when none has room now."""
        ...

    def plan(self, fleet: Fleet, games: Sequence[Game]) -> Plan:
        """What hosts should fetch unasked, and what each lets go first. Asked for every `prepull.INTERVAL_S`."""
        ...


@dataclass(slots=True)
class Outcome:
    """What became of the counted launches. Waits end with the first frame; who was refused waited `PLACING_LIMIT_S`.

    `hits` found their image on the host, whole. `busy_play_share` is the share of play time on machines whose games
    used more than `simulated_host.BUSY_SHARE` of the cores. Bytes are those of the whole run.
    """

    waits_s: list[float] = field(default_factory=list[float])
    hits: int = 0
    refused: int = 0
    busy_play_share: float = 0.0
    queued: int = 0
    pulled_bytes: float = 0.0

    @property
    def hit_rate(self) -> float:
        return self.hits / len(self.waits_s) if self.waits_s else 0.0


@dataclass(slots=True)
class _Session:
    launch: Launch
    asked_s: float
    left_s: float
    host: int = -1
    is_playing_since_s: float | None = None


class Simulation:
    """One run of `trace` under `policy`."""

    def __init__(self, trace: Trace, policy: Policy) -> None:
        self._trace = trace
        self._policy = policy
        self._hosts = [SimulatedHost(machine, trace.games) for machine in trace.machines]
        self._numbers = {machine.host_id: number for number, machine in enumerate(trace.machines)}
        self._fleet = Fleet(host.view() for host in self._hosts)
        self._games = {game.image_id: number for number, game in enumerate(trace.games)}
        self._requests = [_request(trace, game) for game in trace.games]
        self._sessions: dict[int, _Session] = {}
        self._waiting: deque[int] = deque()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._planned = 0
        self._now_s = 0.0
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """From the first launch until the last session has its first frame."""
        for outage in self._trace.outages:
            self._at(outage.at_s, lambda outage=outage: self._fail(outage))
        if self._trace.launches:
            self._at(0.0, self._plan)
        for number, launch in enumerate(self._trace.launches):
            self._until(launch.at_s)
            self._sessions[number] = _Session(launch, launch.at_s, launch.length_s)
            self._place_or_wait(number)
        end_s = self._trace.launches[-1].at_s if self._trace.launches else 0.0
        self._until(end_s + PLACING_LIMIT_S)
        for host in self._hosts:
            host.advance(self._now_s)
        play_s = sum(host.play_s for host in self._hosts)
        self._outcome.busy_play_share = sum(host.busy_play_s for host in self._hosts) / play_s if play_s else 0.0
        self._outcome.pulled_bytes = sum(host.pulled_bytes for host in self._hosts)
        return self._outcome

    def _until(self, moment_s: float) -> None:
        while self._events and self._events[0][0] <= moment_s:
            self._now_s, _, happen = heapq.heappop(self._events)
            happen()
        self._now_s = moment_s

    def _at(self, moment_s: float, happen: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self._events, (moment_s, self._planned, happen))

    def _after(self, host: SimulatedHost, delay_s: float, happen: Callable[[], None]) -> None:
        """Planned on a host: void once the host has failed."""
        incarnation = host.incarnation
        self._at(self._now_s + delay_s, lambda: happen() if host.incarnation == incarnation else None)

    def _place_or_wait(self, number: int) -> None:
        if not self._place(number):
            self._waiting.append(number)
            self._outcome.queued += self._is_counted(self._sessions[number])
            self._at(self._now_s + PLACING_LIMIT_S, lambda: self._refuse(number))

    def _place(self, number: int) -> bool:
        session = self._sessions[number]
        game = session.launch.game
        host_id = self._policy.choose(self._fleet, self._requests[game], session.launch.draw)
        if host_id is None:
            return False
        session.host = self._numbers[host_id]
        host = self._hosts[session.host]
        host.advance(self._now_s)
        is_hit = host.has_image(game)
        host.take(number, game, session.launch.use)
        if self._is_counted(session):
            self._outcome.hits += is_hit
        if is_hit:
            self._boot(number)
        else:
            self._fetch(host, game, number)
        self._report(host)
        return True

    def _refuse(self, number: int) -> None:
        if number in self._waiting:
            self._waiting.remove(number)
            session = self._sessions.pop(number)
            if self._is_counted(session):
                self._outcome.refused += 1
                self._outcome.waits_s.append(PLACING_LIMIT_S)

    def _fetch(self, host: SimulatedHost, game: int, waiting: int | None) -> None:
        version = host.line_version
        host.fetch(game, waiting)
        if host.line_version != version:
            self._expect_arrival(host)
            self._after(host, REPORT_INTERVAL_S, lambda: self._report_again(host, game))

    def _expect_arrival(self, host: SimulatedHost) -> None:
        delay_s = host.next_arrival_s()
        if delay_s is not None:
            version = host.line_version
            self._after(host, delay_s, lambda: self._arrive(host) if host.line_version == version else None)

    def _arrive(self, host: SimulatedHost) -> None:
        host.advance(self._now_s)
        for game, unpack_s in host.arrived():
            self._after(host, unpack_s, lambda game=game: self._unpack(host, game))
        self._expect_arrival(host)
        self._report(host)

    def _unpack(self, host: SimulatedHost, game: int) -> None:
        host.advance(self._now_s)
        for number in host.unpacked(game):
            self._boot(number)
        self._report(host)

    def _boot(self, number: int) -> None:
        session = self._sessions[number]
        host = self._hosts[session.host]
        boot_s = self._trace.games[session.launch.game].boot_s * session.launch.boot / host.machine.speed
        self._after(host, boot_s, lambda: self._show(number))

    def _show(self, number: int) -> None:
        """The first frame."""
        session = self._sessions[number]
        if self._is_counted(session):
            self._outcome.waits_s.append(self._now_s - session.asked_s)
        session.is_playing_since_s = self._now_s
        self._after(self._hosts[session.host], session.left_s, lambda: self._end(number))

    def _end(self, number: int) -> None:
        host = self._hosts[self._sessions.pop(number).host]
        host.advance(self._now_s)
        host.release(number)
        self._report(host)
        self._place_waiting()

    def _place_waiting(self) -> None:
        """The longest waiting first; one that fits nowhere keeps no other from its place."""
        for number in list(self._waiting):
            if self._place(number):
                self._waiting.remove(number)

    def _fail(self, outage: Outage) -> None:
        host = self._hosts[outage.machine]
        if not host.is_up:
            return
        host.advance(self._now_s)
        lost = host.fail()
        self._report(host)
        self._at(self._now_s + outage.length_s, lambda: self._come_back(host, is_empty=outage.is_empty_after))
        self._at(self._now_s + NOTICED_AFTER_S, lambda: self._place_again(lost))

    def _place_again(self, lost: Sequence[int]) -> None:
        """A lost session is asked for again, and waits again, for what was left of it."""
        for number in lost:
            session = self._sessions[number]
            if session.is_playing_since_s is not None:
                played_s = self._now_s - NOTICED_AFTER_S - session.is_playing_since_s
                session.asked_s, session.left_s = self._now_s - NOTICED_AFTER_S, max(0.0, session.left_s - played_s)
                session.is_playing_since_s = None
            self._place_or_wait(number)

    def _come_back(self, host: SimulatedHost, *, is_empty: bool) -> None:
        host.advance(self._now_s)
        host.come_back(is_empty=is_empty)
        self._report(host)
        self._place_waiting()

    def _plan(self) -> None:
        plan = self._policy.plan(self._fleet, self._trace.games)
        for host in self._hosts:
            host.spare = plan.spare.get(host.machine.host_id, frozenset[str]())
        for host_id, image_id in plan.fetches:
            host = self._hosts[self._numbers[host_id]]
            host.advance(self._now_s)
            self._fetch(host, self._games[image_id], None)
            self._report(host)
        self._at(self._now_s + INTERVAL_S, self._plan)

    def _report_again(self, host: SimulatedHost, game: int) -> None:
        if host.is_fetching(game):
            host.advance(self._now_s)
            self._report(host)
            self._after(host, REPORT_INTERVAL_S, lambda: self._report_again(host, game))

    def _report(self, host: SimulatedHost) -> None:
        self._fleet.put(host.view())

    def _is_counted(self, session: _Session) -> bool:
        return session.launch.at_s >= self._trace.counted_from_s


def _request(trace: Trace, game: Game) -> Request:
    speeds = {machine.host_class: machine.speed for machine in trace.machines}
    return Request(
        image_id=game.image_id,
        image_bytes=sum(game.layers.values()),
        resources=game.resources,
        required_labels={},
        boot_prior_s=game.boot_s,
        layers=game.layers,
        boot_s={host_class: game.boot_s / speed for host_class, speed in speeds.items()},
    )
