"""A tenant's console: who may open it, what it shows, and what its members may change."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import make_transient

from orchestrator.accounts.account import Role
from orchestrator.accounts.models import AccountRow
from orchestrator.arena.models import ArenaRun, ArenaSeat, ArenaSession
from orchestrator.arena.overview import DAYS_SHOWN, SessionQuestion
from orchestrator.arena.runs import owner_of
from orchestrator.audit.log import Question
from orchestrator.catalog.models import Game
from orchestrator.errors import Conflict, NotFound, Unauthorized
from orchestrator.play.models import Session as Run
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.tenants.keys import MOST_KEYS
from orchestrator.tenants.models import TenantKey
from orchestrator.tenants.plans import KeyMode, Plan
from orchestrator.tenants.upkeep import KEPT_FOR
from tests.arena_scene import EVIL, TenantScene, fill_tenant
from tests.conftest import SignedIn, only_on
from tests.integration.orchestrator.conftest import add_game

PAGES = ("", "/keys", "/sessions", "/webhooks", "/theme")
HTML = {"Accept": "text/html"}


@pytest.fixture
async def scene(services: Services) -> TenantScene:
    return await fill_tenant(services)


@pytest.fixture
async def member(scene: TenantScene, services: Services, signed_in: SignedIn) -> httpx.AsyncClient:
    client = await signed_in("dev@acme.example")
    await services.tenant_members.add(scene.tenant_id, "dev@acme.example", may_be_unconfirmed=True)
    return client


async def test_members_and_operators_open_a_console_and_nobody_else(
    scene: TenantScene,
    services: Services,
    member: httpx.AsyncClient,
    signed_in: SignedIn,
    new_client: Callable[[], httpx.AsyncClient],
) -> None:
    stranger, boss, nobody = (
        await signed_in("eve@example.org"),
        await signed_in("boss@x.org", role=Role.ADMIN),
        new_client(),
    )
    other = await fill_tenant(services, "Other")
    details = (f"/sessions/{scene.sessions['chess']}", f"/webhooks/{scene.webhook_id}")
    for page in (*PAGES, *details):
        path = f"/console/{scene.tenant_id}{page}"
        for client, status in ((member, 200), (boss, 200), (stranger, 404), (nobody, 302)):
            answer = await client.get(path, headers=HTML)
            assert answer.status_code == status, (path, status)
            assert (EVIL in answer.text) is False  # nobody's name is markup
    assert (await nobody.get(f"/console/{scene.tenant_id}")).headers["location"].startswith("/signin?callbackUrl=")
    for page in (f"/sessions/{other.sessions['chess']}", f"/webhooks/{other.webhook_id}"):
        assert (await member.get(f"/console/{scene.tenant_id}{page}")).status_code == 404
        assert (await member.get(f"/console/{other.tenant_id}{page}")).status_code == 404

    for client, status in ((stranger, 404), (nobody, 401)):
        for method, way in (
            ("POST", "keys"),
            ("POST", "keys/rotate"),
            ("DELETE", "keys/none"),
            ("PUT", "origins"),
            ("PUT", "theme"),
            ("GET", "webhooks"),
            ("POST", "webhooks"),
            ("POST", f"webhooks/{scene.webhook_id}/test"),
        ):
            body = (
                None
                if method in {"GET", "DELETE"}
                else {"mode": "live", "origins": [], "theme": {}, "url": "https://a.b"}
            )
            answer = await client.request(method, f"/api/console/{scene.tenant_id}/{way}", json=body)
            assert answer.status_code == status, (method, way)
    crossing = await member.post(f"/api/console/{scene.tenant_id}/webhooks/{other.webhook_id}/test")
    assert crossing.status_code == 404

    front = await member.get("/console")
    assert (front.status_code, front.headers["location"]) == (302, f"/console/{scene.tenant_id}")
    assert "opens no console" in (await stranger.get("/console")).text
    assert "Console of <bdi>Acme Games</bdi>" in (await member.get("/account")).text
    assert "Your companies" not in (await stranger.get("/account")).text
    [only] = await services.tenant_members.of_tenant(scene.tenant_id)
    await services.tenant_members.remove(scene.tenant_id, only.account.id)
    assert (await member.get(f"/console/{scene.tenant_id}")).status_code == 404
    with pytest.raises(NotFound):
        await services.tenant_members.remove(scene.tenant_id, only.account.id)


async def test_an_address_that_is_not_confirmed_makes_no_member_by_itself(
    scene: TenantScene, services: Services, signed_in: SignedIn
) -> None:
    await signed_in("dev@acme.example")
    with pytest.raises(Conflict) as conflict:
        await services.tenant_members.add(scene.tenant_id, "dev@acme.example")
    assert conflict.value.code == "address_unconfirmed"
    async with services.database.write() as session:
        await session.execute(update(AccountRow).values(email_verified_at=await services.database.now(session)))
    for _ in range(2):
        await services.tenant_members.add(scene.tenant_id, " Dev@Acme.example ")
    assert len(await services.tenant_members.of_tenant(scene.tenant_id)) == 1
    for tenant_id, email in ((scene.tenant_id, "nobody@acme.example"), ("tenx", "dev@acme.example")):
        with pytest.raises(NotFound):
            await services.tenant_members.add(tenant_id, email)
    log = await services.audit_log.page(Question(action="tenant.member_add"))
    assert log.total == 1


async def test_operators_let_people_in_and_out(scene: TenantScene, services: Services, signed_in: SignedIn) -> None:
    boss, dev = await signed_in("boss@example.org", role=Role.ADMIN), await signed_in("dev@acme.example")
    api = f"/api/admin/tenants/{scene.tenant_id}/members"
    assert (await dev.get("/admin/tenants", headers=HTML)).status_code == 403
    assert (await dev.post(api, json={"email": "dev@acme.example"})).status_code == 403
    unproven = await boss.post(api, json={"email": "dev@acme.example"})
    assert (unproven.status_code, unproven.json()["error"]) == (409, "address_unconfirmed")
    assert (await boss.post(api, json={"email": "dev"})).status_code == 400
    added = await boss.post(api, json={"email": "dev@acme.example", "mayBeUnconfirmed": True})
    assert added.status_code == 204
    page = (await boss.get("/admin/tenants")).text
    assert "812 sessions this month" in page
    assert "dev@acme.example" in page
    assert (await dev.get(f"/console/{scene.tenant_id}")).status_code == 200
    [row] = await services.tenant_members.of_tenant(scene.tenant_id)
    assert (await boss.delete(f"{api}/{row.account.id}")).status_code == 204
    assert (await dev.get(f"/console/{scene.tenant_id}", headers=HTML)).status_code == 404
    assert (await boss.delete(f"{api}/{row.account.id}")).status_code == 404
    assert "somebody no longer into the console" in (await boss.get("/admin/log")).text


async def test_keys_are_added_replaced_and_revoked(
    scene: TenantScene, services: Services, member: httpx.AsyncClient
) -> None:
    api = f"/api/console/{scene.tenant_id}"

    async def works(key: str) -> bool:
        try:
            await services.tenant_keys.authenticate(key, address="192.0.2.1")
        except Unauthorized:
            return False
        return True

    added = (await member.post(f"{api}/keys", json={"mode": "live"})).json()
    assert added["key"].startswith("bg_live_")
    assert (await works(added["key"]), await works(scene.live_key)) == (True, True)
    proven = await services.tenant_keys.authenticate(added["key"], address="192.0.2.1")
    assert proven.origins == {"https://games.acme.example"}
    replaced = (await member.post(f"{api}/keys/rotate", json={"mode": "live"})).json()
    page = (await member.get(f"/console/{scene.tenant_id}/keys")).text
    assert page.count("ends in") == 2
    assert replaced["key"][:12] in page
    assert replaced["key"] not in page
    assert await works(scene.live_key)  # for a minute
    assert (await member.delete(f"{api}/keys/{added['id']}")).status_code == 204
    assert not await works(added["key"])
    assert (await member.delete(f"{api}/keys/none")).status_code == 404
    assert (await member.post(f"{api}/keys", json={"mode": "training"})).status_code == 400
    for _ in range(MOST_KEYS - 1):
        assert (await member.post(f"{api}/keys", json={"mode": "test"})).status_code == 201
    refused = await member.post(f"{api}/keys", json={"mode": "test"})
    assert (refused.status_code, refused.json()["error"]) == (409, "too_many_keys")
    log = await services.audit_log.page(Question(subject=scene.tenant_id, action="tenant.key_rotate"))
    assert log.entries[0].actor_name == "dev"


async def test_origins_and_theme_are_checked_and_hold_for_what_is_made_from_then_on(
    scene: TenantScene, services: Services, member: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    api = f"/api/console/{scene.tenant_id}"
    saved = await member.put(f"{api}/origins", json={"origins": ["https://Games.example/", "http://localhost:3000"]})
    assert saved.json() == {"origins": ["http://localhost:3000", "https://games.example"]}
    saved = await member.put(f"{api}/origins", json={"origins": ["https://games.example:443", "http://[::1]:8080"]})
    assert saved.json() == {"origins": ["http://[::1]:8080", "https://games.example"]}
    for wrong in (
        ["games.example"],
        ["https://games.example/path"],
        ["https://ann@games.example"],
        ["https://bücher.example"],
        ["https://games.example;"],
        ["http://["],
        "https://games.example",
        [7],
        ["*"] * 51,
    ):
        assert (await member.put(f"{api}/origins", json={"origins": wrong})).status_code == 400, wrong
    theme = await member.put(
        f"{api}/theme", json={"theme": {"primaryColor": "#F60", "textColor": "", "colorScheme": "dark"}}
    )
    assert theme.json() == {"theme": {"primaryColor": "#ff6600", "colorScheme": "dark"}}
    for wrong in (
        {"primaryColor": "red"},
        {"primaryColor": "#ff6b00;background:url(//evil.example)"},
        {"primaryColor": "var(--x)"},
        {"primaryColor": 7},
        {"fontFamily": "#fff"},
        [],
    ):
        answer = await member.put(f"{api}/theme", json={"theme": wrong})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), wrong
    await services.webhooks.stop(scene.tenant_id, scene.webhook_id, "Nothing is to leave this machine.")
    bearer = {"Authorization": f"Bearer {scene.live_key}"}
    body = {"game": "chess", "players": [{"id": "ann"}], "theme": {"textColor": "#000000"}}
    made = (await client.post("/v1/sessions", json=body, headers=bearer)).json()
    assert made["theme"] == {"primaryColor": "#ff6600", "colorScheme": "dark", "textColor": "#000000"}
    assert "#ff6600" in (await member.get(f"/console/{scene.tenant_id}/theme")).text


async def test_a_streamed_run_has_a_page_without_moves(
    scene: TenantScene, services: Services, member: httpx.AsyncClient
) -> None:
    result = {"winner": None, "reason": "finished", "score": 1200, "distance": 340, "coins": 7, "duration": 342}
    run = update(ArenaSession).where(ArenaSession.id == scene.sessions["tictactoe"])
    async with services.database.write() as session:
        await session.execute(run.values(game="subway-runner", match_id=None, result=result, ended_at=func.now()))
    page = await member.get(f"/console/{scene.tenant_id}/sessions/{scene.sessions['tictactoe']}", headers=HTML)
    assert (page.status_code, "1200 points: finished." in page.text, "Moves" in page.text) == (200, True, False)
    assert ", after 5 min" in page.text


async def test_two_who_change_keys_at_once_leave_one_that_goes_on(
    scene: TenantScene, services: Services, member: httpx.AsyncClient
) -> None:
    api = f"/api/console/{scene.tenant_id}"
    await asyncio.gather(*(member.post(f"{api}/keys/rotate", json={"mode": "live"}) for _ in range(4)))
    async with services.database.read() as session:
        endless = TenantKey.expires_at.is_(None), TenantKey.mode == "live", TenantKey.tenant_id == scene.tenant_id
        assert await session.scalar(select(func.count()).where(*endless)) == 1
    rotated = [await member.post(f"{api}/keys/rotate", json={"mode": "live"}) for _ in range(2 * MOST_KEYS)]
    assert rotated[-1].json()["error"] == "too_many_keys"
    saved = [["https://a.example"], ["https://b.example"], ["https://c.example"]]
    answers = await asyncio.gather(*(member.put(f"{api}/origins", json={"origins": each}) for each in saved))
    assert {answer.status_code for answer in answers} == {200}
    assert list(await services.tenant_keys.listed_origins(scene.tenant_id)) in saved
    log = await services.audit_log.page(Question(subject=scene.tenant_id, action="tenant.change"))
    assert {entry.event.details["origins"] for entry in log.entries} == {
        "https://a.example",
        "https://b.example",
        "https://c.example",
    }


async def test_usage_counts_each_day_by_mode(scene: TenantScene, services: Services, member: httpx.AsyncClient) -> None:
    async with services.database.write() as session:
        now = await services.database.now(session)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        await session.execute(update(ArenaSession).values(created_at=midnight - timedelta(days=100)))
        rows = (await session.scalars(ArenaSession.__table__.select().with_only_columns(ArenaSession.id))).all()
        edges = (midnight, midnight - timedelta(microseconds=1), midnight - timedelta(days=DAYS_SHOWN - 1))
        for row, at in zip(rows, edges, strict=False):
            await session.execute(update(ArenaSession).where(ArenaSession.id == row).values(created_at=at, mode="live"))
    usage = await services.arena_overview.usage(scene.tenant_id)
    assert [day.live for day in usage.days] == [1, *[0] * (DAYS_SHOWN - 3), 1, 1]
    assert usage.days[-1].day == midnight.date()
    assert usage.months == [(f"{now:%Y-%m}", 812), ("2026-01", 640)]
    await services.tenant_keys.authenticate(scene.live_key, address="192.0.2.1")
    page = (await member.get(f"/console/{scene.tenant_id}")).text
    assert "812 <span" in page
    assert "of 1,000" in page
    assert "January 2026: <strong>640<" in page
    assert '<strong>1 <span class="count">of 60' in page
    other = await services.tenant_keys.create("Quiet", Plan.ENTERPRISE)
    assert (await services.arena_overview.usage(other[0].tenant.id)).months == [(f"{now:%Y-%m}", 0)]


async def test_what_was_made_days_ago_is_summed_up_once(scene: TenantScene, services: Services) -> None:
    before = (await services.arena_overview.usage(scene.tenant_id)).days
    async with services.database.write() as session:
        now = await services.database.now(session)
        old = ArenaSession.created_at < now - timedelta(days=3)
        await session.execute(delete(ArenaSession).where(old))
        one = (await session.scalars(select(ArenaSession).where(ArenaSession.tenant_id == scene.tenant_id))).first()
        assert one is not None
        make_transient(one)
        one.id, one.created_at, one.mode = "new", now, "live"
        session.add(one)
    after = (await services.arena_overview.usage(scene.tenant_id)).days
    assert after[:-4] == before[:-4]
    assert after[-1].live == before[-1].live + 1


async def test_a_player_is_found_by_what_they_played_and_not_in_the_tenants_whole_history(
    scene: TenantScene, services: Services
) -> None:
    other = await fill_tenant(services, "Other")
    await add_game(services, "subway-runner")
    async with services.database.write() as session:
        now = await services.database.now(session)
        ran = scene.sessions["tictactoe"]
        await session.execute(delete(ArenaSeat).where(ArenaSeat.session_id == ran))
        game = (await session.scalars(select(Game))).one()
        session.add(
            Run(
                id="ses_run",
                owner=owner_of(scene.tenant_id, "live", "user_1"),
                game_id=game.id,
                build_id=str(game.current_build_id),
                slot_id="slot",
                slot_number=1,
                timezone="UTC",
                position="stopped",
                generation=1,
                failed_hosts=[],
                expires_at=now,
                ends_at=now,
                created_at=now,
                ended_at=now,
                log_tail=[],
            )
        )
        session.add(ArenaRun(session_id=ran, run_id="ses_run", tenant_id=scene.tenant_id, ended_at=now))
    said: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        said.append((statement, parameters))

    engine = services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", listen)
    found = await services.arena_overview.sessions(scene.tenant_id, SessionQuestion(word="user_1"))
    event.remove(engine, "before_cursor_execute", listen)
    assert {row.id for row in found.sessions} == set(scene.sessions.values())
    for word in (other.sessions["chess"], "nobody"):
        assert (await services.arena_overview.sessions(scene.tenant_id, SessionQuestion(word=word))).total == 0
    if services.database.is_sqlite:
        plans = [plan async for plan in plans_of(services, said)]
        assert plans
        assert not [plan for plan in plans if "arena_sessions_by_tenant" in plan or plan.startswith("SCAN arena")]


async def plans_of(services: Services, said: list[tuple[str, Any]]) -> AsyncGenerator[str]:
    async with services.database.engine.connect() as connection:
        for statement, parameters in said:
            if "arena_" in statement:
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                for row in rows:
                    yield row.detail


async def test_keys_that_ended_long_ago_are_forgotten(scene: TenantScene, services: Services) -> None:
    first, second = await services.tenant_keys.keys_of(scene.tenant_id)
    revoked, ended = [await services.tenant_keys.add_key(scene.tenant_id, KeyMode.TEST) for _ in range(2)]
    await services.tenant_keys.revoke(scene.tenant_id, second.id)
    async with services.database.write() as session:
        long_ago = await services.database.now(session) - KEPT_FOR - timedelta(minutes=1)
        keys = update(TenantKey)
        await session.execute(keys.where(TenantKey.id == revoked.key.id).values(revoked_at=long_ago))
        await session.execute(keys.where(TenantKey.id == ended.key.id).values(expires_at=long_ago))
    await services.tenant_upkeep.round()
    assert [key.id for key in await services.tenant_keys.keys_of(scene.tenant_id)] == [first.id, second.id]
    assert list(await services.tenant_keys.listed_origins(scene.tenant_id)) == ["https://games.acme.example"]


async def test_what_members_and_keys_do_to_webhooks_is_written_down(
    scene: TenantScene, services: Services, member: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    api = f"/api/console/{scene.tenant_id}/webhooks"
    await services.webhooks.remove(scene.tenant_id, scene.stopped_id)
    made = (await member.post(api, json={"url": "https://1.1.1.1/hook"})).json()
    one = f"{api}/{made['id']}"
    for method, path, body in (
        ("PATCH", one, {"events": ["game.ended"]}),
        ("POST", f"{one}/rotate", {}),
        ("DELETE", f"{one}/former-secret", None),
        ("POST", f"{one}/stop", None),
        ("POST", f"{one}/restart", {}),
        ("DELETE", one, None),
    ):
        assert (await member.request(method, path, json=body)).is_success, path
    bearer = {"Authorization": f"Bearer {scene.live_key}"}
    assert (await client.post(f"/v1/webhooks/{scene.webhook_id}/stop", headers=bearer)).status_code == 200
    log = await services.audit_log.page(Question(subject=scene.tenant_id))
    told = [entry for entry in log.entries if entry.event.action.startswith("tenant.webhook")]
    acts = ["make", "change", "rotate", "rotate", "stop", "restart", "remove"]
    members = [entry for entry in told if entry.actor_name == "dev"]
    assert sorted(entry.event.action for entry in members) == sorted(f"tenant.webhook_{act}" for act in acts)
    assert {entry.event.details["endpoint"] for entry in members} == {made["id"]}
    [key] = [entry.event for entry in told if entry.event.actor_kind == "tenant-key"]
    assert (key.action, key.details["endpoint"]) == ("tenant.webhook_stop", scene.webhook_id)


async def test_sessions_are_found_and_shown_with_their_moves(
    scene: TenantScene, services: Services, member: httpx.AsyncClient
) -> None:
    here = f"/console/{scene.tenant_id}/sessions"
    for game, words, drawn in (
        ("chess", "Qxf7#", "♛"),
        ("checkers", "15x24", 'class="piece-side"'),
        ("connect4", "column 4", 'class="piece-line"'),
        ("tictactoe", "centre", 'class="piece-stroke"'),
    ):
        page = (await member.get(f"{here}/{scene.sessions[game]}")).text
        assert words in page
        assert f'class="board board-{game}"' in page
        assert "Bob</bdi> <code><bdi>" in page
        assert drawn in page
    assert "game.ended" in (await member.get(f"{here}/{scene.sessions['chess']}")).text
    for query, count in (("?game=chess", 1), ("?game=chess&mode=test", 0), (f"?search={scene.sessions['chess']}", 1)):
        page = (await member.get(here + query)).text
        assert page.count('class="row row-match"') == count, query
    found = await services.arena_overview.sessions(scene.tenant_id, SessionQuestion(word="user_1"))
    assert found.total == 4
    pending = await services.arena_overview.sessions(scene.tenant_id, SessionQuestion(status="pending", limit=2))
    assert pending.total == len(pending.sessions)
    whole = await services.arena_overview.sessions(scene.tenant_id, SessionQuestion(limit=10, page=2))
    assert (len(whole.sessions), whole.total > 100) == (10, True)


async def test_the_log_of_a_webhook_is_shown_and_filtered(scene: TenantScene, member: httpx.AsyncClient) -> None:
    here = f"/console/{scene.tenant_id}/webhooks/{scene.webhook_id}"
    page = (await member.get(here)).text
    assert page.count('class="row row-delivery"') == 5
    assert "1 try, the last: 500 in 120 ms" in page
    assert "&lt;h1&gt;Internal Server Error" in page
    for query, count in (("?state=failed", 1), ("?event=game.move", 1), ("?session=none", 0), ("?before=1", 0)):
        assert (await member.get(here + query)).text.count('class="row row-delivery"') == count, query
    stopped = (await member.get(f"/console/{scene.tenant_id}/webhooks/{scene.stopped_id}")).text
    assert "it wants no more webhooks" in stopped
    assert "Restart…" in stopped
    overview = (await member.get(f"/console/{scene.tenant_id}")).text
    assert "are stopped. The target answered 410" in overview


@only_on("sqlite")
async def test_a_change_from_another_site_is_refused(
    scene: TenantScene, member: httpx.AsyncClient, settings: Settings
) -> None:
    api = f"/api/console/{scene.tenant_id}/theme"
    foreign = await member.put(api, json={"theme": {}}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    own = await member.put(api, json={"theme": {}}, headers={"Origin": settings.public_url})
    assert own.status_code == 200
