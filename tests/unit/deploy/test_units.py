"""The units that `deploy/ssh` installs, and the settings that they read."""

import re
from pathlib import Path

import click
import pytest

from deploy.ssh.on_host import read_settings
from gameserver_agent.cli import run
from orchestrator.cli.serving import serve
from orchestrator.settings import Settings

SYSTEMD = Path(__file__).parents[3] / "deploy" / "systemd"
# Each gives a service mounts of its own (systemd.exec(5)), in which nobody else sees what it mounts.
MAKES_A_MOUNT_NAMESPACE = re.compile(
    r"^(ProtectSystem|ProtectHome|ProtectProc|ProcSubset|ProtectKernel\w+|ProtectControlGroups|ProtectHostname"
    r"|Private\w+|ReadOnlyPaths|ReadWritePaths|InaccessiblePaths|ExecPaths|NoExecPaths|Bind\w*Paths|TemporaryFileSystem"
    r"|Root\w+|MountFlags|DynamicUser|MountAPIVFS|ExtensionImages|LogNamespace)=",
    re.MULTILINE,
)


def unit(role: str) -> str:
    return (SYSTEMD / f"playhouse-{role}.service").read_text()


def test_the_engine_sees_what_an_agent_mounts() -> None:
    assert MAKES_A_MOUNT_NAMESPACE.search(unit("orchestrator"))
    assert MAKES_A_MOUNT_NAMESPACE.findall(unit("agent")) == []


def test_seats_outlive_the_service_that_started_them() -> None:
    """They are in scopes of their own, and their folder stays where systemd would remove it with the service."""
    lines = unit("agent").splitlines()
    assert {"RuntimeDirectory=playhouse-agent", "RuntimeDirectoryPreserve=yes"} <= set(lines)
    assert not [line for line in lines if line.startswith(("OOMScoreAdjust", "LimitNPROC", "ProtectClock", "Device"))]


def test_every_setting_of_the_examples_is_one() -> None:
    replica = {*(f"ORCHESTRATOR_{name.upper()}" for name in Settings.model_fields)}
    replica |= {str(option.envvar) for option in serve.params}
    host = {f"GAMESERVER_AGENT_{str(option.name).upper()}" for option in run.params}
    assert _named("orchestrator") <= replica
    assert _named("agent") <= host


def test_every_option_of_an_agent_has_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMESERVER_AGENT_ORCHESTRATOR_URL", "https://play.example.org")
    monkeypatch.setenv("GAMESERVER_AGENT_UDP_PORTS", "40000-40191")
    monkeypatch.setenv("GAMESERVER_AGENT_LABELS", "region=eu gpu=yes")
    monkeypatch.setenv("GAMESERVER_AGENT_PORT", "9200")
    with run.make_context("run", []) as context:
        given = context.params
    assert (given["orchestrator_url"], given["udp_ports"]) == ("https://play.example.org", "40000-40191")
    assert (given["labels"], given["port"]) == (("region=eu", "gpu=yes"), 9200)


def test_a_replica_listens_where_its_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_HOST", "0.0.0.0")
    monkeypatch.setenv("ORCHESTRATOR_PORT", "8001")
    assert isinstance(serve, click.Command)
    with serve.make_context("serve", []) as context:
        assert context.params == {"host": "0.0.0.0", "port": 8001}


def _named(role: str) -> set[str]:
    """The names in the example, also of what is commented out."""
    lines = (SYSTEMD / f"{role}.env.example").read_text().splitlines()
    settings = [line.removeprefix("# ") for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
    return set(read_settings("\n".join(settings)))
