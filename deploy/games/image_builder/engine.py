"""Images in the Docker Engine of DOCKER_HOST, by the docker command: found, read, imported, laid on one another."""

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from image_builder.debian import LISTS
from image_builder.recipe import BuildFailed, Recipe, report

RECIPE_LABEL = "playhouse.recipe"


def existing_image(recipe: Recipe) -> tuple[str | None, str]:
    """The id of the image that has this name now, None without one, and the digest of the recipe that made it."""
    form = '{{.Id}} {{index .Config.Labels "' + RECIPE_LABEL + '"}}'
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", form, recipe.image], capture_output=True, text=True, check=False
    )
    image_id, _, digest = found.stdout.strip().partition(" ")
    return (image_id, digest) if found.returncode == 0 else (None, "")


def remove_image(image_id: str | None, digest: str) -> None:
    """Gives the disk of an earlier recipe's image back, and of its base with the last game on it. What something still
    uses stays, and what is not ours.
    """
    if image_id is not None and re.fullmatch(r"[0-9a-f]{64}", digest):
        subprocess.run(["docker", "image", "rm", image_id], capture_output=True, check=False)


def import_root(recipe: Recipe, root: Path) -> str:
    """The root as an image of one layer."""
    size = int(subprocess.run(["du", "-sb", str(root)], capture_output=True, text=True, check=True).stdout.split()[0])
    packed = ["tar", "--numeric-owner", "--one-file-system", f"--exclude=./{LISTS}/*", "-C", str(root), "-c", "."]
    return _hand_over("import base", packed, size, ["docker", "import", *_changes(recipe), "-", recipe.image])


def unpack(base: Recipe, root: Path) -> None:
    """The base as the engine has it."""
    root.mkdir()
    with _container(base.image) as container:
        exporter = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        unpacked = subprocess.run(
            ["tar", "--numeric-owner", "-C", str(root), "-x"], stdin=exporter.stdout, capture_output=True, check=False
        )
        if exporter.stdout is not None:
            exporter.stdout.close()  # or a tar that died early would leave the export waiting for a reader
        if exporter.wait() != 0 or unpacked.returncode != 0:
            raise BuildFailed(f"The base image could not be read: {unpacked.stderr.decode(errors='replace')[-1000:]}")
    (root / ".dockerenv").unlink(missing_ok=True)


def commit(recipe: Recipe, base: Recipe, root: Path, changed: Iterable[str]) -> str:
    """What has changed in the root as one layer on the base. Answers the image's id."""
    listed = root.with_name("changed")
    listed.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in sorted(changed)))
    packed = ["tar", "--numeric-owner", "--no-recursion", "--null", "-C", str(root), "-T", str(listed), "-c"]
    size = sum((root / path).lstat().st_size for path in changed)
    with _container(base.image) as container:
        _hand_over("import", packed, size, ["docker", "cp", "-", f"{container}:/"])
        return _said(["docker", "commit", *_changes(recipe), container, recipe.image])


def _changes(recipe: Recipe) -> list[str]:
    changes = [f"ENV {name}={value}" for name, value in recipe.environment.items()]
    changes += [f"CMD {json.dumps(recipe.command)}", f"LABEL {RECIPE_LABEL}={recipe.digest}", "USER 65534:65534"]
    return [part for change in changes for part in ("--change", change)]


@contextmanager
def _container(image: str) -> Iterator[str]:
    """A container of this image that never runs; it is gone after the block."""
    container = _said(["docker", "create", "--network=none", image])
    try:
        yield container
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)


def _said(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise BuildFailed(f"{' '.join(command[:2])} failed: {ran.stderr.strip()}")
    return ran.stdout.strip()


def _hand_over(step: str, packed: list[str], size: int, taking: list[str]) -> str:
    """What one command packs goes to another; answers what that one says."""
    packer = subprocess.Popen(packed, stdout=subprocess.PIPE)
    taker = subprocess.Popen(taking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert packer.stdout is not None
    assert taker.stdin is not None
    assert taker.stdout is not None
    assert taker.stderr is not None
    done = 0
    try:
        while chunk := packer.stdout.read(1 << 20):
            taker.stdin.write(chunk)
            done += len(chunk)
            if done % (16 << 20) < (1 << 20):
                report(step, min(done, size), size)
        taker.stdin.close()
    except BrokenPipeError:
        packer.terminate()
    answer = taker.stdout.read().decode().strip()
    complaint = taker.stderr.read().decode().strip()
    if taker.wait() != 0 or packer.wait() != 0:
        raise BuildFailed(f"{' '.join(taking[:2])} failed: {complaint}")
    report(step, size, size)
    return answer
