"""The play page and the watch page as people have them, on a real seat, for any browser: one origin with a replica's
pages, what the API says of a session that runs, and the way to the seat.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from bench.streaming.seat import serving
from streaming.audience import Role
from streaming.errors import SeatError
from streaming.protocol import Introduction, SessionDescription
from tests.browser.pages.conftest import Replica
from tests.browser.pages.pages_support import PLAY, SESSION, FakeApi, seated, watched
from tests.integration.streaming.seat_support import Seat

KEPT_HEADERS = {"content-type", "content-security-policy"}


class House:
    """Invitations are good until they are taken back, which ends those who came by them."""

    def __init__(self, seat: Seat, replica: Replica, client: ClientSession) -> None:
        self._seat = seat
        self._replica = replica
        self._client = client
        self._api = FakeApi()
        self._epoch = 0
        self._invited: dict[str, Introduction] = {}
        self.url = ""

    @property
    def play_url(self) -> str:
        return f"{self.url}{PLAY}"

    async def open(self, url: str) -> None:
        self.url = url.rstrip("/")
        await self._api.push({**seated("running", "ready"), "containerUrl": self._container_url})

    async def close(self) -> None:
        """Whoever waits for news is answered."""
        await self._api.push({})

    @property
    def _container_url(self) -> str:
        return f"{self.url}/session/{SESSION}/"

    async def pages(self, request: web.Request) -> web.Response:
        async with self._client.get(f"{self._replica.url}{request.path_qs}", cookies=self._replica.cookies) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() in KEPT_HEADERS}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    async def api(self, request: web.Request) -> web.Response:
        code, answer = await self._api.result(request.method, request.path, dict(request.query))
        return web.json_response(answer, status=code)

    async def invite(self, _: web.Request) -> web.Response:
        answer = {"inviteUrl": f"{self.url}/watch/{SESSION}#{self._epoch}", "expiresAt": "2036-11-21T18:00:00Z"}
        return web.json_response(answer, status=201)

    async def revoke(self, _: web.Request) -> web.Response:
        self._epoch += 1
        await self._seat.client.revoke(self._epoch)
        return web.json_response({"status": "ok"})

    async def watch(self, request: web.Request) -> web.Response:
        order = await request.json()
        if order["secret"] != str(self._epoch):
            return web.json_response({"error": "forbidden", "message": "this invitation opens nothing"}, status=403)
        person = order.get("person", f"wat{len(self._invited) + 1}")
        self._invited[person] = Introduction(name=order["name"], person=person, epoch=self._epoch)
        where = {"containerUrl": self._container_url, "streamToken": person, "person": person}
        return web.json_response({**watched(), **where})

    async def connect(self, request: web.Request) -> web.Response:
        order = await request.json()
        offer = SessionDescription.model_validate(order["offer"])
        watcher = self._invited.get(order["token"])
        who = watcher or Introduction(name="Ada", person=order["page"], again=order["again"])
        try:
            answer = await self._seat.client.connect(offer, role=Role.WATCHER if watcher else Role.PLAYER, who=who)
        except SeatError as error:
            return web.json_response({"error": error.code, "message": error.message}, status=409)
        return web.json_response({"answer": answer.model_dump()})


@asynccontextmanager
async def whole_house(seat: Seat, replica: Replica) -> AsyncGenerator[House]:
    async with ClientSession() as client:
        house = House(seat, replica, client)
        application = web.Application()
        application.router.add_post("/api/game/invites", house.invite)
        application.router.add_post("/api/game/invites/revoke", house.revoke)
        application.router.add_post("/api/game/watch", house.watch)
        application.router.add_route("*", "/api/{rest:.*}", house.api)
        application.router.add_post(f"/session/{SESSION}/connect", house.connect)
        application.router.add_get("/{rest:.*}", house.pages)
        async with serving(application) as url:
            await house.open(url)
            try:
                yield house
            finally:
                await house.close()
