"""Where an image of a base and a game's layer goes: a registry by the distribution API, or the engine of this machine.

No engine builds anything. The same layer on the same base is the same image wherever it goes, and storing it again
changes nothing.
"""

import asyncio
import contextlib
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import docker
from docker.errors import DockerException, ImageNotFound

from orchestrator.catalog.images import EngineImage, ImageUnavailable, push_image
from orchestrator.catalog.references import ImageReference, parse_reference
from orchestrator.catalog.registry import RegistryImage, RegistrySession, found_in, open_registry
from orchestrator.publishers.image import (
    MANIFEST_TYPE,
    Base,
    Blob,
    config_file,
    config_of,
    digest_of,
    docker_archive_manifest,
    manifest_of,
)
from orchestrator.publishers.layer import Layer

Body = Callable[[], AsyncIterator[bytes] | bytes]

_READ_BYTES = 1024**2
_LOAD_DEADLINE_S = 1800
_BLOCK = 512
_USUAL_ENGINE = "unix:///var/run/docker.sock"


class Destination(Protocol):
    """Raises `ImageUnavailable` when it cannot now; a later try may."""

    async def store(self, slug: str, launcher: str, layer: Layer, file: Path) -> EngineImage:
        """The image of this game, there and ready to be run by its id. `file` is the layer."""
        ...


@dataclass(frozen=True, slots=True)
class RegistryDestination:
    """Below `prefix` (`host:port/prefix`), each game under its slug. A base whose name says no registry is the engine's
    and is pushed there first.
    """

    prefix: str
    base_image: str
    insecure: tuple[str, ...] = ()
    docker_host: str | None = None

    async def store(self, slug: str, launcher: str, layer: Layer, file: Path) -> EngineImage:
        target = parse_reference(f"{self.prefix}/{slug}")
        base_at = await self._base_at()
        async with open_registry(target, insecure=self.insecure, deadline_s=None) as registry:
            base = await self._base(registry, base_at, target)
            blob = Blob(layer.digest, layer.size_bytes)
            await _put(registry, target, blob, partial(_pieces, file))
            config = config_of(base, layer, launcher)
            await _put(registry, target, Blob(digest_of(config), len(config)), lambda: config)
            manifest = manifest_of(config, [*base.layers, blob])
            path = f"/v2/{target.repository}/manifests/{digest_of(manifest)}"
            headers = {"Content-Type": MANIFEST_TYPE}
            async with registry.ask("PUT", path, headers=headers, body=lambda: manifest, fine=(201,)):
                pass
        return EngineImage(
            image_id=digest_of(config),
            size_bytes=None,
            reference=str(target),
            manifest_digest=digest_of(manifest),
            layers={each.digest: each.size_bytes for each in (*base.layers, blob)},
        )

    async def _base_at(self) -> ImageReference:
        named = parse_reference(self.base_image)
        if named.registry is not None:
            return named
        target = parse_reference(f"{self.prefix}/{named.repository}").tagged(named.tag or "latest")
        digest = await asyncio.to_thread(push_image, self.base_image, target, self.docker_host)
        return replace(target, digest=digest)

    async def _base(self, registry: RegistrySession, at: ImageReference, target: ImageReference) -> Base:
        """The base image, its layers brought to where the game's will be."""
        if at.registry == target.registry:
            return await _with_layers_in(target, registry, at, registry)
        async with open_registry(at, insecure=self.insecure, deadline_s=None) as elsewhere:
            return await _with_layers_in(target, registry, at, elsewhere)


@dataclass(frozen=True, slots=True)
class EngineDestination:
    """The engine at `docker_host`, which has the base image: the one-machine shape."""

    base_image: str
    docker_host: str | None = None

    async def store(self, slug: str, launcher: str, layer: Layer, file: Path) -> EngineImage:
        return await asyncio.to_thread(self._load, slug, launcher, layer, file)

    def _load(self, slug: str, launcher: str, layer: Layer, file: Path) -> EngineImage:
        with _engine(self.docker_host) as engine:
            try:
                known = engine.inspect_image(self.base_image)
            except ImageNotFound as error:
                raise ImageUnavailable(f"The Docker engine has no base image {self.base_image!r}.") from error
            base = Base(known["RootFS"]["Layers"], known["Config"].get("Env") or [], size_bytes=int(known["Size"]))
            config = config_of(base, layer, launcher)
            image_id = digest_of(config)
            name = f"playhouse/games/{slug}:{image_id.partition(':')[2][:12]}"
            said = list(engine.load_image(_docker_archive(config, base, layer, file, name)))
            try:
                there = engine.inspect_image(name)
            except ImageNotFound as error:
                raise ImageUnavailable(f"The Docker engine did not take the image: {str(said)[-300:]}") from error
            if there["Id"] != image_id:
                raise ImageUnavailable(f"The Docker engine calls the image {there['Id']} and not {image_id}.")
            return EngineImage(image_id, int(there["Size"]), name)


