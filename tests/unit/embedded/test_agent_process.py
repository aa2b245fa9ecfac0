"""The agent's process beside a replica that is still starting."""

import asyncio
import socket
import sys

from orchestrator.embedded.agent_process import wait_for


async def test_the_agent_begins_when_the_replica_takes_connections() -> None:
    with socket.socket() as replica:
        replica.bind(("127.0.0.1", 0))  # taken, but nobody listens yet
        port = replica.getsockname()[1]
        agent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "orchestrator.embedded.agent_process", "127.0.0.1", str(port), "--version"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert agent.stdout is not None
        said = asyncio.create_task(agent.stdout.read())
        assert not await asyncio.to_thread(wait_for, "127.0.0.1", port, 0.2)
        assert not said.done()
        replica.listen()
        async with asyncio.timeout(60):
            assert b"version" in await said
            assert await agent.wait() == 0
