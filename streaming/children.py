"""Child processes of a worker: started without a shell, ended with the worker whatever ends it, waited for unpolled.

`setpriv --pdeathsig` makes the kernel end a child when the worker's main thread is gone, so a killed worker leaves
nothing behind. Children must therefore be launched from the main thread.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence

SAFE_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")


def child_environment(**extra: str) -> dict[str, str]:
    """The few variables of ours that a child may know, and `extra`."""
    return {name: os.environ[name] for name in SAFE_VARIABLES if name in os.environ} | extra


class Child:
    """One running program. Its standard output and error are the worker's own unless `stdout` says otherwise."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        pass_fds: Sequence[int] = (),
        stdout: int | None = None,
    ) -> None:
        self.name = arguments[0]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *arguments],
            env=dict(environment),
            pass_fds=tuple(pass_fds),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )

    async def wait(self) -> int:
        """The exit status, as soon as the program has ended."""
        if self.process.poll() is None:
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[None] = loop.create_future()
            descriptor = os.pidfd_open(self.process.pid)
            loop.add_reader(descriptor, lambda: ended.done() or ended.set_result(None))
            try:
                await ended
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return self.process.wait()

    async def stop(self, grace_s: float = 1.0) -> None:
        """Asks it to end, and ends it by force after `grace_s`. Harmless when it has ended already."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await self.wait()
        except TimeoutError:
            self.process.kill()
            await self.wait()
