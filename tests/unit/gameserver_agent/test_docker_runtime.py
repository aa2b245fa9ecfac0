"""Waiting for a game's end outlasts everything but the end itself."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import docker
import pytest

from gameserver_agent.errors import ContainerNotFoundError, EngineBusyError, EngineError, EngineUnreachableError
from gameserver_agent.runtime import docker_runtime
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.port import ContainerStatus

ENDED = ContainerStatus(False, True, 0, False, None, None)


def at_once(_failures: int, _jitter: Callable[[], float], **_bounds: float) -> float:
    return 0


class NoHints:
    """No engine, no events."""

    def __init__(self, *_: object) -> None: ...

    def close(self) -> None: ...


async def test_an_engine_that_stops_or_is_busy_says_nothing_about_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_runtime, "delay_s", at_once)
    monkeypatch.setattr("gameserver_agent.runtime.docker_runtime._EndedHints", NoHints)
    answers: list[ContainerStatus | Exception] = [
        EngineError("500: dockerd is stopping"),
        EngineBusyError("too many calls"),
        EngineUnreachableError("no answer"),
        ENDED,
        ContainerNotFoundError("gone"),
    ]

    async def status(_self: DockerRuntime, _container_id: str) -> ContainerStatus:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(DockerRuntime, "status", status)
    runtime = DockerRuntime("unix:///nonexistent/docker.sock")
    try:
        assert await runtime.wait_ended("c1") == ENDED
        with pytest.raises(ContainerNotFoundError):
            await runtime.wait_ended("c1")
    finally:
        await runtime.close()


async def test_many_games_at_once_are_all_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom the engine fetches first is its own choice: it says nothing of a pull that it was not asked for."""
    asked, may_go_on = threading.Semaphore(0), threading.Event()

    def pull(_client: docker.APIClient, _reference: str, **_: object) -> Iterator[dict[str, object]]:
        asked.release()
        may_go_on.wait(30)
        return iter(())

    def unheard(done: int, total: int | None, unpacked: int, is_in_line: bool) -> None:
        """Nobody listens."""

    monkeypatch.setattr(docker.APIClient, "pull", pull)
    runtime = DockerRuntime("unix:///nonexistent/docker.sock")
    pulls = [asyncio.create_task(runtime.pull(f"game{number}", unheard)) for number in range(16)]
    try:
        async with asyncio.timeout(60):
            for _ in pulls:
                assert await asyncio.to_thread(asked.acquire, timeout=60)
    finally:
        may_go_on.set()
        await asyncio.gather(*pulls)
        await runtime.close()
