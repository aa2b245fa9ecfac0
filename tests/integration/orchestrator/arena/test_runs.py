"""Tenants' streamed games on a host that does what a test says: seats, placing, ends and what becomes of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_protocol import DesiredSession, ObservedState, RunResult
from orchestrator.arena.models import ArenaRun
from orchestrator.arena.run_ends import AFK_AFTER, LEFT_AFTER
from orchestrator.arena.run_sockets import MOST_FOLLOWERS
from orchestrator.play.lifecycle import TIME_LIMITS, Position
from orchestrator.play.models import Session
from orchestrator.play.reconciler import RETURN_GRACE_S
from orchestrator.services import Services
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import Client, Clients
from tests.integration.orchestrator.arena.test_neighbours import Told
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import STEP, Clock
from tests.integration.orchestrator.play.conftest import clock
from tests.integration.orchestrator.play.scenes import keep_synced

__all__ = ["clock"]

GAME = "subway-runner"
SECOND = timedelta(seconds=1)
NEVER_SILENT = timedelta(seconds=5)  # less than a lease
TOLD = RunResult(score=893, distance=313, coins=58, duration=21.87, reason="crashed")
FIGURES = {"duration": 22, "score": 893, "distance": 313, "coins": 58}
UNTOLD = {"duration": None, "score": None, "distance": None, "coins": None}


@pytest.fixture
async def offered(services: Services) -> None:
    await add_game(services, GAME)


@pytest.fixture
def told(services: Services) -> Told:
    told = Told(services)
    services.arena_runs.outbox = told
    return told


async def joined(clients: Clients, session: dict[str, Any]) -> Client:
    client = await clients.connected(GAME, session["sessionToken"])
    await client.join(session)
    return client


async def ordered(host: ScriptedHost) -> DesiredSession:
    [order] = [each for each in (await host.sync()).sessions if each.session_id not in host.observed]
    return order


async def playing(backend: Backend, clients: Clients, host: ScriptedHost) -> tuple[dict[str, Any], Client]:
    """A session of Ann's whose game runs, with her page connected to it; the order is the host's only one."""
    session = await backend.session(GAME, "ann")
    ann = await joined(clients, session)
    await ann.hears("stream:status")
    order = await ordered(host)
    host.see(order, ObservedState.RUNNING, seat_ready=True, peers=1)
    await host.sync()
    await ann.hears("game:started")
    return session, ann


async def reaches(client: Client, status: str) -> None:
    """What it hears tells of this status, sooner or later."""
    while (await client.hears("stream:status"))["status"] != status:
        pass


async def result(backend: Backend, session: dict[str, Any]) -> dict[str, Any]:
    found = (await backend.get(f"/v1/sessions/{session['sessionId']}?game={GAME}")).json()
    return {"status": found["status"], **(found["result"] or {})}


def ends(host: ScriptedHost, code: str, told: RunResult | None) -> None:
    """The host's one game is over from its next report on."""
    [seen] = host.observed.values()
    order = DesiredSession.model_construct(session_id=seen.session_id, generation=seen.generation)
    host.see_end(order, code)
    host.observed[seen.session_id] = host.observed[seen.session_id].model_copy(update={"result": told})


def sees(host: ScriptedHost, **news: object) -> None:
    """From its next report on, of all that runs there."""
    host.observed = {each: seen.model_copy(update=news) for each, seen in host.observed.items()}


async def stop_order(host: ScriptedHost) -> bool:
    return [order.want for order in (await host.sync()).sessions] == ["stop"]


@pytest.mark.usefixtures("offered")
async def test_a_run_is_placed_at_the_join_and_what_its_game_tells_is_the_sessions_result(
    backend: Backend, clients: Clients, host: ScriptedHost, told: Told
) -> None:
    session = await backend.session(GAME, "ann")
    assert session["matchType"] == "bot"
    assert (await host.sync()).sessions == (), "nothing is placed before somebody plays"
    ann = await joined(clients, session)
    first = await ann.hears("stream:status")
    assert (first["status"], first["containerUrl"], first["streamToken"]) == ("starting", None, None)
    order = await ordered(host)
    assert (order.for_result, order.restore) == (True, None)
    host.see(order, ObservedState.BOOTING, seat_ready=True)
    await host.sync()
    booting = await ann.hears("stream:status")
    assert (booting["phase"], booting["sessionId"]) == ("booting", session["sessionId"])
    claims = jwt.decode(booting["streamToken"], options={"verify_signature": False})
    assert (claims["session"], claims["role"], claims["name"]) == (order.session_id, "player", "Ann")
    assert booting["containerUrl"] == f"{clients.url}/session/{order.session_id}/"
    await host.run(order)
    started = await ann.hears("game:started")
    assert (started["roomId"], started["playerId"], started["players"][0]["displayName"]) == (
        order.session_id, "ann", "Ann"
    )  # fmt: skip
    assert started["streamToken"]
    assert await result(backend, session) == {"status": "active"}
    ends(host, "exited", TOLD)
    await host.sync()
    over = await ann.hears("game:over")
    wanted = {"winner": None, "reason": "finished", **FIGURES}
    assert over == {"roomId": order.session_id, **wanted}
    assert await result(backend, session) == {"status": "ended", **wanted}
    validated = await backend.http.get("/v1/sessions/validate", params={"token": session["sessionToken"]})
    assert validated.json()["result"] == wanted
    assert [(event, data.get("score")) for _, event, data in told.events] == [
        ("session.created", None), ("session.started", None), ("game.ended", 893)
    ]  # fmt: skip
    assert told.events[-1][2] == wanted


