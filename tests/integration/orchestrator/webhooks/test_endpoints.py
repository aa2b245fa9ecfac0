"""What a tenant's part of the house does with endpoints: keep them, change their secret, stop, restart, send again."""

import asyncio
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import main
from orchestrator.errors import ApiError, Conflict, InvalidRequest, NotFound
from orchestrator.notices import Notices
from orchestrator.outside.reach import Reach
from orchestrator.webhooks.models import DeliveryState
from orchestrator.webhooks.schedule import STOPPED_AFTER
from orchestrator.webhooks.service import MOST_ENDPOINTS, MOST_GRACE, Webhooks
from orchestrator.webhooks.upkeep import KEPT_FOR, WebhookUpkeep
from tests.integration.orchestrator.webhooks.conftest import OTHER, SECRETS, TENANT, Scene
from tests.integration.orchestrator.webhooks.receiver import Receiver

A_DAY = timedelta(days=1)
NEXT = "X-BetaGamer-Signature-Next"


async def test_endpoints_are_listed_changed_and_removed_by_their_tenant_alone(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    await scene.endpoint(receiver, OTHER)
    endpoint_id = made.endpoint.id
    assert [endpoint.id for endpoint in await scene.webhooks.endpoints(TENANT)] == [endpoint_id]
    assert len(await scene.webhooks.endpoints()) == 2
    changed = await scene.webhooks.change(TENANT, endpoint_id, url="https://hooks.example/", events=["game.ended"])
    assert (changed.url, changed.events) == ("https://hooks.example/", ["game.ended"])
    assert (await scene.webhooks.change(TENANT, endpoint_id)).events == ["game.ended"]
    await scene.happens("s1", event="game.ended")
    [row] = await scene.webhooks.log(TENANT)
    assert await scene.webhooks.log(OTHER) == []

    by_another = (
        lambda: scene.webhooks.change(OTHER, endpoint_id, url="https://elsewhere.example/"),
        lambda: scene.webhooks.rotate(OTHER, endpoint_id),
        lambda: scene.webhooks.finish_rotation(OTHER, endpoint_id),
        lambda: scene.webhooks.stop(OTHER, endpoint_id, "because"),
        lambda: scene.webhooks.restart(OTHER, endpoint_id),
        lambda: scene.webhooks.redeliver(OTHER, endpoint_id, row.event_id),
        lambda: scene.webhooks.remove(OTHER, endpoint_id),
    )
    for act in by_another:
        with pytest.raises(NotFound, match=endpoint_id):
            await act()
    assert (await scene.look(made)).url == "https://hooks.example/"
    await scene.webhooks.remove(TENANT, endpoint_id)
    assert await scene.webhooks.endpoints(TENANT) == []


async def test_what_cannot_be_an_endpoint_says_why(scene: Scene, receiver: Receiver) -> None:
    webhooks = Webhooks(scene.database, Notices(), Reach(), SECRETS)
    refused: list[tuple[ApiError, str]] = []
    for url, events, retries in (
        ("http://hooks.example/", (), 3),
        ("https://127.0.0.1/", (), 3),
        ("https://2130706433/", (), 3),
        ("https://hooks.example/", ("game.over",), 3),
        ("https://hooks.example/", (), 21),
    ):
        with pytest.raises(InvalidRequest) as error:
            await webhooks.add(TENANT, url, events, retries=retries)
        refused.append((error.value, error.value.message))
    assert ["begins with https" in refused[0][1], "private" in refused[1][1], "usual form" in refused[2][1]] == 3 * [
        True
    ]
    assert ["game.over" in refused[3][1], "20 retries" in refused[4][1]] == [True, True]
    made = await webhooks.add(TENANT, "https://hooks.example/", retries=3)
    for _ in range(MOST_ENDPOINTS - 1):
        await webhooks.add(TENANT, "https://hooks.example/", retries=3)
    with pytest.raises(Conflict) as conflict:
        await webhooks.add(TENANT, "https://hooks.example/", retries=3)
    assert "at most" in str(conflict.value)
    with pytest.raises(InvalidRequest):
        await webhooks.change(TENANT, made.endpoint.id, url="https://10.0.0.1/")


async def test_while_a_secret_is_changed_either_one_tells_what_is_ours(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    rotated = await scene.webhooks.rotate(TENANT, made.endpoint.id, A_DAY)
    assert rotated.secret != made.secret
    with pytest.raises(Conflict, match="already"):
        await scene.webhooks.rotate(TENANT, made.endpoint.id, A_DAY)
    await scene.happens("s1")
    await scene.dispatcher.round()
    assert receiver.received[0].is_signed_by(made.secret)
    assert receiver.received[0].is_signed_by(rotated.secret, NEXT)

    scene.time += A_DAY
    await scene.happens("s1")
    await scene.dispatcher.round()
    assert receiver.received[1].is_signed_by(rotated.secret)
    assert NEXT not in receiver.received[1].headers


async def test_a_change_of_secrets_can_be_finished_early_and_a_stolen_one_be_dropped_at_once(
    scene: Scene, receiver: Receiver
) -> None:
    made = await scene.endpoint(receiver)
    second = await scene.webhooks.rotate(TENANT, made.endpoint.id)
    await scene.webhooks.finish_rotation(TENANT, made.endpoint.id)
    await scene.happens("s1")
    await scene.dispatcher.round()
    await scene.webhooks.rotate(TENANT, made.endpoint.id)
    fourth = await scene.webhooks.rotate(TENANT, made.endpoint.id, timedelta(0))
    await scene.happens("s1")
    await scene.dispatcher.round()
    assert receiver.received[0].is_signed_by(second.secret)
    assert receiver.received[1].is_signed_by(fourth.secret)
    assert not any(NEXT in each.headers for each in receiver.received)
    with pytest.raises(InvalidRequest, match="days"):
        await scene.webhooks.rotate(TENANT, made.endpoint.id, MOST_GRACE + A_DAY)


async def test_no_signing_secret_lies_in_the_tables(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    await scene.happens("s1")
    await scene.dispatcher.round()
    stored = [str(row.__dict__) for row in (await scene.look(made), *await scene.log())]
    assert len(stored) == 2
    assert not any(made.secret in row for row in stored)


async def test_an_endpoint_that_fails_for_two_days_is_stopped_with_its_reason_and_can_be_restarted(
    scene: Scene, receiver: Receiver
) -> None:
    made = await scene.endpoint(receiver)
    receiver.status = 500
    started = scene.time
    number = 0
    while (await scene.look(made)).stopped_at is None:
        number += 1
        await scene.happens(f"s{number}", number)
        await scene.dispatcher.round()
        await scene.passes(timedelta(hours=2), step=timedelta(hours=2))
    stopped = await scene.look(made)
    assert STOPPED_AFTER <= scene.time - started < STOPPED_AFTER + timedelta(hours=6)
    assert stopped.stopped_because is not None
    assert stopped.stopped_because.startswith("Nothing could be delivered since 20")
    assert stopped.stopped_because.endswith("It was 500.")

    tried = len(receiver.received)
    await scene.happens("late", 1000)
    await scene.happens("late", 1001)
    await scene.passes(timedelta(hours=3), step=timedelta(hours=1))
    assert len(receiver.received) == tried
    assert "pending" not in await scene.states()
    [newest, *_] = await scene.webhooks.log(TENANT, state=DeliveryState.SKIPPED)
    assert newest.data == {"number": 1001}
    with pytest.raises(Conflict, match="restart it first"):
        await scene.webhooks.redeliver(TENANT, made.endpoint.id, newest.event_id)

    receiver.status = 200
    receiver.received.clear()
    missed = await scene.webhooks.restart(TENANT, made.endpoint.id, since=started)
    await scene.happens("late", 1002)
    await scene.dispatcher.round()
    assert missed == number + 2
    assert len(receiver.received) == number + 3
    assert [event for event in receiver.events if event[0] == "late"] == [("late", n) for n in (1000, 1001, 1002)]
    again = await scene.look(made)
    assert (again.stopped_at, again.stopped_because, again.failing_since) == (None, None, None)


async def test_restarted_without_more_it_gets_what_happens_from_now_on(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    await scene.happens("s1", 1)
    await scene.webhooks.stop(TENANT, made.endpoint.id, "Its owner said so.")
    await scene.webhooks.stop(TENANT, made.endpoint.id, "another reason")
    await scene.happens("s1", 2)
    assert (await scene.look(made)).stopped_because == "Its owner said so."
    assert await scene.states() == ["skipped", "skipped"]
    assert await scene.webhooks.restart(TENANT, made.endpoint.id) == 0
    await scene.happens("s1", 3)
    await scene.dispatcher.round()
    assert receiver.events == [("s1", 3)]


async def test_a_target_that_is_gone_is_stopped_at_once(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    receiver.status = 410
    await scene.happens("s1", 1)
    await scene.happens("s1", 2)
    await scene.dispatcher.round()
    assert len(receiver.received) == 1
    assert "410" in ((await scene.look(made)).stopped_because or "")
    assert await scene.states() == ["skipped", "skipped"]


async def test_an_event_is_sent_again_on_demand_with_another_delivery_id(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    await scene.happens("s1")
    await scene.dispatcher.round()
    [row] = await scene.log()
    await scene.webhooks.redeliver(TENANT, made.endpoint.id, row.event_id)
    await scene.dispatcher.round()
    first, second = (each.json for each in receiver.received)
    assert first["eventId"] == second["eventId"]
    assert first["deliveryId"] != second["deliveryId"]
    assert len((await scene.log())[0].attempts) == 2
    with pytest.raises(NotFound, match="no event"):
        await scene.webhooks.redeliver(TENANT, made.endpoint.id, "unknown")


async def test_what_waits_for_its_next_try_can_be_sent_now(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    receiver.status = 500
    await scene.happens("s1")
    await scene.dispatcher.round()
    receiver.status = 200
    await scene.dispatcher.round()
    assert len(receiver.received) == 1
    await scene.webhooks.redeliver(TENANT, made.endpoint.id, (await scene.log())[0].event_id)
    await scene.dispatcher.round()
    assert await scene.states() == ["delivered"]


async def test_the_log_is_read_page_by_page(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    for number in range(5):
        await scene.happens(f"s{number % 2}", number)
    first = await scene.webhooks.log(TENANT, limit=2)
    second = await scene.webhooks.log(TENANT, limit=2, before=first[-1].number)
    assert [row.data["number"] for row in (*first, *second)] == [4, 3, 2, 1]
    of_session = await scene.webhooks.log(TENANT, endpoint_id=made.endpoint.id, session_id="s1")
    assert [row.data["number"] for row in of_session] == [3, 1]
    assert await scene.webhooks.log(TENANT, state=DeliveryState.DELIVERED) == []


async def test_the_log_forgets_what_ended_a_week_ago_or_is_too_much(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver)
    upkeep = WebhookUpkeep(scene.database)
    for number in range(3):
        await scene.happens("s1", number)
    await scene.dispatcher.round()
    scene.time += KEPT_FOR
    for number in range(3, 8):
        await scene.happens("s1", number)
    await upkeep.round()
    assert len(await scene.log()) == 8  # not longer ago than a week
    scene.time += timedelta(seconds=1)
    await upkeep.round()
    assert [row.data["number"] for row in await scene.log()] == [3, 4, 5, 6, 7]  # and what waits is never forgotten
    await scene.dispatcher.round()
    await upkeep.round(most_kept=2)
    assert [row.data["number"] for row in await scene.log()] == [6, 7]


async def test_an_endpoint_that_cannot_keep_up_is_stopped(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    upkeep = WebhookUpkeep(scene.database)
    for number in range(4):
        await scene.happens("s1", number)
    await upkeep.round(most_pending=4)
    assert (await scene.look(made)).stopped_at is None
    await upkeep.round(most_pending=3)
    assert (await scene.look(made)).stopped_because == "It did not keep up: 4 deliveries waited."
    assert set(await scene.states()) == {"skipped"}
    await upkeep.round()


async def test_an_operator_lists_looks_sends_again_and_restarts(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    endpoint_id = made.endpoint.id
    receiver.status = 500
    await scene.happens("s1")
    await scene.dispatcher.round()
    [row] = await scene.log()

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["tenants", "webhooks", *words])

    async def says(*words: str) -> str:
        result = await asyncio.to_thread(run, *words)
        assert result.exit_code == 0, result.output
        return result.output

    listed = await says("list")
    assert endpoint_id in listed
    assert "failing since 20" in listed
    log = await says("log", endpoint_id)
    assert row.event_id in log
    assert "500 refused" in log
    assert "nothing in the log" in await says("log", endpoint_id, "--session", "s2")
    assert row.event_id in await says("redeliver", endpoint_id, row.event_id)
    await scene.webhooks.stop(TENANT, endpoint_id, "Its owner said so.")
    assert "stopped 20" in await says("list")
    assert "1 event is sent again" in await says("restart", endpoint_id, "--since", "2020-01-01")
    assert "0 events are" in await says("restart", endpoint_id)
    assert (await scene.states(), (await scene.look(made)).stopped_at) == (["pending"], None)
    result = await asyncio.to_thread(run, "log", "unknown")
    assert result.exit_code == 1
    assert "There is no webhook endpoint" in result.output
