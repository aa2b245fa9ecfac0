"""The five session endpoints against a scripted host: field by field, and every refusal."""

import asyncio

import httpx
import jwt
import pytest

from agent_protocol import ObservedState, Progress
from orchestrator.play.launching import LAUNCHES_PER_MINUTE
from orchestrator.play.reasons import next_step
from orchestrator.services import Services
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.scenes import reach

STATUS_FIELDS = {
    "sessionId", "status", "serverUrl", "containerUrl", "gameTitle", "startedAt",
    "revision", "gameSlug", "phase", "progress", "queuePosition", "streamToken", "iceServers", "expiresAt",
    "error", "statistics", "endsAt", "paused", "hostSilent", "save", "relocation",
}  # fmt: skip


async def launch(player: httpx.AsyncClient, **body: object) -> httpx.Response:
    headers = {"Idempotency-Key": str(body.pop("key"))} if "key" in body else {}
    return await player.post("/api/game/launch", json={"gameSlug": "the-question", **body}, headers=headers)


async def status(player: httpx.AsyncClient, session_id: str, wait: float = 0) -> dict[str, object]:
    answer = await player.get("/api/game/session-status", params={"sessionId": session_id, "wait": wait})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stop(player: httpx.AsyncClient, session_id: str) -> httpx.Response:
    return await player.post("/api/game/stop", json={"sessionId": session_id})


