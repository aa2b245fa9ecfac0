"""What a Docker engine knows of an image, and handing it to a registry. It never pulls or removes."""

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import docker
from docker.errors import DockerException, ImageNotFound

from orchestrator.catalog.references import ImageReference

_DEADLINE_S = 30
_PUSH_QUIET_S = 600


class ImageUnavailable(Exception):
    """The engine or registry does not answer, or has no such image; the message says which."""


@dataclass(frozen=True)
class EngineImage:
    """`image_id` is the config digest (`sha256:…`), which is the image's content and never another's.

    `size_bytes` is what it takes on a disk, None where only a registry was asked. What a registry has carries the name
    to pull it by, the digest of its manifest, and its layers' compressed bytes by their digests.
    """

    image_id: str
    size_bytes: int | None
    reference: str | None = None
    manifest_digest: str | None = None
    layers: Mapping[str, int] = field(default_factory=dict[str, int])


def inspect_image(reference: str, docker_host: str | None = None) -> EngineImage:
    """The image of that name in the engine at `docker_host` (default: `DOCKER_HOST`, else the usual socket). Blocks."""
    with _client(docker_host, _DEADLINE_S) as client:
        try:
            image = client.images.get(reference)
        except ImageNotFound as error:
            raise ImageUnavailable(f"The Docker engine has no image {reference!r}. Build or pull it first.") from error
        return EngineImage(str(image.id), int(image.attrs["Size"]))


def push_image(reference: str, target: ImageReference, docker_host: str | None = None) -> str:
    """Hand the engine's image `reference` to the registry under the name `target`, which has a tag and stays in the
    engine as well; answers the digest of its manifest there. Blocks. What the registry has already is not sent again.
    """
    with _client(docker_host, _PUSH_QUIET_S) as client:
        name = str(ImageReference(target.registry, target.repository))
        client.api.tag(reference, name, target.tag)
        digest = None
        for line in client.api.push(name, target.tag, stream=True, decode=True):
            if "error" in line:
                raise ImageUnavailable(f"{target.registry} does not take {target.repository}: {line['error']}")
            pushed = line.get("aux")
            if isinstance(pushed, dict):
                digest = pushed.get("Digest", digest)
    if digest is None:
        raise ImageUnavailable(f"The engine did not say under which digest {target.registry} keeps {target}.")
    return str(digest)


@contextlib.contextmanager
def _client(docker_host: str | None, timeout_s: int) -> Generator[docker.DockerClient]:
    try:
        if docker_host is None:
            client = docker.from_env(timeout=timeout_s)
        else:
            client = docker.DockerClient(base_url=docker_host, timeout=timeout_s)
    except DockerException as error:
        raise ImageUnavailable(f"No Docker engine answers at {docker_host or 'its usual place'}.") from error
    try:
        yield client
    except DockerException as error:
        raise ImageUnavailable(f"The Docker engine did not answer: {error}") from error
    finally:
        client.close()
