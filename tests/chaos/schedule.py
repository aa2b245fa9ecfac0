"""What a seed means: which faults strike when, while somebody plays. Pure: the same seed is the same schedule for ever.

The first fault goes round all kinds with the seed, so that any hundred seeds in a row meet each of them; everything
else is drawn.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong on one machine."""

    AGENT_KILLED = "agent killed"
    REPLICA_KILLED = "replica killed"
    ENGINE_KILLED = "engine killed"
    SEAT_KILLED = "seat worker killed"
    AGENT_GROUP_KILLED = "agent's process group killed"
    ENGINE_WEDGED = "engine wedged"
    AGENT_WEDGED = "agent wedged beyond its lease"
    STORE_AWAY = "store away"
    DISK_FULL = "host's disk full"
    REBOOT = "machine rebooted"
    GAME_EXITS = "game exits"
    GAME_CRASHES = "game crashes"
    GAME_FREEZES = "game freezes"
    GAME_IGNORES_STOP = "game ignores its stop"
    GAME_EATS_MEMORY = "game eats memory"
    GAME_FORKS = "game forks without end"
    GAME_FILLS_DISK = "game fills its disk"
    GAME_EXITS_AT_ONCE = "game exits at once"
    GAME_SHOWS_NOTHING = "game shows nothing"


class Moment(StrEnum):
    """What a fault's time is counted from."""

    LAUNCH = "launch"
    PLAY = "first picture"
    STOP = "stop"


ORDERS = {
    Fault.GAME_EXITS: "exit",
    Fault.GAME_CRASHES: "crash",
    Fault.GAME_FREEZES: "freeze",
    Fault.GAME_IGNORES_STOP: "ignore-stop",
    Fault.GAME_EATS_MEMORY: "eat-memory",
    Fault.GAME_FORKS: "fork",
    Fault.GAME_FILLS_DISK: "fill-disk",
}
BORN_BAD = {Fault.GAME_EXITS_AT_ONCE: "exit", Fault.GAME_SHOWS_NOTHING: "no-frame"}
LASTING_S = {
    Fault.ENGINE_WEDGED: (2.0, 8.0),
    Fault.AGENT_WEDGED: (7.0, 16.0),
    Fault.STORE_AWAY: (2.0, 9.0),
    Fault.DISK_FULL: (2.0, 7.0),
}
AT_ANY_MOMENT = (
    Fault.AGENT_KILLED,
    Fault.REPLICA_KILLED,
    Fault.ENGINE_KILLED,
    Fault.SEAT_KILLED,
    Fault.AGENT_GROUP_KILLED,
    Fault.ENGINE_WEDGED,
    Fault.AGENT_WEDGED,
    Fault.STORE_AWAY,
    Fault.DISK_FULL,
    Fault.REBOOT,
)
LATEST_S = {Moment.LAUNCH: 2.0, Moment.PLAY: 7.0, Moment.STOP: 1.0}


@dataclass(frozen=True)
class Strike:
    """A fault `after_s` seconds after its moment; one that lasts is over `lasts_s` later. Of two replicas it hits the
    one of that `number`.
    """

    fault: Fault
    moment: Moment
    after_s: float
    lasts_s: float
    number: int

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.fault}{lasting}, {self.after_s:.2f} s after {self.moment}"


@dataclass(frozen=True)
class Schedule:
    """One evening: somebody plays for `play_s`, things go wrong, then plays on from the save in peace."""

    seed: int
    strikes: tuple[Strike, ...]
    play_s: float
    replicas: int
    loses_launch_answer: bool
    loses_stop_answer: bool
    launches_twice: bool
    reports_frames: bool
    restart_pause_s: float

    @property
    def born_bad(self) -> str | None:
        """The behaviour of the game from its very start, if it is bad."""
        return next((BORN_BAD[strike.fault] for strike in self.strikes if strike.fault in BORN_BAD), None)

    def __str__(self) -> str:
        habits = [
            f"plays {self.play_s:.1f} s",
            f"{self.replicas} replica(s)",
            f"parts return after {self.restart_pause_s:.1f} s",
        ]
        habits += ["loses the launch's answer"] * self.loses_launch_answer
        habits += ["loses the stop's answer"] * self.loses_stop_answer
        habits += ["launches twice at once"] * self.launches_twice
        habits += ["reports frames"] * self.reports_frames
        lines = [f"seed {self.seed}: {', '.join(habits)}", *(f"    {strike}" for strike in self.strikes)]
        return "\n".join(lines)


def schedule(seed: int) -> Schedule:
    """The schedule of a seed. Every tenth one has two replicas, on PostgreSQL."""
    draw = random.Random(seed)
    kinds = tuple(Fault)
    first = kinds[seed % len(kinds)]
    more = draw.choices(AT_ANY_MOMENT, k=draw.choice((0, 0, 1, 1, 2))) if first is not Fault.GAME_SHOWS_NOTHING else []
    strikes = sorted(
        (_strike(fault, draw) for fault in (first, *more)),
        key=lambda strike: (list(Moment).index(strike.moment), strike.after_s),
    )
    return Schedule(
        seed=seed,
        strikes=tuple(strikes),
        play_s=draw.uniform(5.0, 9.0),
        replicas=2 if seed % 10 == 7 else 1,
        loses_launch_answer=draw.random() < 0.3,
        loses_stop_answer=draw.random() < 0.3,
        launches_twice=draw.random() < 0.2,
        reports_frames=draw.random() < 0.5,
        restart_pause_s=draw.uniform(0.2, 1.5),
    )


def _strike(fault: Fault, draw: random.Random) -> Strike:
    moment = Moment.PLAY
    if fault in AT_ANY_MOMENT:
        moment = draw.choices(tuple(Moment), weights=(3, 5, 2))[0]
    elif fault in BORN_BAD:
        moment = Moment.LAUNCH
    least, most = LASTING_S.get(fault, (0.0, 0.0))
    return Strike(fault, moment, draw.uniform(0.0, LATEST_S[moment]), draw.uniform(least, most), draw.randrange(2))
