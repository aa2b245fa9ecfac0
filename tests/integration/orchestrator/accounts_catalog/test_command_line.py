"""The `orchestrator` command as an operator types it, and a replica as a process of its own."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar import Litestar

from orchestrator import cli, importing
from orchestrator.catalog import sources
from orchestrator.catalog.images import EngineImage, ImageUnavailable
from orchestrator.embedded.errors import GameNotBuilt
from orchestrator.publishers.where import DestinationOf
from orchestrator.settings import Settings
from tests.conftest import only_on
from tests.integration.orchestrator.publishers.conftest import KeptImages
from tests.packing import renpy_distribution, tar_gz

DEFINITION = """
slug = "the-question"
title = "The Question"
developer = "Someone"
description = "Short."
tags = ["Romance"]
[build]
version = "1.0"
image = "playhouse/the-question:1.0"
"""

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(cli.main, arguments, input=stdin)

    return run


@pytest.fixture
def game_file(tmp_path: Path) -> str:
    path = tmp_path / "game.toml"
    path.write_text(DEFINITION)
    return str(path)


def test_migrating_twice_says_so(run: Run, monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", empty_database_url)
    assert run("migrate").output.startswith("The database was migrated from nothing to revision ")
    assert run("migrate").output.startswith("The database is up to date")


@only_on("sqlite")
def test_a_folder_without_a_database_is_named_and_stays_as_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "not here"
    monkeypatch.setenv("ORCHESTRATOR_DATA", str(folder))
    monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
    answer = run("hosts", "list")
    assert answer.exit_code == 1
    assert f"There is no database in {folder}. Say with ORCHESTRATOR_DATA" in answer.output
    assert not folder.exists()


def test_a_person_is_created_once(run: Run) -> None:
    created = run("users", "create", "ada@example.org", "--password-stdin", "--admin", stdin="correct horse\n")
    assert (created.exit_code, created.output) == (0, "Created admin ada@example.org.\n")
    again = run("users", "create", "Ada@example.org", "--password-stdin", stdin="correct horse\n")
    assert (again.exit_code, again.output) == (1, "Error: An account with this e-mail address exists already.\n")


@pytest.mark.parametrize(
    ("email", "password", "problem"), [("nobody", "correct horse", "email: "), ("a@b.example", "short", "password: ")]
)
def test_a_person_that_cannot_be_is_one_line(run: Run, email: str, password: str, problem: str) -> None:
    refused = run("users", "create", email, "--password-stdin", stdin=f"{password}\n")
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Error: {problem}")
    assert refused.output.count("\n") == 1


def test_a_password_that_is_easy_to_guess_is_one_line(run: Run) -> None:
    refused = run("users", "create", "ada@example.org", "--password-stdin", stdin="password1234\n")
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "easy to guess" in refused.output


def test_a_password_is_never_an_argument(run: Run) -> None:
    assert run("users", "create", "ada@example.org").exit_code == 2


def test_a_game_is_added_once_and_listed(run: Run, game_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(reference: str, docker_host: str | None) -> EngineImage:
        assert (reference, docker_host) == ("playhouse/the-question:1.0", "unix:///somewhere")
        return EngineImage("sha256:aa", 1000)

    monkeypatch.setattr(sources, "inspect_image", found)
    assert "There are no games yet" in run("games", "list").output
    added = run("games", "add", game_file, "--docker-host", "unix:///somewhere")
    assert added.exit_code == 0
    assert added.output.startswith("Added the-question 1.0")
    again = run("games", "add", game_file, "--docker-host", "unix:///somewhere")
    assert again.output.startswith("Already there: the-question 1.0")
    headline, line = run("games", "list").output.splitlines()
    assert headline.split() == ["SLUG", "VERSION", "TITLE", "IMAGE"]
    assert line.split() == ["the-question", "1.0", "The", "Question", "playhouse/the-question:1.0"]


def test_a_missing_image_is_one_line(run: Run, game_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(reference: str, docker_host: str | None) -> EngineImage:
        raise ImageUnavailable("The Docker engine has no image 'x'.")

    monkeypatch.setattr(sources, "inspect_image", missing)
    refused = run("games", "add", game_file)
    assert (refused.exit_code, refused.output) == (1, "Error: The Docker engine has no image 'x'.\n")


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> KeptImages:
    """Where an archive's image goes, with the base that it is laid on."""
    kept = KeptImages()

    async def find(_: DestinationOf) -> KeptImages:
        return kept

    async def build(*_: object) -> bool:
        return False

    monkeypatch.setattr(DestinationOf, "__call__", find)
    monkeypatch.setattr(importing, "build_image", build)
    return kept


