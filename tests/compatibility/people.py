"""People who come to play, and what they do over and over."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.compatibility.asking import Answer, Client, Differs, expect
from tests.compatibility.checks import World

STATES = {"starting", "running", "stopping", "stopped", "error"}
_POLL_S = 0.05


@asynccontextmanager
async def signed_in(world: World) -> AsyncGenerator[Client]:
    """Somebody new, with a cookie. Whatever they play is stopped at the end."""
    who = await world.newcomer()
    async with Client(world.site) as client:
        await client.sign_in(who.email, who.password)
        expect(bool(client.token()), f"{who.email} was not let in")
        try:
            yield client
        finally:
            await leave(world, client)


async def leave(world: World, client: Client) -> None:
    """Stop whatever the person plays, and wait until none of it is left."""
    deadline = time.monotonic() + world.patience_s
    while True:
        active = await client.get("/api/game/sessions")
        if not active.rows("sessions"):
            return
        if time.monotonic() > deadline:
            raise Differs(f"a session does not end: {active.text}")
        for index in range(len(active.rows("sessions"))):
            if active.word("sessions", index, "status") != "stopping":
                await client.post("/api/game/stop", {"sessionId": active.word("sessions", index, "sessionId")})
        await asyncio.sleep(_POLL_S)


async def launch(client: Client, slug: str, **more: object) -> str:
    """Ask for a game and give the session's id."""
    answer = await client.post("/api/game/launch", {"gameSlug": slug, **more})
    expect(answer.status == 202, f"the launch answered {answer.status}: {answer.text[:200]}")
    return answer.word("sessionId")


async def until(world: World, client: Client, session_id: str, state: str) -> Answer:
    """Poll as the play page does until the session is in this state. Raises Differs if it ends otherwise, or late."""
    deadline = time.monotonic() + world.patience_s
    while True:
        answer = await client.get("/api/game/session-status", sessionId=session_id)
        expect(answer.status == 200, f"{answer.asked} answered {answer.status}: {answer.text[:200]}")
        now = answer.word("status")
        if now == state:
            return answer
        expect(now in STATES, f"`status` is {now!r}")
        expect(now not in {"stopped", "error"}, f"the session is {now}: {answer.text}")
        if time.monotonic() > deadline:
            raise Differs(f"after {world.patience_s:.0f} s the session is still {now}")
        await asyncio.sleep(_POLL_S)


async def play(world: World, client: Client, slug: str, **more: object) -> str:
    """Launch and wait until the game runs."""
    session_id = await launch(client, slug, **more)
    await until(world, client, session_id, "running")
    return session_id
