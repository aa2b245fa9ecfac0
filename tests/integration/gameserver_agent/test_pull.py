"""Images from a real registry (package docker-registry) into a real engine: by digest, once, with progress; whatever
becomes of registry, agent and disk meanwhile.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Collection, Generator
from pathlib import Path

import pytest
import structlog
import structlog.testing

from agent_protocol import BuildSpec, ObservedState, Progress
from gameserver_agent.errors import SessionEndedError
from gameserver_agent.evicting import Evicting
from gameserver_agent.eviction import Disk
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.images import Images
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from tests.integration.docker_engine import DockerEngine, RunningEngine, import_tiny_image
from tests.integration.gameserver_agent.agent_process import AgentProcess
from tests.integration.gameserver_agent.control_plane import ControlPlane, desired_session
from tests.integration.registry import Registry, Relay, build_image

NOISE_BYTES = 3_000_000


@pytest.fixture(scope="module")
def docker_engine() -> Generator[DockerEngine]:
    with RunningEngine() as running:
        yield running


@pytest.fixture(scope="module")
def registry() -> Generator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture(scope="module")
def games(docker_engine: DockerEngine, registry: Registry) -> tuple[BuildSpec, ...]:
    """Three games of one base and a layer of noise each, in the registry alone."""
    import_tiny_image(docker_engine)
    builds: list[BuildSpec] = []
    with contextlib.closing(docker_engine.client()) as client:
        for number in range(3):
            name = f"{registry.address}/games/noise{number}"
            image_id = build_image(client, f"{name}:1", "playhouse/tiny:latest", NOISE_BYTES)
            for line in client.push(name, "1", stream=True, decode=True):
                assert "error" not in line, line
            pushed: list[str] = client.inspect_image(image_id)["RepoDigests"]
            digest = pushed[0].partition("@")[2]
            layers = registry.layers(digest)
            builds.append(
                BuildSpec(
                    build_id=f"bld{number}",
                    image=f"{name}:1",
                    image_id=image_id,
                    manifest_digest=digest,
                    layers=layers,
                    command=("/bin/sh", "-c", "while :; do sleep 0.1; done"),
                    stop_grace_s=1,
                )
            )
            client.remove_image(f"{name}:1")
    return tuple(builds)


@pytest.fixture
async def runtime(docker_engine: DockerEngine, games: tuple[BuildSpec, ...]) -> AsyncGenerator[DockerRuntime]:
    """Holds none of the games, before and after."""
    runtime = DockerRuntime(docker_engine.url)
    yield runtime
    for build in games:
        assert await runtime.remove_image(build.image_id)
    await runtime.close()


def unheard(_: Progress) -> None:
    """Nobody listens."""


async def test_an_absent_image_is_fetched_once_by_digest_with_progress(
    runtime: DockerRuntime, games: tuple[BuildSpec, ...]
) -> None:
    build = games[0]
    assert await runtime.find_image(build.image_id) is None
    images, heard = Images(runtime), list[Progress]()
    await asyncio.gather(*(images.ensure(build, heard.append) for _ in range(3)))
    found = await runtime.find_image(build.image_id)
    assert found is not None
    assert build.manifest_digest in found.manifest_digests
    # The base lies in the engine already: only the layer of noise is counted.
    noise_bytes = list(build.layers.values())[-1]
    assert heard[-1] == Progress(done=noise_bytes, total=noise_bytes, unpacked=noise_bytes)
    assert images.pull_bytes_per_s


async def test_a_digest_that_no_registry_has_or_that_is_another_image_is_refused_by_name(
    runtime: DockerRuntime, games: tuple[BuildSpec, ...]
) -> None:
    images = Images(runtime)
    unknown = games[0].model_copy(update={"image_id": "sha256:x", "manifest_digest": "sha256:" + "0" * 64})
    with pytest.raises(SessionEndedError, match="has no image") as ended:
        await images.ensure(unknown, unheard)
    assert ended.value.code == "image_missing"
    other = games[0].model_copy(update={"image_id": games[1].image_id})
    with pytest.raises(SessionEndedError, match="another image") as ended:
        await images.ensure(other, unheard)
    assert ended.value.code == "pull_failed"


async def test_a_layer_that_was_damaged_is_refused_by_name(
    runtime: DockerRuntime, games: tuple[BuildSpec, ...], registry: Registry
) -> None:
    build = games[1]
    blob = registry.blob(list(build.layers)[-1])
    whole = blob.read_bytes()
    blob.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    try:
        with pytest.raises(SessionEndedError, match="damaged") as ended:
            await Images(runtime).ensure(build, unheard)
        assert ended.value.code == "pull_failed"
        assert await runtime.find_image(build.image_id) is None
    finally:
        blob.write_bytes(whole)
    await Images(runtime).ensure(build, unheard)


async def test_a_registry_that_goes_away_is_waited_for_and_one_that_stays_away_is_named(
    runtime: DockerRuntime, games: tuple[BuildSpec, ...], registry: Registry
) -> None:
    registry.stop()
    try:
        with pytest.raises(SessionEndedError, match=r"could not be fetched.*refused") as ended:
            await Images(runtime, quiet_s=3).ensure(games[0], unheard)
        assert ended.value.code == "pull_failed"
        with structlog.testing.capture_logs() as logs:
            asking = asyncio.create_task(Images(runtime).ensure(games[0], unheard))
            async with asyncio.timeout(60):
                while not any(entry["event"] == "image.pull_interrupted" for entry in logs):  # noqa: ASYNC110 - a log tells nobody
                    await asyncio.sleep(0.02)
    finally:
        registry.start()
    await asking


@pytest.mark.parametrize(("spare", "stays"), [((), 2), ((2,), 1)])
async def test_spare_images_make_room_and_then_those_that_were_played_longest_ago(
    runtime: DockerRuntime,
    games: tuple[BuildSpec, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spare: tuple[int, ...],
    stays: int,
) -> None:
    now_s = iter(range(1, 100))
    uses = ImageUses(tmp_path / "images.json")
    full: set[str] = set()

    def disk() -> Disk:
        """Full until two images have gone."""
        return Disk(100, 30 if len(full) == 2 else 10)

    drop = runtime.remove_image

    async def remove(image_id: str, names: Collection[str]) -> bool:
        has_gone = await drop(image_id, names)
        full.add(image_id)
        return has_gone

    monkeypatch.setattr(runtime, "remove_image", remove)
    images = Images(runtime, uses=uses, now_s=lambda: float(next(now_s)))
    for build in games:
        await images.ensure(build, unheard)
    evicting = Evicting(
        runtime,
        uses=ImageUses(tmp_path / "images.json"),
        wanted=set[str],
        spare=lambda: {games[number].image_id for number in spare},
        disk=disk,
    )
    assert await evicting.relieve() == 2
    left = [number for number, build in enumerate(games) if await runtime.find_image(build.image_id) is not None]
    assert left == [stays]


async def test_a_session_is_shown_its_bytes_and_an_agent_that_dies_meanwhile_begins_again_unasked(
    control_plane: ControlPlane, agent: AgentProcess, games: tuple[BuildSpec, ...], runtime: DockerRuntime
) -> None:
    async with Relay(games[0].image.partition("/")[0]) as relay:
        build = games[0].model_copy(update={"image": f"{relay.address}/games/noise0:1"})
        noise_bytes = list(build.layers.values())[-1]
        order = desired_session("ses1", build.image_id, "").model_copy(update={"build": build})
        await agent.start()
        relay.bytes_per_s = 400_000
        await control_plane.want(order)
        seen = await control_plane.until("ses1", lambda seen: bool(seen.progress and seen.progress.done))
        assert seen.state is ObservedState.PULLING
        assert seen.progress is not None
        assert seen.progress.total == noise_bytes
        assert any(pull.image_id == build.image_id and not pull.unasked for pull in control_plane.syncs[-1].pulls)
        await agent.kill_group()
        relay.bytes_per_s = None
        await agent.start()
        await control_plane.until("ses1", lambda seen: seen.state is ObservedState.BOOTING)
        assert await runtime.find_image(build.image_id) is not None
        await agent.stop("ses1")


async def test_what_is_wanted_unasked_is_there_before_the_launch(
    control_plane: ControlPlane, agent: AgentProcess, games: tuple[BuildSpec, ...], runtime: DockerRuntime
) -> None:
    await agent.start()
    await control_plane.until_synced()
    await control_plane.want_prepulls(games[2])
    deadline = time.monotonic() + 90
    while games[2].image_id not in {image.image_id for image in control_plane.syncs[-1].images}:
        assert time.monotonic() < deadline
        await control_plane.until_synced()
    await control_plane.want(desired_session("ses2", games[2].image_id, "").model_copy(update={"build": games[2]}))
    await control_plane.until("ses2", lambda seen: seen.state is ObservedState.BOOTING)
    assert not any(seen.progress for sync in control_plane.syncs for seen in sync.sessions)
    await agent.stop("ses2")
