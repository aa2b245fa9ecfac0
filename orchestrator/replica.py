"""One replica on SQLite: a lock file beside the database says that this one is it. PostgreSQL needs none of this."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from orchestrator.settings import Settings


class StartupError(Exception):
    """The replica cannot start as it is set up; the message tells the operator what to do."""


class ReplicaAlreadyRunning(StartupError):
    """SQLite means exactly one replica, and this database has one."""


@contextmanager
def sole_replica(settings: Settings) -> Generator[None, None, None]:
    """Holds `replica.lock` in the database's folder, which is DATA unless the operator says otherwise, until the block
    ends. The kernel lets it go when the process dies, however it dies.
    """
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        yield
        return
    database = (Path(url.database) if url.database else settings.data / "memory").absolute()
    database.parent.mkdir(parents=True, exist_ok=True)
    with _open(database.with_name("replica.lock")) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            process = os.read(descriptor, 32).decode() or "unknown"
            raise ReplicaAlreadyRunning(
                f"A replica already runs on DATA={settings.data.absolute()} (process {process}, {database}). "
                "SQLite allows one: stop it, choose another ORCHESTRATOR_DATA, or use PostgreSQL."
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield


@contextmanager
def _open(path: Path) -> Generator[int, None, None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
