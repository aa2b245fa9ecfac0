"""What an agent must know of a build to run it."""

from pydantic import Field

from agent_protocol.model import WireModel


class Display(WireModel):
    """The picture that the game draws, in pixels and frames a second."""

    width: int = Field(default=1280, ge=320, le=3840)
    height: int = Field(default=720, ge=240, le=2160)
    fps: int = Field(default=60, ge=1, le=120)


class Limits(WireModel):
    """The most that one container of this build may use."""

    cpu_cores: float = Field(default=2.0, gt=0)
    memory_bytes: int = Field(default=1024**3, gt=0)
    pids: int = Field(default=256, gt=0)
    save_bytes: int = Field(default=256 * 1024**2, gt=0)


class Request(WireModel):
    """What one container of this build is expected to use, until its profile knows better."""

    cpu_cores: float = Field(default=0.5, gt=0)
    memory_bytes: int = Field(default=512 * 1024**2, gt=0)


class BuildSpec(WireModel):
    """One immutable version of a game.

    `image_id` is the engine's config digest and always decides which image runs; `image` is the reference to pull it by
    when `manifest_digest` says that a registry has it. `size_bytes` is what it takes on a disk, 0 when nobody has
    measured it, and `layers` maps the digests of its layers to the bytes that a pull of each moves. `save_paths` are
    relative to `$HOME`; empty means all of it. `save_excludes` are `fnmatch` patterns of paths below `$HOME` that are
    never saved. `gamepad` says what a pad's controls do in this game, over what they do everywhere; the seat knows the
    names. `required_labels` are those that a host must have to run it.

    `waits_at_title` says that the game may be started before anybody plays it. It is started with `PLAYHOUSE_WAITS` in
    its environment then, a path where no file is, and stands still once it has drawn its title. When it moves again,
    and that file is there, somebody plays: their save is in `$HOME`, and the file (JSON) names their time zone, and the
    `language` that the game would have had in `LANG`. Until then it writes nothing that is part of a save once its
    title is drawn, and after that nothing of what it knew before is shown or saved.
    """

    build_id: str
    image: str
    image_id: str
    manifest_digest: str | None = None
    size_bytes: int = 0
    layers: dict[str, int] = Field(default_factory=dict)
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    display: Display = Field(default_factory=Display)
    gamepad: dict[str, str] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    request: Request = Field(default_factory=Request)
    required_labels: dict[str, str] = Field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    stop_grace_s: float = Field(default=10.0, ge=0, le=25)
    save_paths: tuple[str, ...] = ()
    save_excludes: tuple[str, ...] = (".cache", ".cache/*")
    waits_at_title: bool = False
