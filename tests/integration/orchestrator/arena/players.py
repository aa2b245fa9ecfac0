"""Players' clients: the stock Socket.IO client of Python, which remembers what it hears."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import aiohttp
import socketio

DEADLINE_S = 60.0


class Client:
    """One connection to one game."""

    def __init__(self, url: str, game: str, *, path: str, transport: str, headers: dict[str, str]) -> None:
        self._url, self.namespace, self._path = url, f"/{game}", path
        self._transport, self._headers = transport, headers
        self._heard: dict[str, list[Any]] = defaultdict(list)
        self._news = asyncio.Condition()
        self._answers: list[aiohttp.ClientResponse] = []
        self._http = aiohttp.ClientSession(trace_configs=[self._keeping_answers()])
        self._io: Any = socketio.AsyncClient(reconnection=False, http_session=self._http)
        self._io.on("*", self._hear, namespace=self.namespace)

    async def connect(self, token: str | None = None) -> None:
        await self._io.connect(
            self._url,
            namespaces=[self.namespace],
            transports=[self._transport],
            socketio_path=self._path,
            headers=self._headers,
            auth=None if token is None else {"token": token},
            wait_timeout=DEADLINE_S,
        )

    async def close(self) -> None:
        try:
            await self._io.disconnect()
        finally:  # the stock client leaves open what the server refused or was quicker to close
            loops = [loop for loop in (self._io.eio.read_loop_task, self._io.eio.write_loop_task) if loop is not None]
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            for answer in self._answers:
                answer.close()
            await self._http.close()

    @property
    def socket_id(self) -> str:
        return str(self._io.get_sid(self.namespace))

    async def say(self, event: str, payload: Any = None) -> None:
        await self._io.emit(event, payload, namespace=self.namespace)

    async def hears(self, event: str) -> Any:
        """The next event of this name."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: self._heard[event] or (self._heard["error"] and event != "error"))
            assert self._heard[event], f"no {event}: {self._heard['error']}"
            return self._heard[event].pop(0)

    def heard(self, event: str) -> int:
        """How many events of this name wait to be looked at."""
        return len(self._heard[event])

    async def refusal(self) -> str:
        """The code of the next error."""
        return (await self.hears("error"))["code"]

    async def join(self, session: dict[str, Any], player_id: str | None = None, **more: Any) -> None:
        mine = player_id or session["players"][0]["id"]
        await self.say(
            "matchmaking:join", {"username": mine, "playerId": mine, "sessionId": session["sessionId"], **more}
        )

    def _keeping_answers(self) -> aiohttp.TraceConfig:
        async def keep(_session: object, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
            self._answers.append(ended.response)

        tracing = aiohttp.TraceConfig()
        tracing.on_request_end.append(keep)
        return tracing

    async def _hear(self, event: str, *data: Any) -> None:
        async with self._news:
            self._heard[event].append(data[0] if data else None)
            self._news.notify_all()


async def until(condition: Callable[[], Awaitable[object]], deadline_s: float = DEADLINE_S) -> None:
    """Wait for what becomes true soon."""
    give_up_at = monotonic() + deadline_s
    while not await condition():
        assert monotonic() < give_up_at
        await asyncio.sleep(0.02)


class Clients:
    """Makes clients of one server, and closes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[Client] = []

    async def connected(
        self,
        game: str,
        token: str | None = None,
        *,
        path: str = "socket.io",
        transport: str = "websocket",
        origin: str | None = None,
    ) -> Client:
        headers = {} if origin is None else {"Origin": origin}
        client = Client(self.url, game, path=path, transport=transport, headers=headers)
        self._made.append(client)
        await client.connect(token)
        return client

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self._made), return_exceptions=True)


@asynccontextmanager
async def clients_of(url: str) -> AsyncGenerator[Clients]:
    clients = Clients(url)
    try:
        yield clients
    finally:
        await clients.close()
