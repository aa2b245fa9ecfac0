"""What an agent counts of a start and of a stream."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_protocol import ObservedState
from gameserver_agent.contact import Contact
from gameserver_agent.errors import SessionEndedError
from gameserver_agent.images import Images
from gameserver_agent.observing import TABLE, begun_with, note_stream, phases_of
from metering import Meter
from streaming.protocol import SeatStatus
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_agent import adopted, running
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host
from tests.unit.gameserver_agent.test_titles import until

__all__ = ["host"]

STATUS = SeatStatus(first_frame=True, peers=1, idle_s=0, fps=30, bitrate_bps=900_000, frames=1, players=1)


@pytest.mark.parametrize(
    ("title", "fetched", "warm_seat", "expected"),
    [
        (True, True, True, "title"),
        (False, True, True, "fetched"),
        (False, False, True, "warm_seat"),
        (False, False, False, "new_seat"),
    ],
)
def test_a_start_is_told_by_what_it_had(title: bool, fetched: bool, warm_seat: bool, expected: str) -> None:
    assert begun_with(title=title, fetched=fetched, warm_seat=warm_seat) == expected


def test_a_phase_lasts_until_the_next_begins() -> None:
    moments = {
        ObservedState.PULLING: 1.0,
        ObservedState.RESTORING: 4.0,
        ObservedState.BOOTING: 4.5,
        ObservedState.RUNNING: 6.0,
    }
    assert phases_of(moments) == {"pulling": 3.0, "restoring": 0.5, "booting": 1.5}


def sampled(status: SeatStatus) -> set[str]:
    meter = Meter(TABLE)
    note_stream(meter, status)
    return {line for line in meter.text().decode().splitlines() if "_count" in line and line.endswith(" 1.0")}


def test_a_stream_is_sampled_whole() -> None:
    told = STATUS.model_copy(update={"rtt_s": 0.03, "queue_s": 0.004, "loss": 0.0})
    assert sampled(told) == {
        f"playhouse_agent_stream_{name}_count 1.0"
        for name in ("rtt_seconds", "queue_seconds", "loss_ratio", "bitrate_bps", "fps")
    }


def test_what_a_page_has_not_told_yet_is_not_sampled() -> None:
    assert sampled(STATUS) == {f"playhouse_agent_stream_{name}_count 1.0" for name in ("bitrate_bps", "fps")}


@pytest.mark.parametrize("players", [0, None])
def test_a_seat_without_a_player_is_no_stream(players: int | None) -> None:
    assert sampled(STATUS.model_copy(update={"players": players})) == set()


def lines(meter: Meter) -> set[str]:
    return {line for line in meter.text().decode().splitlines() if not line.endswith(" 0.0")}


async def test_a_start_and_an_end_are_counted_by_what_they_were(host: Host) -> None:
    meter = Meter(TABLE)
    host.services = replace(host.services, meter=meter, images=Images(host.runtime, meter=meter))
    async with asyncio.timeout(30):
        task = host.session()
        await host.running(task)
        task.stop("stopped", "As ordered.")
        await host.ended(task)
    assert {
        f'playhouse_agent_launch_phase_seconds_count{{phase="{phase}",start="new_seat"}} 1.0'
        for phase in ("pulling", "restoring", "booting")
    } <= lines(meter)
    assert 'playhouse_agent_session_ends_total{code="stopped"} 1.0' in lines(meter)
    assert not any(line.startswith("playhouse_agent_pulls_total") for line in lines(meter))


async def test_pulls_are_counted_by_what_became_of_them(host: Host) -> None:
    meter = Meter(TABLE)
    images = Images(host.runtime, meter=meter)
    host.runtime.images.clear()
    async with asyncio.timeout(30):
        await images.ensure(BUILD, lambda _: None)
        host.runtime.images.clear()
        host.runtime.registry.clear()
        with pytest.raises(SessionEndedError):
            await images.ensure(BUILD, lambda _: None)
    assert {
        'playhouse_agent_pulls_total{outcome="done"} 1.0',
        'playhouse_agent_pulls_total{outcome="failed"} 1.0',
        "playhouse_agent_pull_seconds_count 1.0",
        "playhouse_agent_pull_bytes_total 1000.0",
    } <= lines(meter)


async def test_what_an_agent_holds_is_told_as_it_is(host: Host, tmp_path: Path) -> None:
    host.services = replace(host.services, meter=Meter(TABLE))
    async with asyncio.timeout(30), adopted(host, tmp_path) as agent, running(agent, host):
        contact: Contact = vars(agent)["_contact"]
        contact.desired = (order(build=BUILD, now=datetime.now(UTC)),)
        await agent.answered(agent.report())
        await until(lambda: any(seen.state == ObservedState.RUNNING for seen in agent.observed()))
        text = (await agent.metrics()).decode()
        assert await agent.stop_sessions(10)
    for line in (
        'playhouse_agent_sessions{state="running"} 1.0',
        'playhouse_agent_sessions{state="pulling"} 0.0',
        'playhouse_agent_seats{use="taken"} 1.0',
        'playhouse_agent_reconcile_actions_total{action="start"} 1.0',
        "playhouse_agent_engine_up 1.0",
        "playhouse_agent_unsent_saves 0.0",
    ):
        assert line in text.splitlines()
    assert "ses1" not in text
