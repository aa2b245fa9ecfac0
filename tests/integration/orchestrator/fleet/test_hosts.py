"""What an operator does with hosts, by the admin API and by the command line."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from agent_protocol import EndReport, ObservedSession, ObservedState
from orchestrator import cli
from orchestrator.database import Database
from orchestrator.fleet.host_life import FORGOTTEN_AFTER
from orchestrator.fleet.models import Host
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.conftest import only_on
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost, add_game
from tests.integration.orchestrator.play.clock import Clock
from tests.integration.orchestrator.play.scenes import launch, running, status

SECONDS = timedelta(seconds=1)


@pytest.fixture
async def clock(services: Services, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(services, monkeypatch)
    await clock.settle()
    return clock


async def seen(admin: httpx.AsyncClient, host: ScriptedHost) -> dict[str, Any]:
    answer = await admin.get(f"/api/admin/hosts/{host.host_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def change(admin: httpx.AsyncClient, host: ScriptedHost, **patch: object) -> dict[str, Any]:
    answer = await admin.patch(f"/api/admin/hosts/{host.host_id}", json=patch)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_host_s_life_is_told_with_the_moment_of_each_change(
    clock: Clock, admin: httpx.AsyncClient, host: ScriptedHost
) -> None:
    await host.sync()
    view = await seen(admin, host)
    assert (view["state"], 0 < view["leaseSeconds"] <= 6) == ("ready", True)
    await clock.pass_time(8 * SECONDS)
    assert (await seen(admin, host))["state"] == "suspect"
    await clock.pass_time(5 * SECONDS)
    view = await seen(admin, host)
    assert view["state"] == "lost"
    await host.sync()
    view = await seen(admin, host)
    assert [moved["state"] for moved in view["changes"]][-4:] == ["ready", "suspect", "lost", "ready"]
    assert view["since"] == view["changes"][-1]["at"]


async def test_a_draining_host_gets_no_new_session_and_is_drained_when_it_is_empty(
    player: httpx.AsyncClient, other_player: httpx.AsyncClient, admin: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    view = await change(admin, host, isDraining=True)
    assert (view["state"], view["isDrained"], view["sessions"]) == ("draining", False, 1)
    assert [(there["sessionId"], there["gameSlug"]) for there in view["sessionsThere"]] == [(order.session_id, game)]
    refused = await launch(other_player)
    assert (refused.status_code, refused.json()["error"]) == (503, "no_servers")
    assert (await status(player, order.session_id))["status"] == "running"
    await host.end(order, "exited", "bye")
    view = await seen(admin, host)
    assert (view["state"], view["isDrained"]) == ("draining", True)
    assert (await change(admin, host, isDraining=False))["state"] == "ready"
    assert (await launch(other_player)).status_code == 202


async def test_an_operator_s_labels_stand_over_the_agent_s_and_decide_where_a_game_may_run(
    player: httpx.AsyncClient, admin: httpx.AsyncClient, services: Services, make_host: HostMaker
) -> None:
    await add_game(services, "needs-gpu", labels={"gpu": "yes"})
    plain, other = await make_host(name="plain"), await make_host(name="other")
    refused = await launch(player, "needs-gpu")
    assert (refused.status_code, refused.json()["error"]) == (503, "no_servers")
    assert "gpu=yes" in refused.json()["message"]
    view = await change(admin, other, labels={"gpu": "yes", "site": "cellar"})
    assert view["labels"] == view["ownLabels"] == {"gpu": "yes", "site": "cellar"}
    session_id = (await launch(player, "needs-gpu")).json()["sessionId"]
    assert (await plain.sync()).sessions == ()
    assert [order.session_id for order in (await other.sync()).sessions] == [session_id]
    view = await change(admin, other, labels={"gpu": None, "site": ""})
    assert (view["labels"], view["ownLabels"]) == ({}, {"site": ""})


async def test_a_removed_host_is_known_no_more_and_stays_in_the_history(
    player: httpx.AsyncClient, admin: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await running(player, host)
    refused = await admin.delete(f"/api/admin/hosts/{host.host_id}")
    assert (refused.status_code, refused.json()["error"]) == (409, "host_in_use")
    await host.end(order, "exited", "bye")
    removed = await admin.delete(f"/api/admin/hosts/{host.host_id}")
    assert (removed.status_code, removed.json()["state"]) == (200, "gone")
    refused = await host.post_sync(host.seq + 1)
    assert (refused.status_code, refused.json()["error"]) == (401, "host_removed")
    assert (await admin.get("/api/admin/hosts")).json()["hosts"] == []
    [gone] = (await admin.get("/api/admin/hosts", params={"gone": "true"})).json()["hosts"]
    assert (gone["id"], gone["state"]) == (host.host_id, "gone")
    assert (await admin.delete(f"/api/admin/hosts/{host.host_id}")).status_code == 404
    assert (await launch(player)).status_code == 503


async def test_a_clock_that_goes_back_brings_no_removed_host_to_life(
    services: Services, player: httpx.AsyncClient, admin: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    await host.sync()
    assert (await admin.delete(f"/api/admin/hosts/{host.host_id}")).status_code == 200
    async with services.database.write() as session:
        lease_until = await services.database.now(session) + timedelta(hours=1)
        await session.execute(update(Host).where(Host.id == host.host_id).values(lease_until=lease_until))
    assert (await launch(player)).status_code == 503


async def test_a_host_whose_answer_was_lost_joins_again_with_the_same_token_and_is_the_same_host(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    token = (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
    host = ScriptedHost(client, token)
    assert (await host.join()).status_code == 200
    joined_as = host.host_id
    assert (await host.join()).status_code == 200
    assert host.host_id == joined_as
    assert (await ScriptedHost(client, token).join()).status_code == 401


async def test_what_plays_on_a_host_that_is_removed_by_force_goes_on_elsewhere(
    clock: Clock, player: httpx.AsyncClient, admin: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    first = await make_host(name="first")
    order = await running(player, first)
    version = (await first.put_save(order, b"the last word")).json()["versionId"]
    second = await make_host(name="second")
    removed = await admin.delete(f"/api/admin/hosts/{first.host_id}", params={"force": "true"})
    assert removed.status_code == 200
    for _ in range(3):
        await clock.pass_time(5 * SECONDS)
        await second.sync()
    [moved] = (await second.sync()).sessions
    assert (moved.session_id, moved.generation) == (order.session_id, 2)
    assert moved.restore is not None
    assert moved.restore.version_id == version


async def test_a_host_that_nobody_missed_for_a_month_is_forgotten_but_not_right_after_our_own_absence(
    clock: Clock,
    admin: httpx.AsyncClient,
    host: ScriptedHost,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.play.reconciler.WATCHED_BEFORE_FORGETTING_S", 300.0)
    async with services.database.write() as session:
        row = await session.get_one(Host, host.host_id)
        row.lease_until = clock.time - FORGOTTEN_AFTER - timedelta(minutes=1)
    await clock.pass_time(70 * SECONDS)
    assert (await seen(admin, host))["state"] == "lost"
    await clock.pass_time(300 * SECONDS)
    assert (await seen(admin, host))["state"] == "gone"


async def test_join_tokens_are_listed_by_their_ids_and_can_be_taken_back(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await admin.post("/api/admin/join-tokens", json={"labels": {"gpu": "yes"}})
    assert made.status_code == 201
    token = made.json()["token"]
    kept = (await admin.post("/api/admin/join-tokens", json={})).json()["token"]
    listed = await admin.get("/api/admin/join-tokens")
    assert token not in listed.text
    [with_label] = [each for each in listed.json()["tokens"] if each["labels"]]
    assert (await admin.delete(f"/api/admin/join-tokens/{with_label['id']}")).status_code == 204
    assert (await admin.delete(f"/api/admin/join-tokens/{with_label['id']}")).status_code == 404
    assert (await ScriptedHost(client, token).join()).status_code == 401
    assert (await ScriptedHost(client, kept).join()).status_code == 200
    assert (await admin.get("/api/admin/join-tokens")).json()["tokens"] == []


async def test_a_host_has_the_labels_of_the_token_that_it_joined_with(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    token = (await admin.post("/api/admin/join-tokens", json={"labels": {"gpu": "yes"}})).json()["token"]
    host = ScriptedHost(client, token)
    await host.sync()
    assert (await seen(admin, host))["labels"] == {"gpu": "yes"}


@only_on("sqlite")
async def test_hosts_are_the_operators_alone(player: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for method, path, body in (
        ("GET", "/api/admin/hosts/hst1", None),
        ("PATCH", "/api/admin/hosts/hst1", {}),
        ("DELETE", "/api/admin/hosts/hst1", None),
        ("GET", "/api/admin/join-tokens", None),
        ("POST", "/api/admin/join-tokens", {}),
        ("DELETE", "/api/admin/join-tokens/jtk1", None),
    ):
        assert (await player.request(method, path, json=body)).status_code == 403, (method, path)
        assert (await client.request(method, path, json=body)).status_code == 401, (method, path)


@only_on("sqlite")
async def test_a_change_that_cannot_be_is_refused(admin: httpx.AsyncClient, host: ScriptedHost) -> None:
    patches: list[dict[str, object]] = [
        {"isDraining": "yes"},
        {"labels": {"": "x"}},
        {"labels": {"a b": "x"}},
        {"labels": {"gpu": "x" * 201}},
        {"labels": {"gpu": "a\0"}},
        {"labels": {f"l{number}": "x" for number in range(33)}},
    ]
    for patch in patches:
        answer = await admin.patch(f"/api/admin/hosts/{host.host_id}", json=patch)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), patch


Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    """`settings` are in the environment."""
    return lambda *words: CliRunner().invoke(cli.main, ("hosts", *words))


def test_hosts_on_the_command_line(run: Run) -> None:
    assert run("list").output.startswith("There are no hosts yet.")
    assert run("token", "--label", "gpu=yes").output.startswith("join_")
    assert run("token", "--label", "gpu").exit_code == 2
    headline, line = run("tokens").output.splitlines()
    assert headline.split() == ["TOKEN", "GOOD", "UNTIL", "LABELS"]
    assert line.endswith("gpu=yes")
    token_id = line.split()[0]
    assert run("revoke-token", token_id).output == f"{token_id} was revoked.\n"
    assert run("tokens").output.startswith("No token waits")
    refused = run("revoke-token", token_id)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    for words in (("show",), ("drain",), ("undrain",), ("remove",), ("label", "gpu=yes")):
        refused = run(words[0], "hst1", *words[1:])
        assert (refused.exit_code, refused.output) == (1, "Error: there is no host 'hst1'\n")


@only_on("sqlite")
async def test_a_host_on_the_command_line(player: httpx.AsyncClient, host: ScriptedHost, game: str, run: Run) -> None:
    """Each command beside the replica that runs."""
    order = await running(player, host)

    async def say(*words: str) -> str:
        ran = await asyncio.to_thread(run, *words)
        assert ran.exit_code == 0, ran.output
        return ran.output

    headline, line = (await say("list")).splitlines()
    assert headline.split()[:4] == ["HOST", "NAME", "STATE", "SESSIONS"]
    assert line.split()[:4] == [host.host_id, "host-a", "ready", "1"]
    assert order.session_id in await say("drain", host.host_id, "--move")
    assert "draining" in await say("list")
    assert "gpu=yes" in await say("label", host.host_id, "gpu=yes", "site-")
    await host.end(order, "exited", "bye")
    assert "drained" in await say("drain", "host-a")
    shown = await say("show", host.host_id)
    assert ("labels    gpu=yes" in shown, "state     drained" in shown) == (True, True)
    assert "ready" in await say("undrain", host.host_id)
    assert await say("remove", host.host_id) == f"{host.host_id} was removed.\n"
    assert host.host_id in await say("list", "--gone")


@only_on("sqlite")
async def test_a_name_that_several_hosts_have_is_none(make_host: HostMaker, run: Run) -> None:
    one, other = await make_host(name="twin"), await make_host(name="twin")
    refused = await asyncio.to_thread(run, "show", "twin")
    assert (refused.exit_code, "several hosts are called 'twin'" in refused.output) == (1, True)
    assert {one.host_id, other.host_id} <= set(refused.output.replace(",", " ").split())


async def test_a_join_token_that_is_none_is_looked_up_and_nothing_is_written(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ScriptedHost(client, await services.identities.issue_join_token())

    def nobody_writes(_database: Database) -> object:
        raise AssertionError("this writes")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", nobody_writes)
        assert (await ScriptedHost(client, "join_wrong").join()).status_code == 401
    assert (await good.join()).status_code == 200


async def test_a_host_whose_games_have_left_many_words_is_heard(host: ScriptedHost) -> None:
    """What ended while nobody answered is reported at once, by an agent of an earlier version with all its words."""
    await host.sync()
    for number in range(150):
        end = EndReport(code="crashed", message="The game crashed.", log_tail=("x" * 500,) * 30)
        host.observed[f"ses{number}"] = ObservedSession(
            session_id=f"ses{number}", generation=1, state=ObservedState.ENDED, end=end
        )
    await host.sync()
