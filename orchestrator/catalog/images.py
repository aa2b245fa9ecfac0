"""What a Docker engine knows of an image. It reads; it never pulls, tags or removes."""

from dataclasses import dataclass

import docker
from docker.errors import DockerException, ImageNotFound

_DEADLINE_S = 30


class ImageUnavailable(Exception):
    """The engine does not answer, or has no such image; the message says which."""


@dataclass(frozen=True)
class EngineImage:
    """`image_id` is the config digest (`sha256:…`), which is the image's content and never another's."""

    image_id: str
    size_bytes: int


def inspect_image(reference: str, docker_host: str | None = None) -> EngineImage:
    """The image of that name in the engine at `docker_host` (default: `DOCKER_HOST`, else the usual socket). Blocks."""
    try:
        if docker_host is None:
            client = docker.from_env(timeout=_DEADLINE_S)
        else:
            client = docker.DockerClient(base_url=docker_host, timeout=_DEADLINE_S)
    except DockerException as error:
        raise ImageUnavailable(f"No Docker engine answers at {docker_host or 'its usual place'}.") from error
    try:
        image = client.images.get(reference)
        return EngineImage(str(image.id), int(image.attrs["Size"]))
    except ImageNotFound as error:
        raise ImageUnavailable(f"The Docker engine has no image {reference!r}. Build or pull it first.") from error
    except DockerException as error:
        raise ImageUnavailable(f"The Docker engine did not answer: {error}") from error
    finally:
        client.close()
