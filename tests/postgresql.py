"""A real PostgreSQL from Debian's binaries, in a folder of its own that goes with whoever started it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg

from migrations import migrate

Result = TypeVar("Result")
_NOBODY = 65534  # PostgreSQL refuses to run as root
_START_TIMEOUT_S = 60.0

# Serves until its standard input ends, as it does when the process that started it has gone, however it went.
_KEEPER = """
"$@" &
if read -r _; then kill -QUIT $!; wait $!; else kill -QUIT $!; wait $!; rm -rf "$FOLDER"; fi
"""

_MOST_USES = 100  # what was deleted stays in its files
_ALONE = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_COUNT_ANEW = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';"
# Whoever changes a table leaves rows in the catalogue that are newer than the template's.
_TABLES = "SELECT " + " || ',' || ".join(
    f"(SELECT count(*) || ' ' || max(xmin::text::bigint) FROM {catalogue})"
    for catalogue in (
        "pg_class",
        "pg_attribute",
        "pg_constraint",
        "pg_index",
        "pg_trigger",
        "pg_proc",
        "alembic_version",
    )
)

_FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal")


class PostgresqlServer:
    """`with`: a running server without a password, on a Unix socket in a folder that only we can enter."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="playhouse-postgresql-"))
        self._uid = _NOBODY if os.geteuid() == 0 else None
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._uid is not None:
            os.chown(self._folder, self._uid, self._uid)
        make = ("initdb", "--auth=trust", "--username=house", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        subprocess.run(
            [_program(make[0]), *make[1:], "-D", self._folder / "data"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else (),
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(b"")
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://house@/{database}?host={self._folder}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / ".s.PGSQL.5432"

    @property
    def process_id(self) -> int:
        """The server's first process, the parent of all others."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Returns when the server answers."""
        options = (*_FAST, "max_wal_senders=0", "listen_addresses=", f"unix_socket_directories={self._folder}")
        server = [_program("postgres"), "-D", self._folder / "data", *(f"--{option}" for option in options)]
        with (self._folder / "server.log").open("ab") as log:
            self._keeper = keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "keeper", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=os.environ | {"FOLDER": str(self._folder)},
                start_new_session=True,  # Ctrl-C is for the tests
                user=self._uid,
                group=self._uid,
                extra_groups=None if self._uid is None else (),
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        ready = [_program("pg_isready"), "-q", "-h", self._folder]
        while subprocess.run(ready, check=False).returncode != 0:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "server.log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends the server at once, as a crash would; `start` brings it back with what was committed."""
        self._end(b"stop\n")

    def _end(self, word: bytes) -> None:
        if self._keeper is not None:
            self._keeper.communicate(word)
            self._keeper = None

    async def execute(self, *statements: str) -> None:
        async with self.connection("postgres") as connection:
            for statement in statements:
                await connection.execute(statement)

    async def connect(self, database: str) -> Any:
        return await asyncpg.connect(host=str(self._folder), user="house", database=database)

    @asynccontextmanager
    async def connection(self, database: str) -> AsyncGenerator[Any]:
        connection = await self.connect(database)
        try:
            yield connection
        finally:
            await connection.close()


class Databases:
    """Databases of one server, each with the tables of a migrated one and without a row. What is given back is emptied
    and taken again, unless its tables were changed. The next is made ready while the last is in use.
    """

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._numbers = count(1)
        self._uses = Counter[str]()
        self._empty: list[str] = []
        self._worker = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        self._kept: dict[str, Any] = {}  # connections: a new one reads the catalogue of every table anew
        self._do(lambda: server.execute("CREATE DATABASE migrated")).result()
        self._do(lambda: migrate(server.url("migrated"))).result()
        self._tables, self._emptying = self._do(self._look_at_template).result()
        self._next = self._do(self._make_ready)

    def take(self) -> str:
        """The URL of a database that nobody else has."""
        name, self._next = self._next.result(), self._do(self._make_ready)
        return self._server.url(name)

    def take_empty(self) -> str:
        """The URL of one without a table."""
        name = f"empty{next(self._numbers)}"
        self._do(lambda: self._server.execute(f"CREATE DATABASE {name}")).result()
        return self._server.url(name)

    def give_back(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        self._do(lambda: self._clear(name))

    def close(self) -> None:
        self._do(self._let_go).result()
        self._worker.shutdown()
        self._loop.close()

    async def _let_go(self) -> None:
        for connection in self._kept.values():
            await connection.close()

    async def _look_at_template(self) -> tuple[Any, str]:
        async with self._server.connection("migrated") as connection:
            rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = [row["tablename"] for row in rows if row["tablename"] != "alembic_version"]
            return await connection.fetchval(_TABLES), "".join(f"DELETE FROM {name};" for name in names)

    async def _make_ready(self) -> str:
        if self._empty:
            return self._empty.pop()
        name = f"house{next(self._numbers)}"
        await self._server.execute(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")
        return name

    async def _clear(self, name: str) -> None:
        self._uses[name] += 1
        if name.startswith("house") and self._uses[name] < _MOST_USES and await self._is_emptied(name):
            self._empty.append(name)
        else:
            if name in self._kept:
                await self._kept.pop(name).close()
            await self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _is_emptied(self, name: str) -> bool:
        connection = self._kept.get(name)
        if connection is None:
            connection = self._kept[name] = await self._server.connect(name)
            await connection.execute("SET session_replication_role = replica")
        await connection.execute(_ALONE)
        if await connection.fetchval(_TABLES) != self._tables:
            return False
        await connection.execute(f"{self._emptying} {_COUNT_ANEW}")
        return True

    def _do(self, work: Callable[[], Awaitable[Result]]) -> "Future[Result]":
        async def run() -> Result:
            return await work()

        return self._worker.submit(lambda: self._loop.run_until_complete(run()))


def _program(name: str) -> Path:
    """PostgreSQL's programs of the newest version; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not found:
        raise FileNotFoundError(f"PostgreSQL's {name} is missing: run `deploy/setup test`")
    return found[-1]
