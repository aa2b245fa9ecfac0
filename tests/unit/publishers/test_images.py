"""Config and manifest of a game's image: the same parts, the same digests."""

import json

from orchestrator.catalog.images import EngineImage
from orchestrator.publishers.image import (
    Base,
    Blob,
    build_of,
    command_of,
    config_file,
    config_of,
    digest_of,
    docker_archive_manifest,
    manifest_of,
)
from orchestrator.publishers.layer import Layer

LAYER = Layer("sha256:" + "a" * 64, "sha256:" + "b" * 64, 100, 200)
BASE = Base(["sha256:" + "c" * 64], ["LANG=C.UTF-8"], [Blob("sha256:" + "d" * 64, 50)])


def test_the_config_starts_the_launcher_as_nobody_on_the_base() -> None:
    config = json.loads(config_of(BASE, LAYER, "go.sh"))
    assert config["rootfs"]["diff_ids"] == [*BASE.diff_ids, LAYER.diff_id]
    assert config["config"]["Cmd"] == list(command_of("go.sh")) == ["/game/go.sh"]
    assert (config["config"]["User"], config["config"]["WorkingDir"]) == ("65534:65534", "/game")
    assert config["config"]["Env"] == ["LANG=C.UTF-8"]
    assert len(config["history"]) == 2


def test_the_image_depends_on_what_is_in_it_and_on_nothing_else() -> None:
    packed_otherwise = Layer("sha256:" + "e" * 64, LAYER.diff_id, 101, 200)
    assert config_of(BASE, LAYER, "go.sh") == config_of(BASE, packed_otherwise, "go.sh")
    assert config_of(BASE, LAYER, "go.sh") != config_of(BASE, LAYER, "other.sh")
    assert config_of(Base([], ["LANG=C.UTF-8"]), LAYER, "go.sh") != config_of(BASE, LAYER, "go.sh")


def test_manifests_name_their_parts() -> None:
    config = config_of(BASE, LAYER, "go.sh")
    manifest = json.loads(manifest_of(config, [*BASE.layers, Blob(LAYER.digest, LAYER.size_bytes)]))
    assert manifest["config"]["digest"] == digest_of(config)
    assert [(layer["digest"], layer["size"]) for layer in manifest["layers"]] == [
        ("sha256:" + "d" * 64, 50),
        (LAYER.digest, 100),
    ]
    [entry] = json.loads(docker_archive_manifest(config, BASE, "layer.tar", "playhouse/games/x:1"))
    assert (entry["Config"], entry["Layers"]) == (config_file(config), ["base-0.tar", "layer.tar"])


def test_what_renpy_saves_is_kept_without_its_copies_of_scripts() -> None:
    image = EngineImage("sha256:" + "e" * 64, 100, "playhouse/games/garden:1")
    build = build_of("1.0", "garden.sh", image, [], is_renpy=True)
    assert (build.version, build.image, build.command) == ("1.0", image.reference, ("/game/garden.sh",))
    assert build.save_paths == (".renpy",)
    assert ".renpy/backups" in build.save_excludes


def test_any_other_game_says_what_it_saves() -> None:
    build = build_of("2", "maze", EngineImage("sha256:" + "e" * 64, 100), [".maze"], is_renpy=False)
    assert (build.image, build.save_paths) == ("sha256:" + "e" * 64, (".maze",))
