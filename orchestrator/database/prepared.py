"""Statements of the hot paths: turned into SQL once, not each time they run.

SQLAlchemy finds a statement in its cache by walking all of it, which for a large one takes longer than PostgreSQL's
answer. Here the statement itself is the key. `alone` goes to the driver past all that SQLAlchemy does around a
statement, which takes ten times as long as the driver itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect, Select, UpdateBase
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from orchestrator.database.sqlite import rows_of

Values = Mapping[str, Any]
Arguments = Callable[[Values], tuple[Any, ...]]
Statement = Select[*tuple[Any, ...]] | UpdateBase


class Prepared:
    """One statement with named parameters, none of which is a list."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Arguments]] = {}
        self._rows: dict[str, _Rows] = {}

    async def first(self, connection: AsyncSession | AsyncConnection, values: Values) -> Any:
        """The first row, None when there is none. From PostgreSQL it is as the driver gives it: moments are in UTC, and
        JSON is read. On SQLite the statement runs like any other.
        """
        bind = connection if isinstance(connection, AsyncConnection) else await connection.connection()
        if bind.dialect.name != "postgresql":
            return (await bind.execute(self._statement, values)).first()
        sql, arguments = self._sql(bind.dialect)
        return (await bind.exec_driver_sql(sql, arguments(values))).first()

    async def alone(self, connection: AsyncConnection, values: Values) -> Sequence[Any]:
        """The rows of a query, on a connection on which nothing has begun, and nothing begins. Values are as those of
        `first`, errors those of the driver.
        """
        dialect = connection.dialect
        sql, arguments = self._sql(dialect)
        taken = await connection.get_raw_connection()
        driver: Any = taken.driver_connection
        try:
            if dialect.name == "postgresql":
                rows = await driver.fetch(sql, *arguments(values))
            else:
                rows = await rows_of(driver, sql, arguments(values))
        except (asyncio.CancelledError, TimeoutError):
            await connection.invalidate()  # its answer is still on the way
            raise
        return [*map(self._made(dialect), rows)]

    def _sql(self, dialect: Dialect) -> tuple[str, Arguments]:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _compiled(self._statement, dialect)
        return known

    def _made(self, dialect: Dialect) -> "_Rows":
        known = self._rows.get(dialect.name)
        if known is None:
            assert isinstance(self._statement, Select), "only a query has rows"
            known = self._rows[dialect.name] = _Rows.of(self._statement, dialect)
        return known


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes rows of what a driver gives: tuples with names."""

    make: Callable[[Sequence[Any]], Any]
    processors: Sequence[tuple[int, Callable[[Any], Any]]]

    @classmethod
    def of(cls, query: Select[*tuple[Any, ...]], dialect: Dialect) -> "_Rows":
        columns = list(query.selected_columns)
        is_sqlite = dialect.name == "sqlite"  # the other driver reads its types by itself
        found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns if is_sqlite]
        fields = {column.name: property(itemgetter(place)) for place, column in enumerate(columns)}
        needed = [(place, process) for place, process in enumerate(found) if process is not None]
        return cls(type("Row", (tuple,), fields), needed)

    def __call__(self, row: Sequence[Any]) -> Any:
        values = list(row)
        for place, process in self.processors:
            values[place] = process(values[place])
        return self.make(values)


def _compiled(statement: Statement, dialect: Dialect) -> tuple[str, Arguments]:
    compiled = statement.compile(dialect=dialect)
    constants = compiled.params
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
    }
    columns = [(name, constants[name], processors[name]) for name in compiled.positiontup or ()]

    def arguments(values: Values) -> tuple[Any, ...]:
        found: list[Any] = []
        for name, constant, process in columns:
            value = values.get(name, constant)
            found.append(value if process is None else process(value))
        return tuple(found)

    return str(compiled), arguments