async def test_a_session_from_launch_to_its_figures(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    answer = await launch(player)
    assert answer.status_code == 202
    session_id = answer.json()["sessionId"]
    assert answer.json() == {"sessionId": session_id, "status": "starting"}

    view = await status(player, session_id)
    assert set(view) == STATUS_FIELDS
    assert (view["status"], view["phase"], view["containerUrl"]) == ("starting", "pulling", None)
    assert view["gameTitle"] == "The Question"

    [order] = (await host.sync()).sessions
    assert (order.session_id, order.want, order.generation, order.restore) == (session_id, "run", 1, None)
    host.see(order, ObservedState.PULLING, progress=Progress(done=5, total=10))
    await host.sync()
    assert (await status(player, session_id))["progress"] == {"done": 5, "total": 10, "unit": "bytes"}

    host.see(order, ObservedState.BOOTING, seat_ready=True)
    await host.sync()
    view = await status(player, session_id)
    assert (view["status"], view["phase"]) == ("starting", "booting")
    assert str(view["containerUrl"]).endswith(f"/session/{session_id}/")
    claims = jwt.decode(str(view["streamToken"]), options={"verify_signature": False})
    assert (claims["aud"], claims["session"], claims["role"]) == (f"host:{host.host_id}", session_id, "player")

    await host.run(order)
    assert (await status(player, session_id))["status"] == "running"
    listed = (await player.get("/api/game/sessions")).json()["sessions"]
    assert [set(item) for item in listed] == [{"sessionId", "gameSlug", "gameTitle", "status", "startedAt"}]

    stopping = asyncio.create_task(stop(player, session_id))
    await status(player, session_id, wait=5)
    assert [item.want for item in (await host.sync()).sessions] == ["stop"]
    await host.end(order)
    assert (await stopping).json() == {
        "status": "stopped", "duration": 120, "cpuSeconds": 33.2, "peakMemoryMb": 400,
    }  # fmt: skip
    assert (await stop(player, session_id)).json() == (await stopping).json()
    assert (await player.get("/api/game/sessions")).json() == {"sessions": []}
    assert (await host.sync()).sessions == ()
    ended = await player.post("/api/game/keepalive", json={"sessionId": session_id})
    assert (ended.status_code, ended.json()["error"]) == (409, "session_ended")


async def test_news_reaches_a_held_status_at_once(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    [order] = (await host.sync()).sessions
    held = asyncio.create_task(status(player, session_id, wait=20))
    host.see(order, ObservedState.RESTORING)
    while not held.done():
        await host.sync()
    assert held.result()["phase"] == "restoring"


async def test_an_order_wakes_the_hosts_held_wait(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    revision = (await host.sync()).revision
    held = asyncio.create_task(host.client.get("/api/agents/wait", params={"revision": revision}, headers=host.headers))
    await launch(player)
    assert (await held).json()["revision"] > revision


async def test_a_second_launch_names_the_active_session(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    """Invariant 1."""
    session_id = (await launch(player)).json()["sessionId"]
    second = await launch(player)
    assert (second.status_code, second.json()["error"], second.json()["sessionId"]) == (
        409, "session_active", session_id,
    )  # fmt: skip


async def test_ten_launches_at_once_start_one_session(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    answers = await asyncio.gather(*(launch(player) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 9


async def test_a_repeated_launch_gives_the_same_session(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    """Invariant 8."""
    first, second = await launch(player, key="one"), await launch(player, key="one")
    assert (first.status_code, first.json()) == (second.status_code, second.json())


async def test_too_many_launches_say_when_to_come_back(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    for _ in range(LAUNCHES_PER_MINUTE):
        session_id = (await launch(player)).json()["sessionId"]
        [order] = (await host.sync()).sessions
        await host.end(order, "exited")
        await stop(player, session_id)
        while order.session_id in {item.session_id for item in (await host.sync()).sessions}:
            await host.end(order)
    refused = await launch(player)
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


async def test_refused_launches(player: httpx.AsyncClient, host: ScriptedHost, game: str) -> None:
    refusals: list[tuple[dict[str, object], int, str]] = [
        ({}, 400, "invalid_request"),
        ({"gameSlug": 5}, 400, "invalid_request"),
        ({"gameSlug": "Bad Slug"}, 400, "invalid_request"),
        ({"gameSlug": "the-question", "fresh": "yes"}, 400, "invalid_request"),
        ({"gameSlug": "the-question", "fresh": True, "saveSlotId": "cls1"}, 400, "invalid_request"),
        ({"gameSlug": "unknown"}, 404, "not_found"),
        ({"gameSlug": "the-question", "saveSlotId": "cls-nobody"}, 404, "not_found"),
    ]
    for body, code, error in refusals:
        answer = await player.post("/api/game/launch", json=body)
        assert (answer.status_code, answer.json()["error"]) == (code, error), body
        assert answer.json()["message"], body


async def test_malformed_json_is_an_invalid_request(player: httpx.AsyncClient) -> None:
    answer = await player.post(
        "/api/game/launch", content=b'{"gameSlug":', headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_without_a_host_that_could_ever_fit_a_launch_is_refused_at_once(
    player: httpx.AsyncClient, game: str
) -> None:
    answer = await launch(player)
    assert (answer.status_code, answer.json()["error"]) == (503, "no_servers")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_full_host_makes_the_next_one_wait_its_turn(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, make_host: HostMaker, services: Services, game: str
) -> None:
    """Invariant 3: what is reserved is summed from live sessions, and comes free with them."""
    small = await make_host(cpu_cores=1.0)
    first = (await launch(player)).json()["sessionId"]
    [order] = (await small.sync()).sessions
    second = (await launch(other_player)).json()["sessionId"]
    waiting = await status(other_player, second)
    assert (waiting["phase"], waiting["queuePosition"]) == ("placing", 1)
    await small.end(order, "exited")
    await services.reconciler.round()
    assert (await status(player, first))["status"] in {"starting", "error"}
    assert (await status(other_player, second))["phase"] in {"placing", "pulling"}


async def test_a_session_of_somebody_else_is_forbidden(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    answers = [
        await other_player.get("/api/game/session-status", params={"sessionId": session_id}),
        await other_player.post("/api/game/keepalive", json={"sessionId": session_id}),
        await stop(other_player, session_id),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    missing = [
        await player.get("/api/game/session-status", params={"sessionId": "ses-nobody"}),
        await player.post("/api/game/keepalive", json={"sessionId": "ses-nobody"}),
        await stop(player, "ses-nobody"),
    ]
    assert [answer.status_code for answer in missing] == [404] * 3


async def test_nobody_plays_without_signing_in(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post("/api/game/launch", json={}),
        await client.get("/api/game/session-status"),
        await client.post("/api/game/keepalive", json={}),
        await client.post("/api/game/stop", json={}),
        await client.get("/api/game/sessions"),
        await client.get("/api/saves", params={"gameSlug": "the-question"}),
        await client.get("/api/admin/hosts"),
    ]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert {answer.json()["error"] for answer in answers} == {"unauthorized"}


async def test_a_game_that_fails_everywhere_ends_with_its_last_words(
    player: httpx.AsyncClient, host: ScriptedHost, services: Services, game: str
) -> None:
    """Invariant 5: every end has a reason, a text and who decided."""
    session_id = (await launch(player)).json()["sessionId"]
    [order] = (await host.sync()).sessions
    await host.end(order, "crashed", "The game stopped with exit code 1.")
    view = await reach(player, session_id, "error")
    assert view["error"] == {
        "code": "crashed", "message": "The game stopped with exit code 1.", "by": "game", "logTail": ["last line"],
        "nextStep": next_step("crashed"),
    }  # fmt: skip


async def test_what_a_host_still_runs_but_should_not_is_ordered_to_stop(
    player: httpx.AsyncClient, host: ScriptedHost, make_host: HostMaker, services: Services, game: str
) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    [order] = (await host.sync()).sessions
    await host.end(order, "crashed", "gone")
    await reach(player, session_id, "error")
    host.see(order, ObservedState.RUNNING)
    assert [(item.session_id, item.want) for item in (await host.sync()).sessions] == [(session_id, "stop")]


async def test_an_agent_is_known_by_its_key_and_its_newest_report(host: ScriptedHost) -> None:
    stale = await host.post_sync(host.seq)
    assert (stale.status_code, stale.json()["error"]) == (409, "stale_sync")
    foreign = await host.post_sync(host.seq + 1, protocol=99)
    assert (foreign.status_code, foreign.json()["error"]) == (412, "unsupported_version")
    assert foreign.json()["message"].endswith("upgrade the orchestrator's replicas, which go before agents.")
    unknown = await host.client.post("/api/agents/sync", json={}, headers={"Authorization": "Bearer x.y.z"})
    assert unknown.status_code in {400, 401}
    again = ScriptedHost(host.client, host.join_token)
    assert (await again.join()).status_code == 401


async def test_the_profile_learns_at_each_stop_and_an_admin_sees_it(
    player: httpx.AsyncClient, admin: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    before = (await admin.get("/api/admin/games/the-question/profile")).json()
    assert before["profiles"] == []
    asked = {"cpuCores": 0.5 + 0.25, "memoryBytes": (512 + 150) * 2**20, "seats": 1}
    assert before["reservation"] == asked, "the first launches take what the catalogue asks for"
    session_id = (await launch(player)).json()["sessionId"]
    [order] = (await host.sync()).sessions
    await host.run(order)
    stopping = asyncio.create_task(stop(player, session_id))
    await status(player, session_id, wait=5)
    await host.end(order)
    await stopping
    after = (await admin.get("/api/admin/games/the-question/profile")).json()
    [learned] = after["profiles"]
    assert learned["sessions"] == 1
    assert 0 < learned["playedSessions"] < 1
    assert (learned["cpuSigmaCores"], learned["bootSigmaS"]) == (0, 0)
    assert after["reservation"] == learned["reservation"] != asked
    assert learned["updatedAt"]
    assert learned["cpuMeanCores"] == pytest.approx(0.25, abs=0.01)
    assert learned["bootMeanS"] == pytest.approx(1.5)
    assert learned["memoryPeakBytes"] == 400 * 2**20
    assert 400 * 2**20 <= learned["memoryP90Bytes"] <= 1.05 * 400 * 2**20
    assert 0.25 <= learned["cpuP90Cores"] <= 1.05 * 0.26
    assert (learned["frameMeanMs"], learned["frameSigmaMs"]) == (20, 0)
    assert learned["reservation"]["cpuCores"] > 0
    assert (await player.get("/api/admin/games/the-question/profile")).status_code == 403
    assert (await admin.get("/api/admin/games/unknown/profile")).status_code == 404
    [seen] = (await admin.get("/api/admin/hosts")).json()["hosts"]
    assert (seen["id"], seen["state"]) == (host.host_id, "ready")


async def test_two_games_do_not_share_slots(player: httpx.AsyncClient, host: ScriptedHost, services: Services) -> None:
    await add_game(services, "one")
    await add_game(services, "two")
    await player.post("/api/game/launch", json={"gameSlug": "one"})
    [order] = (await host.sync()).sessions
    await host.run(order)
    assert (await host.put_save(order, b"save")).json()["head"] is True
    await host.end(order)
    [slot] = (await player.get("/api/saves", params={"gameSlug": "one"})).json()["saves"]
    wrong = await player.post("/api/game/launch", json={"gameSlug": "two", "saveSlotId": slot["id"]})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_request")


async def test_nothing_is_missed_between_two_held_looks(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    session_id = (await launch(player)).json()["sessionId"]
    known = await status(player, session_id)
    [order] = (await host.sync()).sessions
    host.see(order, ObservedState.BOOTING, seat_ready=True)
    await host.sync()
    answer = await player.get(
        "/api/game/session-status", params={"sessionId": session_id, "wait": 20, "after": str(known["revision"])}
    )
    assert answer.json()["phase"] == "booting"
    assert answer.elapsed.total_seconds() < 15
