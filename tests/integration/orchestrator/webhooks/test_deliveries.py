"""From what happened to the tenant's server: once it is committed, at least once, in order, and at nobody's cost."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from metering import Meter
from orchestrator.database import Database
from orchestrator.observing.facts import Facts
from orchestrator.observing.table import ROUTE, TABLE
from orchestrator.saves.folder_store import FolderStore
from orchestrator.saves.watch import StoreWatch
from orchestrator.settings import Settings
from orchestrator.webhooks.dispatcher import LEASE, TOPIC
from orchestrator.webhooks.sender import HttpSender, Outcome
from orchestrator.webhooks.shares import MOST_AT_AN_ENDPOINT
from tests.conftest import only_on
from tests.integration.orchestrator.webhooks.conftest import OTHER, REACH, TENANT, Scene, running, until
from tests.integration.orchestrator.webhooks.receiver import Receiver, receiving

GUIDE = Path(__file__).parents[4] / "docs" / "webhooks.md"


async def test_an_event_arrives_as_documented_and_is_signed(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    await scene.happens("s1", event="game.ended", data={"winner": "Zoë", "reason": "checkmate"})
    await scene.dispatcher.round()
    [got] = receiver.received
    [row] = await scene.log()
    assert got.json == {
        "event": "game.ended",
        "deliveryId": got.headers["X-BetaGamer-Delivery"],
        "eventId": row.event_id,
        "sessionId": "s1",
        "game": "chess",
        "mode": "live",
        "timestamp": scene.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {"winner": "Zoë", "reason": "checkmate"},
    }
    assert got.headers["X-BetaGamer-Event"] == "game.ended"
    assert got.headers["Content-Type"] == "application/json"
    assert got.is_signed_by(made.secret)
    assert not got.is_signed_by("another")
    assert row.state == "delivered"
    assert (row.attempts[0]["status"], row.attempts[0]["deliveryId"]) == (200, got.json["deliveryId"])


async def test_the_guides_own_lines_tell_what_is_ours(scene: Scene, receiver: Receiver) -> None:
    """As they are written in docs/webhooks.md."""
    made = await scene.endpoint(receiver)
    await scene.happens("s1")
    await scene.dispatcher.round()
    [got] = receiver.received
    [sample] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(sample, names)
    assert names["is_ours"](got.body, got.headers, made.secret)
    assert not names["is_ours"](got.body + b" ", got.headers, made.secret)
    assert not names["is_ours"](got.body, {}, made.secret)


async def test_what_is_rolled_back_never_happened(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver)

    async def fails() -> None:
        async with scene.database.write() as session:
            await scene.enqueue(session, "s1")
            raise LookupError

    with pytest.raises(LookupError):
        await fails()
    await scene.dispatcher.round()
    assert (receiver.received, await scene.log()) == ([], [])


async def test_only_live_sessions_of_this_tenant_and_wanted_events_are_sent(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver, events=["game.ended"])
    await scene.happens("s1", 1, event="game.move")
    await scene.happens("s1", 2, event="game.ended")
    await scene.happens("s2", 3, event="game.ended", mode="test")
    await scene.happens("s3", 4, event="game.ended", mode="training")
    await scene.happens("s4", 5, event="game.ended", tenant_id=OTHER)
    await scene.dispatcher.round()
    assert receiver.events == [("s1", 2)]
    with pytest.raises(ValueError, match="no event"):
        await scene.happens("s1", event="game.over")


async def test_each_endpoint_gets_the_event_by_itself(scene: Scene, receiver: Receiver) -> None:
    async with receiving() as other:
        other.status = 500
        await scene.endpoint(receiver)
        await scene.endpoint(other)
        await scene.happens("s1")
        await scene.dispatcher.round()
        assert receiver.events == other.events == [("s1", 1)]
        assert receiver.received[0].json["eventId"] == other.received[0].json["eventId"]
        assert receiver.received[0].json["deliveryId"] != other.received[0].json["deliveryId"]
        assert sorted(await scene.states()) == ["delivered", "pending"]


async def test_a_session_waits_for_its_earlier_event_and_no_other_session_does(
    scene: Scene, receiver: Receiver
) -> None:
    await scene.endpoint(receiver)
    receiver.status = 503
    await scene.happens("s1", 1)
    await scene.dispatcher.round()
    receiver.status = 200
    async with scene.database.write() as session:
        await scene.enqueue(session, "s1", 2)
        await scene.enqueue(session, "s2", 1)
        await scene.enqueue(session, "s1", 3)
    await scene.dispatcher.round()
    assert receiver.events == [("s1", 1), ("s2", 1)]
    await scene.passes(timedelta(seconds=30))
    assert receiver.events[2:] == [("s1", 1), ("s1", 2), ("s1", 3)]


async def test_an_hour_of_500_loses_nothing_and_is_not_answered_by_a_flood(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)
    receiver.status = 500
    for number in (1, 2, 3):
        for session_id in ("s1", "s2"):
            await scene.happens(session_id, number)
    await scene.dispatcher.round()
    await scene.passes(timedelta(hours=1))
    assert set(receiver.events) == {("s1", 1), ("s2", 1)}
    assert len(receiver.received) == 6  # at once, after half a minute, after six
    assert len({each.json["deliveryId"] for each in receiver.received}) == 6
    assert len({each.json["eventId"] for each in receiver.received}) == 2
    endpoint = await scene.look(made)
    assert endpoint.failing_since is not None
    assert endpoint.stopped_at is None

    receiver.status = 200
    receiver.received.clear()
    await scene.passes(timedelta(hours=1))
    for session_id in ("s1", "s2"):
        assert [event for event in receiver.events if event[0] == session_id] == [(session_id, n) for n in (1, 2, 3)]
    assert set(await scene.states()) == {"delivered"}
    assert (await scene.look(made)).failing_since is None


@pytest.mark.parametrize("retries", [0, 3, 5])
async def test_a_delivery_is_tried_as_often_as_the_plan_says_and_then_the_next_one_is(
    scene: Scene, receiver: Receiver, retries: int
) -> None:
    await scene.endpoint(receiver, retries=0)
    async with scene.database.write() as session:
        await scene.webhooks.set_retries(session, TENANT, retries)
    receiver.status = 500
    await scene.happens("s1", 1)
    await scene.happens("s1", 2)
    await scene.dispatcher.round()
    while (await scene.states())[0] == "pending":
        assert set(receiver.events) == {("s1", 1)}
        scene.time = (await scene.log())[0].due_at
        await scene.dispatcher.round()
    first = (await scene.log())[0]
    assert first.state == "failed"
    assert first.tries == len(first.attempts) == retries + 1
    assert all(attempt["answer"] == "as the test says" for attempt in first.attempts)
    assert receiver.events == (retries + 1) * [("s1", 1)] + [("s1", 2)]


async def test_who_dies_between_send_and_mark_leaves_it_to_be_sent_again_as_the_same(
    scene: Scene, receiver: Receiver
) -> None:
    await scene.endpoint(receiver)
    came, may_answer = asyncio.Event(), asyncio.Event()

    async def answer_late(_request: web.Request) -> web.StreamResponse:
        came.set()
        await may_answer.wait()
        return web.Response()

    receiver.answer = answer_late
    await scene.happens("s1", 1)
    await scene.happens("s1", 2)
    dying = asyncio.create_task(scene.dispatcher.round())
    await came.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    may_answer.set()

    another = scene.replica(scene.sender)
    await another.round()
    assert len(receiver.received) == 1  # it is leased
    scene.time += LEASE
    await another.round()
    first, again, then = receiver.received
    assert first.body == again.body
    assert first.headers["X-BetaGamer-Delivery"] == again.headers["X-BetaGamer-Delivery"]
    assert then.json["data"] == {"number": 2}
    assert await scene.states() == ["delivered", "delivered"]
    assert [row.tries for row in await scene.log()] == [1, 1]


async def test_who_comes_back_after_its_lease_marks_nothing(scene: Scene, receiver: Receiver) -> None:
    """Its late failure must not undo what another has delivered, nor count as a second try."""
    await scene.endpoint(receiver)
    sent, may_end = asyncio.Event(), asyncio.Event()

    class Sluggish(HttpSender):
        async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
            sent.set()
            await may_end.wait()
            return Outcome(took_ms=1, status=500)

    await scene.happens("s1")
    late = asyncio.create_task(scene.replica(Sluggish(REACH)).round())
    await sent.wait()
    scene.time += LEASE
    await scene.dispatcher.round()
    may_end.set()
    await late
    [row] = await scene.log()
    assert (row.state, row.tries, len(receiver.received)) == ("delivered", 1, 1)


@only_on("postgresql")
async def test_two_replicas_deliver_each_event_once_and_in_order(
    scene: Scene, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.endpoint(receiver)
    other = Database(settings.database_url)
    monkeypatch.setattr(other, "now", scene.now)
    try:
        async with running(scene.dispatcher, scene.replica(HttpSender(REACH), other)):
            for number in range(1, 11):
                async with scene.database.write() as session:
                    for session_id in "abcdef":
                        await scene.enqueue(session, session_id, number)
            async with asyncio.timeout(60):
                while True:
                    if set(await scene.states()) == {"delivered"}:
                        break
                    await asyncio.sleep(0.01)
    finally:
        await other.close()
    assert len(receiver.received) == 60
    for session_id, events in groupby(sorted(receiver.events, key=lambda event: event[0]), lambda event: event[0]):
        assert [number for _, number in events] == list(range(1, 11)), session_id


@only_on("postgresql")
async def test_two_replicas_together_send_no_more_at_once_to_an_endpoint(
    scene: Scene, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.endpoint(receiver)
    may_answer = asyncio.Event()

    async def answer_late(_request: web.Request) -> web.StreamResponse:
        await may_answer.wait()
        return web.Response()

    receiver.answer = answer_late
    for number in range(20):
        await scene.happens(f"s{number}")
    other = Database(settings.database_url)
    monkeypatch.setattr(other, "now", scene.now)
    try:
        rounds = [
            asyncio.create_task(replica.round()) for replica in (scene.dispatcher, scene.replica(scene.sender, other))
        ]
        await until(lambda: len(receiver.received) == MOST_AT_AN_ENDPOINT)
        await scene.replica(scene.sender, other).round()
        assert len(receiver.received) == MOST_AT_AN_ENDPOINT
        may_answer.set()
        await asyncio.gather(*rounds)
    finally:
        await other.close()
    assert len(receiver.received) == 20


async def test_a_slow_tenant_holds_up_nobody_else(scene: Scene, receiver: Receiver) -> None:
    async with receiving() as slow:
        may_answer = asyncio.Event()

        async def answer_late(_request: web.Request) -> web.StreamResponse:
            await may_answer.wait()
            return web.Response()

        slow.answer = answer_late
        await scene.endpoint(slow, OTHER)
        await scene.endpoint(receiver)
        for number in range(100):
            await scene.happens(f"slow{number}", tenant_id=OTHER)
        async with running(scene.dispatcher):
            scene.notices.hear(TOPIC)
            await until(lambda: len(slow.received) == MOST_AT_AN_ENDPOINT)
            for number in range(10):
                await scene.happens(f"s{number}")
            await until(lambda: len(receiver.received) == 10)
            assert len(slow.received) == MOST_AT_AN_ENDPOINT
            may_answer.set()
            await until(lambda: len(slow.received) > MOST_AT_AN_ENDPOINT)


async def test_a_replica_sends_what_happens_at_once(
    scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.background._ROUND_EVERY_S", 3600)  # no round comes by itself
    await scene.endpoint(receiver)
    async with running(scene.dispatcher):
        await scene.happens("s1", 1)
        await scene.happens("s1", 2)
        await until(lambda: receiver.events == [("s1", 1), ("s1", 2)])


async def test_a_bug_of_ours_is_a_failed_try_and_not_one_for_ever(scene: Scene, receiver: Receiver) -> None:
    class Broken(HttpSender):
        async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
            raise ZeroDivisionError

    await scene.endpoint(receiver)
    await scene.happens("s1")
    scene.dispatcher = scene.replica(Broken(REACH))
    await scene.dispatcher.round()
    await scene.passes(timedelta(hours=2), step=timedelta(minutes=10))
    [row] = await scene.log()
    assert (row.state, row.tries) == ("failed", 4)
    assert row.attempts[-1]["failure"] == "internal"


async def test_an_endpoint_that_is_removed_on_the_way_is_gone_with_its_log(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver)

    async def remove(_request: web.Request) -> web.StreamResponse:
        await scene.webhooks.remove(TENANT, made.endpoint.id)
        return web.Response()

    receiver.answer = remove
    await scene.happens("s1")
    await scene.dispatcher.round()
    assert len(receiver.received) == 1
    assert await scene.log() == []


async def test_data_comes_through_as_it_was_given(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver)
    data = {"b": [1, 2.5, None, True], "a": {"name": "Zoë 🎩 \u2028 </script>", "empty": ""}}
    await scene.happens("s1", data=data)
    await scene.dispatcher.round()
    assert json.dumps(receiver.received[0].json["data"]) == json.dumps(data)


async def test_only_what_nobody_holds_up_but_us_is_late(
    scene: Scene, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead server, and what waits behind its events, is its tenant's lateness."""
    monkeypatch.setattr("orchestrator.observing.facts.FRESH_S", 0.0)
    meter = Meter(TABLE, {ROUTE: ()})
    facts = Facts(scene.database, StoreWatch(FolderStore(tmp_path)), meter)

    async def lag_s() -> float:
        await facts.look()
        text = meter.text().decode()
        assert "playhouse_database_up 1.0" in text
        return float(re.findall(r"^playhouse_webhook_lag_seconds (.*)$", text, re.MULTILINE)[0])

    async with receiving() as dead:
        dead.status = 500
        await scene.endpoint(dead, OTHER)
        for number in (1, 2):
            await scene.happens("s1", number, OTHER)
        await scene.passes(timedelta(minutes=20))
        assert len(dead.received) > 1
        assert set(dead.events) == {("s1", 1)}
        assert await lag_s() == 0

    await scene.endpoint(receiver)
    await scene.happens("s2")
    scene.time += timedelta(minutes=15)
    assert await lag_s() == 15 * 60
