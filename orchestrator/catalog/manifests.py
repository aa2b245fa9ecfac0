"""Manifests as registries serve them, Docker's (v2, schema 2) and OCI's alike, read into values. Pure.

Bytes of a stranger: what is not as it must be raises `InvalidManifest`, and nothing else does.
"""

import json
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, ValidationError

ACCEPTED = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
"""Media types to ask for."""

MOST_LAYERS = 256
PLATFORM = ("linux", "amd64")

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class InvalidManifest(ValueError):
    """The registry's answer describes no image that we could run; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`config_digest` is what an engine calls the image's id; `layers` maps digests to their compressed bytes."""

    config_digest: str
    layers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An index was answered: the image for our platform has a manifest of its own."""

    digest: str


class _Blob(BaseModel):
    digest: Digest
    size: int = Field(ge=0, lt=2**48)


class _Image(BaseModel):
    config: _Blob
    layers: list[_Blob] = Field(max_length=MOST_LAYERS)


class _Platform(BaseModel):
    os: str = ""
    architecture: str = ""


class _Entry(_Blob):
    platform: _Platform = _Platform()


class _Index(BaseModel):
    manifests: list[_Entry] = Field(max_length=1000)


def read_manifest(body: bytes) -> Manifest | Elsewhere:
    """The image that a manifest describes, or which manifest of an index is that for linux/amd64."""
    try:
        content = json.loads(body)
        if isinstance(content, dict) and "manifests" in content:
            entries = _Index.model_validate(content).manifests
            found = (e.digest for e in entries if (e.platform.os, e.platform.architecture) == PLATFORM)
            digest = next(found, None)
            if digest is None:
                raise InvalidManifest("the registry has this image for other platforms than linux/amd64 alone")
            return Elsewhere(digest)
        image = _Image.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidManifest(f"the registry's manifest is not of a kind that we know ({where})") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest("the registry's manifest is no JSON") from error
    return Manifest(image.config.digest, {layer.digest: layer.size for layer in image.layers})
