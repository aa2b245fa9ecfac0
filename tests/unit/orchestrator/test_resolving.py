"""What a handler depends on is resolved in the task of its request."""

import asyncio
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.testing import AsyncTestClient
from packaging.specifiers import SpecifierSet

from orchestrator.resolving import resolve_one_by_one


def test_whose_insides_are_touched_stays_as_it_is() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    [asked] = [
        need for needs in project["optional-dependencies"].values() for need in needs if re.match(r"litestar\b", need)
    ]
    major, minor, *_ = version("litestar").split(".")
    allowed = SpecifierSet(asked.removeprefix("litestar"))
    assert version("litestar") in allowed
    assert f"{major}.{int(minor) + 1}.0" not in allowed


async def test_no_task_is_started_for_a_dependency() -> None:
    tasks: list[object] = []

    async def remembered() -> str:
        tasks.append(asyncio.current_task())
        return f"{len(tasks)}"

    async def also_remembered() -> str:
        return await remembered()

    async def built(first: NamedDependency[str]) -> str:
        return f"{first} and {await remembered()}"

    @get("/")
    async def answer(
        first: NamedDependency[str], second: NamedDependency[str], both: NamedDependency[str]
    ) -> dict[str, Any]:
        tasks.append(asyncio.current_task())
        return {"first": first, "second": second, "both": both}

    resolve_one_by_one()
    app = Litestar(
        [answer],
        dependencies={"second": Provide(also_remembered), "first": Provide(remembered), "both": Provide(built)},
        openapi_config=None,
    )
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == {"first": "1", "second": "2", "both": "1 and 3"}
    assert len(tasks) == 4
    assert len(set(tasks)) == 1
