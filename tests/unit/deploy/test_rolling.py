"""In which order hosts change, what is sent to them, and what they say would change."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.ssh import deploy
from deploy.ssh.on_host import Order, Refused, Wanted, changes, health_url, read_settings

RELEASE = deploy.Release("0.1.0-new", {})


@dataclass
class ScriptedHost(deploy.Host):
    """Answers what a test says, and writes down what it was told."""

    name: str
    told: list[str]
    changes: Sequence[str] = ("something changes",)
    migrates: bool = False
    is_sent: bool = False
    fails_at: str = ""
    can_go_back: bool = True

    def do(self, what: str) -> dict[str, object]:
        if what != "look":
            self.told.append(f"{self.name} {what}")
        if what == self.fails_at:
            raise deploy.HostFailed
        if what == "switch":
            return {"is_well": True, "can_go_back": self.can_go_back}
        return {"changes": list(self.changes), "is_sent": self.is_sent, "migrates": self.migrates}

    def send(self, release: deploy.Release) -> None:
        self.told.append(f"{self.name} gets {release.version}")


def test_one_host_after_the_other_once_all_are_prepared() -> None:
    told: list[str] = []
    assert deploy.deploy([ScriptedHost("a", told), ScriptedHost("b", told, is_sent=True)], RELEASE, only_check=False)
    assert told == ["a gets 0.1.0-new", "a stage", "b stage", "a switch", "b switch"]


def test_proxies_have_time_to_find_one_again_before_the_next_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def pause(seconds: float) -> None:
        told.append(f"{seconds} s")

    monkeypatch.setattr(deploy.time, "sleep", pause)
    hosts = [ScriptedHost(name, told, is_sent=True) for name in ("a", "b", "c")]
    assert deploy.deploy(hosts, RELEASE, only_check=False, pause_s=5.0)
    assert told[3:] == ["a switch", "5.0 s", "b switch", "5.0 s", "c switch"]


def test_a_check_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    hosts = [ScriptedHost("a", told, migrates=True), ScriptedHost("b", told, changes=())]
    assert deploy.deploy(hosts, RELEASE, only_check=True)
    assert told == []
    said = "a: something changes\na: the database may change\nb: nothing changes, 0.1.0-new runs\n"
    assert capsys.readouterr().out == said


def test_a_host_where_nothing_changes_is_left_alone() -> None:
    told: list[str] = []
    hosts = [ScriptedHost("a", told, changes=(), migrates=True), ScriptedHost("b", told, is_sent=True)]
    assert deploy.deploy(hosts, RELEASE, only_check=False)
    assert told == ["b stage", "b switch"]


def test_what_does_not_load_on_one_host_is_switched_to_on_none() -> None:
    told: list[str] = []
    hosts = [ScriptedHost("a", told, is_sent=True), ScriptedHost("b", told, is_sent=True, fails_at="stage")]
    with pytest.raises(deploy.HostFailed):
        deploy.deploy(hosts, RELEASE, only_check=False)
    assert told == ["a stage", "b stage"]


def test_when_one_host_is_not_well_those_before_it_go_back_and_the_rest_stay() -> None:
    told: list[str] = []
    names = {"a": "", "b": "", "c": "switch", "d": ""}
    hosts = [ScriptedHost(name, told, is_sent=True, fails_at=fails) for name, fails in names.items()]
    hosts[0].can_go_back = False
    assert not deploy.deploy(hosts, RELEASE, only_check=False)
    assert told[4:] == ["a switch", "b switch", "c switch", "b back"]


def test_replicas_run_on_while_the_first_one_changes_the_database() -> None:
    told: list[str] = []
    hosts = [ScriptedHost(name, told, is_sent=True, migrates=True) for name in ("a", "b")]
    assert deploy.deploy(hosts, RELEASE, only_check=False)
    assert told[2:] == ["a switch", "b switch"]


def test_who_changed_goes_back_when_the_operator_gives_up() -> None:
    class Impatient(ScriptedHost):
        def do(self, what: str) -> dict[str, object]:
            answer = super().do(what)
            if what == "switch":
                raise KeyboardInterrupt
            return answer

    told: list[str] = []
    hosts = [ScriptedHost("a", told, is_sent=True), Impatient("b", told, is_sent=True)]
    with pytest.raises(KeyboardInterrupt):
        deploy.deploy(hosts, RELEASE, only_check=False)
    assert told[2:] == ["a switch", "b switch", "a back"]


def test_settings_are_no_part_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('version = "1"\n')
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "orchestrator.env").write_text("A=secret\n")
    (tmp_path / "deploy" / "secrets").mkdir()
    (tmp_path / "deploy" / "secrets" / "turn").write_text("secret")
    assert list(deploy.release_of(tmp_path).files) == ["pyproject.toml"]


def test_a_file_that_is_sent_is_not_taken_for_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        deploy.main(["agent", "host7", "--settings", str(deploy.PROJECT / "deploy" / "systemd" / "agent.env.example")])
    assert "would be sent to every host" in capsys.readouterr().err


def test_a_release_is_named_by_its_content_alone(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "setup").write_text("#!/bin/sh\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("")
    release = deploy.release_of(tmp_path)
    assert release.version.startswith("1.2.3-")
    assert list(release.files) == ["deploy/setup", "pyproject.toml"]
    (tmp_path / "pyproject.toml").touch()
    assert deploy.release_of(tmp_path).version == release.version
    (tmp_path / "deploy" / "setup").chmod(0o755)
    assert deploy.release_of(tmp_path).version != release.version


def test_what_this_project_sends_can_run_there() -> None:
    sent = deploy.release_of(deploy.PROJECT)
    assert {"deploy/setup", "uv.lock", "deploy/games/base/recipe.toml", "orchestrator/__main__.py"} <= set(sent.files)
    assert sent.files["deploy/setup"][1]
    assert sent.migrations()[0] == "0001_initial.py"
    assert not any(name.startswith(("tests/", "docs/", ".")) for name in sent.files)


@pytest.mark.parametrize(
    "line",
    [
        *("NAME", "A NAME=1", "NAME=one two", "NAME='open", "=1", "1A=2", "A=1 # why"),
        *(
            "A=one&two",
            "A=one$two",
            "A=$(id)",
            "A=`id`",
            "A=1;id",
            "A=~/x",
            "A=one\\two",
            'A="$HOME"',
            "A='a\\'",
            "A='a'b",
        ),
    ],
)
def test_a_setting_that_is_none_is_named_by_its_line(line: str) -> None:
    with pytest.raises(Refused, match="Line 3 "):
        read_settings(f"# what for\nA=1\n{line}\n")


def test_settings_are_read_as_a_shell_does(tmp_path: Path) -> None:
    text = "A=1\n\n# B=2\nC='one $two & `three`;'\nD=\"a b\"\nE=\n F=postgresql+asyncpg://u:p%40@db.example:5432/x?y=z,1-2_3\n"
    found = read_settings(text)
    assert found == {
        "A": "1",
        "C": "one $two & `three`;",
        "D": "a b",
        "E": "",
        "F": "postgresql+asyncpg://u:p%40@db.example:5432/x?y=z,1-2_3",
    }
    file = tmp_path / "settings"
    file.write_text(text)
    shell = subprocess.run(
        ["sh", "-c", f"set -a; . {file}; env -0"], capture_output=True, text=True, check=True, env={}
    ).stdout
    heard = dict(line.split("=", 1) for line in shell.split("\0") if line)
    assert {name: heard[name] for name in found} == found


@pytest.mark.parametrize("port", ["91OO", "0", "65536", "-1", "http"])
def test_a_port_that_is_none_is_refused_before_anything_changes(tmp_path: Path, port: str) -> None:
    with pytest.raises(Refused, match=port):
        changes(_order(tmp_path, Wanted("0.1.0-new", "unit", f"GAMESERVER_AGENT_PORT={port}\n")), is_running=False)


def test_a_host_says_what_would_change(tmp_path: Path) -> None:
    order = _order(tmp_path, Wanted("0.1.0-new", "unit", "A=1\n"))
    assert [line.removeprefix(f"{tmp_path}") for line in changes(order, is_running=False)] == [
        "release 0.1.0-new is sent and its packages are installed",
        "/opt/playhouse/agent/current goes from nothing to 0.1.0-new",
        "/etc/systemd/system/playhouse-agent.service is written",
        "/etc/playhouse/agent.env is written",
        "playhouse-agent is started",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_settings_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"agent.env.example.*SETTINGS="):
        changes(_order(tmp_path, Wanted("0.1.0-new", "unit", None)), is_running=False)


@pytest.mark.parametrize(
    ("role", "settings", "url"),
    [
        ("orchestrator", "", "http://127.0.0.1:8000/health/ready"),
        ("orchestrator", "ORCHESTRATOR_HOST=10.0.0.5\nORCHESTRATOR_PORT=80", "http://10.0.0.5:80/health/ready"),
        ("agent", "GAMESERVER_AGENT_HOST=0.0.0.0", "http://127.0.0.1:9100/health/ready"),
        ("agent", "GAMESERVER_AGENT_HOST=::\nGAMESERVER_AGENT_PORT=1", "http://[::1]:1/health/ready"),
    ],
)
def test_a_service_is_asked_where_its_settings_let_it_listen(role: str, settings: str, url: str) -> None:
    assert health_url(role, settings) == url


def test_a_start_that_nobody_saw_well_is_done_again(tmp_path: Path) -> None:
    order = _there(tmp_path)
    assert changes(order, is_running=True) == []
    (order.base / "state" / "well.json").unlink()
    assert changes(order, is_running=True) == ["playhouse-agent is restarted"]


def test_settings_that_were_edited_on_the_host_are_kept_and_start_it_anew(tmp_path: Path) -> None:
    order = _there(tmp_path)
    order.settings_file.write_text("A=2\n")
    assert [line.removeprefix(f"{tmp_path}") for line in changes(order, is_running=True)] == [
        "/etc/playhouse/agent.env was changed since the last start",
        "playhouse-agent is restarted",
    ]


def _there(root: Path) -> Order:
    """What is wanted is there, and was seen well."""
    order = _order(root, Wanted("0.1.0-new", "unit", None))
    order.release.mkdir(parents=True)
    order.current.symlink_to(order.release)
    for file, text in ((order.unit_file, "unit"), (order.settings_file, "A=1\n")):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    well = {"version": "0.1.0-new", "unit": "unit", "settings": "A=1\n"}
    (order.base / "state").mkdir()
    (order.base / "state" / "well.json").write_text(json.dumps(well))
    return order


def _order(root: Path, wanted: Wanted) -> Order:
    return Order("look", "agent", wanted, (), root, "processes", 10)
