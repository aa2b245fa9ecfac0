"""How a command calls a service, and how what an operator can mend becomes one line."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from errno import ENOSPC
from typing import TypeVar

import click
from asyncpg import PostgresError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from migrations.run import MigrationBlocked
from orchestrator.backup.errors import BackupRefused
from orchestrator.catalog.definition import InvalidDefinition
from orchestrator.catalog.images import ImageUnavailable
from orchestrator.errors import ApiError, DatabaseUnavailable
from orchestrator.replica import StartupError
from orchestrator.services import Services, open_services
from orchestrator.settings import Settings

Result = TypeVar("Result")


def call(settings: Settings, do: Callable[[Services], Awaitable[Result]]) -> Result:
    """What `do` answers, with the services open around it."""

    async def answer() -> Result:
        async with open_services(settings) as services:
            return await do(services)

    return asyncio.run(answer())


@contextmanager
def friendly() -> Generator[None, None, None]:
    """Turns what an operator can mend into one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "".join(str(part) for part in first["loc"]).upper()
        raise click.ClickException(f"ORCHESTRATOR_{name}: {first['msg']}" if name else first["msg"]) from error
    except DatabaseUnavailable as error:
        raise _unusable(error.__cause__ or error) from error
    except (ApiError, BackupRefused, MigrationBlocked, StartupError, InvalidDefinition, ImageUnavailable) as error:
        raise click.ClickException(str(error)) from error
    except (SQLAlchemyError, PostgresError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error
        if isinstance(error, OSError) and error.errno == ENOSPC:
            raise click.ClickException("The disk is full.") from error
        raise _unusable(error) from error


def _unusable(error: BaseException) -> click.ClickException:
    return click.ClickException(f"The database cannot be used: {str(error).splitlines()[0]}")
