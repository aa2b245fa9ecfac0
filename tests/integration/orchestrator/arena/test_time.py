"""What comes by itself: warnings, forfeits, flags, absences; and what an outage does to them."""

from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from orchestrator.arena.models import ArenaConnection, ArenaMatch, ArenaOutage, ArenaReplica
from orchestrator.arena.presence import Presence, milliseconds
from orchestrator.database import Database
from orchestrator.services import Services
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import Clients, until
from tests.integration.orchestrator.arena.test_bad_input import match


async def pass_time(services: Services, seconds: int) -> None:
    """All that runs in the only match began so much earlier."""
    async with services.database.write() as session:
        [row] = await session.scalars(select(ArenaMatch).with_for_update())
        state = dict(row.state)
        for name in ("startedMs", "changedMs", "turnMs"):
            state[name] -= seconds * 1000
        state["awaySinceMs"] = [None if since is None else since - seconds * 1000 for since in state["awaySinceMs"]]
        row.state, row.version = state, row.version + 1
        row.deadline_ms = None if row.deadline_ms is None else row.deadline_ms - seconds * 1000


async def state_of(services: Services) -> dict[str, Any]:
    async with services.database.read() as session:
        [row] = await session.scalars(select(ArenaMatch))
        return dict(row.state)


async def test_who_is_idle_is_warned_and_then_loses(clients: Clients, backend: Backend, services: Services) -> None:
    ann, bob, session = await match(clients, backend)
    await pass_time(services, 41)
    for each in (ann, bob):
        warning = await each.hears("tictactoe:afk_warning")
        assert (warning["playerId"], warning["secondsRemaining"] <= 20) == ("ann", True)
    await bob.say("afk:check", {"roomId": session["roomId"]})
    status = await bob.hears("afk:status")
    assert status["playerId"] == "ann"
    await ann.say("game:move", {"roomId": session["roomId"], "position": 0})
    await bob.hears("tictactoe:afk_warning_cleared")
    await pass_time(services, 61)
    over = await ann.hears("game:over")
    assert (over["winner"], over["reason"]) == ("ann", "afk_timeout")


async def test_a_flag_falls(clients: Clients, backend: Backend, services: Services) -> None:
    session = await backend.session("chess", "ann", "bob", matchType="private", afkTimeoutEnabled=False)
    ann, bob = [await clients.connected("chess") for _ in range(2)]
    await ann.join(session, "ann")
    await bob.join(session, "bob")
    started = await ann.hears("game:started")
    assert started["afkTimeoutEnabled"] is False
    await pass_time(services, 601)
    over = await bob.hears("game:over")
    assert (over["winner"], over["reason"]) == (started["players"][1]["id"], "timeout")


async def test_who_does_not_come_back_loses(clients: Clients, backend: Backend, services: Services) -> None:
    ann, bob, _ = await match(clients, backend)
    await ann.close()
    await bob.hears("player:disconnected")
    await pass_time(services, 61)
    over = await bob.hears("game:over")
    assert (over["winner"], over["reason"]) == ("bob", "disconnect")


async def test_players_of_a_replica_that_died_are_away_and_its_silence_counts_against_nobody(
    clients: Clients, backend: Backend, services: Services
) -> None:
    _, bob, _ = await match(clients, backend)
    before = (await state_of(services))["turnMs"]
    async with services.database.write() as writing:
        now_ms = round((await services.database.now(writing)).timestamp() * 1000)
        [mine] = await writing.scalars(select(ArenaReplica))
        writing.add(ArenaReplica(id="dead", seen_ms=now_ms - 30_000, is_gone=False))
        await writing.flush()
        [connection] = await writing.scalars(select(ArenaConnection).where(ArenaConnection.seat == 0))
        connection.replica_id = "dead"
        assert mine.id == services.arena_presence.id
    assert (await bob.hears("player:disconnected"))["playerId"] == "ann"
    after = await state_of(services)
    assert after["turnMs"] > before
    assert after["awaySinceMs"][0] is not None


async def test_a_time_without_any_replica_is_written_down_once(
    clients: Clients, backend: Backend, services: Services
) -> None:
    await match(clients, backend)
    async with services.database.write() as session:
        now_ms = round((await services.database.now(session)).timestamp() * 1000)
        [row] = await session.scalars(select(ArenaReplica))
        row.seen_ms = now_ms - 60_000
    for _ in range(2):
        await Presence(services.database).begin()
    async with services.database.read() as session:
        first, *others = (await session.scalars(select(ArenaOutage).order_by(ArenaOutage.began_ms))).all()
    assert 59_000 <= first.ended_ms - first.began_ms <= 70_000
    assert all(other.began_ms >= first.ended_ms and other.ended_ms - other.began_ms < 10_000 for other in others)


