"""Waiting for a game's end outlasts everything but the end itself."""

from collections.abc import Callable

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
