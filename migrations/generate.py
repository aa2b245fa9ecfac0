"""Writes the next revision by comparing the models with a database that has all so far. A developer's tool."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.run import config, migrate

_VERSIONS = Path(__file__).parent / "versions"


async def generate(message: str, *, from_nothing: bool) -> None:
    """A new file in `migrations/versions`, numbered after the last. `from_nothing` deletes all that are there first."""
    if from_nothing:
        for path in _VERSIONS.glob("[0-9]*.py"):
            path.unlink()
    number = len(list(_VERSIONS.glob("[0-9]*.py"))) + 1

    def write(connection: Connection) -> None:
        configuration = config(connection)
        configuration.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        before = ScriptDirectory.from_config(configuration).get_current_head()
        command.revision(configuration, message, autogenerate=True, rev_id=f"{number:04}", head=before or "base")

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/empty.sqlite3"
        if not from_nothing:
            await migrate(url)
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(write)
        await engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("message")
    parser.add_argument("--from-nothing", action="store_true", help="delete every revision and write a single one")
    arguments = parser.parse_args()
    asyncio.run(generate(arguments.message, from_nothing=arguments.from_nothing))
