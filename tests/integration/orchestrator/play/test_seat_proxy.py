"""An offer that is passed on to a host which only this machine can reach: to it, and nowhere else."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web

from orchestrator.play.proxy import MAX_ANSWER_BYTES, VIA
from tests.conftest import only_on
from tests.integration.orchestrator.conftest import HostMaker
from tests.integration.orchestrator.play.scenes import running

Answer = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncGenerator[str]:
    """The address of a host's HTTP that answers every offer so."""
    application = web.Application()
    application.router.add_post("/session/{id}/connect", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_an_offer_and_its_answer_pass_as_they_are(
    player: httpx.AsyncClient, client: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    heard = list[tuple[bytes, str]]()

    async def answer(request: web.Request) -> web.Response:
        heard.append((await request.read(), request.headers["Via"]))
        return web.json_response({"answer": "yes"}, status=409)

    async with answering(answer) as url:
        order = await running(player, await make_host(public_url=url))
        passed_on = await client.post(f"/session/{order.session_id}/connect", content=b'{"offer": 1}')
        assert (passed_on.status_code, passed_on.json()) == (409, {"answer": "yes"})
        assert heard == [(b'{"offer": 1}', VIA)]


@only_on("sqlite")
@pytest.mark.parametrize("status", [204, 304, 600, 999])
async def test_a_status_that_no_browser_could_be_given_is_no_answer(
    player: httpx.AsyncClient, client: httpx.AsyncClient, make_host: HostMaker, game: str, status: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, reason="So")

    async with answering(answer) as url:
        order = await running(player, await make_host(public_url=url))
        passed_on = await client.post(f"/session/{order.session_id}/connect", content=b"{}")
    assert (passed_on.status_code, passed_on.json()["error"]) == (502, "host_unreachable")


async def test_a_host_leads_us_nowhere_and_fills_no_memory(
    player: httpx.AsyncClient, client: httpx.AsyncClient, make_host: HostMaker, game: str
) -> None:
    asked = list[str]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) == 1:
            return web.Response(status=307, headers={"Location": f"/session/{request.match_info['id']}/connect?again"})
        return web.Response(body=bytes(MAX_ANSWER_BYTES + 1))

    async with answering(answer) as url:
        order = await running(player, await make_host(public_url=url))
        path = f"/session/{order.session_id}/connect"
        assert (await client.post(path, content=b"{}")).status_code == 307
        assert len(asked) == 1, "a redirect is not followed"
        assert (await client.post(path, content=b"{}")).json()["error"] == "host_unreachable"
        assert (await client.post(path, content=b"{}", headers={"Via": VIA})).status_code == 404
        assert len(asked) == 2, "what was passed on already is passed on no further"
    assert (await client.post(path, content=b"{}")).json()["error"] == "host_unreachable", "it has gone"
