"""One launch is one trace through replica, agent and seat; and whoever takes traces is nobody's trouble.

It takes a fleet of its own, since a process hears of its collector when it starts.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path

import pytest

from gameserver_agent import spans as agents
from gameserver_agent.seats.places import SeatPlaces
from orchestrator.observing import spans as replicas
from streaming.worker import LOG
from tests.chaos.machine import SLUG
from tests.chaos.player import Player
from tests.collector import Collector, Seen, collecting
from tests.integration.fleet.fleet import Fleet, FleetHost
from tests.integration.fleet.test_recovery import is_saved, playing, viewer_of

pytestmark = pytest.mark.timeout(180)

# What a launch by a replica and a new seat always has, and below what: whatever else comes, these are its parents.
PARENTS = {
    "POST /api/game/launch": "",
    "launch.decide": "POST /api/game/launch",
    "launch.place": "launch.decide",
    "launch.commit": "launch.decide",
    "launch.phase": "POST /api/game/launch",
    "launch": "POST /api/game/launch",
    "host.launch": "POST /api/game/launch",
    "image.pull": "host.launch",
    "save.restore": "host.launch",
    "seat.claim": "host.launch",
    "container.create": "host.launch",
    "container.start": "host.launch",
    "game.boot": "host.launch",
    "stream.connect": "host.launch",
    "seat.answer": "stream.connect",
    "seat.first_frame": "game.boot",
}
TABLES = {span.name: span for span in (*replicas.TABLE, *agents.TABLE)}


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Collector]:
    """What comes after it in a test's fixtures sends its traces there."""
    async with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield collector


async def test_a_launch_is_one_trace_through_all_processes_and_needs_no_collector(
    collector: Collector, fleet: Fleet
) -> None:
    here = fleet.hosts[0]
    async with await fleet.player() as player:
        await of_one_launch(collector, fleet, player, here)
        await goes_on_after_others_died(collector, fleet, player, here)

        collector.hangs = True
        session_id = await playing(fleet, player, here)
        await collector.until_asked(1)
        await fleet.until_counted(here, session_id, 1)
        await is_saved(fleet, player, session_id, 1)
    await asyncio.gather(here.agent.stop(60), *(replica.stop(60) for replica in fleet.replicas))
    assert not [line for line in fleet.timeline if "did not end" in line], "an end waits for no collector"


async def of_one_launch(collector: Collector, fleet: Fleet, player: Player, here: FleetHost) -> None:
    session_id = await playing(fleet, player, here)
    async with await viewer_of(fleet, player, here, session_id):
        pass
    row = await fleet.row(session_id)
    trace = await collector.trace(row.traceparent, PARENTS)

    by_id = {span.span: span for span in trace}
    [root] = [span for span in trace if not span.parent]
    for span in trace:
        assert span.service == {"host": "playhouse-agent"}.get(span.name.split(".")[0], span.service)
        parent = by_id[span.parent].name if span.parent else ""
        assert parent == PARENTS.get(span.name, parent), span
        assert span.began_ns <= span.ended_ns
        assert set(span.attributes) <= set(TABLES[span.name].attributes)
    assert {span.service for span in trace} == {"playhouse-orchestrator", "playhouse-agent", "playhouse-seat"}
    assert {span.error for span in trace} == {""}
    assert {value for span in trace for key, value in span.attributes.items() if key == "playhouse.session"} == {
        session_id
    }
    assert root.attributes["http.response.status_code"] == 202
    chosen = one(trace, "launch.place").attributes
    assert (chosen["playhouse.host"], chosen["playhouse.hosts"]) == (here.id, 2)
    assert chosen["playhouse.refusals"] == "not_ready 1", "the other one takes nobody"
    assert chosen["playhouse.image_there"] is True
    whole = one(trace, "launch")
    assert (whole.attributes["playhouse.outcome"], whole.attributes["playhouse.host"]) == ("running", here.id)
    phases = [span.attributes["playhouse.phase"] for span in trace if span.name == "launch.phase"]
    assert sorted(map(str, phases)) == sorted({*map(str, phases), "booting", "placing"}), "each once"
    words = json.dumps([dict(span.attributes) for span in trace])
    assert row.owner.removeprefix("account:") not in words, "no trace names a person"

    seat = SeatPlaces(here.seats, here.id).existing(session_id)
    assert seat is not None
    leads_there = {"session": session_id, "trace_id": root.trace}
    logs = {
        "replica": [line for replica in fleet.replicas for line in lines(replica.log)],
        "agent": list(lines(here.agent.log)),
        "seat": list(lines(seat.seat / LOG)),
    }
    for whose, events in logs.items():
        told = [event for event in events if leads_there.items() <= event.items()]
        assert told, f"no line of the {whose} leads to the trace"
        assert all(event["host"] == here.id for event in told if event["event"] != "session.moved")
    await is_saved(fleet, player, session_id, 0)


async def goes_on_after_others_died(collector: Collector, fleet: Fleet, player: Player, here: FleetHost) -> None:
    """The replica that took the order dies with the agent that began it: what the others do is of the same trace."""
    session_id = await player.launch(SLUG)
    here.agent.kill_group()
    fleet.replicas[0].kill_group()
    status = await player.until(session_id, lambda seen: seen.status == "running" or seen.is_over, 60)
    assert status.status == "running", status
    row = await fleet.row(session_id)
    trace = await collector.trace(row.traceparent, ("host.launch", "launch", "launch.phase"))
    assert len({span.span for span in trace}) == len(trace), "none is told twice"
    assert {span.attributes.get("playhouse.session", session_id) for span in trace} == {session_id}
    await fleet.until_counted(here, session_id, 1)
    await is_saved(fleet, player, session_id, 1)


def one(trace: list[Seen], name: str) -> Seen:
    [found] = [span for span in trace if span.name == name]
    return found


def lines(log: Path) -> Iterator[Mapping[str, object]]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            yield json.loads(line)
