"""Which failures of the database have a name: it is away or too busy (503), or cannot hold a value (400).

A broken rule of uniqueness is for whoever wrote the row to name; anything else is a bug.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator.errors import DatabaseUnavailable, InvalidRequest

_AWAY_OR_BUSY = (
    "08",  # connection exception
    "25006",  # a standby that takes no writes, until it is promoted
    "25P03",  # a transaction that stood still for too long was ended
    "40",  # rolled back: deadlock, serialisation
    "53",  # out of connections, of memory, of disk
    "55P03",  # a lock was not to be had in time
    "57",  # shutting down, starting up, cancelled
    "58",  # its own system failed
)
_SIGNS = ("locked", "busy", "disk i/o error", "unable to open", "database or disk is full", "connection is closed")
_OF_DRIVERS = (asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error)


@contextmanager
def named() -> Generator[None]:
    """Raises `DatabaseUnavailable` and `InvalidRequest` in place of what drivers raise for them."""
    try:
        yield
    except (OverflowError, UnicodeEncodeError) as error:
        raise _not_storable() from error
    except (DBAPIError, PoolTimeoutError, *_OF_DRIVERS, OSError) as error:
        if _is_about_a_value(error):
            raise _not_storable() from error
        if is_away_or_busy(error):
            raise DatabaseUnavailable from error
        raise


def is_away_or_busy(error: Exception) -> bool:
    """True when the same thing may well succeed a little later."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        if sqlstate := _sqlstate(error.orig):
            return sqlstate.startswith(_AWAY_OR_BUSY)
        text = str(error.orig).lower()
        return _is_sign(text) or (isinstance(error, InterfaceError) and "closed" in text)
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate(error).startswith(_AWAY_OR_BUSY)
    if isinstance(error, asyncpg.InterfaceError | sqlite3.Error):
        return _is_sign(str(error).lower())  # without one, the driver was used wrongly
    return True  # no connection was to be had


def _is_sign(text: str) -> bool:
    return any(sign in text for sign in _SIGNS)


def _is_about_a_value(error: Exception) -> bool:
    """The server refused a value (class 22, data exception), or the driver could not even send it."""
    told = error.orig if isinstance(error, DBAPIError) else error
    cause = told.__cause__ if isinstance(error, DBAPIError) and told else told
    is_from_driver = isinstance(cause, asyncpg.InterfaceError) and isinstance(cause, ValueError)
    return is_from_driver or _sqlstate(told).startswith("22")


def _not_storable() -> InvalidRequest:
    return InvalidRequest("A text or number in this request cannot be stored.")


def _sqlstate(error: BaseException | None) -> str:
    """PostgreSQL's code of an error, empty for what is not PostgreSQL's."""
    return getattr(error, "sqlstate", None) or ""
