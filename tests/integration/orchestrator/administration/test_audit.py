"""What operators do is written down with it: by whichever door, in one transaction, and never a secret or a name."""

import asyncio
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from litestar import Litestar
from sqlalchemy import delete, select, update

from orchestrator import cli
from orchestrator.accounts import tokens
from orchestrator.audit.log import KEPT_FOR, Question
from orchestrator.audit.models import AuditEvent
from orchestrator.audit.recording import COMMAND_LINE, Action, record
from orchestrator.catalog.models import Game
from orchestrator.ids import new_id
from orchestrator.play.models import Session
from orchestrator.publishers.models import PublishedGame
from orchestrator.services import Services
from orchestrator.tenants.plans import Plan
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import ScriptedHost

PASSWORD = "correct horse"

Client = httpx.AsyncClient
Doing = Callable[["Scene"], Awaitable[httpx.Response]]


class Scene:
    """Something of everything that an operator can change."""

    def __init__(
        self, services: Services, admin: Client, player: Client, host: ScriptedHost, game: str, player_id: str
    ) -> None:
        self.services, self.admin, self.player = services, admin, player
        self.host, self.game, self.player_id = host, game, player_id

    async def publisher(self) -> tuple[str, str]:
        made = await self.services.publisher_keys.create(new_id("pub"))
        return made.publisher.id, made.key.id

    async def published(self) -> str:
        """The game as a publisher's."""
        publisher, _ = await self.publisher()
        async with self.services.database.write() as session:
            game = (await session.scalars(select(Game).where(Game.slug == self.game))).one()
            now = await self.services.database.now(session)
            if await session.get(PublishedGame, game.id) is not None:
                return self.game
            session.add(
                PublishedGame(
                    game_id=game.id, publisher_id=publisher, launcher="x.sh", save_paths=["x"], updated_at=now
                )
            )
        return self.game

    async def session(self) -> str:
        return (await self.player.post("/api/game/launch", json={"gameSlug": self.game})).json()["sessionId"]


@pytest.fixture
async def scene(services: Services, admin: Client, player: Client, host: ScriptedHost, game: str) -> Scene:
    player_id = (await player.get("/api/account")).json()["id"]
    return Scene(services, admin, player, host, game, player_id)


async def events(services: Services) -> list[AuditEvent]:
    async with services.database.read() as session:
        return list(await session.scalars(select(AuditEvent).order_by(AuditEvent.at, AuditEvent.id)))


async def forget(services: Services) -> None:
    async with services.database.write() as session:
        await session.execute(delete(AuditEvent))


async def patch_host(scene: Scene, body: dict[str, Any]) -> httpx.Response:
    return await scene.admin.patch(f"/api/admin/hosts/{scene.host.host_id}", json=body)


async def resume(scene: Scene) -> httpx.Response:
    await scene.services.published_games.set_suspended(await scene.published(), "rude")
    await forget(scene.services)
    return await scene.admin.delete(f"/api/admin/games/{scene.game}/suspension")


async def revoke_token(scene: Scene) -> httpx.Response:
    await scene.services.identities.issue_join_token()
    token, *_ = await scene.services.identities.join_tokens()
    await forget(scene.services)
    return await scene.admin.delete(f"/api/admin/join-tokens/{token.id}")


async def revoke_codes(scene: Scene) -> httpx.Response:
    made = await scene.services.library.make_codes(scene.game, 2, note=None, expires_at=None)
    await forget(scene.services)
    return await scene.admin.delete(f"/api/admin/codes/{made.summary.batch.id}")


async def of_publisher(scene: Scene, method: str, path: str, **more: Any) -> httpx.Response:
    publisher, key = await scene.publisher()
    await forget(scene.services)
    return await scene.admin.request(method, path.format(publisher=publisher, key=key), **more)


async def suspend_game(scene: Scene) -> httpx.Response:
    slug = await scene.published()
    await forget(scene.services)
    return await scene.admin.put(f"/api/admin/games/{slug}/suspension", json={"reason": "rude"})


async def change_user(scene: Scene, state: str) -> httpx.Response:
    return await scene.admin.patch(f"/api/admin/users/{scene.player_id}", json={"state": state})


async def stop_one(scene: Scene) -> httpx.Response:
    path = f"/api/admin/sessions/{await scene.session()}/stop"
    return await scene.admin.post(path, json={"reason": "The house closes"})


