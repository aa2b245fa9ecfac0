"""What happens to many matches at the same time is one transaction, and each match's own affair all the same."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from matches.events import DrawAccepted, DrawOffered, Looked, MoveSent
from orchestrator.arena.ledger import Ledger
from orchestrator.arena.models import ArenaEvent, ArenaMatch, ArenaMove, ArenaSeat
from orchestrator.arena.presence import Presence
from orchestrator.errors import DatabaseUnavailable, NotFound
from orchestrator.notices import Notices
from orchestrator.services import Services
from tests.conftest import only_on
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import Clients
from tests.integration.orchestrator.arena.test_matches import paired


async def test_a_match_that_cannot_be_read_stops_no_other_that_moves_at_the_same_time(
    clients: Clients, backend: Backend, services: Services
) -> None:
    rooms = [(await paired(clients, backend, "tictactoe"))[1][0]["roomId"] for _ in range(3)]
    async with services.database.write() as session:
        await session.execute(delete(ArenaSeat).where(ArenaSeat.match_id == rooms[1]))
    anew = Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    asked = [anew.happen(room, MoveSent(0, {"position": place})) for place, room in enumerate(rooms)]
    asked.append(anew.happen("room_none", Looked()))
    first, broken, third, unknown = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(broken, ValueError)
    assert isinstance(unknown, NotFound)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert (first.refusal, third.refusal) == (None, None)
    late = await anew.happen(rooms[2], MoveSent(0, {"position": 5}))
    assert late.refusal == "not_your_turn"
    async with services.database.read() as session:
        moves = await session.execute(select(ArenaMove.match_id, func.count()).group_by(ArenaMove.match_id))
        assert {row[0]: row[1] for row in moves} == {rooms[0]: 1, rooms[2]: 1}
        rows = {row.id: row for row in await session.scalars(select(ArenaMatch))}
        assert [rows[room].plies for room in rooms] == [1, 0, 1]
        last = select(ArenaEvent.match_id, func.max(ArenaEvent.seq)).group_by(ArenaEvent.match_id)
        assert {row[0]: row[1] for row in await session.execute(last)} == {room: rows[room].events for room in rooms}


async def test_what_another_replica_did_meanwhile_is_read_before_anything_else_happens(
    clients: Clients, backend: Backend, services: Services
) -> None:
    _, (started, _) = await paired(clients, backend, "tictactoe")
    room = started["roomId"]
    one, other = (Ledger(services.database, Notices(), services.arena_presence, services.webhooks) for _ in range(2))
    await one.happen(room, MoveSent(0, {"position": 0}))
    assert (await other.happen(room, MoveSent(1, {"position": 0}))).refusal == "cell_taken"
    answered = await other.happen(room, MoveSent(1, {"position": 4}))
    assert len(answered.room.match.plies) == 2
    late = await one.happen(room, MoveSent(0, {"position": 8}), at_ply=1)
    assert (late.told, len(late.room.match.plies)) == ((), 2)
    async with services.database.write() as session:  # a deadline that is not the match's is put right
        await session.execute(update(ArenaMatch).where(ArenaMatch.id == room).values(deadline_ms=1))
    looked = await one.happen(room, Looked())
    async with services.database.read() as session:
        row = await session.get_one(ArenaMatch, room)
    assert row.deadline_ms == looked.deadline_ms
    assert row.deadline_ms is not None
    assert row.deadline_ms > 1


async def test_of_a_match_that_is_known_only_the_moves_since_are_read(
    clients: Clients, backend: Backend, services: Services
) -> None:
    rooms = [(await paired(clients, backend, "tictactoe"))[1][0]["roomId"] for _ in range(2)]
    one, other = (Ledger(services.database, Notices(), services.arena_presence, services.webhooks) for _ in range(2))
    for number, made in enumerate((1, 3)):
        for ply in range(made):
            await one.happen(rooms[number], MoveSent(1 if ply % 2 else 0, {"position": ply}))
    known = await other.told_since(dict.fromkeys(rooms, 0))
    for number, made in enumerate((1, 3)):
        await one.happen(rooms[number], MoveSent(1, {"position": made}))
    anew = await Ledger(services.database, Notices(), services.arena_presence, services.webhooks).told_since(
        {room: look.seq for room, (look, _) in known.items()}
    )
    async with services.database.write() as session:
        await session.execute(delete(ArenaSeat))
        await session.execute(update(ArenaMove).where(ArenaMove.ply == 0).values(row={}))
    found = await other.told_since({room: look.seq for room, (look, _) in known.items()})
    for room in rooms:
        assert found[room][0].room == anew[room][0].room
        assert [told.kind for told in found[room][1]] == ["move"]


async def test_a_draw_that_is_accepted_after_a_mate_comes_too_late(
    clients: Clients, backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends a match is written down in a second transaction, and nothing else happens to the match before it."""
    _, (started, _) = await paired(clients, backend, "chess")
    room, ledger = started["roomId"], Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    for turn, move in enumerate(("f3", "e5", "g4")):
        await ledger.happen(room, MoveSent(1 if turn % 2 else 0, {"move": move}))
    await ledger.happen(room, DrawOffered(1))
    write, begun, is_held, may_go = services.database.write, 0, asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow_write() -> AsyncGenerator[AsyncSession]:
        nonlocal begun
        begun += 1
        if begun == 2:  # that of the mate's end
            is_held.set()
            await may_go.wait()
        async with write() as session:
            yield session

    monkeypatch.setattr(services.database, "write", slow_write)
    mating = asyncio.create_task(ledger.happen(room, MoveSent(1, {"move": "Qh4#"})))
    await is_held.wait()
    accepting = asyncio.create_task(ledger.happen(room, DrawAccepted(0)))
    await asyncio.wait({accepting}, timeout=0.5)  # it has all the time to overtake
    may_go.set()
    mated, accepted = await mating, await accepting
    assert mated.refusal is None
    assert mated.room.match.end is not None
    assert (mated.room.match.end.winner, mated.room.match.end.reason) == (1, "checkmate")
    assert accepted.refusal == "match_over"
    assert accepted.told == ()


