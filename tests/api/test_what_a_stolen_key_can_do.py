"""What a thief can do with each key, token and cookie, and what not: each line of the table in docs/threat-model.md.

A line is a check in `tests/api/stolen` with the same words, and the last test holds the two against each other.
"""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import orchestrator
from orchestrator.limits.throttle import Limit
from tests.api.served import Served
from tests.api.stolen import hosts, people, publishers, streams, tenants
from tests.api.stolen.doors import DOORS, HOSTS, PEOPLE, PUBLISHERS, TENANTS
from tests.api.stolen.lines import Line, lines_of
from tests.api.stolen.scene import Scene, set_up

DOCUMENT = Path(__file__).parents[2] / "docs" / "threat-model.md"
LINES = list(lines_of(streams, hosts, publishers, tenants, people))


@pytest.fixture(scope="module")
def scene(replica: Served) -> Scene:
    return asyncio.run(set_up(replica))


@pytest.mark.parametrize("line", LINES, ids=str)
async def test_a_stolen(line: Line, scene: Scene) -> None:
    async with scene.hosts() as (host, _):
        await host.sync()  # one that is silent for minutes, on a busy machine, loses what is played on it
    await line.check(scene)


def test_the_doors_are_all_there() -> None:
    """Each kind has some, and what is walked has not shrunk unseen."""
    for whose, least in ((HOSTS, 8), (PUBLISHERS, 14), (TENANTS, 25), (PEOPLE, 50)):
        assert sum(of == whose for of, _, _ in DOORS) >= least, whose


def test_the_limits_are_those_of_the_document() -> None:
    limits = [each for kept in vars_of_limits() for each in kept]
    told = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (\d+) min \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {(name, int(tries), int(minutes)) for name, tries, minutes in told} == {
        (limit.name, limit.tries, limit.window // timedelta(minutes=1)) for limit in limits
    }


def vars_of_limits() -> Iterator[list[Limit]]:
    """Those that each module of the orchestrator's names."""
    for found in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            yield [value for value in vars(module).values() if isinstance(value, Limit)]


def test_each_line_of_the_threat_model_is_held_by_a_test_and_each_test_by_a_line() -> None:
    rows = [row for row in DOCUMENT.read_text().splitlines() if re.match(r"\| .+ \| (can|cannot) \| .+ \|$", row)]
    told = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]
    assert len(told) == len(set(told))
    assert sorted(told) == sorted(each.words for each in LINES)
