"""Everybody's sessions as operators see them, and how they stop one."""

import httpx
import pytest

from orchestrator.accounts.account import AccountState
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game

Client = httpx.AsyncClient


async def launch(player: Client, game: str = "the-question") -> str:
    answer = await player.post("/api/game/launch", json={"gameSlug": game})
    assert answer.status_code == 202, answer.text
    return answer.json()["sessionId"]


async def listed(admin: Client, **question: str | int) -> list[str]:
    answer = await admin.get("/api/admin/sessions", params=question)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] >= len(answer.json()["sessions"])
    return [each["sessionId"] for each in answer.json()["sessions"]]


async def test_sessions_are_found_by_state_game_host_and_person(
    services: Services, admin: Client, player: Client, other_player: Client, make_host: HostMaker, game: str
) -> None:
    await add_game(services, "moss")
    host = await make_host()
    first, second = await launch(player), await launch(other_player, "moss")
    orders = {order.session_id: order for order in (await host.sync()).sessions}
    await host.run(orders[first])
    assert await listed(admin) == [second, first]
    assert await listed(admin, state="running") == [first]
    assert await listed(admin, state="starting") == [second]
    assert await listed(admin, gameSlug="moss") == [second]
    assert await listed(admin, hostId=host.host_id) == [second, first]
    assert await listed(admin, hostId="hstnone") == []
    assert await listed(admin, person="OTHER@") == [second]
    assert await listed(admin, person="100%_") == []
    assert await listed(admin, limit=1, page=2) == [first]
    assert await listed(admin, state="ended") == []
    [_, one] = (await admin.get("/api/admin/sessions")).json()["sessions"]
    assert (one["player"]["email"], one["hostName"], one["status"]) == ("player@example.org", "host-a", "running")


async def test_an_operator_stops_a_game_and_the_player_reads_why(
    admin: Client, player: Client, host: ScriptedHost, game: str
) -> None:
    session_id = await launch(player)
    [order] = (await host.sync()).sessions
    await host.run(order)
    path, reason = f"/api/admin/sessions/{session_id}/stop", "  The house <b>closes</b> 🎭 "
    answer = await admin.post(path, json={"reason": reason})
    assert (answer.status_code, answer.json()["status"]) == (200, "stopping")
    [order] = (await host.sync()).sessions
    assert order.want == "stop"
    again = await admin.post(path, json={"reason": "Another"})
    assert again.json()["end"] == answer.json()["end"], "the first word stands"
    await host.end(order)
    status = (await player.get("/api/game/session-status", params={"sessionId": session_id})).json()
    assert status["status"] == "stopped"
    assert await listed(admin) == []
    assert await listed(admin, state="ended") == [session_id]
    [past] = (await player.get("/api/game/history")).json()["sessions"]
    assert (past["end"]["code"], past["end"]["by"]) == ("stopped_by_operator", "operator")
    assert past["end"]["message"].endswith("They say: The house <b>closes</b> 🎭")
    events = (await admin.get("/api/admin/audit?action=session.stop")).json()["events"]
    assert [event["details"] for event in events] == [{"reason": "The house <b>closes</b> 🎭"}]


async def test_a_reason_is_one_line(admin: Client, player: Client, host: ScriptedHost, game: str) -> None:
    session_id = await launch(player)
    for reason in ("x" * 201, "a\nb", "a\u202eb", 7):
        answer = await admin.post(f"/api/admin/sessions/{session_id}/stop", json={"reason": reason})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await listed(admin) == [session_id]
    answer = await admin.post(f"/api/admin/sessions/{session_id}/stop", json={})
    assert answer.json()["status"] in {"stopping", "stopped"}


async def test_there_is_no_stopping_what_is_not_there(admin: Client) -> None:
    assert (await admin.post("/api/admin/sessions/ses0/stop", json={})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/admin/sessions"), ("POST", "/api/admin/sessions/ses0/stop")]
)
async def test_only_admins_see_and_stop_them(client: Client, player: Client, method: str, path: str) -> None:
    body = {} if method == "POST" else None
    assert (await client.request(method, path, json=body)).status_code == 401
    assert (await player.request(method, path, json=body)).status_code == 403


async def test_people_are_found_by_state_and_role(
    admin: Client, player: Client, signed_in: SignedIn, services: Services
) -> None:
    await services.standing.change(await services.standing.id_of("player@example.org"), AccountState.SUSPENDED)

    async def found(**question: str) -> list[str]:
        answer = await admin.get("/api/admin/users", params=question)
        assert answer.status_code == 200, answer.text
        return sorted(user["email"] for user in answer.json()["users"])

    assert await found() == ["admin@example.org", "player@example.org"]
    assert await found(state="suspended") == ["player@example.org"]
    assert await found(role="admin") == ["admin@example.org"]
    assert await found(role="admin", state="suspended") == []
    assert (await admin.get("/api/admin/users?state=deleted")).status_code == 400
