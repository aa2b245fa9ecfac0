"""The cookie of a signed-in person."""

import re

from orchestrator.accounts import tokens
from orchestrator.tenants.plans import Plan
from tests.api.stolen.doors import DOORS, PEOPLE, opens_no_door
from tests.api.stolen.lines import line
from tests.api.stolen.scene import Scene

PASSWORD = "correct horse battery staple"


@line(
    "account session", "can", "play, read and delete saves, read and export the account, and sign its other devices out"
)
async def a_cookie_is_its_person(scene: Scene) -> None:
    async with scene.asking(**scene.replica.signed_in) as thief:
        for path in (
            "/api/account",
            "/api/account/export",
            "/api/account/devices",
            f"/api/saves/{scene.slot_id}/versions",
        ):
            assert (await thief.get(path)).status_code == 200, path


@line(
    "account session",
    "can",
    "as a tenant's member, make and revoke that tenant's keys and change where its webhooks go",
)
async def a_members_cookie_is_its_tenant(scene: Scene) -> None:
    cookie = await _registered(scene, "member@example.org")
    async with scene.services() as services, scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        live, _ = await services.tenant_keys.create("Robbed Games", Plan.ENTERPRISE)
        path = f"/api/console/{live.tenant.id}"
        assert (await thief.get(f"{path}/webhooks")).status_code in {403, 404}
        await services.tenant_members.add(live.tenant.id, "member@example.org", may_be_unconfirmed=True)
        assert (await thief.get(f"{path}/webhooks")).status_code == 200
        made = await thief.post(f"{path}/keys", json={"mode": "live"})
        assert made.status_code == 201, made.text


@line("account session", "cannot", "change the password or the address, or delete the account, without the password")
async def a_cookie_is_no_password(scene: Scene) -> None:
    cookie = await _registered(scene, "robbed@example.org")
    changes = {
        "/api/account/password": {"currentPassword": "a guess", "newPassword": "another password"},
        "/api/account/email": {"email": "thief@example.org", "password": "a guess"},
        "/api/account/delete": {"password": "a guess"},
    }
    async with scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        for path, fields in changes.items():
            answer = await thief.post(path, json=fields)
            assert (answer.status_code, answer.json()["error"]) == (403, "wrong_password"), path


@line("account session", "cannot", "see or touch a session or a save of another person")
async def a_cookie_touches_nobody_else(scene: Scene) -> None:
    cookie = await _registered(scene, "neighbour@example.org")
    session = {"sessionId": scene.order.session_id}
    async with scene.asking(Cookie=f"{tokens.COOKIE}={cookie}") as thief:
        answers = [
            await thief.get("/api/game/session-status", params=session),
            await thief.post("/api/game/stop", json=session),
            await thief.post("/api/game/invites", json=session),
            await thief.get(f"/api/saves/{scene.slot_id}/download"),
            await thief.delete(f"/api/saves/{scene.slot_id}"),
        ]
    assert {answer.status_code for answer in answers} <= {403, 404}, [answer.text for answer in answers]


@line(
    "account session",
    "cannot",
    "do what operators do, unless it is an admin's: then it can do all that is under `/api/admin`",
)
async def a_cookie_is_no_operators(scene: Scene) -> None:
    doors = [(method, path) for _, method, path in DOORS if path.startswith("/api/admin")]
    assert len(doors) > 20
    async with scene.asking(**scene.replica.signed_in) as thief:
        for method, path in doors:
            answer = await thief.request(method, re.sub(r"\{\w+:\w+\}", "x1", path), json={})
            assert answer.status_code == 403, (method, path, answer.text)
    async with scene.asking(**scene.replica.as_admin) as admin:
        assert (await admin.get("/api/admin/users")).status_code == 200


@line("account session", "cannot", "be used by a page of another site in the person's browser")
async def a_cookie_is_for_our_pages(scene: Scene) -> None:
    async with scene.asking(**scene.replica.signed_in, Origin="https://evil.example") as foreign_page:
        answer = await foreign_page.post("/api/game/stop", json={"sessionId": scene.order.session_id})
        assert answer.status_code == 403
    async with scene.asking() as nobody:
        csrf = (await nobody.get("/api/auth/csrf")).headers["set-cookie"].lower()
    assert "httponly" in csrf
    assert "samesite=lax" in csrf


@line("account session", "cannot", "ask for anything of hosts, publishers or tenants")
async def a_cookie_opens_no_other_door(scene: Scene) -> None:
    await opens_no_door(scene, scene.cookie, PEOPLE)


@line("account session", "cannot", "be used after a new password, or once its device is signed out")
async def a_cookie_ends_with_its_device(scene: Scene) -> None:
    stolen = await _registered(scene, "changed@example.org")
    async with scene.services() as services:
        own = await services.accounts.sign_in("changed@example.org", PASSWORD, address="192.0.2.1")
    async with (
        scene.asking(Cookie=f"{tokens.COOKIE}={stolen}") as thief,
        scene.asking(Cookie=f"{tokens.COOKIE}={own}") as person,
    ):
        assert (await thief.get("/api/account")).status_code == 200
        words = {"currentPassword": PASSWORD, "newPassword": PASSWORD + "!"}
        assert (await person.post("/api/account/password", json=words)).status_code == 204
        assert (await thief.get("/api/account")).status_code == 401
        [device] = (await person.get("/api/account/devices")).json()["devices"]
        assert (await person.delete(f"/api/account/devices/{device['id']}")).status_code == 204
        assert (await person.get("/api/account")).status_code == 401


async def _registered(scene: Scene, email: str) -> str:
    """The cookie of a new person."""
    async with scene.services() as services:
        return await services.accounts.register(email, PASSWORD, "Somebody", address="192.0.2.9")
