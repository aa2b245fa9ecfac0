"""`games add` and a real registry: pushed by the engine, or found there without one."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from agent_protocol import BuildSpec
from orchestrator import cli
from orchestrator.catalog.images import ImageUnavailable
from orchestrator.catalog.references import parse_reference
from orchestrator.catalog.registry import Login, resolve
from orchestrator.services import open_services
from orchestrator.settings import Settings
from tests.conftest import only_on
from tests.integration.docker_engine import DockerEngine
from tests.integration.registry import Registry, build_image

DEFINITION = """
slug = "noise"
title = "Noise"
developer = "Someone"
description = "Short."
tags = ["Noise"]
[build]
version = "1.0 (first)"
image = "{image}"
"""
NOWHERE = "tcp://127.0.0.1:1"


@pytest.fixture(scope="module")
def registry() -> Generator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture(scope="module")
def noise(docker_engine: DockerEngine, tiny_image: str) -> str:
    """The id of an image with a layer of its own."""
    with contextlib.closing(docker_engine.client()) as client:
        return build_image(client, "playhouse/noise:1.0", "playhouse/tiny:latest", 300_000)


def add(folder: Path, image: str, *options: str) -> Result:
    (folder / "game.toml").write_text(DEFINITION.format(image=image))
    return CliRunner().invoke(cli.main, ["games", "add", str(folder / "game.toml"), *options])


async def current_build(settings: Settings) -> BuildSpec:
    async with open_services(settings) as services:
        [(_, build)] = await services.catalog.list_builds()
        return build.build_spec


@only_on("sqlite")
async def test_a_pushed_game_carries_its_digest_and_layers_and_is_then_found_without_an_engine(
    settings: Settings, registry: Registry, docker_engine: DockerEngine, noise: str, tmp_path: Path
) -> None:
    name = f"{registry.address}/games/noise"
    pushed = await asyncio.to_thread(
        add, tmp_path, "playhouse/noise:1.0", "--push", name, "--docker-host", docker_engine.url
    )
    assert pushed.exit_code == 0, pushed.output
    build = await current_build(settings)
    assert (build.image, build.image_id) == (f"{name}:1.0-first-", noise)
    assert str(build.manifest_digest) in pushed.output
    assert len(build.layers) == 2
    assert all(registry.blob(digest).stat().st_size == size for digest, size in build.layers.items())
    assert build.size_bytes > 300_000
    again = await asyncio.to_thread(
        add, tmp_path, "playhouse/noise:1.0", "--push", name, "--docker-host", docker_engine.url
    )
    assert again.output.startswith("Already there: noise")

    found = await asyncio.to_thread(add, tmp_path, f"{name}@{build.manifest_digest}", "--docker-host", NOWHERE)
    assert found.exit_code == 0, found.output
    other = await current_build(settings)
    assert (other.image, other.image_id, other.layers) == (name, noise, build.layers)
    assert other.manifest_digest == build.manifest_digest


@only_on("sqlite")
def test_the_operators_registry_takes_every_image_of_the_engine(
    settings: Settings,
    registry: Registry,
    docker_engine: DockerEngine,
    noise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_REGISTRY", f"{registry.address}/mine")
    pushed = add(tmp_path, "playhouse/noise:1.0", "--docker-host", docker_engine.url)
    assert pushed.exit_code == 0, pushed.output
    assert f"{registry.address}/mine/noise:1.0-first- is sha256:" in pushed.output


@only_on("sqlite")
@pytest.mark.parametrize(
    ("image", "options", "problem"),
    [
        ("127.0.0.1:1/noise:1", (), "Error: The registry 127.0.0.1:1 does not answer"),
        ("REGISTRY/nothing:1", (), "Error: The registry REGISTRY has no image nothing:1."),
        ("playhouse/noise:1.0", ("--push", "games/noise"), "Error: games/noise: say the registry"),
        ("Noise", (), "Error: 'Noise': 'Noise' is no repository"),
    ],
)
def test_what_cannot_be_found_or_pushed_is_one_line(
    settings: Settings, registry: Registry, tmp_path: Path, image: str, options: tuple[str, ...], problem: str
) -> None:
    refused = add(tmp_path, image.replace("REGISTRY", registry.address), *options, "--docker-host", NOWHERE)
    assert refused.exit_code == 1
    assert refused.output.startswith(problem.replace("REGISTRY", registry.address))
    assert refused.output.count("\n") == 1


async def test_a_registry_with_a_password_is_asked_with_what_docker_login_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    with Registry(htpasswd=f"ada:{kept}") as closed:
        reference = parse_reference(f"{closed.address}/nothing:1")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with pytest.raises(ImageUnavailable, match="docker login"):
            await resolve(reference)
        auth = base64.b64encode(b"ada:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {closed.address: {"auth": auth}}}))
        with pytest.raises(ImageUnavailable, match="has no image nothing:1"):
            await resolve(reference)


async def test_a_token_server_is_asked_with_the_password_and_the_registry_with_its_token() -> None:
    config = "sha256:" + "c" * 64
    body = json.dumps({"config": {"digest": config, "size": 2}, "layers": []}).encode()

    async def manifest(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer t0ken":
            challenge = f'Bearer realm="{origin}/token",service="tests",scope="repository:game:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.Response(body=body)

    async def token(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"ada:secret").decode()
        assert dict(request.query) == {"service": "tests", "scope": "repository:game:pull"}
        return web.json_response({"token": "t0ken"})

    async with serving(web.get("/v2/game/manifests/1", manifest), web.get("/token", token)) as origin:
        reference = parse_reference(f"{origin.removeprefix('http://')}/game:1")
        found = await resolve(reference, find_login=lambda registry: Login("ada", "secret"))
    assert (found.image_id, found.manifest_digest) == (config, f"sha256:{hashlib.sha256(body).hexdigest()}")


async def test_another_manifest_than_the_digest_names_is_refused() -> None:
    async def manifest(request: web.Request) -> web.Response:
        return web.json_response({"config": {"digest": "sha256:" + "c" * 64, "size": 2}, "layers": []})

    wanted = "sha256:" + "0" * 64
    async with serving(web.get("/v2/game/manifests/{digest}", manifest)) as origin:
        with pytest.raises(ImageUnavailable, match=f"another manifest than {wanted}"):
            await resolve(parse_reference(f"{origin.removeprefix('http://')}/game@{wanted}"))


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncGenerator[str]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