def test_an_archive_is_added_as_it_is(run: Run, images: KeptImages, tmp_path: Path) -> None:
    archive = tmp_path / "garden-1.0-linux.tar.gz"
    archive.write_bytes(tar_gz(renpy_distribution("garden-1.0-linux")))
    added = run("games", "add", str(archive))
    assert added.output.startswith("Added garden 1.0"), added.output
    assert run("games", "add", str(archive)).output.startswith("Already there: garden 1.0")
    assert len(set(images.stored)) == 1
    assert run("games", "list").output.splitlines()[1].split()[:3] == ["garden", "1.0", "Garden"]


def test_an_archive_is_what_its_description_says(run: Run, images: KeptImages, tmp_path: Path) -> None:
    archive, about = tmp_path / "garden.tar.gz", tmp_path / "about.toml"
    archive.write_bytes(tar_gz(renpy_distribution()))
    about.write_text(
        'slug = "forking-paths"\ntitle = "Forking Paths"\ndeveloper = "Ts\'ui Pên"\ndescription = "A labyrinth."\n'
        'tags = ["Mystery"]\nversion = "2"\n'
    )
    assert run("games", "add", str(archive), "--about", str(about)).output.startswith("Added forking-paths 2")
    assert images.stored


def test_an_archive_that_is_no_game_is_one_line(run: Run, images: KeptImages, tmp_path: Path) -> None:
    archive = tmp_path / "garden.tar.gz"
    archive.write_bytes(b"no archive")
    refused = run("games", "add", str(archive))
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Error: {archive}: ")
    assert refused.output.count("\n") == 1
    assert images.stored == []


def test_a_recipe_that_cannot_be_built_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def build(folder: Path, title: str, *_: object) -> bool:
        assert (folder.name, title) == ("the-question", "The Question")
        raise GameNotBuilt("The Question could not be made.")

    monkeypatch.setattr(importing, "build_image", build)
    refused = run("games", "add", "the-question")
    assert (refused.exit_code, refused.output) == (1, "Error: The Question could not be made.\n")


def test_an_engine_that_does_not_answer_is_one_line(run: Run, game_file: str) -> None:
    refused = run("games", "add", game_file, "--docker-host", "tcp://127.0.0.1:1")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: No Docker engine answers")
    assert refused.output.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ORCHESTRATOR_DATABASE_URL", "nonsense", "Error: "),
        ("ORCHESTRATOR_PUBLIC_URL", "play.example", "Error: ORCHESTRATOR_PUBLIC_URL: "),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    for command in (("games", "list"), ("serve",), ("migrate",)):
        refused = run(*command)
        assert refused.exit_code == 1, command
        assert refused.output.startswith(problem), command
        assert refused.output.count("\n") == 1, command


def test_a_database_that_is_behind_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", empty_database_url)
    for command in (("games", "list"), ("serve",)):
        refused = run(*command)
        assert refused.exit_code == 1
        assert "`orchestrator migrate`" in refused.output
        assert refused.output.count("\n") == 1


def test_a_host_token_is_the_only_line(run: Run) -> None:
    printed = run("hosts", "token")
    assert printed.exit_code == 0
    assert len(printed.output.split()) == 1


