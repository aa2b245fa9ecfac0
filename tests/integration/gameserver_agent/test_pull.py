"""Pulling by manifest digest from a real registry (package docker-registry) into a real engine."""

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from agent_protocol import BuildSpec, Progress
from gameserver_agent.errors import SessionEndedError
from gameserver_agent.images import Images
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from tests.integration.docker_engine import DockerEngine

_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: 127.0.0.1:{port}}}
log: {{level: error}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Generator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    (tmp_path / "config.yml").write_text(_CONFIG.format(folder=tmp_path, port=port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "config.yml")], stdout=log, stderr=log)
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


async def test_an_absent_image_is_fetched_once_by_digest_with_progress(
    registry: str, docker_engine: DockerEngine, tiny_image: str
) -> None:
    name = f"{registry}/playhouse/tiny"
    with contextlib.closing(docker_engine.client()) as client:
        client.tag("playhouse/tiny:latest", name, "1")
        client.push(name, "1")
        pushed: list[str] = client.inspect_image(f"{name}:1")["RepoDigests"]
        manifest_digest = next(entry for entry in pushed if entry.startswith(name)).partition("@")[2]
        client.remove_image(f"{name}:1")
        client.remove_image("playhouse/tiny:latest", force=True)
    runtime = DockerRuntime(docker_engine.url)
    try:
        assert await runtime.find_image(tiny_image) is None
        images, heard = Images(runtime), list[Progress]()
        build = BuildSpec(build_id="b", image=f"{name}:1", image_id=tiny_image, manifest_digest=manifest_digest)
        await asyncio.gather(*(images.ensure(build, heard.append) for _ in range(3)))
        found = await runtime.find_image(tiny_image)
        assert found is not None
        assert manifest_digest in found.manifest_digests
        assert heard
        assert heard[-1].total
        assert heard[-1].done == heard[-1].total
        missing = build.model_copy(update={"image_id": "sha256:x", "manifest_digest": "sha256:" + "0" * 64})
        with pytest.raises(SessionEndedError) as ended:
            await images.ensure(missing, heard.append)
        assert ended.value.code == "image_missing"
    finally:
        await runtime.close()
        with contextlib.closing(docker_engine.client()) as client:
            client.tag(f"{name}@{manifest_digest}", "playhouse/tiny", "latest")
