"""Threads for a client that is not thread-safe: each lane has a few threads, each thread its own engine client.

A lane is bounded: when too many calls wait, the next is refused with `EngineBusyError` rather than queued. A call that
is over its deadline is given up by its caller at once, and by its thread when the client's own time-out strikes.
"""

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from gameserver_agent.errors import ContainerNotFoundError, EngineBusyError, EngineError, EngineUnreachableError
from gameserver_agent.runtime.docker_arguments import API_VERSION

Result = TypeVar("Result")


class Lane:
    """`threads` calls at a time, at most `waiting` more in line, each at most `deadline_s` long."""

    def __init__(self, name: str, base_url: str, *, threads: int, waiting: int, deadline_s: float) -> None:
        self._base_url = base_url
        self._deadline_s = deadline_s
        self._room = threads + waiting
        self._pending = 0
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"engine-{name}")

    async def call(self, ask: Callable[[docker.APIClient], Result], *, deadline_s: float | None = None) -> Result:
        """Run `ask` in one of the lane's threads. The engine's errors come out as ours."""
        if self._pending >= self._room:
            raise EngineBusyError("too many calls to the Docker Engine are waiting")
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, ask)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(deadline_s or self._deadline_s):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise EngineUnreachableError("the Docker Engine did not answer in time") from error

    async def close(self) -> None:
        """Threads end when their last call does; nothing waits for them longer than the event loop does."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: "asyncio.Future[Result]") -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # read, so that an abandoned call leaves no warning

    def _ask(self, ask: Callable[[docker.APIClient], Result]) -> Result:
        try:
            client = getattr(self._local, "client", None)
            if not isinstance(client, docker.APIClient):
                client = docker.APIClient(
                    base_url=self._base_url,
                    version=API_VERSION,
                    timeout=math.ceil(self._deadline_s),
                )
                self._local.client = client
            try:
                return ask(client)
            finally:
                client.close()  # else it keeps a connection for each path that it was ever asked; it stays usable
        except Exception as error:
            raise translated(error) from error


def translated(error: Exception) -> Exception:
    """The SDK's exception as ours; what is not the engine's stays as it is."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, docker.errors.NotFound):
        return ContainerNotFoundError(str(error.explanation))
    if isinstance(error, docker.errors.APIError):
        return EngineError(str(error.explanation))
    if isinstance(
        error,
        docker.errors.DockerException
        | requests.exceptions.RequestException
        | urllib3.exceptions.HTTPError
        | ConnectionError
        | TimeoutError,
    ):
        return EngineUnreachableError(f"the Docker Engine does not answer: {error}")
    return error
