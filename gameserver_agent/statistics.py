"""What a container used, from samples of its cgroup. Pure: samples in, figures out.

Memory is `usage - inactive_file`, as the docker CLI shows it: the page cache that the kernel would give back is not
the game's. cgroup v1 also keeps the highest usage, page cache included; when that rose between two samples, it is taken
as well, less the present inactive cache. cgroup v2 keeps no maximum, so there the peak is the highest sample.
"""

from dataclasses import dataclass, replace

from agent_protocol import Statistics

MOVING_FPS = 5.0


@dataclass(frozen=True)
class Sample:
    """One reading. `cpu_seconds` and `highest_usage_bytes` (cgroup v1 alone) cover the container's whole life."""

    cpu_seconds: float
    usage_bytes: int
    inactive_file_bytes: int
    highest_usage_bytes: int | None = None

    @property
    def memory_bytes(self) -> int:
        return max(0, self.usage_bytes - self.inactive_file_bytes)


@dataclass(frozen=True)
class Meter:
    """The running account of one container. Times are seconds of the sessions' clock, so that it survives the agent.
    While it is paused nobody plays. `waited_cpu_seconds` is what a game that had waited at its title used before it was
    the session's: that is not counted, and its boot says nothing of another's.
    """

    started_s: float
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    highest_usage_bytes: int | None = None
    first_frame_s: float | None = None
    first_frame_cpu_seconds: float = 0.0
    stopping_s: float | None = None
    ended_s: float | None = None
    paused_since_s: float | None = None
    paused_s: float = 0.0
    waited_cpu_seconds: float | None = None
    moving_looks: int = 0
    moving_fps: float = 0.0

    def shown(self, fps: float) -> "Meter":
        """So many pictures a second are sent now, while it plays. Fewer than `MOVING_FPS` are a game that stands still:
        they say nothing of how fast it draws.
        """
        if fps < MOVING_FPS or self.first_frame_s is None or self.stopping_s is not None:
            return self
        return replace(self, moving_looks=self.moving_looks + 1, moving_fps=self.moving_fps + fps)

    def sampled(self, sample: Sample) -> "Meter":
        peak = max(self.peak_memory_bytes, sample.memory_bytes)
        highest = sample.highest_usage_bytes
        if highest is not None and self.highest_usage_bytes is not None and highest > self.highest_usage_bytes:
            peak = max(peak, highest - sample.inactive_file_bytes)
        return replace(
            self,
            cpu_seconds=max(self.cpu_seconds, sample.cpu_seconds - (self.waited_cpu_seconds or 0.0)),
            peak_memory_bytes=peak,
            highest_usage_bytes=self.highest_usage_bytes if highest is None else highest,
        )

    def first_frame(self, now_s: float) -> "Meter":
        """Only the first call counts."""
        if self.first_frame_s is not None:
            return self
        return replace(self, first_frame_s=now_s, first_frame_cpu_seconds=self.cpu_seconds)

    def booted(self) -> "Meter":
        """All CPU that is known of now was used by the boot."""
        return replace(self, first_frame_cpu_seconds=self.cpu_seconds)

    def paused(self, now_s: float) -> "Meter":
        return self if self.paused_since_s is not None else replace(self, paused_since_s=now_s)

    def thawed(self, now_s: float) -> "Meter":
        return replace(self, paused_since_s=None, paused_s=self._paused_until(now_s))

    def stopping(self, now_s: float) -> "Meter":
        return self if self.stopping_s is not None else replace(self, stopping_s=now_s)

    def ended(self, now_s: float) -> "Meter":
        return self if self.ended_s is not None else replace(self, ended_s=now_s)

    def statistics(self, now_s: float) -> Statistics:
        """The figures so far; after `ended` they no longer move."""
        end_s = now_s if self.ended_s is None else self.ended_s
        played_s = played_cpu_seconds = 0.0
        boot_s = None
        if self.first_frame_s is not None:
            boot_s = None if self.waited_cpu_seconds is not None else max(0.0, self.first_frame_s - self.started_s)
            played_until_s = end_s if self.stopping_s is None else min(self.stopping_s, end_s)
            played_s = max(0.0, played_until_s - self.first_frame_s - self._paused_until(played_until_s))
            played_cpu_seconds = max(0.0, self.cpu_seconds - self.first_frame_cpu_seconds)
        return Statistics(
            duration_s=round(max(0.0, end_s - self.started_s), 3),
            cpu_seconds=round(self.cpu_seconds, 3),
            peak_memory_bytes=self.peak_memory_bytes,
            boot_s=boot_s if boot_s is None else round(boot_s, 3),
            played_s=round(played_s, 3),
            played_cpu_seconds=round(played_cpu_seconds, 3),
            frame_s=round(self.moving_looks / self.moving_fps, 5) if self.moving_looks else None,
        )

    def _paused_until(self, now_s: float) -> float:
        since_s = now_s if self.paused_since_s is None else self.paused_since_s
        return self.paused_s + max(0.0, now_s - since_s)
