"""How long one placement decision takes, on a snapshot that is kept warm: 500 hosts and 10,000.

Each decision is followed by what it changes in the snapshot, as in a replica: the place that was taken, and now and
then a host's report. Only the decision is timed; the update has a row of its own.
"""

import argparse
import gc
import time
from random import Random

from bench.results import Row, percentile, write
from scheduler.fleet import Fleet
from scheduler.placement import pick
from scheduler.values import HostView, Request, Resources

GIB = 1024**3
IMAGES = 400
IMAGES_A_HOST = 40
BASES = 3
DECISIONS = 3000
GOAL_MS = {500: 1, 10_000: 5}


def _host(number: int, random: Random) -> HostView:
    images = random.sample(range(IMAGES), IMAGES_A_HOST)
    cores = random.uniform(2, 13)
    arriving = {_image(random.randrange(IMAGES)): random.randrange(5 * GIB)} if random.random() < 0.1 else {}
    return HostView(
        host_id=f"host-{number:05}",
        is_ready=random.random() > 0.01,
        labels={"zone": random.choice("abc")},
        capacity=Resources(16.0, 64 * GIB, 32),
        reserved=Resources(cores, round(cores * 3 * GIB), round(cores)),
        used=Resources(cores * random.uniform(0.5, 1.2), round(cores * 2 * GIB), 0),
        disk_free_bytes=200 * GIB,
        image_ids=frozenset(map(_image, images)),
        pulling=arriving,
        pull_bytes_per_s=random.choice([12.5e6, 125e6]),
        layers=frozenset([*(f"layer-{image}" for image in images), *(f"base-{base}" for base in range(BASES))]),
        host_class=random.choice(["standard", "large"]),
    )


def _request(random: Random) -> Request:
    image = min(IMAGES - 1, int(random.paretovariate(0.9)) - 1)
    return Request(
        image_id=_image(image),
        image_bytes=5 * GIB,
        resources=Resources(random.uniform(0.3, 2.0), random.randrange(GIB // 2, 4 * GIB), 1),
        required_labels={},
        boot_prior_s=5.0,
        layers={f"base-{image % BASES}": 640_000_000, f"layer-{image}": 4 * GIB},
        boot_s={"standard": 2.0, "large": 1.5},
        seat_s=0.3,
    )


def _image(number: int) -> str:
    return f"image-{number}"


def measure(hosts: int, decisions: int = DECISIONS) -> list[Row]:
    """Rows for a fleet of this size: the decision's percentiles, and the mean cost of keeping the snapshot."""
    random = Random(hosts)
    fleet = Fleet(_host(number, random) for number in range(hosts))
    took_ms, kept_s = list[float](), 0.0
    gc.collect()
    gc.freeze()
    for _ in range(decisions):
        request, draw = _request(random), random.random()
        began_s = time.perf_counter()
        best = pick(fleet, request, draw)
        took_ms.append(1000 * (time.perf_counter() - began_s))
        assert best is not None
        began_s = time.perf_counter()
        [place] = fleet.places([best.host_id])
        taken = fleet.view_at(place).reserved
        more = request.resources
        fleet.reserve(
            best.host_id,
            Resources(taken.cpu_cores + more.cpu_cores, taken.memory_bytes + more.memory_bytes, taken.seats + 1),
        )
        kept_s += time.perf_counter() - began_s
        fleet.put(_host(random.randrange(hosts), random))  # a report, by which sessions end as well
    return [
        Row(f"place_{hosts}_p99_ms", percentile(took_ms, 0.99), "ms", f"<= {GOAL_MS[hosts]}"),
        Row(f"place_{hosts}_p50_ms", percentile(took_ms, 0.50), "ms"),
        Row(f"place_{hosts}_reserve_mean_us", 1e6 * kept_s / decisions, "us"),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    write("fleet", [row for hosts in GOAL_MS for row in measure(hosts)])


if __name__ == "__main__":
    main()
