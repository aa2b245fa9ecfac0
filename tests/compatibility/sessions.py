"""Playing as the page on sessions has it: launch, poll, keep alive, stop, list, and every error in its table."""

import time
from datetime import datetime

from tests.compatibility.asking import (
    Client,
    Differs,
    Shape,
    expect,
    expect_shape,
    is_address,
    is_id,
    is_number,
    is_text,
    is_time_in_seconds,
)
from tests.compatibility.checks import Part, World
from tests.compatibility.people import launch, play, signed_in, until

PART = Part("Sessions")

LAUNCHED: Shape = {"sessionId": is_id, "status": lambda status: status == "starting"}
RUNNING: Shape = {
    "sessionId": is_id,
    "status": lambda status: status == "running",
    "serverUrl": is_address,
    "containerUrl": is_address,
    "gameTitle": is_text,
    "startedAt": is_time_in_seconds,
}
STOPPED: Shape = {
    "status": lambda status: status == "stopped",
    "duration": is_number,
    "cpuSeconds": is_number,
    "peakMemoryMb": is_number,
}
ACTIVE: Shape = {
    "sessionId": is_id,
    "gameSlug": is_text,
    "gameTitle": is_text,
    "status": is_text,
    "startedAt": is_time_in_seconds,
}
IDLE_S = 30 * 60
SESSION_PATHS = (
    ("POST", "/api/game/launch"),
    ("GET", "/api/game/session-status"),
    ("POST", "/api/game/keepalive"),
    ("POST", "/api/game/stop"),
    ("GET", "/api/game/sessions"),
)
UNKNOWN_SESSION = "ses00000000000000000000000"


@PART.check("/api/game/*", "401 `unauthorized` at each of the five addresses for whoever is not signed in")
async def nobody(world: World) -> None:
    async with Client(world.site) as visitor:
        for method, path in SESSION_PATHS:
            body = {"gameSlug": world.game, "sessionId": UNKNOWN_SESSION} if method == "POST" else None
            query = {"sessionId": UNKNOWN_SESSION} if path.endswith("status") else None
            (await visitor.ask(method, path, json_body=body, query=query)).refused(401, "unauthorized")


@PART.check("POST /api/game/launch", "202 with `sessionId` and `status` `starting`")
async def launching(world: World) -> None:
    async with signed_in(world) as person:
        (await person.post("/api/game/launch", {"gameSlug": world.game})).ok(LAUNCHED, status=202)


@PART.check("POST /api/game/launch", "`fresh` begins in an empty slot, `saveSlotId` goes on in a slot that was played")
async def slots(world: World) -> None:
    async with signed_in(world) as person:
        before = set(await world.slots_of(person, world.game))
        session_id = await play(world, person, world.game, fresh=True)
        await person.post("/api/game/stop", {"sessionId": session_id})
        [slot] = set(await world.slots_of(person, world.game)) - before
        await until(world, person, session_id, "stopped")
        answer = await person.post("/api/game/launch", {"gameSlug": world.game, "saveSlotId": slot})
        answer.ok(LAUNCHED, status=202)
        await until(world, person, answer.word("sessionId"), "running")
        await person.post("/api/game/stop", {"sessionId": answer.word("sessionId")})
        expect(set(await world.slots_of(person, world.game)) == before | {slot}, "going on took another slot")


@PART.check("POST /api/game/launch", "three slots a person and game: a fourth new game is refused")
async def three_slots(world: World) -> None:
    async with signed_in(world) as person:
        for _ in range(3 - len(await world.slots_of(person, world.game))):
            session_id = await play(world, person, world.game, fresh=True)
            await person.post("/api/game/stop", {"sessionId": session_id})
            await until(world, person, session_id, "stopped")
        expect(len(await world.slots_of(person, world.game)) == 3, "there are not three slots")
        answer = await person.post("/api/game/launch", {"gameSlug": world.game, "fresh": True})
        expect(400 <= answer.status < 500, f"a fourth new game was answered with {answer.status}")
        expect_shape(answer.body(), {"error": is_text, "message": is_text}, "the refusal")


