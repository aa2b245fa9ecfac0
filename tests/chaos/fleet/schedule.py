"""What a seed means for a fleet: what goes wrong where and when, and what each player does. Pure: for ever the same."""

import random
from dataclasses import dataclass, replace
from enum import StrEnum

HOSTS = 3
REPLICAS = 2
WINDOW_S = 6.0


class Way(StrEnum):
    """How it goes wrong. All but `KILLED` and `STOPPED` last; who is dead is started again."""

    KILLED = "killed"
    STOPPED = "stopped in order"
    STALLED = "stalled"
    CUT = "cut off"


class What(StrEnum):
    """Whom it hits."""

    AGENT = "agent"
    ENGINE = "engine"
    REPLICA = "replica"
    DATABASE = "database"
    REGISTRY = "registry"
    STORE = "store"
    HOST_LINE = "line of host"
    DATABASE_LINE = "line to the database of replica"
    REGISTRY_LINE = "line to the registry"
    STORE_LINE = "line to the store"


COUNT = {
    What.AGENT: HOSTS,
    What.ENGINE: HOSTS,
    What.REPLICA: REPLICAS,
    What.HOST_LINE: HOSTS,
    What.DATABASE_LINE: REPLICAS,
}
LINES = (What.HOST_LINE, What.DATABASE_LINE, What.REGISTRY_LINE, What.STORE_LINE)
KINDS = tuple((what, way) for what in What for way in Way if (way is Way.CUT) == (what in LINES))
LONG_CUT_S = (13.0, 17.0)
LASTS_S = (1.0, 5.0)


@dataclass(frozen=True)
class Strike:
    """`after_s` counts from when the first player clicks; `number` says which of several."""

    what: What
    number: int
    way: Way
    after_s: float
    lasts_s: float

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.what} {self.number} {self.way}{lasting}, after {self.after_s:.2f} s"


@dataclass(frozen=True)
class Script:
    """One player: plays for `play_s`, stops, and plays on from the save as long, `sittings` times in all."""

    begins_after_s: float
    play_s: float
    reports_frames: bool
    loses_answer: bool
    sittings: int = 2


@dataclass(frozen=True)
class FleetSchedule:
    seed: int
    strikes: tuple[Strike, ...]
    scripts: tuple[Script, ...]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}", *(f"    {strike}" for strike in self.strikes)]
        lines += [f"    player: {script}" for script in self.scripts]
        return "\n".join(lines)


def schedule(seed: int) -> FleetSchedule:
    """The first fault goes round all kinds with the seed; everything else is drawn. Of the silences of a host, by its
    line or its agent, every fourth lasts until it is given up.
    """
    draw = random.Random(seed)
    first = KINDS[seed % len(KINDS)]
    more = draw.choices(KINDS, k=draw.choice((0, 1, 1, 2)))
    strikes = sorted((_strike(kind, draw) for kind in (first, *more)), key=lambda strike: strike.after_s)
    scripts = tuple(
        Script(
            begins_after_s=draw.uniform(0.0, 1.0),
            play_s=draw.uniform(3.0, 5.0),
            reports_frames=draw.random() < 0.5,
            loses_answer=draw.random() < 0.3,
        )
        for _ in range(draw.choice((2, 3)))
    )
    return FleetSchedule(seed, tuple(strikes), scripts)


def shortened(plan: FleetSchedule) -> FleetSchedule:
    """The same faults, sooner, on two players who sit down once: for a test that everybody waits for."""
    scripts = tuple(replace(script, play_s=2.0, begins_after_s=0.0, sittings=1) for script in plan.scripts[:2])
    strikes = tuple(replace(strike, after_s=strike.after_s / 2) for strike in plan.strikes)
    return replace(plan, strikes=strikes, scripts=scripts)


def _strike(kind: tuple[What, Way], draw: random.Random) -> Strike:
    what, way = kind
    lasts_s = 0.0
    if way in {Way.STALLED, Way.CUT}:
        is_long = what in {What.HOST_LINE, What.AGENT} and draw.random() < 0.25
        lasts_s = draw.uniform(*(LONG_CUT_S if is_long else LASTS_S))
    return Strike(what, draw.randrange(COUNT.get(what, 1)), way, draw.uniform(0.0, WINDOW_S), lasts_s)