@pytest.mark.usefixtures("offered")
async def test_a_page_that_was_loaded_anew_finds_the_same_run_and_later_its_end(
    backend: Backend, clients: Clients, host: ScriptedHost
) -> None:
    session, ann = await playing(backend, clients, host)
    again = await joined(clients, session)
    assert (await again.hears("game:started"))["roomId"] in host.observed
    await ann.say("stream:check")
    assert (await ann.hears("stream:status"))["streamToken"]
    await ann.say("game:resign")
    await reaches(ann, "stopping")
    assert await stop_order(host)
    ends(host, "stopped", TOLD.model_copy(update={"reason": "stopped"}))
    await host.sync()
    for client in (ann, again):
        assert (await client.hears("game:over"))["reason"] == "resignation"
    late = await joined(clients, session)
    assert (await late.hears("game:over"))["score"] == 893
    await late.say("game:resign")
    await late.say("stream:seen", {"framesDecoded": 1})
    assert await late.refusal() == "session_ended"


@pytest.mark.usefixtures("offered")
async def test_the_newest_pages_of_a_run_are_told_and_the_oldest_gives_way_by_name(
    backend: Backend, clients: Clients, host: ScriptedHost
) -> None:
    session, ann = await playing(backend, clients, host)
    pages: list[Client] = []
    for _ in range(MOST_FOLLOWERS):
        pages.append(await joined(clients, session))
        await pages[-1].hears("stream:status")
    assert await ann.refusal() == "too_many_pages"
    await ann.join(session)
    assert await pages[0].refusal() == "too_many_pages"
    ends(host, "exited", TOLD)
    await host.sync()
    for told in (ann, *pages[1:]):
        assert (await told.hears("game:over"))["score"] == 893
    assert pages[0].heard("game:over") == 0


@pytest.mark.usefixtures("offered")
async def test_a_tenant_has_so_many_seats_and_each_is_free_again_at_the_end(
    backend: Backend, clients: Clients, services: Services, host: ScriptedHost
) -> None:
    await services.tenant_keys.change(backend.tenant_id, seats=1)
    _, ann = await playing(backend, clients, host)
    second = await backend.session(GAME, "ben")
    ben = await joined(clients, second)
    assert await ben.refusal() == "seats_full"
    assert await result(backend, second) == {"status": "pending"}
    ends(host, "exited", None)
    await host.sync()
    assert await ann.hears("game:over") is not None
    await ben.join(second)
    assert (await ben.hears("stream:status"))["status"] == "starting"


@pytest.mark.usefixtures("offered")
async def test_a_player_plays_one_game_at_a_time_and_another_tenants_is_another_player(
    backend: Backend, clients: Clients, host: ScriptedHost
) -> None:
    await playing(backend, clients, host)
    again = await joined(clients, await backend.session(GAME, "ann"))
    assert await again.refusal() == "already_playing"
    answer = await backend.post(
        "/v1/sessions", {"game": GAME, "players": [{"id": "ann", "displayName": "Ann"}]}, key=backend.test_key
    )
    tester = await joined(clients, answer.json())
    assert (await tester.hears("stream:status"))["status"] == "starting"


@pytest.mark.usefixtures("offered")
async def test_where_no_host_could_play_it_the_session_waits_for_another_try(
    backend: Backend, clients: Clients, make_host: HostMaker
) -> None:
    session = await backend.session(GAME, "ann")
    ann = await joined(clients, session)
    assert await ann.refusal() == "no_servers"
    assert await result(backend, session) == {"status": "pending"}
    host = await make_host()
    await ann.join(session)
    assert (await ann.hears("stream:status"))["phase"] == "pulling"
    await ann.say("game:resign")
    await reaches(ann, "stopping")
    assert await stop_order(host)


