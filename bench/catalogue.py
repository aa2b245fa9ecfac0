"""`python -m bench.catalogue`: how fast a replica lists ten thousand games at a hundred requests a second, on SQLite
and on PostgreSQL. Writes bench/results/catalogue.json.

The replica is a process of its own. Requests are sent when their time comes, whether or not others were answered, and a
latency counts from that time on. What is asked is drawn from what the library's page and API ask: first pages and deep
ones in every order, tags, searches by rare words, common ones and beginnings of words, and a person's own games; one in
twenty comes from somebody who is not signed in, and is refused. All the while another process changes a game every few
seconds, as the command line or another replica would.
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from sqlalchemy import insert, select, text

from bench.results import Row, percentile, show, write
from migrations import migrate
from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Favorite, Game, GameTag
from orchestrator.catalog.snapshot import mark_changed
from orchestrator.database import Database
from orchestrator.play.lifecycle import Position
from orchestrator.play.models import Session
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.postgresql import Databases, PostgresqlServer

GAMES = 10_000
PER_SECOND = 100
GOAL_MS = 30
PLAYED = 10_000
CHANGED_EVERY_S = 5.0
SEED = 5
_TAGS = (
    "Romance",
    "Mystery",
    "Puzzle",
    "Cosy",
    "Drama",
    "Horror",
    "Strategy",
    "Arcade",
    "Racing",
    "Music",
    "Space",
    "History",
    "Comedy",
    "Fantasy",
)
_BATCH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="show this one alone and write nothing")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "postgresql":
            url = f"sqlite+aiosqlite:///{folder}/orchestrator.sqlite3"
            asyncio.run(migrate(url))
            rows += measure("sqlite", Settings(data=Path(folder), database_url=url), arguments.seconds)
        if arguments.only != "sqlite":
            with PostgresqlServer() as server:
                databases = Databases(server)
                try:
                    settings = Settings(data=Path(folder), database_url=databases.take())
                    rows += measure("postgresql", settings, arguments.seconds)
                finally:
                    databases.close()
    if arguments.only:
        show(rows)
    else:
        write("catalogue", rows)


def measure(name: str, settings: Settings, seconds: float) -> list[Row]:
    cookie = asyncio.run(_prepared(settings))
    with _served(settings) as (url, replica):
        replica_cpu_s, own_cpu_s = _cpu_s(replica), _cpu_s(psutil.Process())
        latencies, failures = asyncio.run(_load(url, cookie, settings, seconds))
        replica_cpu_s, own_cpu_s = _cpu_s(replica) - replica_cpu_s, _cpu_s(psutil.Process()) - own_cpu_s
    milliseconds = [latency * 1000 for latency in latencies]
    return [
        Row(f"{name}: a list of {GAMES} games, p50", percentile(milliseconds, 0.5), "ms"),
        Row(f"{name}: a list of {GAMES} games, p99", percentile(milliseconds, 0.99), "ms", goal=f"<= {GOAL_MS}"),
        Row(f"{name}: requests a second", len(latencies) / seconds, "/s", goal=f">= {PER_SECOND - 1}"),
        Row(f"{name}: failures", failures, "", goal="<= 0"),
        Row(f"{name}: CPU of the replica", 100 * replica_cpu_s / seconds, "% of a core"),
        Row(f"{name}: CPU of who asks", 100 * own_cpu_s / seconds, "% of a core"),
    ]


async def _prepared(settings: Settings) -> str:
    """Ten thousand games with descriptions of sixty words, and the cookie of a person with twenty favourites."""
    async with open_services(settings) as services:
        return await _fill(services)


async def _fill(services: Services) -> str:
    draw = random.Random(SEED)
    words = _vocabulary(draw)
    now = datetime.now(UTC)
    account = Account("clxbench", "bench@example.org", "bench", None, Role.PLAYER)
    async with services.database.write() as session:
        session.add(
            AccountRow(
                id=account.id,
                email=account.email,
                name=account.name,
                role=account.role,
                state=AccountState.ACTIVE,
                created_at=now,
            )
        )
    for start in range(0, GAMES, _BATCH):
        games: list[dict[str, Any]] = []
        tags: list[dict[str, Any]] = []
        for number in range(start, start + _BATCH):
            game = _game(number, draw, words, now)
            chosen = draw.sample(_TAGS, 3)
            games.append(game)
            tags += [{"game_id": game["id"], "position": place, "tag": tag} for place, tag in enumerate(chosen)]
        async with services.database.write() as session:
            await session.execute(insert(Game), games)
            await session.execute(insert(GameTag), tags)
    await _play(services, draw, now)
    async with services.database.write() as session:
        for number in draw.sample(range(GAMES), 20):
            session.add(Favorite(account_id=account.id, game_id=_id(number)))
    if not services.database.is_sqlite:  # what autovacuum does by itself elsewhere
        async with services.database.write() as session:
            await session.execute(text("ANALYZE"))
    return await services.accounts.issue_token(account)


async def _play(services: Services, draw: random.Random, now: datetime) -> None:
    """Sessions of yesterday, so that some games are popular, and counted as the upkeep counts."""
    about = {"slug": "game-0", "title": "Game", "developer": "Bench", "description": "", "tags": ["Cosy"]}
    first = {**about, "build": {"version": "1.0", "image": "playhouse/bench:1.0"}}
    added = await services.catalog.add_game(GameDefinition.model_validate(first), EngineImage("sha256:aa", 1000))
    yesterday = now - timedelta(days=1)
    common = {
        "build_id": added.build_id,
        "slot_id": "slot",
        "slot_number": 1,
        "timezone": "UTC",
        "position": Position.STOPPED.value,
        "generation": 1,
        "failed_hosts": [],
        "expires_at": yesterday,
        "ends_at": yesterday,
        "created_at": yesterday,
        "running_since": yesterday,
        "ended_at": yesterday,
        "log_tail": [],
    }
    played = [_id(min(int(draw.paretovariate(0.6)), GAMES) - 1) for _ in range(PLAYED)]
    sessions = [
        {**common, "id": f"ses{number:022}", "owner": f"account:{number}", "game_id": game_id}
        for number, game_id in enumerate(played)
    ]
    async with services.database.write() as session:
        await session.execute(insert(Session), sessions)
    await services.catalog_upkeep.round()


def _vocabulary(draw: random.Random) -> Sequence[str]:
    syllables = [consonant + vowel for consonant in "bcdfghklmnprstvw" for vowel in "aeiou"]
    return ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(8000)]


def _text(draw: random.Random, words: Sequence[str], count: int) -> str:
    """Few words are common and most are rare, as in any language."""
    return " ".join(words[min(int(draw.paretovariate(0.6)), len(words)) - 1] for _ in range(count))


def _game(number: int, draw: random.Random, words: Sequence[str], now: datetime) -> dict[str, Any]:
    title = " ".join(draw.choices(words, k=draw.randint(1, 3))).title()
    developer = f"{draw.choice(words)} games".title()
    return {
        "id": _id(number),
        "slug": f"game-{number}",
        "title": title,
        "developer": developer,
        "search_text": f"{title}\n{developer}".casefold(),
        "description": _text(draw, words, 60),
        "screenshots": [],
        "release_date": date(2000 + number % 25, 1, 1),
        "languages": ["en"],
        "current_build_id": f"bld{number}",
        "needs_code": number % 10 == 0,
        "created_at": now - timedelta(minutes=number),
    }


def _id(number: int) -> str:
    return f"clx{number:022}"


@contextmanager
def _served(settings: Settings) -> Generator[tuple[str, psutil.Process]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        **os.environ,
        "ORCHESTRATOR_DATA": str(settings.data),
        "ORCHESTRATOR_DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "orchestrator", "serve", "--port", str(port)]
    replica = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        asyncio.run(_until_ready(url))
        yield url, psutil.Process(replica.pid)
    finally:
        replica.terminate()
        replica.wait(20)


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as client:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(f"{url}/health/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _load(url: str, cookie: str, settings: Settings, seconds: float) -> tuple[list[float], int]:
    draw = random.Random(SEED)
    words = _vocabulary(random.Random(SEED))
    latencies: list[float] = []
    failures = 0

    async def ask(due: float, *, counts: bool) -> None:
        nonlocal failures
        client, expected = (stranger, 401) if draw.random() < 0.05 else (person, 200)
        async with client.get(f"{url}/api/games", params=_query(draw, words)) as answer:
            await answer.read()
        if counts:
            latencies.append(time.perf_counter() - due)
            failures += answer.status != expected

    people = aiohttp.ClientSession(cookies={tokens.COOKIE: cookie}), aiohttp.ClientSession()
    async with people[0] as person, people[1] as stranger:
        for _ in range(100):
            await ask(0.0, counts=False)
        changing = asyncio.create_task(_change_games(settings, words))
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * PER_SECOND)):
                due = begin + number / PER_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(due, counts=True))
        changing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await changing
    return latencies, failures


async def _change_games(settings: Settings, words: Sequence[str]) -> None:
    draw = random.Random(SEED)
    database = Database(settings.database_url)
    try:
        while True:
            await asyncio.sleep(CHANGED_EVERY_S)
            async with database.write() as session:
                query = select(Game).where(Game.id == _id(draw.randrange(GAMES)))
                game = (await session.scalars(query)).one()
                game.description = _text(draw, words, 60)
                await mark_changed(database, session, [game.id])
    finally:
        await database.close()


def _query(draw: random.Random, words: Sequence[str]) -> dict[str, str]:
    kind = draw.random()
    page = str(draw.randint(1, 20)) if draw.random() < 0.9 else str(draw.randint(1, 500))
    if kind < 0.35:
        return {"page": page, "sort": draw.choice(["title", "createdAt", "popular"])}
    if kind < 0.5:
        return {"tag": draw.choice(_TAGS), "page": page}
    if kind < 0.55:
        return {"mine": "true"}
    if kind < 0.7:
        return {"search": words[min(int(draw.paretovariate(0.6)), len(words)) - 1], "sort": "relevance"}
    if kind < 0.85:
        return {"search": draw.choice(words)[: draw.randint(1, 4)], "sort": "relevance"}
    return {"search": f"{draw.choice(words)[:3]} {draw.choice(_TAGS)[:4]}", "sort": draw.choice(["relevance", "title"])}


if __name__ == "__main__":
    main()
