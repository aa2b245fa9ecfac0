"""What documents tell people to type are commands that there are: each is parsed as its program would parse it.

And somebody types each of them in a test, or it is said why nobody does.
"""

import itertools
import re
import shlex
from pathlib import Path

import click
import pytest

from gameserver_agent.cli import main as gameserver_agent
from orchestrator.cli import main as orchestrator
from tests.docs.reading import HOUSE, PAGES, SHELL, blocks, shell_blocks, simple_commands

PROGRAMS: dict[str, click.Command] = {"orchestrator": orchestrator, "gameserver-agent": gameserver_agent}
TARGETS = set(re.findall(r"^([a-z-]+):", (HOUSE / "Makefile").read_text(), re.MULTILINE))
FEWEST = 60
READERS = HOUSE / "tests" / "integration" / "guides"
READ_ELSEWHERE = {
    ("docs/arena-first-match.md", "*"): "tests/browser/pages/test_first_match.py types it",
    ("docs/deploying.md", "An evening, in order"): "tests/integration/deploy/test_an_evening.py types it",
    ("docs/deploying.md", "With containers"): "its images are those of a public registry",
    ("docs/deploying.md", "On Kubernetes"): "it takes a cluster; a test holds what is deployed there to its schemas",
    ("docs/benchmarks.md", "*"): "they take minutes to hours; their last results are in bench/results",
    ("CONTRIBUTING.md", "Working on it"): "it is what the gate itself does",
}
"""Blocks of shell by their page and heading, and why no reader of `READERS` types them."""
DEPLOYED = "/opt/playhouse/bin/"
OF_THE_SERVICE = ("GAMESERVER_AGENT_ORCHESTRATOR_URL", "https://play.example.org")
"""What a command that was deployed finds in its service's settings."""


def of_ours(command: list[str]) -> tuple[str, list[str]] | None:
    """The program and its arguments, if it is one of ours: the last that is named, in `docker compose exec orchestrator
    python -m orchestrator hosts token`.
    """
    for place in range(len(command) - 1, -1, -1):
        name = Path(command[place]).name
        if name in PROGRAMS and place + 1 < len(command):
            return name, command[place + 1 :]
    return None


def parse(program: click.Command, name: str, arguments: list[str], parent: click.Context | None = None) -> None:
    """As the program does, without doing it. Raises `click.UsageError`."""
    if isinstance(program, click.Group):
        with click.Context(program, info_name=name, parent=parent) as context:
            _, command, rest = program.resolve_command(context, list(arguments))
            assert command is not None
            parse(command, command.name or "", rest, context)
    elif "…" in arguments:  # what was said before stands for the rest
        known = {option for parameter in program.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known
    else:
        program.make_context(name, list(arguments), parent=parent)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages name."""
    for name in ("join-token", "game.toml", "garden.toml", "garden.tar.gz", "garden-1.0-linux.tar.gz"):
        (tmp_path / name).touch()
    (tmp_path / "my-game").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_documents_is_one_that_there_is(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = 0
    for page in PAGES:
        for command in itertools.chain.from_iterable(map(simple_commands, shell_blocks(page))):
            ours = of_ours(command)
            if ours is not None:
                name, arguments = ours
                if any(word.startswith(DEPLOYED) for word in command):
                    monkeypatch.setenv(*OF_THE_SERVICE)
                try:
                    parse(PROGRAMS[name], name, arguments)
                except click.UsageError as wrong:
                    pytest.fail(f"{page}: {shlex.join(command)}: {wrong.format_message()}")
                monkeypatch.delenv(OF_THE_SERVICE[0], raising=False)
                parsed += 1
            elif command[:1] == ["make"]:
                targets = {word for word in command[1:] if "=" not in word}
                assert targets <= TARGETS, f"{page}: {shlex.join(command)}"
                parsed += 1
    assert parsed >= FEWEST, "they are found at all"


def test_every_block_of_shell_is_typed_by_somebody() -> None:
    sources = "".join(file.read_text() for file in READERS.glob("*.py"))
    read = set(re.findall(r'reads\("(\S+)"', sources))
    places = {(page, block.heading) for page in PAGES for block in blocks(page) if block.language == SHELL}
    left = {(page, heading) for page, heading in places if page not in read}
    assert not {place for place in left if not {place, (place[0], "*")} & READ_ELSEWHERE.keys()}
    assert READ_ELSEWHERE.keys() <= left | {(page, "*") for page, _ in left}, "each is about something that is there"


@pytest.mark.parametrize(
    "line", ["orchestrator hosts drian HOST", "orchestrator hosts drain HOST --mvoe", "orchestrator hosts drain"]
)
def test_a_command_that_is_not_there_is_found(line: str) -> None:
    command = next(simple_commands(f"{line}   # so\n"))
    ours = of_ours(command)
    assert ours is not None
    with pytest.raises(click.UsageError):
        parse(PROGRAMS[ours[0]], *ours)