@pytest.mark.usefixtures("offered")
async def test_a_host_that_dies_in_the_middle_ends_the_run_with_that_reason(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, make_host: HostMaker, told: Told
) -> None:
    session, ann = await playing(backend, clients, host)
    spare = await make_host(name="spare")
    await clock.pass_time(timedelta(seconds=40))
    await reaches(ann, "stopping")
    await clock.pass_time(TIME_LIMITS[Position.STOPPING])
    assert (await ann.hears("game:over"))["reason"] == "host_lost"
    wanted = {"winner": None, "reason": "host_lost", **UNTOLD}
    assert await result(backend, session) == {"status": "ended", **wanted}
    assert told.events[-1][1:] == ("game.ended", wanted)
    assert (await spare.sync()).sessions == (), "it begins nowhere anew"
    assert await stop_order(host), "the host that comes back ends it"


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(("peers", "after", "reason"), [(0, LEFT_AFTER, "disconnect"), (1, AFK_AFTER, "afk_timeout")])
async def test_a_run_that_nobody_looks_at_or_plays_is_ended(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services,
    peers: int, after: timedelta, reason: str,
) -> None:  # fmt: skip
    session, _ = await playing(backend, clients, host)
    sees(host, peers=peers)
    await host.sync()
    await services.reconciler.round()
    await keep_synced(clock, host, after - SECOND, STEP if peers else NEVER_SILENT)
    assert not await stop_order(host)
    await keep_synced(clock, host, SECOND, NEVER_SILENT)
    assert await stop_order(host)
    ends(host, "stopped", TOLD.model_copy(update={"reason": "playing"}))
    await host.sync()
    assert await result(backend, session) == {"status": "ended", "winner": None, "reason": reason, **FIGURES}
    async with services.database.read() as rows:
        runs: Sequence[ArenaRun] = (await rows.scalars(select(ArenaRun))).all()
    assert [run.ended_at is not None for run in runs] == [True]


@pytest.mark.usefixtures("offered")
async def test_a_host_that_was_away_for_a_moment_still_tells_the_result(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost
) -> None:
    session, _ = await playing(backend, clients, host)
    await clock.pass_time(timedelta(seconds=40))
    ends(host, "exited", TOLD.model_copy(update={"reason": "stopped"}))
    await host.sync()
    assert await result(backend, session) == {"status": "ended", "winner": None, "reason": "host_lost", **FIGURES}


@pytest.mark.usefixtures("offered")
async def test_a_run_that_was_over_before_it_was_seen_to_run_is_not_begun_again(
    backend: Backend, clients: Clients, host: ScriptedHost, make_host: HostMaker
) -> None:
    session = await backend.session(GAME, "ann")
    ann = await joined(clients, session)
    await ann.hears("stream:status")
    host.see(await ordered(host), ObservedState.BOOTING)
    await host.sync()
    spare = await make_host(name="spare")
    ends(host, "exited", TOLD)
    await host.sync()
    assert await result(backend, session) == {"status": "ended", "winner": None, "reason": "finished", **FIGURES}
    assert (await spare.sync()).sessions == ()


@pytest.mark.usefixtures("offered")
async def test_what_a_run_told_that_had_to_begin_again_elsewhere_is_not_its_result(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, make_host: HostMaker
) -> None:
    session = await backend.session(GAME, "ann")
    ann = await joined(clients, session)
    await ann.hears("stream:status")
    host.see(await ordered(host), ObservedState.BOOTING)
    await host.sync()
    spare = await make_host(name="spare")
    await spare.sync()
    ends(host, "crashed", TOLD)
    await host.sync()
    await clock.skip(SECOND)
    await ordered(spare)
    await ann.say("game:resign")
    await reaches(ann, "stopping")
    await clock.pass_time(TIME_LIMITS[Position.STOPPING])
    assert await result(backend, session) == {"status": "ended", "winner": None, "reason": "host_lost", **UNTOLD}


@pytest.mark.usefixtures("offered")
async def test_a_player_whose_page_was_away_when_we_were_has_a_whole_minute_to_come_back(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services
) -> None:
    await playing(backend, clients, host)
    sees(host, peers=0)
    await host.sync()
    await services.reconciler.round()
    clock.let(timedelta(seconds=70))
    await services.reconciler.round()
    await host.sync()
    await keep_synced(clock, host, timedelta(seconds=RETURN_GRACE_S))
    await keep_synced(clock, host, LEFT_AFTER - SECOND, NEVER_SILENT)
    assert not await stop_order(host)
    sees(host, peers=1)
    await host.sync()
    await keep_synced(clock, host, LEFT_AFTER, NEVER_SILENT)
    assert not await stop_order(host)


