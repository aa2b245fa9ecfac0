"""Stops, ends and what is told of them afterwards."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from agent_protocol import EndCode, ObservedState
from orchestrator.play import service
from orchestrator.play.lifecycle import TIME_LIMITS, Position
from orchestrator.play.reasons import next_step
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import keep_alive, launch, running, status, stop

FIGURES = {"duration": 120, "cpuSeconds": 33.2, "peakMemoryMb": 400}
NO_FIGURES = {"duration": None, "cpuSeconds": None, "peakMemoryMb": None}


async def stopping(player: httpx.AsyncClient, session_id: str) -> asyncio.Task[httpx.Response]:
    """A stop that has been asked for."""
    task = asyncio.create_task(stop(player, session_id))
    view = await status(player, session_id)
    while view["status"] != "stopping":
        view = await status(player, session_id, wait=5, after=view["revision"])
    return task


async def test_a_stop_answers_the_same_figures_however_often_and_by_whomever_it_is_asked(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    first = await stopping(player, order.session_id)
    second = asyncio.create_task(stop(player, order.session_id))
    await host.end(order)
    answers = [await first, await second, await stop(player, order.session_id)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "stopped", **FIGURES})] * 3
    await host.end(order)  # the host says it once more
    assert (await stop(player, order.session_id)).json() == {"status": "stopped", **FIGURES}


async def test_figures_that_come_after_a_forced_stop_change_no_answer(
    clock: Clock, player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await running(player, host)
    task = await stopping(player, order.session_id)
    await clock.pass_time(TIME_LIMITS[Position.STOPPING] + timedelta(seconds=5))
    assert (await task).json() == {"status": "stopped", **NO_FIGURES}
    await host.end(order)
    assert (await stop(player, order.session_id)).json() == {"status": "stopped", **NO_FIGURES}


async def test_a_stop_that_takes_long_says_that_it_goes_on(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STOP_WAIT_S", 0.2)
    order = await running(player, host)
    for _ in range(2):
        answer = await stop(player, order.session_id)
        assert (answer.status_code, answer.json()) == (200, {"status": "stopping", **NO_FIGURES})
    await host.end(order)
    assert (await stop(player, order.session_id)).json() == {"status": "stopped", **FIGURES}


def deaf(_topic: str) -> None:
    """Hears of nothing."""


async def test_a_notice_that_was_lost_delays_an_answer_by_two_seconds_at_most(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await running(player, host)
    task = await stopping(player, order.session_id)
    held = asyncio.create_task(status(player, order.session_id, wait=20))
    monkeypatch.setattr(services.notices, "hear", deaf)
    async with asyncio.timeout(60):
        await host.end(order)
        assert (await task).json()["status"] == "stopped"
        assert (await held)["status"] == "stopped"


async def test_a_stop_while_it_waits_for_a_place_ends_it_at_once(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    small = await make_host(cpu_cores=1.0)
    await running(player, small)
    waiting = (await launch(other_player)).json()["sessionId"]
    assert (await status(other_player, waiting))["queuePosition"] == 1
    answer = await stop(other_player, waiting)
    assert answer.json() == {"status": "stopped", **NO_FIGURES}
    assert (await status(other_player, waiting))["error"]["by"] == "player"
    assert (await launch(other_player)).status_code == 202


@pytest.mark.parametrize("state", [ObservedState.PULLING, ObservedState.RESTORING, ObservedState.BOOTING])
async def test_a_stop_while_it_starts_cancels_it(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, state: ObservedState
) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    [order] = (await host.sync()).sessions
    host.see(order, state)
    await host.sync()
    task = await stopping(player, session_id)
    assert [item.want for item in (await host.sync()).sessions] == ["stop"]
    await host.end(order)
    assert (await task).json()["status"] == "stopped"
    assert (await status(player, session_id))["error"]["code"] == "stopped"


async def test_every_end_on_a_host_has_a_text_for_people_who_decided_and_what_to_do_next(
    signed_in: SignedIn, host: ScriptedHost, game: str
) -> None:
    """Invariant 5."""
    for code in (*EndCode, "a-code-of-tomorrow"):
        player = await signed_in(f"{code}@example.org")
        order = await running(player, host)
        await host.end(order, code, "What happened.")
        view = await status(player, order.session_id)
        assert view["status"] in {"stopped", "error"}, code
        assert view["error"] == {
            "code": "game_exited" if code == "exited" else code,
            "message": "What happened.",
            "by": "game" if code in {"exited", "crashed", "out_of_memory", "save_full"} else "host",
            "nextStep": next_step(code),
            "logTail": ["last line"],
        }
        ended = await keep_alive(player, order.session_id)
        assert (ended.status_code, ended.json()["error"]) == (409, "session_ended"), code


async def test_a_pause_and_the_size_of_the_save_are_shown(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    view = await status(player, order.session_id)
    assert (view["paused"], view["save"]) == (False, None)
    held = asyncio.create_task(status(player, order.session_id, wait=20, after=view["revision"]))
    host.see(order, ObservedState.RUNNING, seat_ready=True, paused=True, save_used_bytes=3 * 2**20)
    await host.sync()
    view = await held
    limit = order.build.limits.save_bytes
    assert (view["paused"], view["save"]) == (True, {"usedBytes": 3 * 2**20, "limitBytes": limit})
    assert view["endsAt"] > view["expiresAt"]


async def test_the_history_lists_what_is_over_the_newest_first_and_page_by_page(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    empty = (await player.get("/api/game/history")).json()
    assert empty == {"sessions": [], "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0}}
    await add_game(services, "another")
    ended: list[str] = []
    for slug, code in (("the-question", "exited"), ("another", "crashed"), ("the-question", "out_of_memory")):
        order = await running(player, host, slug)
        await host.end(order, code, "What happened.")
        ended.insert(0, order.session_id)
    await running(player, host)
    assert (await other_player.get("/api/game/history")).json()["sessions"] == []

    first = (await player.get("/api/game/history", params={"limit": 2})).json()
    second = (await player.get("/api/game/history", params={"limit": 2, "page": 2})).json()
    assert [item["sessionId"] for item in first["sessions"] + second["sessions"]] == ended
    assert first["pagination"] == {"page": 1, "limit": 2, "total": 3, "totalPages": 2}
    crashed = first["sessions"][1]
    assert crashed.pop("startedAt") <= crashed.pop("endedAt")
    assert crashed == {
        "sessionId": ended[1], "gameSlug": "another", "gameTitle": "The Question", "status": "error", "saveSlot": 1,
        **FIGURES,
        "end": {
            "code": "crashed", "message": "What happened.", "by": "game", "nextStep": next_step("crashed"),
            "logTail": ["last line"],
        },
    }  # fmt: skip
