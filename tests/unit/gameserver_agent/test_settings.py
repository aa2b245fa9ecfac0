"""An agent that players could never reach does not start."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameserver_agent.cli import main
from gameserver_agent.errors import StartUpError
from gameserver_agent.service import EXIT_CANNOT_START, serve
from gameserver_agent.settings import AgentSettings, require_reachable

HERE = AgentSettings(
    orchestrator_url="http://127.0.0.1:8000",
    play_url="http://127.0.0.1:8000",
    token=None,
    host="127.0.0.1",
    port=0,
    public_url=None,
    docker_host="unix:///nowhere.sock",
    data=Path("/nowhere"),
    seat_folders=Path("/nowhere"),
    seat_runtime=Path("/nowhere"),
    name="host",
    seats=1,
    ice_addresses=(),
    udp_ports=None,
    public_ip=None,
    bitrate_bps=1_000_000,
    labels={},
    stop_sessions_on_exit=False,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "localhost", "[::1]", "0.0.0.0"])
def test_beside_its_orchestrator_an_agent_needs_no_public_url(host: str) -> None:
    require_reachable(dataclasses.replace(HERE, orchestrator_url=f"http://{host}:8000"))


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]", "orchestrator.invalid"])
def test_a_remote_host_without_a_public_url_is_refused_with_what_to_give(host: str) -> None:
    remote = dataclasses.replace(HERE, orchestrator_url=f"https://{host}")
    with pytest.raises(StartUpError, match="--public-url"):
        require_reachable(remote)
    require_reachable(dataclasses.replace(remote, public_url="https://host.example"))


@pytest.mark.parametrize("url", ["", "orchestrator.example", "http://", "/api"])
def test_what_is_no_url_is_named(url: str) -> None:
    with pytest.raises(StartUpError, match="--orchestrator"):
        require_reachable(dataclasses.replace(HERE, orchestrator_url=url))


def test_a_refused_start_leaves_no_data_folder(tmp_path: Path) -> None:
    remote = dataclasses.replace(HERE, orchestrator_url="https://192.0.2.7", data=tmp_path / "data")
    assert asyncio.run(serve(remote)) == EXIT_CANNOT_START
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--udp-ports", "40000"], "is not FIRST-LAST"),
        (["--udp-ports", "40100-40000"], "is not FIRST-LAST"),
        (["--udp-ports", "40000-70000"], "is not FIRST-LAST"),
        (["--seats", "2", "--udp-ports", "40000-40022"], "2 seats need 24 ports"),
        (["--public-ip", "games.example.org"], "is no IP address"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_what_is_wrong(options: list[str], why: str) -> None:
    outcome = CliRunner().invoke(main, ["run", "--orchestrator", "http://127.0.0.1:8000", *options])
    assert outcome.exit_code == 2
    assert why in outcome.output


def test_only_a_host_that_has_not_joined_looks_at_its_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    joins = dataclasses.replace(HERE, token_file=file)
    with pytest.raises(StartUpError, match="No such file"):
        joins.join_token()
    file.write_text("join_7\n")
    assert joins.join_token() == "join_7"
    assert dataclasses.replace(HERE, token="join_8").join_token() == "join_8"
    with pytest.raises(StartUpError, match="has not joined yet"):
        HERE.join_token()


@pytest.mark.parametrize(
    ("options", "seats"),
    [
        ([], 128),
        (["--udp-ports", "40000-40191"], 16),
        (["--udp-ports", "40000-50000"], 128),
        (["--udp-ports", "40000-40191", "--seats", "2"], 2),
    ],
)
def test_a_host_takes_no_more_sessions_than_its_ports_are_for(
    options: list[str], seats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cores(_: int) -> set[int]:
        return set(range(64))

    monkeypatch.setattr("os.sched_getaffinity", cores)
    assert _started(monkeypatch, *options, "--token-file", "/nowhere/token").seats == seats


def test_every_folder_is_the_same_from_wherever_a_seat_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seat is started in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    settings = _started(monkeypatch, "--data", "data", "--seat-folders", "seats", "--seat-runtime", "runtime")
    assert (settings.data, settings.seat_folders, settings.seat_runtime) == (
        tmp_path / "data",
        tmp_path / "seats",
        tmp_path / "runtime",
    )


def _started(monkeypatch: pytest.MonkeyPatch, *options: str) -> AgentSettings:
    """What the daemon would be started with."""
    given: list[AgentSettings] = []

    async def remember(settings: AgentSettings) -> int:
        given.append(settings)
        return 0

    monkeypatch.setattr("gameserver_agent.service.serve", remember)
    outcome = CliRunner().invoke(main, ["run", "--orchestrator", "http://127.0.0.1:8000", *options])
    assert outcome.exit_code == 0, outcome.output
    [settings] = given
    return settings
