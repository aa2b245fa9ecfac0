"""Client and server of the control socket against each other, without a seat behind them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from streaming.control_server import LINE_LIMIT_BYTES, ControlServer
from streaming.errors import SeatError, SeatUnavailable
from streaming.protocol import SeatConfig
from streaming.seat_client import EVENTS_KEPT, SeatClient


async def echo(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
    if method == "refuse":
        raise SeatError("not today", code="refused")
    if method == "never":
        await asyncio.Event().wait()
    if method == "break":
        raise TypeError("a bug")
    if method == "babble":
        return {"result": object()}
    return {"method": method, **parameters}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(echo)
    await server.start(tmp_path / "s")
    yield server
    await server.close()


@pytest.fixture
async def client(server: ControlServer, tmp_path: Path) -> AsyncIterator[SeatClient]:
    client = await SeatClient.open(tmp_path / "s")
    yield client
    await client.close()


async def test_answers_find_their_questions(client: SeatClient) -> None:
    answers = await asyncio.gather(*(client.call("say", {"n": n}, 5) for n in range(50)))
    assert [answer["n"] for answer in answers] == list(range(50))


async def test_a_refusal_keeps_its_code(client: SeatClient) -> None:
    with pytest.raises(SeatError) as refused:
        await client.call("refuse", {}, 5)
    assert (refused.value.code, refused.value.message) == ("refused", "not today")


async def test_a_slow_answer_holds_up_no_other_and_ends_by_its_deadline(client: SeatClient) -> None:
    slow = asyncio.create_task(client.call("never", {}, 0.2))
    assert (await client.call("say", {}, 5))["method"] == "say"
    with pytest.raises(SeatUnavailable):
        await slow


async def test_events_reach_every_client(server: ControlServer, client: SeatClient, tmp_path: Path) -> None:
    other = await SeatClient.open(tmp_path / "s")
    await asyncio.gather(client.call("say", {}, 5), other.call("say", {}, 5))
    server.broadcast({"event": "peers", "count": 1})
    for each in (client, other):
        assert (await anext(each.events())).count == 1
    await other.close()


async def test_of_events_that_nobody_takes_the_oldest_are_dropped_and_the_log_says_so_once(
    server: ControlServer, client: SeatClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.call("say", {}, 60)
    for number in range(EVENTS_KEPT + 2):
        server.broadcast({"event": "peers", "count": number})
    await client.call("say", {}, 60)  # its answer comes after them
    assert (await anext(client.events())).count == 2
    assert capsys.readouterr().err.count("seat.events_dropped") == 1


async def test_a_vanished_worker_is_unavailable(server: ControlServer, client: SeatClient, tmp_path: Path) -> None:
    asked = asyncio.create_task(client.call("never", {}, 30))
    await client.call("say", {}, 5)
    await server.close()
    with pytest.raises(SeatUnavailable):
        await asked
    assert [event async for event in client.events()] == []
    with pytest.raises(SeatUnavailable):
        await client.status()
    with pytest.raises(SeatUnavailable):
        await SeatClient.open(tmp_path / "nobody")


@pytest.mark.parametrize("method", ["break", "babble"])
async def test_a_bug_is_answered_and_logged_and_costs_nobody_the_connection(
    client: SeatClient, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = asyncio.create_task(client.call("never", {}, 30))
    with pytest.raises(SeatError) as broken:
        await client.call(method, {}, 5)
    assert broken.value.code == "internal"
    assert "TypeError" in broken.value.message
    assert "Traceback" in capsys.readouterr().err
    assert (await client.call("say", {}, 5))["method"] == "say"
    assert not slow.done()
    slow.cancel()


NONSENSE = {
    "an empty line": b"\n",
    "half an object": b"{\n",
    "a list": b"[]\n",
    "parameters that are none": b'{"id": 3, "method": "say", "params": 4}\n',
    "not UTF-8": b"\xff\xfe\n",
    "a line without end": b"x" * (LINE_LIMIT_BYTES + 1) + b"\n",
}


@pytest.mark.parametrize("line", NONSENSE.values(), ids=NONSENSE.keys())
async def test_nonsense_is_answered_as_such_and_the_next_line_as_ever(
    server: ControlServer, tmp_path: Path, line: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(line)
    assert json.loads(await reader.readline())["error"]["code"] == "invalid_request"
    writer.write(b'{"id": 1, "method": "say"}\n')
    async with asyncio.timeout(60):
        while (answer := json.loads(await reader.readline())).get("id") != 1:
            assert answer["error"]["code"] == "invalid_request"  # the rest of a line that was too long
    assert answer["result"] == {"method": "say"}
    writer.close()
    await writer.wait_closed()


async def test_nesting_without_end_is_answered(server: ControlServer, tmp_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(b"[" * 100_000 + b"\n")
    assert "code" in json.loads(await reader.readline())["error"]
    writer.close()
    await writer.wait_closed()


def test_a_seat_config_survives_its_file() -> None:
    config = SeatConfig(width=640, height=480, ice_addresses=("127.0.0.1",))
    assert SeatConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="multiple of 2"):
        SeatConfig(width=641)


async def test_a_worker_of_another_protocol_is_known_for_it(tmp_path: Path) -> None:
    """Whether it refuses ours, or greets in words that nobody here knows."""

    async def newer(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        if parameters.get("protocol") != 99:
            raise SeatError("this seat speaks protocol 99", code="unknown_protocol")
        return {}

    async def stranger(method: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        return {"protocol": "ninety-nine", "sockets": []}

    for worker in (newer, stranger):
        server = ControlServer(worker)
        await server.start(tmp_path / worker.__name__)
        client = await SeatClient.open(tmp_path / worker.__name__)
        with pytest.raises(SeatError) as refused:
            await client.hello()
        assert refused.value.code == "unknown_protocol"
        with pytest.raises(SeatError):
            await client.status()
        await client.close()
        await server.close()
