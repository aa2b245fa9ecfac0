"""What a test leaves in its database is nothing that the next one finds."""

from sqlalchemy import func, select, text

from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.database import Database
from tests.postgresql import Databases


async def test_a_database_that_is_given_back_is_taken_again_empty_unless_its_tables_were_changed(
    postgresql_databases: Databases,
) -> None:
    left = postgresql_databases.take()
    database = Database(left)
    async with database.write() as session:
        now = await database.now(session)
        session.add(
            AccountRow(id="a", email="a@b", name="", role=Role.PLAYER, state=AccountState.ACTIVE, created_at=now)
        )
    postgresql_databases.give_back(left)  # though its connections are open
    taken = [postgresql_databases.take() for _ in range(2)]
    assert left in taken
    await database.close()
    database = Database(left)
    async with database.write() as session:
        assert await session.scalar(select(func.count()).select_from(AccountRow)) == 0
        await session.execute(text("CREATE INDEX another ON accounts (name)"))
    await database.close()
    for url in taken:
        postgresql_databases.give_back(url)
    taken = [postgresql_databases.take() for _ in range(3)]
    assert left not in taken
    for url in taken:
        postgresql_databases.give_back(url)
