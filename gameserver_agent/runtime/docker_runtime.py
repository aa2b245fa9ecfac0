"""The Docker Engine behind the `Runtime` port.

Lists and inspections are the truth; the event stream is only a hint that makes waiting short. The stream is re-opened
whenever it has been quiet, because it is known to go silent.
"""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import docker
import docker.errors
import structlog
from docker.types.daemon import CancellableStream

from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import ContainerNotFoundError, EngineError, ImageNotFoundError
from gameserver_agent.pull_failures import PullFailure, failure_of
from gameserver_agent.runtime.docker_arguments import (
    API_VERSION,
    host_config,
    readable_lines,
    sample_from_statistics,
)
from gameserver_agent.runtime.lanes import Lane, translated
from gameserver_agent.runtime.port import (
    Container,
    ContainerSpec,
    ContainerStatus,
    EngineInfo,
    Image,
    ReportBytes,
)
from gameserver_agent.runtime.pull_progress import PullProgress
from gameserver_agent.runtime.user_namespace import user_namespace
from gameserver_agent.statistics import Sample

log = structlog.get_logger()
_LOOK_EVERY_S = 2.0
Answer = Mapping[str, object]
_STREAM_QUIET_S = 30


class DockerRuntime:
    """One engine, reached over `base_url` (`unix://…` or `tcp://…`)."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._lifecycle = Lane("lifecycle", base_url, threads=8, waiting=64, deadline_s=20)
        self._statistics = Lane("statistics", base_url, threads=2, waiting=128, deadline_s=5)
        self._images = Lane("images", base_url, threads=1, waiting=16, deadline_s=300)
        # Nobody waits in line here: how many layers come at once is the engine's own choice, and it says who waits.
        self._pulls = Lane("pull", base_url, threads=32, waiting=0, deadline_s=60)
        self._ended_hints: dict[str, asyncio.Event] = {}
        self._hints: _EndedHints | None = None

    async def info(self) -> EngineInfo:
        def run(client: docker.APIClient) -> Answer:
            return client.info()

        answer = await self._lifecycle.call(run, deadline_s=5)
        return EngineInfo(str(answer.get("ServerVersion", "")), str(answer.get("DockerRootDir", "/")))

    async def find_image(self, image_id: str) -> Image | None:
        def run(client: docker.APIClient) -> Answer:
            return client.inspect_image(image_id)

        try:
            return _image(await self._lifecycle.call(run))
        except ContainerNotFoundError:
            return None

    async def list_images(self) -> tuple[Image, ...]:
        def run(client: docker.APIClient) -> tuple[Image, ...]:
            return tuple(_image(entry) for entry in client.images())

        return await self._lifecycle.call(run)

    async def pull(self, reference: str, report: ReportBytes, layers: Mapping[str, int] | None = None) -> None:
        given_up = threading.Event()
        loop = asyncio.get_running_loop()

        def run(client: docker.APIClient) -> None:
            progress = PullProgress(layers)
            for line in client.pull(reference, stream=True, decode=True):
                if given_up.is_set():
                    return  # leaving closes the connection, and the engine cancels the pull
                if "error" in line:
                    raise _pull_error(str(line["error"]))
                if progress.learn(line):
                    moved = progress.done_bytes, progress.total_bytes, progress.unpacked_bytes
                    loop.call_soon_threadsafe(report, *moved, progress.is_in_line)

        try:
            await self._pulls.call(run, deadline_s=24 * 3600)
        except ContainerNotFoundError as error:
            raise ImageNotFoundError(str(error)) from error
        finally:
            given_up.set()

    async def remove_image(self, image_id: str, names: Collection[str] = ()) -> bool:
        def run(client: docker.APIClient) -> bool:
            try:
                answer = client.inspect_image(image_id)
                tags = set(answer.get("RepoTags") or ())
                if not tags <= set(names):
                    return False
                # Never by its id: that would take a tag with it that it got just now.
                for name in (*tags, *(answer.get("RepoDigests") or ())):
                    with contextlib.suppress(docker.errors.ImageNotFound):  # its tag took the digest with it
                        client.remove_image(name)
                client.inspect_image(image_id)
            except docker.errors.NotFound:
                return True
            except docker.errors.APIError as error:
                if error.status_code != 409:  # 409: a container has it
                    raise
            return False

        return await self._images.call(run)

    async def create(self, spec: ContainerSpec) -> str:
        def run(client: docker.APIClient) -> str:
            answer = client.create_container(
                image=spec.image_id,
                command=list(spec.command[1:]) if spec.command else None,
                entrypoint=[spec.command[0]] if spec.command else None,
                user=self._inside(client, spec.user),
                environment=dict(spec.environment),
                labels=dict(spec.labels),
                name=spec.name,
                hostname="playhouse",
                stop_signal=spec.stop_signal,
                network_disabled=True,
                host_config=host_config(spec),
            )
            return str(answer["Id"])

        try:
            return await self._lifecycle.call(run)
        except EngineError:
            existing = await self._find_by_name(spec)
            if existing is None:
                raise
            return existing

    async def start(self, container_id: str) -> None:
        await self._lifecycle.call(lambda client: client.start(container_id))

    async def list_containers(self, labels: Mapping[str, str]) -> tuple[Container, ...]:
        filters = {"label": [f"{name}={value}" for name, value in labels.items()]}

        def run(client: docker.APIClient) -> tuple[Container, ...]:
            return tuple(
                Container(
                    container_id=str(entry["Id"]),
                    name=str(entry["Names"][0]).removeprefix("/") if entry["Names"] else "",
                    image_id=str(entry["ImageID"]),
                    is_running=entry["State"] in ("running", "paused"),
                    labels=dict(entry["Labels"]),
                )
                for entry in client.containers(all=True, filters=filters)
            )

        return await self._lifecycle.call(run)

    async def status(self, container_id: str) -> ContainerStatus:
        def run(client: docker.APIClient) -> Answer:
            return client.inspect_container(container_id)["State"]

        state = await self._lifecycle.call(run)
        is_running = bool(state["Running"])
        started_at, ended_at = _instant(str(state["StartedAt"])), _instant(str(state["FinishedAt"]))
        return ContainerStatus(
            is_running=is_running,
            has_ended=not is_running and state["Status"] != "created",
            exit_code=int(str(state["ExitCode"])),
            out_of_memory=bool(state["OOMKilled"]),
            started_at=started_at,
            ended_at=None if is_running else ended_at,
            is_paused=bool(state["Paused"]),
        )

    async def wait_ended(self, container_id: str) -> ContainerStatus:
        if self._hints is None:
            self._hints = _EndedHints(self._base_url, asyncio.get_running_loop(), self._hint)
        hint = self._ended_hints.setdefault(container_id, asyncio.Event())
        failures = 0
        try:
            while True:
                hint.clear()
                try:
                    status = await self.status(container_id)
                except ContainerNotFoundError:
                    raise
                except EngineError:  # away, busy, or stopping: nothing is known of the game
                    failures += 1
                    await asyncio.sleep(delay_s(failures, random.random, first_s=0.25, most_s=10))
                    continue
                failures = 0
                if status.has_ended:
                    return status
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await hint.wait()
        finally:
            self._ended_hints.pop(container_id, None)

    async def sample(self, container_id: str) -> Sample | None:
        def run(client: docker.APIClient) -> Sample | None:
            return sample_from_statistics(client.stats(container_id, stream=False, one_shot=True))

        return await self._statistics.call(run)

    async def log_tail(self, container_id: str, lines: int) -> tuple[str, ...]:
        raw = await self._lifecycle.call(lambda client: client.logs(container_id, tail=lines), deadline_s=5)
        return readable_lines(raw, lines)

    async def pause(self, container_id: str) -> None:
        await self._pause_or_thaw(container_id, is_paused=True)

    async def unpause(self, container_id: str) -> None:
        await self._pause_or_thaw(container_id, is_paused=False)

    async def signal(self, container_id: str, signal: str) -> None:
        def run(client: docker.APIClient) -> None:
            try:
                client.kill(container_id, signal)
            except docker.errors.APIError as error:
                if error.status_code != 409:  # 409: it does not run
                    raise

        await self._lifecycle.call(run)

    async def remove(self, container_id: str) -> None:
        def run(client: docker.APIClient) -> None:
            try:
                client.remove_container(container_id, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != 409:  # 409: a removal is under way
                    raise

        await self._lifecycle.call(run)

    async def close(self) -> None:
        if self._hints is not None:
            self._hints.close()
        for lane in (self._lifecycle, self._statistics, self._images, self._pulls):
            await lane.close()

    async def _pause_or_thaw(self, container_id: str, *, is_paused: bool) -> None:
        def run(client: docker.APIClient) -> None:
            try:
                (client.pause if is_paused else client.unpause)(container_id)
            except docker.errors.NotFound:
                raise
            except docker.errors.APIError:  # also for what is so already, or has ended
                state = client.inspect_container(container_id)["State"]
                if state["Running"] and state["Paused"] != is_paused:
                    raise

        await self._lifecycle.call(run)

    def _inside(self, client: docker.APIClient, user: str) -> str:
        """Whom containers know this user of the host as. Asked each time: an engine may come back with namespaces."""
        namespace = user_namespace(client.info())
        return user if namespace is None else namespace.inside(user)

    async def _find_by_name(self, spec: ContainerSpec) -> str | None:
        for container in await self.list_containers(spec.labels):
            if container.name == spec.name:
                return container.container_id
        return None

    def _hint(self, container_id: str) -> None:
        hint = self._ended_hints.get(container_id)
        if hint is not None:
            hint.set()


class _EndedHints:
    """A thread that reads the engine's `die` events and calls `tell` in the event loop, until closed."""

    def __init__(self, base_url: str, loop: asyncio.AbstractEventLoop, tell: Callable[[str], None]) -> None:
        self._base_url = base_url
        self._loop = loop
        self._tell = tell
        self._closed = threading.Event()
        self._stream: CancellableStream[dict[str, object]] | None = None
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(Exception):  # it may be ending by itself at this moment
                stream.close()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except Exception as error:  # a hint that is lost costs two seconds: the truth is the list
                if not self._closed.wait(1):
                    log.debug("engine.events_reopened", error=str(translated(error)))

    def _listen(self) -> None:
        client = docker.APIClient(base_url=self._base_url, version=API_VERSION, timeout=_STREAM_QUIET_S)
        with contextlib.closing(client):
            stream = client.events(decode=True, filters={"type": "container", "event": "die"})
            self._stream = stream
            for event in stream:
                self._loop.call_soon_threadsafe(self._tell, str(event.get("id", "")))


def _pull_error(text: str) -> EngineError:
    return ImageNotFoundError(text) if failure_of(text) is PullFailure.UNKNOWN else EngineError(text)


def _image(answer: Mapping[str, object]) -> Image:
    repository_digests = answer.get("RepoDigests")
    names: list[object] = list(repository_digests) if isinstance(repository_digests, list) else []
    size, tags, labels = answer.get("Size"), answer.get("RepoTags"), answer.get("Labels")
    return Image(
        image_id=str(answer["Id"]),
        manifest_digests=tuple(str(name).rpartition("@")[2] for name in names if "@" in str(name)),
        size_bytes=size if isinstance(size, int) else 0,
        names=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        labels=frozenset(str(name) for name in labels) if isinstance(labels, dict) else frozenset(),
    )


def _instant(text: str) -> datetime | None:
    """The engine writes nanoseconds, and year 1 for never."""
    if text.startswith("0001-"):
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(rest or '0')[:6].ljust(6, '0')}+00:00")
