"""`python -m bench.arena.crowd`: players of many matches, in a process of their own. It is told what to do by lines of
JSON, and answers each with one.

Each player is one connection that speaks Engine.IO and Socket.IO as the stock client does, by WebSocket or by polling.
Moves are sent when their time comes, whether or not others were answered, and a latency is from that time to the
moment when the opponent's connection has the event.
"""

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvloop

from bench.arena.scripts import Script, drawn
from matches.terms import documented_afk
from matches.values import Game

PATIENCE_S = 60.0
SETTLES_S = 5.0
_SCRIPTS = 25  # a game; to draw one takes a while
_SEPARATOR = "\x1e"


@dataclass(frozen=True)
class Plan:
    """A match to be played: the session's token is for both of its players."""

    session_id: str
    token: str
    game: str
    players: Sequence[str]
    is_polling: bool


class Player:
    """One player and their connection. `state` is the match as the last `game:started` or `game:reconnected` had it."""

    def __init__(self, client: aiohttp.ClientSession, url: str, plan: Plan, seat: int, match: "Match") -> None:
        self._client = client
        self._path = f"{url}/socket.io/?EIO=4&transport="
        self._plan, self.player_id, self._match = plan, plan.players[seat], match
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._polled: str | None = None
        self._reading: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self.refusals: list[str] = []
        self.state: dict[str, Any] = {}

    @property
    def is_there(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def enter(self, event: str) -> None:
        """Connect, and say `event`: come for the first time, or again. An OSError or ClientError where that fails."""
        await self.close()
        if self._plan.is_polling:
            async with self._client.get(f"{self._path}polling") as answer:
                answer.raise_for_status()
                self._polled = f"{self._path}polling&sid={json.loads((await answer.text())[1:])['sid']}"
            self._reading = asyncio.create_task(self._poll(self._polled))
        else:
            self._socket = await self._client.ws_connect(f"{self._path}websocket", max_msg_size=0)
            self._reading = asyncio.create_task(self._read(self._socket))
        await self._send(f"40/{self._plan.game},{json.dumps({'token': self._plan.token})}")
        await self.greeted(event)

    async def greeted(self, event: str) -> None:
        """Say `event`, and wait for the whole match. TimeoutError, ConnectionResetError."""
        self._greeted.clear()
        fields = {"username": self.player_id, "playerId": self.player_id, "sessionId": self._plan.session_id}
        await self.say(event, fields)
        waiting = asyncio.create_task(self._greeted.wait())
        reading = self._reading
        assert reading is not None, "it is connected"
        try:
            await asyncio.wait({waiting, reading}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if not self._greeted.is_set():
                raise ConnectionResetError("nobody greeted")
        finally:
            waiting.cancel()

    async def say(self, event: str, fields: dict[str, Any]) -> None:
        await self._send(f"42/{self._plan.game},{json.dumps([event, fields])}")

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        self._reading = self._socket = self._polled = None

    async def _send(self, packet: str) -> None:
        if self._socket is not None:
            await self._socket.send_str(packet)
        elif self._polled is not None:
            async with self._client.post(self._polled, data=packet) as answer:
                answer.raise_for_status()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                await self._heard(message.data)

    async def _poll(self, url: str) -> None:
        while True:
            async with self._client.get(url) as answer:
                answer.raise_for_status()
                packets = (await answer.text()).split(_SEPARATOR)
            for packet in packets:
                await self._heard(packet)

    async def _heard(self, packet: str) -> None:
        heard_s = time.monotonic()
        if packet == "2":
            await self._send("3")
        if not packet.startswith("42"):
            return
        event, fields = json.loads(packet[packet.index("[") :])
        if event == "game:move:made":
            self._match.moved(self, fields, heard_s)
        elif event in {"game:started", "game:reconnected"}:
            self.state = fields
            self._greeted.set()
        elif event == "error":
            self.refusals.append(fields["code"])


@dataclass
class Match:
    """A match and its two players. `known` is how many of the script's moves anybody was told of."""

    plan: Plan
    script: Script
    seats: list[Player] = field(default_factory=list)
    known: int = 0
    due_s: dict[int, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    wrong: int = 0

    def moved(self, hearer: Player, fields: dict[str, Any], heard_s: float) -> None:
        """Somebody heard of a move."""
        ply = len(fields["moveHistory"])
        self.wrong += not self._fits(fields["moveHistory"])
        self.known = max(self.known, ply)
        if hearer.player_id != fields["playerId"] and ply in self.due_s:
            self.took_s.append(heard_s - self.due_s.pop(ply))

    def lost(self) -> int:
        """Moves that somebody was told of, and that the match as it is now does not have."""
        histories = [player.state["moveHistory"] for player in self.seats]
        self.wrong += sum(not self._fits(history) for history in histories)
        longest = max(len(history) for history in histories)
        lost = max(0, self.known - longest)
        self.known = longest
        return lost

    async def move(self, due_s: float) -> None:
        """The next move, by whoever is on it."""
        mover = next(player for player in self.seats if player.player_id == self._on_the_move())
        wire = self.script[self.known]
        self.due_s[self.known + 1] = due_s
        fields = {"roomId": mover.state["roomId"], "playerId": mover.player_id, **wire, "move": wire}
        with contextlib.suppress(OSError, aiohttp.ClientError):  # it was killed: the move is not known to anybody
            await mover.say("game:move", fields)

    def _on_the_move(self) -> str:
        return self.seats[0].state["players"][self.known % 2]["id"]

    def _fits(self, history: Sequence[dict[str, Any]]) -> bool:
        return [entry["move"] for entry in history] == self.script[: len(history)]


class Crowd:
    """All that this process plays."""

    def __init__(self, client: aiohttp.ClientSession, url: str, plans: Sequence[Plan], at_once: int) -> None:
        scripts = {
            game: [drawn(Game(game), seed) for seed in range(_SCRIPTS)] for game in {plan.game for plan in plans}
        }
        self._at_once = asyncio.Semaphore(at_once)
        self._matches: list[Match] = []
        for number, plan in enumerate(plans):
            match = Match(plan, scripts[plan.game][number % _SCRIPTS])
            match.seats += [Player(client, url, plan, seat, match) for seat in (0, 1)]
            self._matches.append(match)

    async def connect(self) -> dict[str, Any]:
        """Everybody comes for the first time; whoever may be idle the shortest comes last: all wait for the others."""
        began_s = time.monotonic()
        await asyncio.gather(*(self._join(match) for match in sorted(self._matches, key=_idle_ms, reverse=True)))
        return {"took_s": time.monotonic() - began_s}

    async def play(self, seconds: float, per_s: float) -> dict[str, Any]:
        """So many moves a second, in one match after the other. What was not told `SETTLES_S` after the end is late."""
        for match in self._matches:
            match.took_s.clear()
            match.due_s.clear()
        late = sent = 0
        begin_s = time.monotonic() + 0.1
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * per_s)):
                due_s = begin_s + number / per_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                match = self._matches[number % len(self._matches)]
                if match.due_s or match.known == len(match.script):
                    late += 1  # the one before has not been told yet
                else:
                    sent += 1
                    group.create_task(match.move(due_s))
        give_up_s = time.monotonic() + SETTLES_S
        while any(match.due_s for match in self._matches) and time.monotonic() < give_up_s:  # noqa: ASYNC110 - they come over many sockets
            await asyncio.sleep(0.02)
        late += sum(len(match.due_s) for match in self._matches)
        return {
            "sent": sent,
            "late": late,
            "took_ms": [1000 * took for match in self._matches if not match.plan.is_polling for took in match.took_s],
            "polling_ms": [1000 * took for match in self._matches if match.plan.is_polling for took in match.took_s],
        }

    async def come_back(self) -> dict[str, Any]:
        """Whoever was thrown out connects again, as often as it takes, and every match is looked at."""
        began_s = time.monotonic()
        away = [player for match in self._matches for player in match.seats if not player.is_there]
        await asyncio.gather(*(self._again(player) for player in away))
        took_s = time.monotonic() - began_s
        return {"took_s": took_s, "came": len(away), **await self.check()}

    async def check(self) -> dict[str, Any]:
        """Every match as it is, against what was told of it."""
        await asyncio.gather(*(self._look(match) for match in self._matches))
        refusals = [code for match in self._matches for player in match.seats for code in player.refusals]
        return {
            "lost": sum(match.lost() for match in self._matches),
            "wrong": sum(match.wrong for match in self._matches),
            "moves": sum(match.known for match in self._matches),
            "refusals": sorted(set(refusals)),
        }

    async def close(self) -> dict[str, Any]:
        await asyncio.gather(*(player.close() for match in self._matches for player in match.seats))
        return {}

    async def _join(self, match: Match) -> None:
        async with self._at_once:
            await asyncio.gather(*(player.enter("matchmaking:join") for player in match.seats))

    async def _again(self, player: Player) -> None:
        give_up_s, wait_s = time.monotonic() + PATIENCE_S, 0.25
        while True:
            try:
                async with self._at_once:
                    await player.enter("game:reconnect")
            except (OSError, aiohttp.ClientError, TimeoutError):
                if time.monotonic() > give_up_s:
                    raise
                await asyncio.sleep(wait_s)
                wait_s = min(2.0, 2 * wait_s)
            else:
                return

    async def _look(self, match: Match) -> None:
        async with self._at_once:
            await match.seats[0].greeted("game:reconnect")


def _idle_ms(match: Match) -> int:
    return documented_afk(Game(match.plan.game)).timeout_ms


async def main() -> None:
    order = json.loads(await asyncio.to_thread(sys.stdin.readline))
    plans = [Plan(**plan) for plan in order["plans"]]
    async with _client() as client:
        crowd = Crowd(client, order["url"], plans, order["at_once"])
        gc.disable()  # who measures must not stand still
        does: dict[str, Callable[..., Coroutine[Any, Any, dict[str, Any]]]] = {
            "connect": crowd.connect,
            "play": crowd.play,
            "come_back": crowd.come_back,
            "check": crowd.check,
            "close": crowd.close,
        }
        while line := await asyncio.to_thread(sys.stdin.readline):
            told = json.loads(line)
            print(json.dumps(await does[told.pop("do")](**told)), flush=True)


@asynccontextmanager
async def _client() -> AsyncGenerator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_S)
    jar = aiohttp.DummyCookieJar()  # else everybody who polls is taken for one
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as client:
        yield client


if __name__ == "__main__":
    uvloop.run(main())
