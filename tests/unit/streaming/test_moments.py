"""A seat keeps what it did until it is asked, and says whose it is in each line of its log."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from streaming import log
from streaming.control_server import ControlServer
from streaming.errors import SeatError
from streaming.moments import MOST, Moments
from streaming.protocol import SeatConfig
from streaming.seat_client import SeatClient


def test_each_moment_is_told_once_and_the_oldest_give_way(capsys: pytest.CaptureFixture[str]) -> None:
    moments = Moments()
    for number in range(MOST + 3):
        moments.note(f"step {number}", began_ns=number)
    taken = moments.taken()
    assert [moment["what"] for moment in taken] == [f"step {number}" for number in range(3, MOST + 3)]
    assert moments.taken() == []
    begun, taken_with = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert begun["event"] == "moments.dropped"
    assert (taken_with["event"], taken_with["dropped"]) == ("moments.taken", 3)


@pytest.fixture
async def seat(tmp_path: Path) -> AsyncIterator[SeatClient]:
    moments = Moments()
    moments.note("seat.display", 7)

    async def handle(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        if method != "moments":
            raise SeatError(f"there is no method {method!r}", code="unknown_method")
        return {"moments": moments.taken()}

    server = ControlServer(handle)
    await server.start(tmp_path / "s")
    client = await SeatClient.open(tmp_path / "s")
    yield client
    await client.close()
    await server.close()


async def test_an_agent_is_told_each_moment_once(seat: SeatClient) -> None:
    [moment] = await seat.moments()
    assert (moment.what, moment.began_ns) == ("seat.display", 7)
    assert await seat.moments() == ()


async def test_a_seat_that_is_older_than_moments_has_none(tmp_path: Path) -> None:
    async def handle(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        raise SeatError(f"there is no method {method!r}", code="unknown_method")

    server = ControlServer(handle)
    await server.start(tmp_path / "s")
    client = await SeatClient.open(tmp_path / "s")
    assert await client.moments() == ()
    await client.close()
    await server.close()


async def test_a_seat_that_tells_without_end_is_not_listened_to(tmp_path: Path) -> None:
    async def handle(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        return {"moments": [{"what": "seat.answer", "began_ns": 1, "ended_ns": 2}] * (MOST + 1)}

    server = ControlServer(handle)
    await server.start(tmp_path / "s")
    client = await SeatClient.open(tmp_path / "s")
    with pytest.raises(SeatError):
        await client.moments()
    await client.close()
    await server.close()


def test_a_line_says_whose_seat_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(log, "_carried", dict[str, object]())
    log.info("before")
    log.carry({"session": "ses1", "trace_id": "abc"})
    log.info("after", more=1)
    before, after = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert "session" not in before
    assert {"session": "ses1", "trace_id": "abc", "event": "after", "more": 1}.items() <= after.items()


def test_a_configuration_of_another_version_is_read() -> None:
    assert SeatConfig.model_validate({"width": 640, "height": 360}).log_fields == {}
    newer = SeatConfig(log_fields={"session": "ses1"}).model_dump() | {"what_comes_later": 1}
    assert SeatConfig.model_validate(newer).log_fields == {"session": "ses1"}
