"""A game's layer on a base image, in a real registry and a real engine: one image, the same everywhere, that runs."""

import asyncio
import contextlib
from collections.abc import Generator
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from orchestrator.catalog.images import ImageUnavailable
from orchestrator.publishers.destinations import Destination, EngineDestination, RegistryDestination
from orchestrator.publishers.game_archive import read_game
from orchestrator.publishers.image import command_of
from orchestrator.publishers.layer import Layer, LayerWriter
from tests.integration.docker_engine import DockerEngine
from tests.integration.registry import Registry
from tests.packing import LAUNCHER, Packed, launcher, symlink, tar_gz

BASE = "playhouse/tiny:latest"
ARCHIVE = tar_gz(
    [
        launcher(content=b"#!/bin/sh\necho $(id -u) in $(/bin/busybox pwd): $(/bin/cat game/link)\n"),
        Packed("garden/game/story.txt", b"forking paths"),
        symlink("garden/game/link", "story.txt"),
    ]
)


@pytest.fixture(scope="module")
def registry() -> Generator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture
def layer(tmp_path: Path) -> tuple[Layer, Path]:
    file = tmp_path / "layer"
    with file.open("wb") as handle:
        writer = LayerWriter(handle)
        read_game([ARCHIVE], LAUNCHER, writer.take)
        return writer.finish(), file


def output_of(client: docker.APIClient, image: str) -> str:
    """What the image prints when it is run as a game is."""
    host = client.create_host_config(network_mode="none", read_only=True, cap_drop=["ALL"])
    container = client.create_container(image, list(command_of(LAUNCHER)), user="4711:4711", host_config=host)["Id"]
    try:
        client.start(container)
        client.wait(container)
        return client.logs(container).decode()
    finally:
        client.remove_container(container, force=True)


async def test_an_engine_gets_an_image_that_runs_and_twice_is_once(
    docker_engine: DockerEngine, tiny_image: str, layer: tuple[Layer, Path]
) -> None:
    destination: Destination = EngineDestination(BASE, docker_engine.url)
    first = await destination.store("garden", LAUNCHER, *layer)
    assert await destination.store("garden", LAUNCHER, *layer) == first
    with contextlib.closing(docker_engine.client()) as client:
        known = client.inspect_image(first.reference)
        assert known["Id"] == first.image_id
        assert known["RootFS"]["Layers"][:-1] == client.inspect_image(tiny_image)["RootFS"]["Layers"]
        assert output_of(client, first.image_id) == "4711 in /game: forking paths\n"


async def test_a_registry_gets_the_same_image_and_an_engine_runs_what_it_pulls(
    docker_engine: DockerEngine, tiny_image: str, registry: Registry, layer: tuple[Layer, Path]
) -> None:
    destination: Destination = RegistryDestination(f"{registry.address}/games", BASE, (), docker_engine.url)
    first = await destination.store("garden", LAUNCHER, *layer)
    assert await destination.store("garden", LAUNCHER, *layer) == first
    assert first.manifest_digest is not None
    assert first.layers == registry.layers(first.manifest_digest)
    here = await EngineDestination(BASE, docker_engine.url).store("garden", LAUNCHER, *layer)
    assert here.image_id == first.image_id
    with contextlib.closing(docker_engine.client()) as client:
        client.remove_image(str(here.reference), force=True)
        with pytest.raises(NotFound):
            client.inspect_image(first.image_id)
        await asyncio.to_thread(client.pull, f"{first.reference}@{first.manifest_digest}")
        assert client.inspect_image(first.image_id)["Id"] == first.image_id
        assert output_of(client, first.image_id) == "4711 in /game: forking paths\n"


async def test_a_base_of_a_registry_needs_no_engine_and_comes_from_another_one_too(
    docker_engine: DockerEngine, tiny_image: str, registry: Registry, layer: tuple[Layer, Path]
) -> None:
    by_engine = RegistryDestination(f"{registry.address}/games", BASE, (), docker_engine.url)
    expected = (await by_engine.store("garden", LAUNCHER, *layer)).image_id
    base = f"{registry.address}/games/playhouse/tiny:latest"
    nowhere = "tcp://127.0.0.1:1"
    mounted = await RegistryDestination(f"{registry.address}/more", base, (), nowhere).store("garden", LAUNCHER, *layer)
    assert mounted.image_id == expected
    with Registry() as other:
        copied = await RegistryDestination(f"{other.address}/games", base, (), nowhere).store("g", LAUNCHER, *layer)
        assert (copied.image_id, copied.manifest_digest) == (expected, mounted.manifest_digest)
        assert other.layers(str(copied.manifest_digest)) == copied.layers


async def test_what_is_away_is_named(docker_engine: DockerEngine, layer: tuple[Layer, Path], tiny_image: str) -> None:
    away: list[tuple[Destination, str]] = [
        (EngineDestination("playhouse/nothing:1", docker_engine.url), "no base image 'playhouse/nothing:1'"),
        (EngineDestination(BASE, "tcp://127.0.0.1:1"), "engine"),
        (RegistryDestination("127.0.0.1:1/games", "127.0.0.1:1/base:1"), "127.0.0.1:1 does not answer"),
    ]
    for destination, words in away:
        with pytest.raises(ImageUnavailable, match=words):
            await destination.store("garden", LAUNCHER, *layer)
