"""What goes on in a house all the time, by way of its proxy: people, a host, and two who play. Nothing is repeated."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import socketio
from socketio.exceptions import BadNamespaceError

from agent_protocol import News, ObservedState, SyncResponse
from deploy.ssh.deploy import PROJECT
from tests.integration.orchestrator.conftest import ScriptedHost
from tests.integration.replicas.house import House, Replica, free_port

WITHIN_S = 120.0
_FULL_BOARD = "545062455041104565311226266362030334314210"  # columns of a game of connect four that nobody wins
_PAUSE_S = 0.05


@asynccontextmanager
async def proxied(replicas: tuple[Replica, Replica], folder: Path) -> AsyncGenerator[str]:
    """Caddy before these replicas, with the lines of `deploy/compose` and without its TLS: where it listens."""
    port, file = free_port(), folder / "Caddyfile"
    lines = (PROJECT / "deploy" / "compose" / "Caddyfile").read_text().partition("\nhost1.")[0]
    for ours, theirs in (
        ("email {$EMAIL}", "admin off"),
        ("\n{$DOMAIN} {", f"\nhttp://127.0.0.1:{port} {{"),
        (" orchestrator:8000 ", f" {replicas[0].url.removeprefix('http://')} "),
        (" orchestrator2:8000 ", f" {replicas[1].url.removeprefix('http://')} "),
    ):
        assert lines.count(ours) == 1, ours
        lines = lines.replace(ours, theirs)
    file.write_text(lines)
    tool = PROJECT / ".tools" / "bin" / "caddy"
    process = await asyncio.create_subprocess_exec(
        *(str(tool) if tool.exists() else "caddy", "run", "--config", file, "--adapter", "caddyfile"),
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(WITHIN_S), httpx.AsyncClient() as client:
            while not await _answers(client, url):
                assert process.returncode is None, "Caddy ended by itself"
                await asyncio.sleep(_PAUSE_S)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health/live")).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Load:
    """`failures` are what nobody may ever see: an answer that is the house's fault, or none. `done` counts the rest."""

    url: str
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    failures: list[str] = field(default_factory=list[str])
    done: Counter[str] = field(default_factory=Counter[str])
    clients: list[httpx.AsyncClient] = field(default_factory=list[httpx.AsyncClient])

    def client(self, address: str, cookies: httpx.Cookies | None = None) -> httpx.AsyncClient:
        """One that comes from this address of the machine; the proxy chooses by that."""
        transport = httpx.AsyncHTTPTransport(local_address=address)
        made = httpx.AsyncClient(base_url=self.url, timeout=WITHIN_S, transport=transport, cookies=cookies)
        made.event_hooks["response"].append(self._look)
        self.clients.append(made)
        return made

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()

    async def ask(self, what: str, request: Awaitable[httpx.Response]) -> httpx.Response | None:
        """The answer, unless it is a failure."""
        try:
            answer = await request
        except httpx.TransportError as error:
            self.failures.append(f"{what}: {error!r}")
            return None
        self.done[what] += 1
        return answer if answer.status_code < 400 else None

    async def _look(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            await answer.aread()
            self.failures.append(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
            )


async def person(load: Load, client: httpx.AsyncClient, launches: int) -> None:
    """Launches, waits for the game, plays and stops, over and over; when it has launched often enough, plays on."""
    while not load.is_over.is_set() and launches:
        launches -= 1
        body: dict[str, Any] = {"gameSlug": "the-question"}
        launched = await load.ask("launch", client.post("/api/game/launch", json=body))
        if launched is None:
            return
        session = {"sessionId": launched.json()["sessionId"]}
        seen: dict[str, Any] = {}
        while seen.get("status") != "running" and not load.is_over.is_set():
            wait = {"wait": 20, "after": seen["revision"]} if seen else {}
            status = await load.ask("status", client.get("/api/game/session-status", params={**session, **wait}))
            seen = status.json() if status is not None else seen
        for _ in range(20):
            await load.ask("keepalive", client.post("/api/game/keepalive", json=session))
            await asyncio.sleep(_PAUSE_S)
        while not launches and not load.is_over.is_set():
            await load.ask("keepalive", client.post("/api/game/keepalive", json=session))
            await asyncio.sleep(_PAUSE_S)
        await load.ask("stop", client.post("/api/game/stop", json=session))


async def agent(load: Load, host: ScriptedHost) -> None:
    """Does what it is told, and waits to be told more, until it is cancelled."""
    while True:
        host.seq += 1
        answer = await load.ask("sync", host.post_sync(host.seq))
        if answer is None:
            continue
        told = SyncResponse.model_validate_json(answer.content)
        if _obey(host, told):
            continue
        params = {"revision": told.revision}
        waited = await load.ask("wait", host.client.get("/api/agents/wait", params=params, headers=host.headers))
        assert waited is None or News.model_validate_json(waited.content)


def _obey(host: ScriptedHost, told: SyncResponse) -> bool:
    """Whether there is something to report now."""
    before = dict(host.observed)
    ordered = {order.session_id: order for order in told.sessions}
    for session_id in set(before) - set(ordered):
        del host.observed[session_id]
    for session_id, order in ordered.items():
        if order.want == "stop":
            if session_id not in before or before[session_id].state != ObservedState.ENDED:
                host.see_end(order)
        elif session_id not in before:
            host.see(order, ObservedState.RUNNING, seat_ready=True, last_input_at=datetime.now(UTC))
    return host.observed != before


class Player:
    """One of two, by the stock client, which connects again by itself. `made` moves are on its board."""

    def __init__(self, url: str, address: str, transport: str, name: str, token: str) -> None:
        self.name, self.made, self.result = name, -1, ""
        self.times_back, self.left, self.errors = 0, 0, list[str]()
        self._comes_back = False
        self._url, self._transport, self._token = url, transport, token
        self._news = asyncio.Condition()
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        self._http = aiohttp.ClientSession(connector=connector)
        soon: dict[str, Any] = {"reconnection_delay": 0.2, "reconnection_delay_max": 1}  # seconds, also parts of one
        self._io: Any = socketio.AsyncClient(http_session=self._http, **soon)
        self._io.on("connect", self._connected, namespace="/connect4")
        self._io.on("*", self._hear, namespace="/connect4")

    async def connect(self) -> None:
        await self._io.connect(
            self._url,
            namespaces=["/connect4"],
            transports=[self._transport],
            auth={"token": self._token},
            wait_timeout=WITHIN_S,
        )

    async def say(self, event: str, payload: dict[str, Any]) -> None:
        await self._io.emit(event, payload, namespace="/connect4")

    async def move(self, number: int) -> None:
        """Until it is on this player's own board. Told once, unless the board after a new connection lacks it."""
        while self.made <= number:
            times_back = self.times_back
            if self.made == number:
                with suppress(BadNamespaceError):  # it knows that it is away, and comes back
                    await self.say("game:move", {"column": int(_FULL_BOARD[number])})
            await self.hears(partial(self._is_further, number, times_back))

    def _is_further(self, number: int, times_back: int) -> bool:
        return self.made > number or self.times_back != times_back

    async def hears(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S), self._news:
            await self._news.wait_for(condition)

    async def close(self) -> None:
        await self._io.disconnect()
        await self._http.close()

    async def _connected(self) -> None:
        if self.made >= 0:
            self._comes_back = True
            await self.say("game:reconnect", {"playerId": self.name})

    async def _hear(self, event: str, *data: Any) -> None:
        payload = data[0] if data else {}
        async with self._news:
            if event == "game:reconnected" and self._comes_back:  # it is told also when the other one comes back
                self.times_back, self._comes_back = self.times_back + 1, False
            if "moveHistory" in payload and event != "game:over":
                self.made = len(payload["moveHistory"])
            elif event == "game:over":
                self.made, self.result = len(_FULL_BOARD), payload["reason"]
            elif event == "player:disconnected":
                self.left += 1
            elif event == "error":
                self.errors.append(payload["code"])
            self._news.notify_all()


@asynccontextmanager
async def two_players(
    url: str, session: dict[str, Any], transport: str, addresses: tuple[str, str]
) -> AsyncGenerator[tuple[Player, Player]]:
    """Of a private session of connect four that was made for `ann` and `bob`."""
    ann, bob = [
        Player(url, address, transport, name, session["sessionToken"])
        for name, address in zip(("ann", "bob"), addresses, strict=True)
    ]
    try:
        for each in (ann, bob):
            await each.connect()
            await each.say("matchmaking:join", {"playerId": each.name, "sessionId": session["sessionId"]})
        for each in (ann, bob):
            await each.hears(lambda each=each: each.made == 0)
        yield ann, bob
    finally:
        await asyncio.gather(ann.close(), bob.close())


async def match(players: tuple[Player, Player], until: asyncio.Event) -> None:
    """They fill the board, and keep the last two moves until then."""
    for number in range(len(_FULL_BOARD)):
        if number == len(_FULL_BOARD) - 2:
            await until.wait()
        await players[number % 2].move(number)
        await players[1 - number % 2].hears(lambda number=number: players[1 - number % 2].made > number)
        await asyncio.sleep(4 * _PAUSE_S)


async def people(house: House, load: Load, count: int) -> list[httpx.AsyncClient]:
    """Signed in, each from an address of its own."""
    signed_in = [await house.person(f"person{number}") for number in range(count)]
    return [load.client(f"127.0.0.{number + 2}", here.cookies) for number, (here, _) in enumerate(signed_in)]