async def member(scene: Scene, *, is_leaving: bool) -> httpx.Response:
    live, _ = await scene.services.tenant_keys.create(new_id("ten"), Plan.STARTER)
    members = f"/api/admin/tenants/{live.tenant.id}/members"
    email = (await scene.player.get("/api/account")).json()["email"]
    if is_leaving:
        await scene.services.tenant_members.add(live.tenant.id, email, may_be_unconfirmed=True)
    await forget(scene.services)
    if is_leaving:
        return await scene.admin.delete(f"{members}/{scene.player_id}")
    return await scene.admin.post(members, json={"email": email, "mayBeUnconfirmed": True})


async def remove_host(scene: Scene) -> httpx.Response:
    return await scene.admin.delete(f"/api/admin/hosts/{scene.host.host_id}?force=true")


DOINGS: dict[str, tuple[Action, Doing]] = {
    "stopAnySession": (
        Action.SESSION_STOP,
        stop_one,
    ),
    "changeHost": (Action.HOST_DRAIN, lambda scene: patch_host(scene, {"isDraining": True})),
    "changeHost, undrained": (Action.HOST_RESUME, lambda scene: patch_host(scene, {"isDraining": False})),
    "changeHost, labelled": (Action.HOST_LABEL, lambda scene: patch_host(scene, {"labels": {"now": "x", "by": None}})),
    "createJoinToken": (
        Action.JOIN_TOKEN_MAKE,
        lambda scene: scene.admin.post("/api/admin/join-tokens", json={"labels": {"gpu": "yes"}}),
    ),
    "revokeJoinToken": (Action.JOIN_TOKEN_REVOKE, revoke_token),
    "addTenantMember": (Action.TENANT_MEMBER_ADD, lambda scene: member(scene, is_leaving=False)),
    "removeTenantMember": (Action.TENANT_MEMBER_REMOVE, lambda scene: member(scene, is_leaving=True)),
    "changeUser": (Action.USER_SUSPEND, lambda scene: change_user(scene, "suspended")),
    "changeUser, closed": (Action.USER_CLOSE, lambda scene: change_user(scene, "closed")),
    "changeUser, active": (Action.USER_ACTIVATE, lambda scene: change_user(scene, "active")),
    "makeCodes": (
        Action.CODES_MAKE,
        lambda scene: scene.admin.post("/api/admin/codes", json={"gameSlug": scene.game, "count": 3}),
    ),
    "revokeCodes": (Action.CODES_REVOKE, revoke_codes),
    "changeGameAccess": (
        Action.GAME_ACCESS,
        lambda scene: scene.admin.patch(f"/api/admin/games/{scene.game}/access", json={"needsCode": True}),
    ),
    "createPublisher": (
        Action.PUBLISHER_MAKE,
        lambda scene: scene.admin.post("/api/admin/publishers", json={"name": "Tiny Games"}),
    ),
    "rotatePublisherKey": (
        Action.PUBLISHER_KEY_ROTATE,
        lambda scene: of_publisher(scene, "POST", "/api/admin/publishers/{publisher}/keys", json={"graceHours": 1}),
    ),
    "revokePublisherKey": (
        Action.PUBLISHER_KEY_REVOKE,
        lambda scene: of_publisher(scene, "DELETE", "/api/admin/publishers/{publisher}/keys/{key}"),
    ),
    "suspendGame": (Action.GAME_SUSPEND, suspend_game),
    "resumeGame": (Action.GAME_RESUME, resume),
    "removeHost": (
        Action.HOST_REMOVE,
        lambda scene: scene.admin.delete(f"/api/admin/hosts/{scene.host.host_id}?force=true"),
    ),
}
"""In an order in which all of them can be done."""


def test_every_change_of_the_admin_api_is_done_in_a_test_here(app: Litestar) -> None:
    described = app.openapi_schema.to_schema()["paths"]
    changes = {
        operation["operationId"]
        for path, item in described.items()
        if path.startswith("/api/admin")
        for method, operation in item.items()
        if method in {"post", "put", "patch", "delete"}
    }
    assert changes == {name.partition(",")[0] for name in DOINGS}