@PART.check(
    "POST /api/game/launch",
    "400 `invalid_request`: no `gameSlug` (the text names it), wrong types, a slug that is none, no JSON",
)
async def bad_launches(world: World) -> None:
    async with signed_in(world) as person:
        (await person.post("/api/game/launch", {})).refused(400, "invalid_request", naming="gameSlug")
        for body in (
            {"gameSlug": 7},
            {"gameSlug": None},
            {"gameSlug": "Not A Slug!"},
            {"gameSlug": world.game, "fresh": "perhaps"},
            {"gameSlug": world.game, "saveSlotId": 7},
            ["gameSlug"],
        ):
            (await person.post("/api/game/launch", body)).refused(400, "invalid_request")
        for raw in (b"{", b"", b"gameSlug=x"):
            answer = await person.ask("POST", "/api/game/launch", raw=raw, content_type="application/json")
            answer.refused(400, "invalid_request")


@PART.check("POST /api/game/launch", "404 `not_found` for a game that is not there; the text quotes the slug")
async def launching_nothing(world: World) -> None:
    async with signed_in(world) as person:
        answer = await person.post("/api/game/launch", {"gameSlug": "no-such-game"})
        answer.refused(404, "not_found", naming="no-such-game")


@PART.check("POST /api/game/launch", "403 `forbidden` for a game without a library code")
async def launching_without_a_code(world: World) -> None:
    async with signed_in(world) as person:
        (await person.post("/api/game/launch", {"gameSlug": world.locked_game})).refused(403, "forbidden")


@PART.check("POST /api/game/launch", "403 `forbidden` for a `saveSlotId` that is another's")
async def launching_anothers_slot(world: World) -> None:
    async with signed_in(world) as friend, signed_in(world) as person:
        session_id = await play(world, friend, world.game)
        await friend.post("/api/game/stop", {"sessionId": session_id})
        theirs = await world.slots_of(friend, world.game)
        expect(bool(theirs), "the friend has no slot")
        body = {"gameSlug": world.game, "saveSlotId": theirs[0]}
        (await person.post("/api/game/launch", body)).refused(403, "forbidden")


@PART.check("POST /api/game/launch", "409 `session_active` while another session is active, to “You …”")
async def launching_twice(world: World) -> None:
    async with signed_in(world) as person:
        await launch(person, world.game)
        again = await person.post("/api/game/launch", {"gameSlug": world.game})
        again.refused(409, "session_active", naming="You")


@PART.check("POST /api/game/launch", "429 `rate_limited` for too many launches")
async def launching_too_often(world: World) -> None:
    async with signed_in(world) as person:
        for _ in range(60):
            answer = await person.post("/api/game/launch", {"gameSlug": world.game})
            if answer.status == 202:
                await person.post("/api/game/stop", {"sessionId": answer.word("sessionId")})
            elif answer.status != 409:
                answer.refused(429, "rate_limited")
                return
        raise Differs("sixty launches in a row were let through")


@PART.check("POST /api/game/launch", "503 `no_servers` where no server is there")
async def launching_nowhere(world: World) -> None:
    async with signed_in(world) as person, world.without_servers():
        (await person.post("/api/game/launch", {"gameSlug": world.game})).refused(503, "no_servers")


@PART.check(
    "GET /api/game/session-status",
    "`starting`, then `running` with all six fields; `containerUrl` ends with `/session/{sessionId}/`",
)
async def status_of_a_session(world: World) -> None:
    async with signed_in(world) as person:
        session_id = await launch(person, world.game)
        answer = (await until(world, person, session_id, "running")).ok(RUNNING)
        expect(answer.word("sessionId") == session_id, "`sessionId` is another one")
        expect(answer.word("gameTitle") == world.game_title, f"`gameTitle` is {answer.word('gameTitle')!r}")
        container = answer.word("containerUrl")
        expect(container.endswith(f"/session/{session_id}/"), f"`containerUrl` is {container}")
        expect(container.startswith(answer.word("serverUrl")), "`containerUrl` is not under `serverUrl`")


@PART.check("GET /api/game/session-status", "`stopped` after the end, `error` for a launch that failed")
async def states_at_the_end(world: World) -> None:
    async with signed_in(world) as person:
        session_id = await play(world, person, world.game)
        await person.post("/api/game/stop", {"sessionId": session_id})
        await until(world, person, session_id, "stopped")
        await until(world, person, await launch(person, world.broken_game), "error")