async def test_a_replica_serves_shares_its_database_with_commands_and_ends_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DRAIN_S", "0")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    replica = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "serve", "--port", port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _ready(f"http://127.0.0.1:{port}", replica)
        created = await _command("users", "create", "ada@example.org", "--password-stdin", stdin=b"correct horse\n")
        assert created == (0, "Created player ada@example.org.\n")
        _, held = await _hold_a_request(int(port))
        asked_at = time.monotonic()
        replica.send_signal(signal.SIGTERM)
        await asyncio.wait_for(replica.wait(), 60)
        assert time.monotonic() - asked_at < 15
        held.close()
    finally:
        if replica.returncode is None:
            replica.kill()
            await replica.wait()


@only_on("sqlite")
async def test_a_second_replica_is_refused_in_one_line_that_names_the_first(
    app: Litestar, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.data.parent)
    monkeypatch.setenv("ORCHESTRATOR_DATA", settings.data.name)
    code, output = await _command("serve", "--port", "0")
    assert code == 1
    assert f"A replica already runs on DATA={settings.data} (process {os.getpid()}, {settings.data}/" in output
    assert output.count("\n") == 1


async def test_processes_that_migrate_at_once_do_it_once(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", empty_database_url)
    answers = await asyncio.gather(*(_command("migrate") for _ in "123"))
    assert [code for code, _ in answers] == [0, 0, 0]
    # Above it may stand that one waits for another.
    assert sorted(output.splitlines()[-1].partition(" to ")[0] for _, output in answers) == [
        *["The database is up"] * 2,
        "The database was migrated from nothing",
    ]


async def _ready(url: str, replica: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(timeout=60) as client:
        while True:
            assert replica.returncode is None, "the replica ended by itself"
            try:
                if (await client.get(f"{url}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def _hold_a_request(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request that the replica goes on waiting for, as it does in a long poll."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST /api/auth/register HTTP/1.1", "Host: house", "Content-Type: application/json", "Content-Length: 9"
    writer.write("\r\n".join((*head, "Expect: 100-continue", "", "")).encode())
    assert b"100" in await reader.readline()  # it has begun to read the body, which never comes
    return reader, writer


async def _command(*arguments: str, stdin: bytes = b"") -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin)
    return process.returncode, output.decode()


def test_codes_are_made_listed_and_taken_back(run: Run, game_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(_reference: str, _docker_host: str | None) -> EngineImage:
        return EngineImage("sha256:aa", 1000)

    monkeypatch.setattr(sources, "inspect_image", found)
    run("games", "add", game_file)
    assert run("codes", "list").output.startswith("There are no codes yet.")
    assert run("games", "access", "the-question", "--code").output == "the-question needs a code.\n"
    made = run("codes", "create", "the-question", "--count", "3", "--note", "For friends", "--expires", "2999-01-01")
    assert made.exit_code == 0
    codes = made.stdout.splitlines()
    assert len({len(code) for code in codes}) == 1
    assert len(set(codes)) == 3
    batch = made.stderr.split()[1].rstrip(":")
    listed = run("codes", "list", "the-question").output
    assert listed == f"{batch}\tthe-question\t3 codes, 0 redeemed, 0 revoked\tuntil 2999-01-01\tFor friends\n"
    shown = run("codes", "show", batch).output
    assert all(f"…{code[-4:]}\tunused" in shown for code in codes)
    assert run("codes", "revoke", batch).output == "3 codes were revoked.\n"
    assert run("codes", "revoke", batch).output == "0 codes were revoked.\n"
    for arguments, problem in (
        (("codes", "create", "nowhere"), "There is no game 'nowhere'."),
        (("codes", "create", "the-question", "--expires", "2020-01-01"), "expiresAt: must be in the future"),
        (("codes", "create", "the-question", "--note", "x" * 101), "note: "),
        (("codes", "revoke", "nothing"), "There is neither"),
        (("games", "access", "nowhere", "--open"), "There is no game 'nowhere'."),
    ):
        answer = run(*arguments)
        assert answer.exit_code == 1
        assert problem in answer.output