async def test_what_an_admin_does_is_in_the_log_with_who_and_from_where(scene: Scene) -> None:
    me = (await scene.admin.get("/api/account")).json()
    for name, (action, do) in DOINGS.items():
        await forget(scene.services)
        answer = await do(scene)
        assert answer.status_code < 300, f"{name}: {answer.text}"
        [event] = await events(scene.services)
        assert (event.action, event.actor_kind, event.actor_id) == (action, "account", me["id"])
        assert event.address == "127.0.0.1"
        kept = json.dumps([event.subject_id, event.details])
        told = answer.json() if answer.text else {}
        secrets = [*told.get("newCodes", []), *(told[word] for word in ("token", "key") if word in told)]
        assert bool(secrets) == (name in {"makeCodes", "createJoinToken", "createPublisher", "rotatePublisherKey"})
        assert not any(secret in kept for secret in secrets)
        assert "example.org" not in kept


async def test_a_refused_change_is_not_in_the_log(scene: Scene) -> None:
    await scene.session()
    await forget(scene.services)
    answers = [
        await scene.admin.delete(f"/api/admin/hosts/{scene.host.host_id}"),  # it has a session
        await scene.admin.post("/api/admin/publishers", json={"name": "Twice"}),
        await scene.admin.post("/api/admin/publishers", json={"name": "Twice"}),
        await scene.player.patch(f"/api/admin/hosts/{scene.host.host_id}", json={"isDraining": True}),
        await scene.admin.patch("/api/admin/games/none/access", json={"needsCode": True}),
    ]
    assert [answer.status_code for answer in answers] == [409, 201, 409, 403, 404]
    assert [event.action for event in await events(scene.services)] == [Action.PUBLISHER_MAKE]


async def test_the_command_line_is_in_the_log_too(scene: Scene) -> None:
    await forget(scene.services)
    runner, mine = CliRunner(), ["users", "create", "bo@example.org", "--password-stdin", "--name", "Bo"]
    commands = [
        mine,
        ["users", "suspend", "bo@example.org"],
        ["users", "restore", "bo@example.org"],
        ["users", "close", "bo@example.org"],
        ["games", "access", scene.game, "--code"],
        ["codes", "create", scene.game, "--count", "2"],
        ["partners", "create", "Tiny Games"],
        ["partners", "rotate", "Tiny Games"],
        ["tenants", "create", "Tiny Boards"],
        ["tenants", "change", "Tiny Boards", "--plan", "pro"],
        ["tenants", "rotate", "Tiny Boards", "test"],
        ["hosts", "drain", scene.host.host_id],
        ["hosts", "undrain", scene.host.host_id],
        ["hosts", "label", scene.host.host_id, "gpu=yes"],
        ["hosts", "token"],
        ["hosts", "remove", scene.host.host_id],
    ]
    for command in commands:
        done = await asyncio.to_thread(runner.invoke, cli.main, command, input=f"{PASSWORD}\n")
        assert done.exit_code == 0, done.output
    found = await events(scene.services)
    assert [event.action for event in found] == [
        Action.USER_MAKE,
        Action.USER_SUSPEND,
        Action.USER_ACTIVATE,
        Action.USER_CLOSE,
        Action.GAME_ACCESS,
        Action.CODES_MAKE,
        Action.PUBLISHER_MAKE,
        Action.PUBLISHER_KEY_ROTATE,
        Action.TENANT_MAKE,
        Action.TENANT_CHANGE,
        Action.TENANT_KEY_ROTATE,
        Action.HOST_DRAIN,
        Action.HOST_RESUME,
        Action.HOST_LABEL,
        Action.JOIN_TOKEN_MAKE,
        Action.HOST_REMOVE,
    ]
    assert {(event.actor_kind, event.actor_id, event.address) for event in found} == {("command-line", None, None)}


async def test_a_publisher_who_rotates_a_key_is_in_the_log(scene: Scene, client: Client) -> None:
    made = await scene.services.publisher_keys.create("Tiny Games")
    await forget(scene.services)
    bearer = {"Authorization": f"Bearer {made.secret}"}
    answer = await client.post("/api/partners/keys/rotate", json={"graceHours": 1}, headers=bearer)
    assert answer.status_code == 201
    [event] = await events(scene.services)
    assert (event.action, event.actor_kind, event.actor_id) == (
        Action.PUBLISHER_KEY_ROTATE,
        "publisher",
        made.publisher.id,
    )