@PART.check("GET /api/game/session-status", "400 without `sessionId`, 404 for one that is not there, 403 for another's")
async def status_refused(world: World) -> None:
    async with signed_in(world) as person, signed_in(world) as friend:
        session_id = await launch(person, world.game)
        path = "/api/game/session-status"
        (await person.get(path)).refused(400, "invalid_request")
        (await person.get(path, sessionId=UNKNOWN_SESSION)).refused(404, "not_found")
        (await friend.get(path, sessionId=session_id)).refused(403, "forbidden")


@PART.check("POST /api/game/keepalive", "`status` `ok` and `expiresAt`, 30 minutes from now")
async def keeping_alive(world: World) -> None:
    async with signed_in(world) as person:
        session_id = await play(world, person, world.game)
        answer = await person.post("/api/game/keepalive", {"sessionId": session_id})
        answer.ok({"status": lambda status: status == "ok", "expiresAt": is_time_in_seconds})
        left_s = datetime.fromisoformat(answer.word("expiresAt")).timestamp() - time.time()
        expect(abs(left_s - IDLE_S) < 30, f"it expires in {left_s:.0f} s")


@PART.check("POST /api/game/keepalive", "400 without `sessionId`, 404 for one that is not there, 403 for another's")
async def keepalive_refused(world: World) -> None:
    await _refused_as_every_session(world, "/api/game/keepalive")


@PART.check("POST /api/game/stop", "`status` `stopped`, `duration` in seconds, `cpuSeconds`, `peakMemoryMb`")
async def stopping(world: World) -> None:
    async with signed_in(world) as person:
        began = time.time()
        session_id = await play(world, person, world.game)
        answer = (await person.post("/api/game/stop", {"sessionId": session_id})).ok(STOPPED)
        expect(0 <= answer.number("duration") <= time.time() - began + 1, f"`duration` is {answer.number('duration')}")


@PART.check("POST /api/game/stop", "the save is kept in the slot, and the person may launch again at once")
async def stopping_keeps(world: World) -> None:
    async with signed_in(world) as person:
        session_id = await play(world, person, world.game)
        await person.post("/api/game/stop", {"sessionId": session_id})
        expect(bool(await world.slots_of(person, world.game)), "there is no slot")
        (await person.post("/api/game/launch", {"gameSlug": world.game})).ok(LAUNCHED, status=202)


@PART.check("POST /api/game/stop", "400 without `sessionId`, 404 for one that is not there, 403 for another's")
async def stop_refused(world: World) -> None:
    await _refused_as_every_session(world, "/api/game/stop")


@PART.check("GET /api/game/sessions", "`sessions`: the active one with its five fields, and none after the stop")
async def listing(world: World) -> None:
    async with signed_in(world) as person:
        session_id = await play(world, person, world.game)
        answer = (await person.get("/api/game/sessions")).ok({})
        expect(len(answer.rows("sessions")) == 1, f"the sessions are {answer.text}")
        expect_shape(answer.at("sessions", 0), ACTIVE, "the session in the list")
        expect(answer.word("sessions", 0, "sessionId") == session_id, "`sessionId` is another one")
        expect(answer.word("sessions", 0, "gameSlug") == world.game, "`gameSlug` is another one")
        await person.post("/api/game/stop", {"sessionId": session_id})
        await until(world, person, session_id, "stopped")
        expect((await person.get("/api/game/sessions")).rows("sessions") == [], "after the stop it is still there")


async def _refused_as_every_session(world: World, path: str) -> None:
    async with signed_in(world) as person, signed_in(world) as friend:
        session_id = await play(world, person, world.game)
        (await person.post(path, {})).refused(400, "invalid_request", naming="sessionId")
        (await person.post(path, {"sessionId": 7})).refused(400, "invalid_request")
        (await person.post(path, {"sessionId": UNKNOWN_SESSION})).refused(404, "not_found")
        (await friend.post(path, {"sessionId": session_id})).refused(403, "forbidden")
        await until(world, person, session_id, "running")
