"""`python -m bench.catalogue`: how fast a replica lists ten thousand games at a hundred requests a second, on SQLite
and on PostgreSQL. Writes bench/results/catalogue.json.

The replica is a process of its own. Requests are sent when their time comes, whether or not others were answered, and a
latency counts from that time on. What is asked is drawn from what the library's page and API ask: pages in every order,
tags, searches by rare words, common ones and beginnings of words, and a person's own games.
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
from sqlalchemy import insert, text

from bench.results import Row, percentile, show, write
from migrations import migrate
from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.catalog.models import Favorite, Game, GameTag, GameWord
from orchestrator.catalog.words import VERSION, index_of
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings
from tests.postgresql import Databases, PostgresqlServer

GAMES = 10_000
PER_SECOND = 100
GOAL_MS = 30
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
    with _served(settings) as url:
        latencies, failures = asyncio.run(_load(url, cookie, seconds))
    milliseconds = [latency * 1000 for latency in latencies]
    return [
        Row(f"{name}: a list of {GAMES} games, p50", percentile(milliseconds, 0.5), "ms"),
        Row(f"{name}: a list of {GAMES} games, p99", percentile(milliseconds, 0.99), "ms", goal=f"<= {GOAL_MS}"),
        Row(f"{name}: requests a second", len(latencies) / seconds, "/s", goal=f">= {PER_SECOND - 1}"),
        Row(f"{name}: failures", failures, "", goal="<= 0"),
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
        index: list[dict[str, Any]] = []
        for number in range(start, start + _BATCH):
            game = _game(number, draw, words, now)
            chosen = draw.sample(_TAGS, 3)
            games.append(game)
            tags += [{"game_id": game["id"], "position": place, "tag": tag} for place, tag in enumerate(chosen)]
            found = index_of(game["title"], game["developer"], chosen, game["description"])
            index += [{"word": word, "game_id": game["id"], "place": place} for word, place in found.items()]
        async with services.database.write() as session:
            await session.execute(insert(Game), games)
            await session.execute(insert(GameTag), tags)
            await session.execute(insert(GameWord), index)
    async with services.database.write() as session:
        for number in draw.sample(range(GAMES), 20):
            session.add(Favorite(account_id=account.id, game_id=_id(number)))
    if not services.database.is_sqlite:  # what autovacuum does by itself elsewhere
        async with services.database.write() as session:
            await session.execute(text("ANALYZE"))
    return await services.accounts.issue_token(account)


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
        "popularity": int(draw.paretovariate(0.8)) % 5000,
        "words_version": VERSION,
        "created_at": now - timedelta(minutes=number),
    }


def _id(number: int) -> str:
    return f"clx{number:022}"


@contextmanager
def _served(settings: Settings) -> Generator[str]:
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
        yield url
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


async def _load(url: str, cookie: str, seconds: float) -> tuple[list[float], int]:
    draw = random.Random(SEED)
    words = _vocabulary(random.Random(SEED))
    latencies: list[float] = []
    failures = 0

    async def ask(client: aiohttp.ClientSession, due: float, *, counts: bool) -> None:
        nonlocal failures
        async with client.get(f"{url}/api/games", params=_query(draw, words)) as answer:
            await answer.read()
        if counts:
            latencies.append(time.perf_counter() - due)
            failures += answer.status != 200

    async with aiohttp.ClientSession(cookies={tokens.COOKIE: cookie}) as client:
        for _ in range(100):
            await ask(client, 0.0, counts=False)
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * PER_SECOND)):
                due = begin + number / PER_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(client, due, counts=True))
    return latencies, failures


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
