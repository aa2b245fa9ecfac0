"""A database with some years behind it, and the players who ask."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.fleet.town import GIB, a_person, add_hosts, row_of
from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account
from orchestrator.accounts.models import AccountRow, Device
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Favorite, Game
from orchestrator.ids import new_id
from orchestrator.play.lifecycle import Position, new_life
from orchestrator.play.models import Session
from orchestrator.services import open_services
from orchestrator.settings import Settings

GAMES = 200
ACCOUNTS = 5_000
PAST_SESSIONS = 20_000
PLAYERS = 50
HOSTS = 10
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Player:
    """Somebody who is signed in and plays."""

    cookie: str
    session_id: str


async def filled(settings: Settings) -> list[Player]:
    """Games, hosts, accounts that are signed in somewhere, sessions that are over, and players whose games run."""
    async with open_services(settings) as services:
        for number in range(GAMES):
            await services.catalog.add_game(_game(number), EngineImage(f"sha256:{number:064}", GIB))
        hosts = [host.host_id for host in await add_hosts(services.database, HOSTS)]
        people = [a_person(number) for number in range(ACCOUNTS)]
        playing = [(person, new_id("ses")) for person in people[:PLAYERS]]
        async with services.database.write() as session:
            now = await services.database.now(session)
            games = list(await session.execute(select(Game.id, Game.current_build_id).order_by(Game.slug)))
            await _insert(session, AccountRow, (row_of(each, now) for each in people))
            await _insert(session, Device, (_device(person, now) for person in people))
            liked = [{"account_id": person.id, "game_id": games[0].id} for person in people]
            await _insert(session, Favorite, liked)
            over = (
                _session(new_id("ses"), people[number % ACCOUNTS], games[number % GAMES], now - timedelta(days=1))
                | {"position": Position.STOPPED.value, "ended_at": now, "host_id": hosts[number % HOSTS]}
                for number in range(PAST_SESSIONS)
            )
            await _insert(session, Session, over)
            runs = (
                _session(session_id, person, games[number % GAMES], now)
                | {"position": Position.RUNNING.value, "is_seat_ready": True, "host_id": hosts[number % HOSTS]}
                for number, (person, session_id) in enumerate(playing)
            )
            await _insert(session, Session, runs)
        await services.catalog_upkeep.round()
        async with services.database.write() as session:  # what autovacuum does by itself elsewhere
            await session.execute(text("ANALYZE"))
        return [
            Player(f"{tokens.COOKIE}={await services.accounts.issue_token(person)}", session_id)
            for person, session_id in playing
        ]


def slug_of(number: int) -> str:
    return f"game-{number}"


def _game(number: int) -> GameDefinition:
    return GameDefinition.model_validate(
        {
            "slug": slug_of(number),
            "title": f"Game {number}",
            "developer": "Nobody",
            "description": "A game of which there is as much to say as of most. " * 6,
            "tags": ["Bench", f"Tag {number % 10}"],
            "build": {"version": "1.0", "image": f"playhouse/{slug_of(number)}:1.0"},
        }
    )


def _device(person: Account, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id("tok"),
        "account_id": person.id,
        "name": "Firefox on Linux",
        "signed_in_at": now,
        "expires_at": now + tokens.LIFETIME,
    }


def _session(session_id: str, person: Account, game: Any, began: datetime) -> dict[str, Any]:
    life = new_life(began)
    return {
        "id": session_id,
        "owner": person.owner,
        "game_id": game.id,
        "build_id": game.current_build_id,
        "slot_id": new_id("slt"),
        "slot_number": 1,
        "timezone": "UTC",
        "generation": 1,
        "failed_hosts": [],
        "expires_at": life.expires_at,
        "ends_at": life.ends_at,
        "created_at": began,
        "running_since": began,
        "ended_at": None,
        "reserved_cpu_cores": 0.5,
        "reserved_memory_bytes": GIB // 2,
        "log_tail": [],
    }


async def _insert(session: AsyncSession, table: type[Any], rows: Iterable[Mapping[str, Any]]) -> None:
    waiting: Sequence[Mapping[str, Any]] = list(rows)
    for begin in range(0, len(waiting), _ROWS_AT_ONCE):
        await session.execute(insert(table), waiting[begin : begin + _ROWS_AT_ONCE])
