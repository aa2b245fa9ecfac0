"""`make soak MINUTES=30`: fifty people come and go on two hosts for a day that is compressed into half an hour, at most
four at once, while something always breaks: nothing may grow, nothing may be left, and it stays as quick as it was.

A soak of less than half an hour is shown and not written; one of less than twenty minutes does not tell slopes,
nor are its launches judged, of which there are too few.
Exits with 1 when a goal is missed.
"""

import argparse
import asyncio
import logging
from collections import Counter
from statistics import median

from bench.results import Row, percentile, show, write
from bench.soak.day import Day, Soaked, hurried_town
from bench.soak.plan import Leaving
from bench.soak.samples import Sample, line, lives, series
from bench.soak.verdict import Point, last_over_first, missed, slope_per_hour
from orchestrator.logging import configure_logging
from streaming import aiortc_extensions
from tests.chaos.clearing import clear_abandoned
from tests.chaos.seeds import ARTIFACTS, seat_runtime, until_told

WHOLE_MINUTES = 30.0
TELLS_SLOPES_MINUTES = 20.0
PEOPLE = 50
WINDOW_S = 60.0
LIFE_WARMS_UP_S = 300.0  # a replica's caches fill that long
TOWN_WARMS_UP_S = 300.0
SLOPES = {"rss_mb": ("mb", "<= 40"), "descriptors": ("", "<= 20"), "threads": ("", "<= 10")}
LEFT = {"rss_mb": ("mb", "<= 60"), "descriptors": ("", "<= 10"), "threads": ("", "<= 10")}
TOWN_SLOPES = {"folders": "<= 6", "containers": "<= 6", "temporary": "<= 6", "mounts": "<= 2"}


def people_in(minutes: float) -> int:
    """As crowded as the whole day."""
    return max(4, min(PEOPLE, round(PEOPLE * minutes / WHOLE_MINUTES)))


def rows(soaked: Soaked, minutes: float) -> list[Row]:
    tells_slopes = minutes >= TELLS_SLOPES_MINUTES
    return [
        Row("minutes", minutes, "min"),
        Row("players", soaked.people, "", str(people_in(minutes))),
        *_of_visits(soaked, tells_slopes),
        Row("faults", len(soaked.faults), ""),
        Row("recovered_within_p50_s", median(soaked.recovered_s or [0.0]), "s"),
        Row("recovered_within_max_s", max(soaked.recovered_s, default=0.0), "s"),
        *_of_latency(soaked, tells_slopes),
        *(_of_slopes(soaked) if tells_slopes else ()),
        *_of_the_end(soaked),
    ]


def _of_visits(soaked: Soaked, is_judged: bool) -> list[Row]:
    visits = soaked.visits
    ways = Counter(visit.leaving for visit in visits)
    launches = [each.launch_s for each in visits if each.launch_s and _is_calm(soaked, each.began_s, each.launch_s)]
    stops = [
        each.stop_s for each in visits if each.stop_s and _is_calm(soaked, each.ended_s - each.stop_s, each.stop_s)
    ]
    return [
        Row("sessions", len(visits), ""),
        Row("sessions_reloaded", ways[Leaving.RELOAD], ""),
        Row("sessions_left_open", ways[Leaving.CLOSE], ""),
        Row("sessions_moved", soaked.judgement.moved, ""),
        Row("visits_of_somebody_again", len(visits) - soaked.people, ""),
        Row("stop_p50_s", median(stops), "s"),
        Row("stop_p95_s", percentile(stops, 0.95), "s", "<= 3"),
        Row("stop_max_s", max(stops), "s"),
        Row("launch_to_running_p50_s", median(launches), "s", "<= 2.5" if is_judged else None),
        Row("launch_to_running_p95_s", percentile(launches, 0.95), "s", "<= 5" if is_judged else None),
    ]


def _is_calm(soaked: Soaked, begin_s: float, took_s: float) -> bool:
    return soaked.is_calm(begin_s, begin_s + took_s)


