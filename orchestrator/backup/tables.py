"""Tables as they are in a database, whatever program made them: read a page at a time, and filled.

Nothing here knows what a row means. Everything is done on a connection whose transaction is the caller's.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    cast,
    delete,
    event,
    insert,
    literal,
    select,
    text,
    tuple_,
    type_coerce,
)

from orchestrator.backup.rows import Value

HISTORY = "alembic_version"
_PAGE = 1000
_KINDS: Sequence[tuple[type[Any], type]] = (
    (Boolean, bool),
    (DateTime, datetime),
    (Date, date),
    (Float, float),
    (Integer, int),
    (String, str),
)
_COUNTER = text("SELECT pg_get_serial_sequence(:table, :column)")
_COUNT_ON = text("SELECT setval(CAST(:counter AS regclass), :greatest)")


class _JsonText(TypeDecorator[str]):
    """PostgreSQL's JSON as the text that it is: it comes back as it went, and SQL's NULL is told from JSON's."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> ColumnElement[Any]:
        return cast(type_coerce(bindparam, Text), JSON)

    def column_expression(self, column: Any) -> ColumnElement[Any]:
        return type_coerce(cast(column, Text), Text)


def look(connection: Connection) -> MetaData:
    """Which tables there are, and what is in them."""
    json_as = _JsonText if connection.dialect.name == "postgresql" else Text
    metadata = MetaData()

    def as_text(_inspector: Any, _table: Any, column: Any) -> None:
        if isinstance(column["type"], JSON):
            column["type"] = json_as()

    event.listen(metadata, "column_reflect", as_text)
    metadata.reflect(connection)
    return metadata


def filled_in_order(metadata: MetaData) -> list[Table]:
    """All but Alembic's own, those that are pointed to before those that point."""
    return [table for table in metadata.sorted_tables if table.name != HISTORY]


def kinds_of(table: Table) -> list[type]:
    """The Python type of each column's values."""
    return [_kind(column.type) for column in table.columns]


def rows_of(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """Every row in the order of the table's key, a page at a time: also SQLite never gives more at once. Moments have
    their zone.
    """
    key = list(table.primary_key.columns)
    places = [list(table.columns).index(column) for column in key]
    page = select(table).order_by(*key).limit(_PAGE)
    after: Sequence[Any] | None = None
    while True:
        next_page = page if after is None else page.where(_is_after(key, after))
        rows = connection.execute(next_page).all()
        yield from (tuple(map(_aware, row)) for row in rows)
        if len(rows) < _PAGE:
            return
        after = [rows[-1][place] for place in places]


def empty(connection: Connection, tables: Sequence[Table]) -> None:
    """Of what migrations put in. The tables are in the order in which they are filled."""
    for table in reversed(tables):
        connection.execute(delete(table))


def fill(connection: Connection, table: Table, rows: Iterable[Sequence[Value]]) -> int:
    """Insert rows whose values are in the order of the table's columns; how many."""
    names = [column.name for column in table.columns]
    left, count = iter(rows), 0
    while page := [dict(zip(names, row, strict=True)) for row in islice(left, _PAGE)]:
        connection.execute(insert(table), page)
        count += len(page)
    return count


def count_on(connection: Connection, table: Table) -> None:
    """The next row of a table whose key counts gets a number that no row has. SQLite does that by itself."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        counter = connection.scalar(_COUNTER, {"table": table.name, "column": column.name})
        greatest = connection.scalar(select(column).order_by(column.desc()).limit(1))
        if counter is not None and greatest is not None:
            connection.execute(_COUNT_ON, {"counter": counter, "greatest": greatest})


def _is_after(key: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    if len(key) == 1:
        return key[0] > values[0]
    return tuple_(*key) > tuple_(*(literal(value, column.type) for value, column in zip(values, key, strict=True)))


def _aware(value: Any) -> Any:
    """SQLite keeps no zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _kind(type_: Any) -> type:
    if isinstance(type_, _JsonText):
        return str
    return next(kind for known, kind in _KINDS if isinstance(type_, known))
