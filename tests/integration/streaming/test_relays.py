"""A real relay between a page and a real seat: coturn with the credentials that pages are given."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from orchestrator.play.relays import Relays
from streaming.audience import Role
from tests.integration.streaming.seat_support import Seat, end, until
from tests.integration.streaming.way import Way

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "shared with the relay"
HOUR = timedelta(hours=1)
KINDS_USED = """async () => {
    const entries = [...(await window.stream.peer.getStats()).values()];
    const isUsed = ({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded";
    const pair = entries.find(isUsed);
    return pair ? entries.find((entry) => entry.id === pair.localCandidateId).candidateType : null;
}"""
GATHER = """async (iceServers) => {
    const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
    const found = { candidates: 0, refusals: [] };
    peer.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate) found.candidates += 1;
    });
    peer.addEventListener("icecandidateerror", ({ errorCode }) => found.refusals.push(errorCode));
    peer.createDataChannel("any");
    const complete = new Promise((resolve) => {
        peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
    });
    await peer.setLocalDescription();
    await complete;
    peer.close();
    return found;
}"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def relays(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Relays]:
    folder, port = tmp_path_factory.mktemp("coturn"), free_port()
    process = await asyncio.create_subprocess_exec(
        "turnserver",
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout", "--simple-log", "--realm=playhouse.test"),
        *("--use-auth-secret", f"--static-auth-secret={SECRET}", "--allow-loopback-peers"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}"),
        *(f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'db'}"),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: is_listening(process, port), "coturn listens")
        yield Relays(turn_urls=(f"turn:127.0.0.1:{port}?transport=udp",), turn_secret=SECRET)
    finally:
        await end(process)


async def is_listening(process: asyncio.subprocess.Process, port: int) -> bool:
    assert process.returncode is None
    return f":{port:04X} " in await asyncio.to_thread(Path("/proc/net/udp").read_text)


def servers(relays: Relays, until_when: datetime) -> list[dict[str, object]]:
    return [server.model_dump() for server in relays.ice_servers("account:ada", until_when)]


async def until_relayed(page: Page) -> None:
    async def is_relayed() -> bool:
        frames = await page.evaluate("window.frames")
        return frames > 5 and await page.evaluate(KINDS_USED) == "relay"

    await until(is_relayed, "a moving picture through the relay")


async def test_player_and_watcher_see_the_game_through_the_relay_alone(
    seat: Seat, browser: Browser, relays: Relays
) -> None:
    ice_servers = servers(relays, datetime.now(UTC) + HOUR)
    async with seat.drawing("--animate"):
        for role in (Role.PLAYER, Role.WATCHER):
            page = await Way(seat, role, between=False).open_page(browser, iceServers=ice_servers, relayOnly=True)
            await until_relayed(page)
        assert (await seat.client.status()).peers == 2
        for context in browser.contexts:
            await context.close()


async def test_credentials_that_have_expired_or_are_forged_get_nothing(browser: Browser, relays: Relays) -> None:
    page = await browser.new_page()
    good = await page.evaluate(GATHER, servers(relays, datetime.now(UTC) + HOUR))
    assert good["candidates"] > 0
    forger = Relays(turn_urls=relays.turn_urls, turn_secret="guessed")
    for refused in (servers(relays, datetime.now(UTC) - HOUR), servers(forger, datetime.now(UTC) + HOUR)):
        found = await page.evaluate(GATHER, refused)
        assert found["candidates"] == 0
        assert 401 in found["refusals"]
    await page.close()