def _of_latency(soaked: Soaked, is_judged: bool) -> list[Row]:
    presses = sorted((press for visit in soaked.visits for press in visit.presses), key=lambda press: press[0])
    calm = [(at_s, took_s) for at_s, took_s in presses if soaked.is_calm(at_s, at_s + (took_s or 2.0))]
    seen = [Point(at_s, 1000 * took_s) for at_s, took_s in calm if took_s is not None]
    values = [point.value for point in seen]
    assert values, "nobody saw the lamp while nothing was broken"
    return [
        Row("presses", len(presses), ""),
        Row("presses_lost_in_calm", len(calm) - len(seen), "", "0"),
        Row("input_to_picture_p50_ms", median(values), "ms"),
        Row("input_to_picture_p95_ms", percentile(values, 0.95), "ms"),
        Row("input_to_picture_p50_last_over_first", last_over_first(seen, 0.5), "", "<= 1.25" if is_judged else None),
        Row("input_to_picture_p95_last_over_first", last_over_first(seen, 0.95), "", "<= 1.5" if is_judged else None),
    ]


def _of_slopes(soaked: Soaked) -> list[Row]:
    found: list[Row] = []
    for program in ("replica", "agent"):
        for figure, (unit, goal) in SLOPES.items():
            slope = slope_per_hour(lives(soaked.samples, program, figure), WINDOW_S, LIFE_WARMS_UP_S)
            assert slope is not None, f"no {program} lived long enough to tell"
            found.append(Row(f"{program}_{figure}_slope_per_h", slope, unit.upper(), goal))
    for figure, goal in TOWN_SLOPES.items():
        slope = slope_per_hour([series(soaked.samples, figure)], WINDOW_S, TOWN_WARMS_UP_S)
        assert slope is not None, f"too little was seen of {figure} to tell"
        found.append(Row(f"{figure}_slope_per_h", slope, "", goal))
    return found


def _of_the_end(soaked: Soaked) -> list[Row]:
    judgement = soaked.judgement
    overdue = [sum(each.overdue.values()) for each in soaked.samples if each.overdue is not None]
    assert soaked.idle is not None, "the day did not begin"
    assert soaked.drained is not None, "the day did not end"
    assert overdue, "the database never said what is overdue"
    return [
        *(
            Row(f"{program}_{figure}_left", _grown(soaked.idle, soaked.drained, program, figure), unit.upper(), goal)
            for program in ("replica", "agent")
            for figure, (unit, goal) in LEFT.items()
        ),
        Row("rows_overdue_max", max(overdue), "", "0"),
        Row("rows_not_final", soaked.rows_not_final, "", "0"),
        Row("leftovers", len(soaked.left), "", "0"),
        Row("worst_save_age_s", judgement.save_age_s, "s", "<= 5"),
        Row("promises_broken", len(judgement.problems), "", "0"),
    ]


def _grown(idle: Sample, drained: Sample, program: str, figure: str) -> float:
    """How much more the fullest of these programs has, now that nobody plays, than before anybody did."""
    before = max(float(getattr(each, figure)) for each in idle.programs if each.name.startswith(program))
    return max(float(getattr(each, figure)) for each in drained.programs if each.name.startswith(program)) - before


def _keep(soaked: Soaked) -> None:
    """The whole story, to be looked at later."""
    folder = ARTIFACTS / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "samples.jsonl").write_text("".join(f"{line(each)}\n" for each in soaked.samples))
    (folder / "visits.txt").write_text("".join(f"{each}\n" for each in soaked.visits))
    (folder / "timeline.txt").write_text("\n".join([*soaked.timeline, *soaked.judgement.problems, ""]))
    (folder / "logs.txt").write_text(soaked.logs)


async def _soak(minutes: float, seed: int, plant: str) -> int:
    with seat_runtime() as runtime:
        town = hurried_town(runtime, plant)
        day = Day(town, seconds=60 * minutes, people=people_in(minutes), seed=seed)
        async with town.opened():
            try:
                soaked = await day.pass_by()
            finally:
                _keep(day.soaked)
    found = rows(soaked, minutes)
    if minutes >= WHOLE_MINUTES and not plant:
        write("soak", found)
    else:
        show(found)
    for problem in (*soaked.judgement.problems, *(f"left: {each}" for each in soaked.left)):
        print(f"BROKEN {problem}")
    for goal in missed(found):
        print(f"MISSED {goal}")
    return 1 if missed(found) else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak MINUTES=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=WHOLE_MINUTES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--plant", choices=("descriptor", "memory"), default="", help="a leak, to prove that it is found"
    )
    arguments = parser.parse_args()
    configure_logging(logging.WARNING)
    clear_abandoned()
    aiortc_extensions.install(["127.0.0.1"])
    raise SystemExit(asyncio.run(until_told(_soak(arguments.minutes, arguments.seed, arguments.plant))))


if __name__ == "__main__":
    main()