@only_on("postgresql")
async def test_a_match_that_is_held_up_holds_up_no_other(
    clients: Clients, backend: Backend, services: Services
) -> None:
    """Somebody stands still in the middle of the first one's change; time happens to it later, and a move waits."""
    held, free = [(await paired(clients, backend, "tictactoe"))[1][0]["roomId"] for _ in range(2)]
    ledger = Ledger(services.database, Notices(), services.arena_presence, services.webhooks)
    async with services.database.write() as session:
        await session.execute(select(ArenaMatch.id).where(ArenaMatch.id == held).with_for_update())
        waiting = asyncio.create_task(ledger.happen(held, MoveSent(0, {"position": 0})))
        async with asyncio.timeout(60):
            asked = [ledger.happen(held, Looked()), ledger.happen(free, MoveSent(0, {"position": 4}))]
            looked, moved = await asyncio.gather(*asked, return_exceptions=True)
        assert not waiting.done()
    assert isinstance(looked, NotFound)
    assert not isinstance(moved, BaseException)
    assert len(moved.room.match.plies) == 1
    assert len((await waiting).room.match.plies) == 1


async def test_who_waited_for_the_database_for_too_long_is_told_so(
    clients: Clients, backend: Backend, services: Services
) -> None:
    """Nothing happens before it is known that nobody was there meanwhile."""
    _, (started, _) = await paired(clients, backend, "tictactoe")
    ledger = Ledger(services.database, Notices(), Presence(services.database), services.webhooks)
    with pytest.raises(DatabaseUnavailable):
        await ledger.happen(started["roomId"], MoveSent(0, {"position": 0}))
