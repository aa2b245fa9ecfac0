"""What a program may rely on of a database's tables, and which changes of them break a program from before.

A change that only adds is an expansion: a program of the revision before goes on working. So is a column that gets
longer or takes NULL; no shape tells whether somebody writes there already what that program cannot read. Whatever else
happens is a contraction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, String, inspect
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True)
class Column:
    kind: str
    length: int | None = None
    is_nullable: bool = True
    has_default: bool = False

    @property
    def must_be_given(self) -> bool:
        return not self.is_nullable and not self.has_default


@dataclass(frozen=True)
class Shape:
    """`rules` are what rows may not break: each as words."""

    columns: Mapping[str, Column]
    rules: frozenset[str] = frozenset()


Shapes = Mapping[str, Shape]


def shapes_of(connection: Connection) -> Shapes:
    looking = inspect(connection)
    return {
        name: Shape(dict(_columns(connection, name)), frozenset(_rules(connection, name)))
        for name in looking.get_table_names()
    }


def breaks(before: Shapes, after: Shapes) -> Iterator[str]:
    """What a program that knows `before` can no longer do with `after`."""
    for name, table in before.items():
        if name not in after:
            yield f"{name} is gone"
            continue
        yield from (f"{name}.{what}" for what in _of_columns(table.columns, after[name].columns))
        yield from (f"{name} has a new rule: {rule}" for rule in sorted(after[name].rules - table.rules))


def _of_columns(before: Mapping[str, Column], after: Mapping[str, Column]) -> Iterator[str]:
    for name, was in before.items():
        now = after.get(name)
        if now is None:
            yield f"{name} is gone"
        elif now.kind != was.kind:
            yield f"{name} was {was.kind} and is {now.kind}"
        elif now.length is not None and (was.length is None or now.length < was.length):
            yield f"{name} is shorter"
        elif was.is_nullable and not now.is_nullable:
            yield f"{name} takes no NULL any more"
        elif now.must_be_given and not was.must_be_given:
            yield f"{name} has no default any more"
    yield from (
        f"{name} is new and must be given" for name in after if name not in before and after[name].must_be_given
    )


def _columns(connection: Connection, table: str) -> Iterator[tuple[str, Column]]:
    looking = inspect(connection)
    for column in looking.get_columns(table):
        type_: TypeEngine[object] = column["type"]
        yield (
            column["name"],
            Column(
                kind=type_.python_type.__name__,
                length=type_.length if isinstance(type_, String) else None,
                is_nullable=bool(column["nullable"]),
                has_default=column["default"] is not None,
            ),
        )


def _rules(connection: Connection, table: str) -> Iterator[str]:
    looking = inspect(connection)
    for unique in looking.get_unique_constraints(table):
        yield f"unique {sorted(unique['column_names'])}"
    for index in looking.get_indexes(table):
        if index["unique"]:
            yield f"unique index {index['name']}"
    for foreign in looking.get_foreign_keys(table):
        yield f"{foreign['constrained_columns']} of {foreign['referred_table']}"
    for check in looking.get_check_constraints(table):
        yield f"check {check['sqltext']}"
