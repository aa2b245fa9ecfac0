"""An image's config and manifest (https://github.com/opencontainers/image-spec), made of a base image and one layer.
Pure: the same parts give the same bytes and so the same digests.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from agent_protocol import BuildSpec
from orchestrator.catalog.definition import BuildDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.publishers.layer import GAME_FOLDER, Layer

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_NOBODY = "65534:65534"
_RENPY = ".renpy"
_RENPY_EXCLUDES = (".renpy/backups", ".renpy/backups/*")  # copies of its own scripts, where they came as text
_NO_MOMENT = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Blob:
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Base:
    """The image that a game's layer is laid on. `layers` are what a registry has, empty where only an engine was asked;
    `size_bytes` is what it takes on a disk, 0 where nobody knows.
    """

    diff_ids: Sequence[str]
    environment: Sequence[str]
    layers: Sequence[Blob] = ()
    size_bytes: int = 0


def command_of(launcher: str) -> tuple[str, ...]:
    """How the game is started in its image."""
    return (f"/{GAME_FOLDER}/{launcher}",)


def build_of(
    version: str, launcher: str, image: EngineImage, save_paths: Sequence[str], *, is_renpy: bool
) -> BuildDefinition:
    """How an uploaded game is run. Ren'Py's saves are kept wherever it puts them below its own folder: the key that
    signs them lies beside, and is needed to trust them.
    """
    return BuildDefinition(
        version=version,
        image=image.reference or image.image_id,
        command=command_of(launcher),
        save_paths=(*save_paths, _RENPY) if is_renpy else tuple(save_paths),
        save_excludes=(*BuildSpec(build_id="", image="", image_id="").save_excludes, *_RENPY_EXCLUDES),
    )


def config_of(base: Base, layer: Layer, launcher: str) -> bytes:
    """Its digest is what engines call the image's id."""
    diff_ids = [*base.diff_ids, layer.diff_id]
    return _canonical(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": _NO_MOMENT,
            "config": {
                "Cmd": command_of(launcher),
                "Env": list(base.environment),
                "Labels": {"playhouse.published": "1"},
                "User": _NOBODY,
                "WorkingDir": f"/{GAME_FOLDER}",
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": _NO_MOMENT}] * len(diff_ids),
        }
    )


def manifest_of(config: bytes, layers: Sequence[Blob]) -> bytes:
    """For a registry, by which an engine pulls it."""
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": _CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
            "layers": [
                {"mediaType": _LAYER_TYPE, "digest": layer.digest, "size": layer.size_bytes} for layer in layers
            ],
        }
    )


def docker_archive_manifest(config: bytes, base: Base, layer_file: str, name: str) -> bytes:
    """For `docker load`: `manifest.json` of an archive that has the new layer and leaves out those that the engine has
    already, which it finds by their content.
    """
    files = [*(f"base-{number}.tar" for number in range(len(base.diff_ids))), layer_file]
    return _canonical([{"Config": config_file(config), "RepoTags": [name], "Layers": files}])


def config_file(config: bytes) -> str:
    return f"{digest_of(config).partition(':')[2]}.json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
