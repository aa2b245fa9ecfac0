"""One image on its way into the engine, for all who wait for it.

A registry that does not answer is asked again for as long as bytes still come: `quiet_s` without one ends the pull,
with what the registry said last.
What another try cannot better ends it at once. While the engine fetches others before it, it is not quiet but in line.
"""

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from agent_protocol import BuildSpec, HostPull, Progress
from gameserver_agent.backoff import delay_s
from gameserver_agent.errors import EngineError, ImageNotFoundError
from gameserver_agent.observing import CANCELLED, DONE, FAILED, PULL_BYTES, PULL_SECONDS, PULLS
from gameserver_agent.pull_failures import failure_of, is_worth_another_try
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.tasks import cancelled
from metering import UNMETERED, Meter

log = structlog.get_logger()
_TELL_EVERY_S = 0.25
_LOOK_EVERY_S = 2.0


class Pull:
    """`reports` are those of the sessions that wait for it, and `is_wanted_unasked` says that it is a pre-pull as well.
    `bytes_per_s` is how fast the line was, once it has brought enough to tell. `all_pulls` are those of this host.
    """

    def __init__(
        self,
        runtime: Runtime,
        build: BuildSpec,
        reference: str,
        quiet_s: float,
        all_pulls: Callable[[], Iterable["Pull"]] = tuple,
        meter: Meter = UNMETERED,
    ) -> None:
        self._meter = meter
        self.image_id = build.image_id
        self.reference = reference
        self.reports: list[Callable[[Progress], None]] = []
        self.is_wanted_unasked = False
        self.gave_way = False
        self.bytes_per_s: float | None = None
        self.progress = Progress(done=0, total=sum(build.layers.values()) or None)
        self._runtime = runtime
        self._layers = build.layers
        self._quiet_s = quiet_s
        self._all_pulls = all_pulls
        self._is_in_line = False
        self._interrupted_by: EngineError | None = None  # since the last byte
        self._moved = asyncio.Event()
        self._moved_at_s = self._began_s = asyncio.get_running_loop().time()
        self._arrived_at_s = self._began_s
        self._told_at_s = 0.0
        self.task = asyncio.ensure_future(self._run())

    @property
    def is_served(self) -> bool:
        """Bytes come, or may still come."""
        return not self._is_in_line and self._left_s() > 0

    def seen(self) -> HostPull:
        progress = self.progress
        return HostPull(image_id=self.image_id, done=progress.done, total=progress.total, unasked=not self.reports)

    async def _run(self) -> None:
        outcome = CANCELLED
        try:
            await self._until_it_is_here()
            outcome = DONE
        except EngineError:
            outcome = FAILED
            raise
        finally:
            self._meter.count(PULLS, outcome=outcome)
            self._meter.count(PULL_BYTES, self.progress.done)

    async def _until_it_is_here(self) -> None:
        failures = 0
        while True:
            try:
                await self._try()
                break
            except ImageNotFoundError:
                raise
            except EngineError as error:
                failures += 1
                pause_s = delay_s(failures, random.random, first_s=0.5, most_s=5)
                if not is_worth_another_try(failure_of(str(error))) or self._left_s() <= pause_s:
                    raise
                if failures == 1:
                    log.warning("image.pull_interrupted", reference=self.reference, reason=str(error))
                self._interrupted_by = error
                await asyncio.sleep(pause_s)
        self._tell()
        took_s = asyncio.get_running_loop().time() - self._began_s
        self._meter.observe(PULL_SECONDS, took_s)
        line_s = self._arrived_at_s - self._began_s
        if self.progress.done >= 1024**2 and line_s > 0:
            self.bytes_per_s = self.progress.done / line_s
        log.info("image.pulled", reference=self.reference, bytes=self.progress.done, took_s=round(took_s, 1))

    async def _try(self) -> None:
        self._is_in_line = False
        pulling = asyncio.ensure_future(self._runtime.pull(self.reference, self._learn, self._layers))
        try:
            while not pulling.done():
                self._moved.clear()
                waiting = asyncio.ensure_future(self._moved.wait())
                wait_s = min(_LOOK_EVERY_S, max(0.0, self._left_s()))
                await asyncio.wait({pulling, waiting}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                await cancelled(waiting)
                self._stand_in_line()
                if not pulling.done() and self._left_s() <= 0:
                    raise self._interrupted_by or EngineError(f"no byte arrived for {self._quiet_s:g} seconds")
            await pulling
        finally:
            await cancelled(pulling)

    def _stand_in_line(self) -> None:
        """While others are served, waiting for them is no silence, and whoever waits for this pull hears of it."""
        if self._is_in_line and any(pull is not self and pull.is_served for pull in self._all_pulls()):
            self._moved_at_s = asyncio.get_running_loop().time()
            waited_s = int(self._moved_at_s - self._began_s)
            if waited_s > self.progress.waited_s:
                self.progress = self.progress.model_copy(update={"waited_s": waited_s})
                self._tell()

    def _left_s(self) -> float:
        """Until the pull has been quiet for too long."""
        return self._moved_at_s + self._quiet_s - asyncio.get_running_loop().time()

    def _learn(self, done: int, total: int | None, unpacked: int, is_in_line: bool) -> None:
        """A pull that begins again counts from where it was before: only what was not there yet is progress."""
        before, self._is_in_line = self.progress, is_in_line
        now_s = asyncio.get_running_loop().time()
        self.progress = Progress(
            done=max(before.done, done),
            total=before.total if total is None else total,
            unpacked=max(before.unpacked, unpacked),
            waited_s=before.waited_s,
        )
        if self.progress.done > before.done:
            self._arrived_at_s = now_s
        if (self.progress.done, self.progress.unpacked) != (before.done, before.unpacked):
            self._moved_at_s = now_s
            self._interrupted_by = None
            self._moved.set()
        if now_s - self._told_at_s >= _TELL_EVERY_S:
            self._told_at_s = now_s
            self._tell()

    def _tell(self) -> None:
        for report in tuple(self.reports):
            report(self.progress)