def _docker_archive(config: bytes, base: Base, layer: Layer, file: Path, name: str) -> Generator[bytes]:
    """What `docker load` takes, in pieces."""
    manifest = docker_archive_manifest(config, base, "layer.tar", name)
    for member, content in (("manifest.json", manifest), (config_file(config), config)):
        yield _member(member, len(content)) + content + bytes(-len(content) % _BLOCK)
    yield _member("layer.tar", layer.size_bytes)
    with file.open("rb") as handle:
        while piece := handle.read(_READ_BYTES):
            yield piece
    yield bytes(-layer.size_bytes % _BLOCK) + bytes(2 * _BLOCK)


def _member(name: str, size_bytes: int) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size_bytes, 0o644
    return header.tobuf(tarfile.GNU_FORMAT)


@contextlib.contextmanager
def _engine(docker_host: str | None) -> Generator[docker.APIClient]:
    address = docker_host or _USUAL_ENGINE
    # The client would leave a socket open where nothing listens.
    if address.startswith("unix://") and not Path(address.removeprefix("unix://")).exists():
        raise ImageUnavailable(f"No Docker engine answers at {address}.")
    try:
        client = docker.APIClient(base_url=docker_host, version="1.41", timeout=_LOAD_DEADLINE_S)
    except DockerException as error:
        raise ImageUnavailable(f"No Docker engine answers at {docker_host or 'its usual place'}.") from error
    try:
        yield client
    except (DockerException, OSError) as error:
        raise ImageUnavailable(f"The Docker engine did not answer: {error}") from error
    finally:
        client.close()


async def _with_layers_in(
    target: ImageReference, registry: RegistrySession, at: ImageReference, source: RegistrySession
) -> Base:
    found: RegistryImage = await found_in(source, at)
    blobs = [Blob(digest, size) for digest, size in found.layers.items()]
    for blob in blobs:
        await _bring(blob, target, registry, at, source)
    config = json.loads(await source.read(f"/v2/{at.repository}/blobs/{found.image_id}"))
    try:
        diff_ids = cast("list[str]", config["rootfs"]["diff_ids"])
        environment = cast("list[str]", config.get("config", {}).get("Env") or [])
    except (KeyError, TypeError, AttributeError) as error:
        raise ImageUnavailable(f"The config of {at} is not of a kind that we know.") from error
    return Base(diff_ids, environment, blobs)


async def _bring(
    blob: Blob, target: ImageReference, registry: RegistrySession, at: ImageReference, source: RegistrySession
) -> None:
    """A layer of the base into the game's repository: mounted where the registry can, else copied."""
    if await _has(registry, target, blob.digest):
        return
    uploads = f"/v2/{target.repository}/blobs/uploads/"
    if registry is source:
        mount = f"{uploads}?mount={blob.digest}&from={at.repository}"
        async with registry.ask("POST", mount, fine=(201, 202)) as answer:
            if answer.status == 201:
                return
            location = answer.headers["Location"]
    else:
        async with registry.ask("POST", uploads, fine=(202,)) as answer:
            location = answer.headers["Location"]

    async def copied() -> AsyncIterator[bytes]:
        async with source.ask("GET", f"/v2/{at.repository}/blobs/{blob.digest}") as layer:
            async for piece in layer.content.iter_chunked(_READ_BYTES):
                yield piece

    await _upload(registry, location, blob, copied)


async def _put(registry: RegistrySession, target: ImageReference, blob: Blob, body: Body) -> None:
    """Into the repository, unless it is there."""
    if await _has(registry, target, blob.digest):
        return
    async with registry.ask("POST", f"/v2/{target.repository}/blobs/uploads/", fine=(202,)) as answer:
        location = answer.headers["Location"]
    await _upload(registry, location, blob, body)


async def _upload(registry: RegistrySession, location: str, blob: Blob, body: Body) -> None:
    """All of it at once, to where the registry said."""
    url = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
    headers = {"Content-Length": str(blob.size_bytes), "Content-Type": "application/octet-stream"}
    async with registry.ask("PUT", url, headers=headers, body=body, fine=(201,)):
        pass


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as handle:
        while piece := await asyncio.to_thread(handle.read, _READ_BYTES):
            yield piece


async def _has(registry: RegistrySession, target: ImageReference, digest: str) -> bool:
    async with registry.ask("HEAD", f"/v2/{target.repository}/blobs/{digest}", fine=(200, 404)) as answer:
        return answer.status == 200
