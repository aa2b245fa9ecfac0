"""What an image is made of: `recipe.toml`, and the runtime that every game gets."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

GAMES = Path(__file__).parents[1]
RUNTIME = GAMES / "runtime"
BASE = GAMES / "base"


class BuildFailed(Exception):
    """The image could not be made; the message says why and where to look."""


@dataclass(frozen=True)
class Recipe:
    folder: Path
    image: str
    suite: str
    packages: tuple[str, ...]
    environment: dict[str, str]
    command: tuple[str, ...]
    prepare: str | None

    @property
    def is_base(self) -> bool:
        return self.folder == BASE.resolve()

    @property
    def digest(self) -> str:
        """Changes whenever anything changes that the image is made of, except the packages' versions in Debian."""
        total = hashlib.sha256()
        own = () if self.is_base else (self.folder,)
        for root in (GAMES / "build.py", GAMES / "image_builder", RUNTIME, BASE, *own):
            for path in sorted([root, *root.rglob("*")]):
                if path.is_file() and path.name != "game.toml" and "__pycache__" not in path.parts:
                    total.update(f"{path.relative_to(root.parent)}\0{path.stat().st_mode & 0o111:o}\0".encode())
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()


def read_recipe(folder: Path) -> Recipe:
    runtime = tomllib.loads((RUNTIME / "runtime.toml").read_text(encoding="utf-8"))
    recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    return Recipe(
        folder=folder.resolve(),
        image=recipe["image"],
        suite=runtime["suite"],
        packages=tuple(recipe["packages"]),
        environment={**runtime["environment"], **recipe.get("environment", {})},
        command=tuple(recipe["command"]),
        prepare=recipe.get("prepare"),
    )


def runtime_packages() -> tuple[str, ...]:
    return tuple(tomllib.loads((RUNTIME / "runtime.toml").read_text(encoding="utf-8"))["packages"])


def report(step: str, done: int, total: int) -> None:
    print(json.dumps({"step": step, "done": done, "total": total}), flush=True)
