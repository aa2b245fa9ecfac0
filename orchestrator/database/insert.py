"""Inserting rows that may be there, or that another replica may insert at the same moment."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database.types import Base


def insert_into(session: AsyncSession, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """One that can say what happens `on_conflict`, in the words that both databases know."""
    return (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)


async def insert_unless_there(session: AsyncSession, table: type[Base], **values: object) -> None:
    """A row of these values, unless one with its key is there. Waits for whoever is just inserting the same."""
    await session.execute(insert_into(session, table).values(**values).on_conflict_do_nothing())