@pytest.mark.usefixtures("offered")
async def test_an_absence_is_counted_in_sum_whenever_its_host_falls_silent(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services
) -> None:
    await playing(backend, clients, host)
    sees(host, peers=0)
    await host.sync()
    await services.reconciler.round()
    for _ in range(2):
        await keep_synced(clock, host, timedelta(seconds=20), NEVER_SILENT)
        await clock.skip(STEP)  # longer than a lease, and too short for a host to be lost
        async with services.database.read() as rows:
            assert await rows.scalar(select(Session.is_host_silent))
        await host.sync()
    await keep_synced(clock, host, LEFT_AFTER - timedelta(seconds=41), NEVER_SILENT)
    assert not await stop_order(host), "its silence counts against nobody"
    await keep_synced(clock, host, SECOND, NEVER_SILENT)
    assert await stop_order(host)


@pytest.mark.usefixtures("offered")
async def test_a_player_who_played_on_while_we_were_away_was_not_away(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services
) -> None:
    await playing(backend, clients, host)
    clock.let(AFK_AFTER)
    await services.reconciler.round()
    sees(host, last_input_at=clock.time)
    await host.sync()
    await keep_synced(clock, host, AFK_AFTER - SECOND)
    assert not await stop_order(host)
    await keep_synced(clock, host, SECOND, NEVER_SILENT)
    assert await stop_order(host)


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)], ids=["forward", "back"])
async def test_a_clock_that_jumps_neither_hastens_nor_delays_the_end_of_an_absence(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services, jump: timedelta
) -> None:
    await playing(backend, clients, host)
    sees(host, peers=0)
    await host.sync()
    await services.reconciler.round()
    clock.jump(jump)
    await keep_synced(clock, host, LEFT_AFTER - SECOND, NEVER_SILENT)
    assert not await stop_order(host)
    await keep_synced(clock, host, SECOND, NEVER_SILENT)
    assert await stop_order(host)


@pytest.mark.usefixtures("offered")
async def test_a_mistake_in_one_run_stops_no_other(
    clock: Clock, backend: Backend, clients: Clients, host: ScriptedHost, services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await playing(backend, clients, host)
    [broken] = host.observed
    ben = await joined(clients, await backend.session(GAME, "ben"))
    await ben.hears("stream:status")
    host.see(await ordered(host), ObservedState.RUNNING)
    sees(host, peers=0)
    look = services.arena_runs.look

    async def stumbles(session: AsyncSession, row: Session, now: datetime) -> None:
        if row.id == broken:
            raise ValueError(row.id)
        await look(session, row, now)

    monkeypatch.setattr(services.arena_runs, "look", stumbles)
    await host.sync()
    await services.reconciler.round()
    await keep_synced(clock, host, LEFT_AFTER, NEVER_SILENT)
    wants = {order.session_id == broken: order.want for order in (await host.sync()).sessions}
    assert wants == {True: "run", False: "stop"}


@pytest.mark.usefixtures("offered")
async def test_what_a_stranger_says_is_refused_by_name(backend: Backend, clients: Clients, host: ScriptedHost) -> None:
    session = await backend.session(GAME, "ann")
    chess = await backend.session("chess", "ann")
    foreign = await clients.connected(GAME, chess["sessionToken"])
    await foreign.say("matchmaking:join")
    assert await foreign.refusal() == "session_not_found"
    nobody = await clients.connected(GAME)
    for event, payload, code in (
        ("matchmaking:join", {}, "session_required"),
        ("matchmaking:join", {"sessionId": "none"}, "session_not_found"),
        ("matchmaking:join", {"sessionId": session["sessionId"], "playerId": "ben"}, "not_in_session"),
        ("matchmaking:join", [1], "malformed"),
        ("game:reconnect", {"sessionId": session["sessionId"]}, "nothing_to_reconnect"),
        ("game:resign", {}, "unknown_room"),
        ("stream:check", {}, "unknown_room"),
        ("game:move", {"position": 1}, "unknown_event"),
    ):
        await nobody.say(event, payload)
        assert await nobody.refusal() == code, event
    ann = await clients.connected(GAME, session["sessionToken"])
    await ann.join(session, "ben")
    assert await ann.refusal() == "unauthorized"
    await ann.join(session)
    await ann.hears("stream:status")
    for frames in (-1, "30", True, 10**12, None):
        await ann.say("stream:seen", {"framesDecoded": frames})
        assert await ann.refusal() == "malformed"
    assert await result(backend, session) == {"status": "active"}


async def test_a_house_without_the_game_makes_no_session_of_it(backend: Backend) -> None:
    answer = await backend.post("/v1/sessions", {"game": GAME, "players": [{"id": "ann"}]})
    assert (answer.status_code, answer.json()) == (400, {"error": "subway-runner is not available here"})
