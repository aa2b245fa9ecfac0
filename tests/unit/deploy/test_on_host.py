"""What becomes of a machine when a release is well there, and when it is not: the whole order, on a folder."""

import io
import json
import os
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.ssh import on_host
from deploy.ssh.on_host import Manager, Order, Wanted, back, switch


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """In no log."""


class _Gone(io.StringIO):
    """The operator's end of a connection that was cut."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


class FolderManager(Manager):
    """Runs what `current` is: a release in `ill` ends at once, any other one answers at the port of its settings."""

    ill: frozenset[str] = frozenset()
    fails_to_start: frozenset[str] = frozenset()

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.server: ThreadingHTTPServer | None = None
        self.told: list[str] = []

    def restart(self) -> None:
        self.stop()
        version = self._order.current.resolve().name
        self.told.append(version)
        if version in self.fails_to_start:
            raise OSError(28, "No space left on device")
        if version not in self.ill:
            settings = on_host.read_settings(self._order.settings_file.read_text())
            self.server = ThreadingHTTPServer(("127.0.0.1", int(settings["GAMESERVER_AGENT_PORT"])), _Ready)
            threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def retire(self) -> None:
        self.stop()
        self.told.append("retired")

    def is_running(self) -> bool:
        return self.server is not None

    def has_given_up(self) -> bool:
        return self.server is None

    def last_words(self) -> str:
        return "It hurts."


class Machine:
    """A game host on which releases are switched to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with ThreadingHTTPServer(("127.0.0.1", 0), _Ready) as free:
            self.port = free.server_address[1]
        self.manager = FolderManager(self.order("none"))

    def order(self, version: str, more: str = "") -> Order:
        settings = f"GAMESERVER_AGENT_HOST=127.0.0.1\nGAMESERVER_AGENT_PORT={self.port}\n{more}"
        return Order("switch", "agent", Wanted(version, f"unit of {version}", settings), (), self.root, "processes", 60)

    def switch(self, version: str, more: str = "") -> dict[str, object]:
        order = self.order(version, more)
        (order.base / "environments").mkdir(parents=True, exist_ok=True)
        order.release.mkdir(parents=True, exist_ok=True)
        os.utime(order.release, (number := len(list(order.release.parent.iterdir())), number))
        return switch(order, self.manager)

    @property
    def runs(self) -> str:
        """What runs, by its unit: `nothing` when it does not."""
        order = self.order("any")
        if not self.manager.is_running():
            return "nothing"
        assert order.unit_file.read_text() == f"unit of {order.current.resolve().name}"
        return order.current.resolve().name


@pytest.fixture
def machine(tmp_path: Path) -> Generator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.manager.stop()


def test_what_is_well_stays_and_one_goes_back_to_what_was_before(machine: Machine) -> None:
    assert machine.switch("one") == {"is_well": True, "can_go_back": True}
    assert machine.switch("two") == {"is_well": True, "can_go_back": True}
    assert machine.switch("two") == {"is_well": True, "can_go_back": False}
    assert machine.runs == "two"
    command = (machine.root / "opt" / "playhouse" / "bin" / "gameserver-agent").read_text()
    assert f". {machine.order('two').settings_file};" in command
    assert command.endswith('/current/.venv/bin/python -P -m gameserver_agent "$@"\n')
    back(machine.order("two"), machine.manager)
    assert machine.runs == "one"


def test_what_is_ill_is_replaced_by_what_was_well(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.manager.ill = frozenset({"two"})
    machine.switch("one")
    assert machine.switch("two", "EDITED=1\n") == {"is_well": False}
    assert machine.runs == "one"
    said = capsys.readouterr().err
    assert "two is not well: it ends by itself. Its last words:\nIt hurts.\n" in said
    assert "one runs again, and is well.\n" in said
    etc = machine.root / "etc" / "playhouse"
    assert "EDITED" not in (etc / "agent.env").read_text()
    assert "EDITED" in (etc / "agent.env.refused").read_text()
    assert (etc / "agent.env.refused").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_started_at_all_is_replaced_as_well(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.manager.fails_to_start = frozenset({"two"})
    machine.switch("one")
    assert machine.switch("two") == {"is_well": False}
    assert machine.runs == "one"
    assert "No space left on device" in capsys.readouterr().err


def test_it_goes_back_though_nobody_listens_any_more(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.manager.ill = frozenset({"two"})
    machine.switch("one")
    monkeypatch.setattr("sys.stderr", _Gone())
    assert machine.switch("two") == {"is_well": False}
    assert machine.runs == "one"


def test_a_first_one_that_is_ill_does_not_stay(machine: Machine) -> None:
    machine.manager.ill = frozenset({"one"})
    assert machine.switch("one") == {"is_well": False}
    assert (machine.runs, machine.manager.told) == ("nothing", ["one", "retired"])
    assert not machine.order("one").current.is_symlink()


def test_going_back_from_the_first_one_is_to_nothing(machine: Machine) -> None:
    machine.switch("one")
    back(machine.order("one"), machine.manager)
    assert machine.runs == "nothing"


def test_somebody_else_at_its_port_is_not_taken_for_it(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", machine.port), _Ready) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert machine.switch("one") == {"is_well": False}
        finally:
            other.shutdown()
            thread.join()
    assert "another program listens at http://127.0.0.1:" in capsys.readouterr().err
    assert machine.manager.told == ["retired"]


def test_what_it_would_go_back_to_is_named_when_it_is_gone(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.manager.ill = frozenset({"two"})
    machine.switch("one")
    machine.order("one").release.rmdir()
    assert machine.switch("two") == {"is_well": False}
    assert "one is gone: deploy that version again" in capsys.readouterr().err


def test_three_releases_stay_with_those_that_are_named(machine: Machine) -> None:
    for version in ("one", "two", "three", "four", "five"):
        machine.switch(version)
    releases = machine.order("five").release.parent
    assert {path.name for path in releases.iterdir()} == {"three", "four", "five"}
    back(machine.order("five"), machine.manager)
    machine.switch("six")
    assert {path.name for path in releases.iterdir()} >= {"four", "six"}


def test_an_answer_is_one_line_of_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = {"do": "look", "role": "agent", "version": "one", "unit": "", "settings": "A=1\n", "migrations": []}
    assert on_host.main(json.dumps({**order, "root": str(tmp_path), "manager": "processes", "within_s": 1})) == 0
    assert json.loads(capsys.readouterr().out)["is_sent"] is False
    assert (
        on_host.main(json.dumps({**order, "root": "/", "settings": "A b", "manager": "processes", "within_s": 1})) == 1
    )
    assert "Line 1 " in capsys.readouterr().err


def test_an_interpreter_that_is_gone_is_found_anew(tmp_path: Path) -> None:
    packages, release = tmp_path / "packages", tmp_path / "release"
    (packages / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (packages / "bin").mkdir()
    (packages / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("older", "newer"):
        (tmp_path / name).touch()
        python = packages / "bin" / "python"
        python.unlink(missing_ok=True)
        python.symlink_to(tmp_path / name)
        own = Path(on_host.own_environment(release, packages))
        assert own.resolve().name == name
        (tmp_path / "older").unlink(missing_ok=True)
