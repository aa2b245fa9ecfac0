"""One contract, two engines: what the agent relies on holds for Docker and for its in-memory twin."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest

from gameserver_agent.errors import ContainerNotFoundError, EngineError, ImageNotFoundError
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.fake_runtime import FakeProgram, FakeRuntime
from gameserver_agent.runtime.port import ContainerSpec, Image, Runtime
from tests.integration.docker_engine import DockerEngine

SLEEPS = ("/bin/sleep", "600")
FAILS = ("/bin/sh", "-c", "echo one; echo two; exit 3")
OBEYS = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done")
IGNORES = ("/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
PROGRAMS: dict[tuple[str, ...], FakeProgram] = {
    SLEEPS: FakeProgram(),
    FAILS: FakeProgram(exit_code=3, output=("one", "two")),
    OBEYS: FakeProgram(exit_code_on_signal=0),
    IGNORES: FakeProgram(ignores=frozenset({"SIGTERM"})),
}


@dataclass(frozen=True)
class Engine:
    """An engine under test, with one image in it and a label of its own for this test."""

    runtime: Runtime
    image_id: str
    label: str

    def spec(self, command: tuple[str, ...], name: str = "game") -> ContainerSpec:
        return ContainerSpec(
            name=f"{name}-{self.label}",
            image_id=self.image_id,
            command=command,
            user="210001:210001",
            environment={"HOME": "/home/player"},
            labels={"playhouse.test": self.label},
            mounts=(),
            cpu_cores=0.5,
            memory_bytes=64 * 1024**2,
            pids=32,
            stop_signal="SIGTERM",
        )

    async def started(self, command: tuple[str, ...]) -> str:
        container_id = await self.runtime.create(self.spec(command))
        await self.runtime.start(container_id)
        return container_id

    async def left(self) -> int:
        return len(await self.runtime.list_containers({"playhouse.test": self.label}))


@pytest.fixture(params=["fake", "docker"])
async def engine(request: pytest.FixtureRequest) -> AsyncGenerator[Engine]:
    label = uuid.uuid4().hex[:8]
    if request.param == "fake":
        fake = FakeRuntime(PROGRAMS)
        fake.images["sha256:tiny"] = Image("sha256:tiny", (), 1, ("playhouse/tiny:latest",))
        made = Engine(fake, "sha256:tiny", label)
    else:
        docker_engine: DockerEngine = request.getfixturevalue("docker_engine")
        made = Engine(DockerRuntime(docker_engine.url), request.getfixturevalue("tiny_image"), label)
    yield made
    for container in await made.runtime.list_containers({"playhouse.test": label}):
        await made.runtime.remove(container.container_id)
    await made.runtime.close()


async def test_images_are_found_by_id_alone(engine: Engine) -> None:
    assert await engine.runtime.find_image(engine.image_id) is not None
    assert await engine.runtime.find_image("sha256:" + "0" * 64) is None
    assert engine.image_id in {image.image_id for image in await engine.runtime.list_images()}


async def test_a_pull_of_what_no_registry_has_says_so(engine: Engine) -> None:
    with pytest.raises((ImageNotFoundError, EngineError)):
        await engine.runtime.pull(
            f"127.0.0.1:1/nothing@sha256:{'0' * 64}", lambda done, total, unpacked, is_in_line: None
        )


async def test_an_image_that_a_container_has_is_not_dropped(engine: Engine) -> None:
    await engine.runtime.create(engine.spec(SLEEPS))
    found = await engine.runtime.find_image(engine.image_id)
    assert found is not None
    assert not await engine.runtime.remove_image(engine.image_id, found.names)
    assert await engine.runtime.find_image(engine.image_id) == found
    assert await engine.runtime.remove_image("sha256:" + "0" * 64)


async def test_an_image_with_another_name_than_was_judged_is_not_dropped(engine: Engine) -> None:
    found = await engine.runtime.find_image(engine.image_id)
    assert found is not None
    assert found.names
    assert not await engine.runtime.remove_image(engine.image_id, ("playhouse/other:1",))
    assert await engine.runtime.find_image(engine.image_id) == found


async def test_a_container_is_made_then_started(engine: Engine) -> None:
    container_id = await engine.runtime.create(engine.spec(SLEEPS))
    made = await engine.runtime.status(container_id)
    assert not made.is_running
    assert not made.has_ended
    await engine.runtime.start(container_id)
    await engine.runtime.start(container_id)
    running = await engine.runtime.status(container_id)
    assert running.is_running
    assert running.started_at is not None
    assert running.ended_at is None


async def test_making_it_again_gives_the_same_container(engine: Engine) -> None:
    first = await engine.runtime.create(engine.spec(SLEEPS))
    assert await engine.runtime.create(engine.spec(SLEEPS)) == first
    assert await engine.left() == 1


async def test_a_name_that_others_have_is_not_taken_over(engine: Engine) -> None:
    await engine.runtime.create(engine.spec(SLEEPS))
    foreign = replace(engine.spec(SLEEPS), labels={"playhouse.test": "other"})
    with pytest.raises(EngineError):
        await engine.runtime.create(foreign)


async def test_a_list_shows_labelled_containers_alone(engine: Engine) -> None:
    container_id = await engine.started(SLEEPS)
    (seen,) = await engine.runtime.list_containers({"playhouse.test": engine.label})
    assert (seen.container_id, seen.is_running, seen.name) == (container_id, True, f"game-{engine.label}")
    assert await engine.runtime.list_containers({"playhouse.test": "nobody"}) == ()


async def test_the_end_of_a_game_is_told_with_its_code_and_words(engine: Engine) -> None:
    container_id = await engine.started(FAILS)
    async with asyncio.timeout(60):
        status = await engine.runtime.wait_ended(container_id)
    assert (status.has_ended, status.exit_code, status.out_of_memory) == (True, 3, False)
    assert status.ended_at is not None
    assert await engine.runtime.log_tail(container_id, 10) == ("one", "two")
    assert await engine.runtime.log_tail(container_id, 1) == ("two",)


async def test_a_signal_reaches_the_game(engine: Engine) -> None:
    container_id = await engine.started(OBEYS)
    async with asyncio.timeout(60):
        while not (await engine.runtime.status(container_id)).has_ended:  # until the shell has set its trap
            await engine.runtime.signal(container_id, "SIGTERM")
            await asyncio.sleep(0.05)
    assert (await engine.runtime.status(container_id)).exit_code in {0, 143}
    await engine.runtime.signal(container_id, "SIGTERM")


async def test_a_game_may_ignore_a_signal_but_not_the_kill(engine: Engine) -> None:
    container_id = await engine.started(IGNORES)
    await engine.runtime.signal(container_id, "SIGKILL")
    async with asyncio.timeout(60):
        assert (await engine.runtime.wait_ended(container_id)).exit_code == 137


async def test_a_paused_game_hears_its_signal_once_it_is_thawed(engine: Engine) -> None:
    container_id = await engine.started(OBEYS)
    await engine.runtime.pause(container_id)
    await engine.runtime.pause(container_id)
    paused = await engine.runtime.status(container_id)
    assert (paused.is_running, paused.is_paused, paused.has_ended) == (True, True, False)
    assert await engine.runtime.sample(container_id) is not None
    (listed,) = await engine.runtime.list_containers({"playhouse.test": engine.label})
    assert listed.is_running
    await engine.runtime.unpause(container_id)
    await engine.runtime.unpause(container_id)
    assert not (await engine.runtime.status(container_id)).is_paused
    async with asyncio.timeout(60):
        while not (await engine.runtime.status(container_id)).has_ended:  # until the shell has set its trap
            await engine.runtime.signal(container_id, "SIGTERM")
            await asyncio.sleep(0.05)
    for change in (engine.runtime.pause, engine.runtime.unpause):
        await change(container_id)
    assert (await engine.runtime.status(container_id)).has_ended


async def test_a_paused_game_is_ended_by_the_kill(engine: Engine) -> None:
    container_id = await engine.started(SLEEPS)
    waiting = asyncio.ensure_future(engine.runtime.wait_ended(container_id))
    await engine.runtime.pause(container_id)
    await engine.runtime.signal(container_id, "SIGKILL")
    async with asyncio.timeout(60):
        assert (await waiting).exit_code == 137
    assert not (await engine.runtime.status(container_id)).is_paused


async def test_a_paused_game_can_be_removed(engine: Engine) -> None:
    container_id = await engine.started(SLEEPS)
    await engine.runtime.pause(container_id)
    async with asyncio.timeout(60):
        await engine.runtime.remove(container_id)
    assert await engine.left() == 0
    for change in (engine.runtime.pause, engine.runtime.unpause):
        with pytest.raises(ContainerNotFoundError):
            await change(container_id)


async def test_a_running_game_can_be_measured_and_an_ended_one_not(engine: Engine) -> None:
    container_id = await engine.started(SLEEPS)
    sample = await engine.runtime.sample(container_id)
    assert sample is not None
    assert sample.cpu_seconds >= 0
    assert sample.memory_bytes > 0
    await engine.runtime.signal(container_id, "SIGKILL")
    await engine.runtime.wait_ended(container_id)
    assert await engine.runtime.sample(container_id) is None


async def test_removing_works_on_the_running_and_on_the_gone(engine: Engine) -> None:
    container_id = await engine.started(SLEEPS)
    await engine.runtime.remove(container_id)
    await engine.runtime.remove(container_id)
    assert await engine.left() == 0
    with pytest.raises(ContainerNotFoundError):
        await engine.runtime.status(container_id)
    with pytest.raises(ContainerNotFoundError):
        await engine.runtime.signal(container_id, "SIGTERM")


async def test_many_ends_are_heard_at_once(engine: Engine) -> None:
    names = [f"game{number}" for number in range(4)]
    containers = [await engine.runtime.create(engine.spec(SLEEPS, name)) for name in names]
    for container_id in containers:
        await engine.runtime.start(container_id)
    waiting = asyncio.gather(*(engine.runtime.wait_ended(container_id) for container_id in containers))
    for container_id in containers:
        await engine.runtime.signal(container_id, "SIGKILL")
    async with asyncio.timeout(60):
        assert {status.exit_code for status in await waiting} == {137}