async def test_the_log_is_read_by_who_what_and_to_what(scene: Scene) -> None:
    await forget(scene.services)
    await patch_host(scene, {"isDraining": True})
    await scene.services.fleet_operations.remove(scene.host.host_id)
    await change_user(scene, "suspended")

    async def read(**question: str | int) -> list[str]:
        answer = await scene.admin.get("/api/admin/audit", params=question)
        assert answer.status_code == 200, answer.text
        return [event["action"] for event in answer.json()["events"]]

    me = (await scene.admin.get("/api/account")).json()
    assert await read() == ["user.suspend", "host.remove", "host.drain"]
    assert await read(actor=me["id"]) == await read(actor=me["email"].upper()) == ["user.suspend", "host.drain"]
    assert await read(actor="command-line") == ["host.remove"]
    assert await read(action="host.drain") == ["host.drain"]
    assert await read(subject=scene.host.host_id) == ["host.remove", "host.drain"]
    assert await read(subject="player@example.org") == ["user.suspend"]
    assert await read(limit=1, page=2) == ["host.remove"]
    assert await read(actor="nobody") == []
    [newest, *_] = (await scene.admin.get("/api/admin/audit")).json()["events"]
    assert newest["actor"] == {"kind": "account", "id": me["id"], "name": "admin"}
    assert (newest["subject"]["kind"], newest["subject"]["name"]) == ("user", "player")
    [host_event] = (await scene.admin.get("/api/admin/audit?action=host.drain")).json()["events"]
    assert host_event["subject"] == {"kind": "host", "id": scene.host.host_id, "name": "host-a"}


async def test_nobody_but_admins_reads_it(client: Client, player: Client) -> None:
    assert (await client.get("/api/admin/audit")).status_code == 401
    assert (await player.get("/api/admin/audit")).status_code == 403


async def test_it_is_kept_for_a_year_and_no_longer(services: Services) -> None:
    async with services.database.write() as session:
        now = await services.database.now(session)
        for age, subject in ((KEPT_FOR + timedelta(hours=1), "old"), (KEPT_FOR - timedelta(hours=1), "young")):
            record(session, COMMAND_LINE, Action.GAME_ACCESS, subject, now - age)
    await services.enforcer.round()
    assert [event.subject_id for event in await events(services)] == ["young"]


async def test_of_who_deletes_the_account_ids_alone_stay(
    scene: Scene, services: Services, signed_in: SignedIn, new_client: Callable[[], Client]
) -> None:
    admin = await services.accounts.create("boss@example.org", PASSWORD, "The Boss")
    boss = new_client()
    boss.cookies.set(tokens.COOKIE, await services.accounts.issue_token(admin))
    session_id = (await boss.post("/api/game/launch", json={"gameSlug": scene.game})).json()["sessionId"]
    await scene.admin.post(f"/api/admin/sessions/{session_id}/stop", json={"reason": "The Boss cheated"})
    async with services.database.write() as session:
        now = await services.database.now(session)
        await session.execute(update(Session).values(position="stopped"))
        by = (await events(services))[-1]
        session.add(AuditEvent(**_like(by, actor_id=admin.id, id="audmine", action="host.drain", at=now)))
    exported = await boss.get("/api/account/export")
    about = json.loads(zipfile.ZipFile(io.BytesIO(exported.content)).read("account.json"))
    assert [(each["action"], each["byYou"]) for each in about["administration"]] == [("host.drain", True)]

    assert (await boss.post("/api/account/delete", json={"password": PASSWORD})).status_code == 204
    await services.enforcer.round()
    kept = {event.id: event for event in await events(services)}
    assert (kept["audmine"].actor_id, kept["audmine"].address) == (admin.id, None)
    [stop] = [event for event in kept.values() if event.action == Action.SESSION_STOP]
    assert stop.details == {}
    assert stop.address == "127.0.0.1", "it is the admin's who is still there"
    page = await services.audit_log.page(Question(actor=admin.id))
    assert [entry.actor_name for entry in page.entries] == [None]
    async with services.database.read() as session:
        row = await session.get_one(Session, session_id)
        assert "Boss" not in (row.end_message or "")


def _like(event: AuditEvent, **changes: object) -> dict[str, Any]:
    names = [column.key for column in AuditEvent.__table__.columns]
    return {**{name: getattr(event, name) for name in names}, **changes}
