"""Those who wait for a place: who is before whom, and who is served when one is free."""

import asyncio

import httpx

from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker, add_game
from tests.integration.orchestrator.play.scenes import launch, reach, running, status

IN_TIME_S = 20


async def test_a_place_that_becomes_free_goes_to_who_has_waited_longest_and_at_once(
    player: httpx.AsyncClient, signed_in: SignedIn, make_host: HostMaker, game: str
) -> None:
    small = await make_host(cpu_cores=1.0)
    order = await running(player, small)
    first, second = await signed_in("first@example.org"), await signed_in("second@example.org")
    waiting = [(await launch(person)).json()["sessionId"] for person in (first, second)]
    known = await status(second, waiting[1])
    assert ((await status(first, waiting[0]))["queuePosition"], known["queuePosition"]) == (1, 2)
    held = asyncio.create_task(status(second, waiting[1], wait=20, after=known["revision"]))
    await small.end(order, "exited", "bye")
    async with asyncio.timeout(IN_TIME_S):
        await reach(first, waiting[0], "pulling")
        view = await held
    assert (view["phase"], view["queuePosition"]) == ("placing", 1)


async def test_a_game_that_needs_a_rare_host_is_before_nobody_else(
    player: httpx.AsyncClient, signed_in: SignedIn, services: Services, make_host: HostMaker, admin: httpx.AsyncClient,
    game: str,
) -> None:  # fmt: skip
    await add_game(services, "needs-gpu", labels={"gpu": "yes"})
    rare, plain = await make_host(name="rare", cpu_cores=1.0), await make_host(name="plain", cpu_cores=1.0)
    await admin.patch(f"/api/admin/hosts/{rare.host_id}", json={"labels": {"gpu": "yes"}})
    assert (await launch(player, "needs-gpu")).status_code == 202
    waits, other, last = [await signed_in(f"{name}@example.org") for name in ("waits", "other", "last")]
    waiting = (await launch(waits, "needs-gpu")).json()["sessionId"]
    assert (await status(waits, waiting))["queuePosition"] == 1
    placed = (await launch(other)).json()["sessionId"]
    async with asyncio.timeout(IN_TIME_S):
        await reach(other, placed, "pulling")
    assert [order.session_id for order in (await plain.sync()).sessions] == [placed]
    behind = (await launch(last)).json()["sessionId"]
    assert (await status(last, behind))["queuePosition"] == 2, "the rare host could take both"