async def test_a_time_in_which_this_replica_could_do_nothing_counts_against_nobody(
    clients: Clients, backend: Backend, services: Services
) -> None:
    ann, bob, session = await match(clients, backend)
    async with services.database.write() as writing:
        await services.database.lock(writing, "arena-outages")
        minute = 61_000
        await writing.execute(update(ArenaReplica).values(seen_ms=ArenaReplica.seen_ms - minute))
        services.arena_presence.doubt()
        [row] = await writing.scalars(select(ArenaMatch).with_for_update())
        row.state = {**row.state, **{name: row.state[name] - minute for name in ("startedMs", "changedMs", "turnMs")}}
        row.version, row.excused_ms = row.version + 1, row.excused_ms - minute
        row.deadline_ms = None if row.deadline_ms is None else row.deadline_ms - minute
        await writing.execute(delete(ArenaConnection))  # as others may have done
    await ann.say("game:move", {"roomId": session["roomId"], "position": 0})
    assert (await bob.hears("game:move:made"))["position"] == 0

    async def both_are_there() -> bool:
        async with services.database.read() as session:
            found = await session.scalars(select(ArenaConnection.socket_id).order_by(ArenaConnection.seat))
            return list(found) == [ann.socket_id, bob.socket_id]

    await until(both_are_there)


async def test_a_replica_ends_also_while_the_database_is_away(tmp_path: Path) -> None:
    nowhere = Database(f"sqlite+aiosqlite:///{tmp_path}/no-such-folder/arena.sqlite3")
    presence = Presence(nowhere)
    with capture_logs() as logs:
        await presence.leave()
    assert [(line["event"], line["replica"]) for line in logs] == [("arena.left_without_a_word", presence.id)]
    await nowhere.close()


async def a_match_of(database: Database, replica: str, seen_ago_ms: int) -> int:
    """A match that goes on, and a replica that was seen so long ago; the moment."""
    async with database.write() as session:
        now = await database.now(session)
        now_ms = milliseconds(now)
        await session.merge(ArenaReplica(id=replica, seen_ms=now_ms - seen_ago_ms, is_gone=False))
        await session.merge(
            ArenaMatch(
                id="room", game="chess", mode="live", is_rated=False, version=0, state={}, plies=0, events=0,
                excused_ms=0, started_at=now,
            )
        )  # fmt: skip
    return now_ms


async def test_whoever_was_here_until_just_now_may_be_alive(database: Database) -> None:
    now_ms = await a_match_of(database, "other", 1_000)
    presence = Presence(database)
    await presence.begin()
    assert presence.is_sure == database.is_sqlite
    if not database.is_sqlite:
        assert not await presence.sure(0.01)
        await a_match_of(database, "other", 7_000)
        assert await presence.settle()
    assert await presence.sure(0.01)
    [(began_ms, ended_ms)] = presence.outages_since(now_ms)
    assert began_ms < now_ms <= ended_ms


@only_on("postgresql")
async def test_while_somebody_else_is_there_nothing_is_an_outage(database: Database) -> None:
    await a_match_of(database, "other", 1_000)
    presence = Presence(database)
    await presence.begin()
    await a_match_of(database, "other", 0)
    assert await presence.settle()
    assert presence.outages_since(0) == []


async def test_what_another_replica_wrote_down_is_known_to_whoever_began_before(database: Database) -> None:
    await a_match_of(database, "dead", 60_000)
    first, second = Presence(database), Presence(database)
    await first.begin()
    await second.begin()
    if not second.is_sure:
        await first.beat()
        assert await second.settle()
    assert first.outages_since(0)[0] == second.outages_since(0)[0]


async def test_who_stood_still_is_not_sure_any_longer(database: Database) -> None:
    time_s = 100.0
    presence = Presence(database, lambda: time_s)
    await presence.begin()
    time_s += 5.0
    presence.stay_sure()
    time_s += 5.0
    assert presence.is_sure
    time_s += 1.0
    presence.stay_sure()
    assert not presence.is_sure
