"""Inserting a row that another replica may insert at the same moment."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.database.types import Base


async def insert_unless_there(session: AsyncSession, table: type[Base], **values: object) -> None:
    """A row of these values, unless one with its key is there. Waits for whoever is just inserting the same."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    await session.execute(insert(table).values(**values).on_conflict_do_nothing())
