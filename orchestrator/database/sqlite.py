"""SQLite's driver, asked once for each statement: all that touches the insides of aiosqlite and of its dialect.

A connection lives in a thread of its own. The stock cursor goes there four times for one statement (it makes a cursor,
runs the statement, fetches the rows, closes), and each time a busy loop has to let go of the interpreter first. Here
the thread does all of it at once, and is not asked to roll back where nothing has run.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a cursor knows when it is done."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1

    def close(self) -> None:
        """It is closed already."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()

    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return _Done()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._do(_executed, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._do(_executed_many, operation, seq_of_parameters)

    async def _do(self, run: Any, operation: Any, parameters: Any) -> None:
        adapted: Any = self._adapt_connection
        connection: Any = self._connection
        adapted.has_run = True
        async with adapted._execute_mutex:  # noqa: SLF001 - as the stock cursor does
            running = connection._execute(run, connection._conn, operation, parameters)  # noqa: SLF001 - likewise
            self._cursor, rows = await running
            self._rows = deque(rows)


class _Connection(AsyncAdapt_aiosqlite_connection):
    """`has_run`: something may have begun since the last end of a transaction."""

    __slots__ = ("has_run",)

    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.has_run = True

    def rollback(self) -> None:
        if self.has_run:
            super().rollback()
            self.has_run = False


class _Dbapi(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arguments: Any, **options: Any) -> AsyncAdapt_aiosqlite_connection:
        made: Any = super().connect(*arguments, **options)
        return _Connection(self, made._connection)  # noqa: SLF001 - as the stock driver does


async def rows_of(connection: aiosqlite.Connection, operation: str, parameters: Sequence[Any]) -> Sequence[Any]:
    """All rows of one query that no transaction is around."""
    handle: Any = connection
    _, rows = await handle._execute(_executed, handle._conn, operation, parameters)  # noqa: SLF001 - as the cursor does
    return rows


DRIVER = _Dbapi(aiosqlite, sqlite3)
"""What `create_async_engine` takes as its `module`."""


def _executed(connection: sqlite3.Connection, operation: str, parameters: Any) -> tuple[_Done, Sequence[Any]]:
    cursor = connection.execute(operation, parameters)
    rows = cursor.fetchall() if cursor.description else ()
    return _closed(cursor), rows


def _executed_many(connection: sqlite3.Connection, operation: str, parameters: Any) -> tuple[_Done, Sequence[Any]]:
    return _closed(connection.executemany(operation, parameters)), ()


def _closed(cursor: sqlite3.Cursor) -> _Done:
    done = _Done(cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return done
