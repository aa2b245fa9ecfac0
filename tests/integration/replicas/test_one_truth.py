"""Two replicas promise no more and no less than one."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence

import httpx
from sqlalchemy import func, select

from orchestrator.play.lifecycle import Position
from orchestrator.play.models import Session
from tests.integration.orchestrator.play.scenes import launch, running, status
from tests.integration.replicas.house import House

SEATS = 4
TWO_AT_ONCE = 25
ROUNDS = 4  # as many as the host has seats


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_two_launches_at_the_same_instant_on_two_replicas_start_one_session(house: House) -> None:
    people = [await house.person(f"person{number}") for number in range(TWO_AT_ONCE)]
    host = await house.host(house.a)
    for here, there in people:
        await host.sync()
        answers = await asyncio.gather(launch(here), launch(there))
        assert statuses(answers) == {202: 1, 409: 1}, [answer.text for answer in answers]
        started, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert refused.json()["error"] == "session_active"
        assert refused.json()["sessionId"] == started.json()["sessionId"]


async def test_a_launch_sent_to_both_replicas_with_one_key_is_one_session(house: House) -> None:
    host = await house.host(house.a)
    for number in range(ROUNDS):
        here, there = await house.person(f"person{number}")
        await host.sync()
        answers = await asyncio.gather(launch(here, key="once"), launch(there, key="once"))
        assert statuses(answers) == {202: 2}
        assert len({answer.json()["sessionId"] for answer in answers}) == 1


async def test_many_launches_on_two_replicas_cannot_overbook_a_host(house: House) -> None:
    people = [await house.person(f"person{number}") for number in range(3 * SEATS)]
    host = await house.host(house.a)
    answers = await asyncio.gather(
        *(launch(browsers[number % 2]) for number, browsers in enumerate(people)),
    )
    assert statuses(answers) == {202: 3 * SEATS}
    assert len((await host.sync()).sessions) == SEATS
    async with house.services.database.read() as session:
        waiting = select(func.count()).where(Session.position == Position.PLACING.value)
        assert await session.scalar(waiting) == 2 * SEATS


async def test_an_order_through_one_replica_wakes_the_host_that_waits_at_the_other(house: House) -> None:
    host = await house.host(house.b)
    took_s: list[float] = []
    clock_s = asyncio.get_running_loop().time
    for number in range(ROUNDS):
        here, _ = await house.person(f"person{number}")
        revision = (await host.sync()).revision
        waiting = asyncio.create_task(
            host.client.get("/api/agents/wait", params={"revision": revision}, headers=host.headers)
        )
        assert (await launch(here)).status_code == 202
        launched_s = clock_s()
        assert (await waiting).json()["revision"] > revision
        took_s.append(clock_s() - launched_s)
    assert statistics.median(took_s) < 1.0, took_s


async def test_who_waits_at_one_replica_hears_what_is_done_through_the_other(house: House) -> None:
    here, there = await house.person()
    host = await house.host(house.a)
    order = await running(here, host)
    clock_s = asyncio.get_running_loop().time
    took_s: list[float] = []
    for used in range(1, ROUNDS + 1):
        before = await status(there, order.session_id)
        waiting = asyncio.create_task(
            status(there, order.session_id, wait=20, after=before["revision"]),
        )
        moved_s = clock_s()
        host.observed[order.session_id] = host.observed[order.session_id].model_copy(
            update={"save_used_bytes": used * 2**20}
        )
        await host.sync()
        assert (await waiting)["save"]["usedBytes"] == used * 2**20
        took_s.append(clock_s() - moved_s)
    assert statistics.median(took_s) < 1.0, took_s


async def test_a_place_that_becomes_free_at_one_replica_goes_to_who_waits_at_the_other(house: House) -> None:
    host = await house.host(house.b, cpu_cores=1.0)
    playing, _ = await house.person("ada")
    order = await running(playing, host)
    _, waits = await house.person("bob")
    session_id = (await launch(waits)).json()["sessionId"]
    assert (await status(waits, session_id))["queuePosition"] == 1
    held = asyncio.create_task(status(waits, session_id, wait=20, after=(await status(waits, session_id))["revision"]))
    await host.end(order, "exited", "bye")
    view = await held
    assert (view["phase"], view["queuePosition"]) == ("pulling", None)
    assert [item.session_id for item in (await host.sync()).sessions] == [session_id]


async def test_launches_are_counted_once_across_replicas(house: House) -> None:
    browsers = await house.person()
    host = await house.host(house.a)
    order = await running(browsers[0], host)
    refused = await asyncio.gather(*(launch(browsers[number % 2]) for number in range(9)))
    assert statuses(refused) == {409: 9}
    await host.sync()
    await host.end(order)
    for browser in browsers:
        answer = await launch(browser)
        assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_sign_in_tries_are_counted_once_across_replicas(house: House) -> None:
    browsers = house.browser(house.a), house.browser(house.b)
    answers: list[httpx.Response] = []
    for number in range(12):
        browser = browsers[number % 2]
        token = (await browser.get("/api/auth/csrf")).json()["csrfToken"]
        form = {"csrfToken": token, "email": "ada@example.org", "password": "wrong horse", "json": "true"}
        answers.append(await browser.post("/api/auth/callback/credentials", data=form))
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0
