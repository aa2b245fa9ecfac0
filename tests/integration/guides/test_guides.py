"""The pages to which the guides lead, read with a terminal at hand: every command is typed as it is written, in its
order, and does what the page says of it.
"""

import asyncio
import email
import email.policy
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.embedded.game import GAMES
from tests.chaos.machine import SLUG, TINY
from tests.chaos.player import Player, Refused
from tests.collector import Collector
from tests.docs.reading import HOUSE
from tests.integration.docker_engine import DockerEngine
from tests.integration.embedded.conftest import give_images
from tests.integration.guides.house import ADMIN, BEFORE, PASSWORD, WITHIN_S, House, until_ready
from tests.integration.guides.reader import Reader
from tests.integration.orchestrator.webhooks.receiver import receiving
from tests.integration.registry import Registry
from tests.packing import good_archive, renpy_distribution, tar_gz

GARDEN = """
slug = "late-garden"
title = "Late Garden"
developer = "Somebody"
description = "A garden."
tags = ["Test"]
"""
HELLO = """
image = "playhouse/my-game:1"
packages = ["hello"]
command = ["/bin/hello"]
"""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


async def test_the_front_page_puts_up_a_house(house: House) -> None:
    async with house.player() as ada:
        ada.email, ada.password = ADMIN, PASSWORD
        await ada.sign_in()
    with house.terminal() as terminal:
        assert "ready" in terminal.types("orchestrator hosts list").text
        assert "The Question" in terminal.types("orchestrator games list").text


async def test_accounts(house: House) -> None:
    async with house.player() as player:
        await player.register()
        session_id = await plays(player)
        with house.reads("docs/accounts.md", EMAIL=player.email, SEARCH=player.email) as page:
            assert page.types("users list").split()[4:] == [player.email, "active", "player", "Chaos"]
            page.types("users suspend")
            with pytest.raises(Refused, match="401"):
                await player.history()
            refused = await refusal(player)
            await until(lambda: session_id not in page.does("orchestrator hosts drain first"))
            page.does("orchestrator hosts undrain first")
            page.types("users close")
            assert await refusal(player) == refused
            page.types("users restore")
            await player.sign_in()
        [session] = await player.history()
        assert session["sessionId"] == session_id
        assert await player.slots(SLUG)


async def test_arena(house: House) -> None:
    async with house.player() as player:
        await player.register()
        await until(lambda: bool(letters_to(house, player)))
        opens(house, letters_to(house, player)[0])
        here = {"https://play.example": house.url, "dev@acme.example": player.email}
        with house.reads("docs/arena.md", **here) as page:
            _, live, test = last_line(page.types("tenants create")).split()
            assert re.search("Acme Games +growth +active", page.types("tenants list"))
            [replaced] = re.findall(rf"(\S+) +{live[:12]}", page.types("tenants keys"))
            another = page.types("tenants rotate").strip()
            assert [asks(house, key) for key in (live, another, test)] == [200, 200, 200]
            page.knows["KEY"] = replaced
            page.types("tenants revoke")
            assert [asks(house, key) for key in (live, another, test)] == [401, 200, 200]
            page.types("tenants change")
            assert re.search("Acme Games +pro +inactive", page.does("orchestrator tenants list"))
            assert {asks(house, key) for key in (another, test)} == {401}
            page.does('orchestrator tenants change "Acme Games" --active')

            page.types("members add")
            assert player.email in page.types("members list")
            page.types("members remove")
            assert player.email not in page.does('orchestrator tenants members list "Acme Games"')

            del page.knows["KEY"]
            page.knows["bg_test_…"] = test
            page.types("bg_test_…")
            assert (house.folder / "key").stat().st_mode & 0o777 == 0o600
            page.types("HOST=")
            made = as_json(page.types("/v1/sessions"))
            assert made["sessionToken"]
            page.knows["BOT/train"] = f"{as_json(page.types('/v1/bots'))['id']}/train"
            assert as_json(page.types("/train"))["training"]["status"] == "waiting"


async def test_webhooks(house: House) -> None:
    async with receiving() as receiver:
        other = receiver.url.replace("/hook", "/other")
        here = {
            "https://play.example": house.url,
            "https://games.acme.example/hook": receiver.url,
            "https://games.acme.example/other": other,
            "10.20.0.0/16": "127.0.0.0/8",
        }
        with house.reads("docs/webhooks.md", **here) as page:
            _, live, _ = last_line(page.does("orchestrator tenants create Hooked")).split()
            page.knows["bg_live_…"] = live
            page.types("bg_live_…")
            page.types("HOST=")
            by_key = as_json(page.types("/v1/webhooks"))
            assert by_key["secret"].startswith("whsec_")
            page.does("set -a")
            page.types("ORCHESTRATOR_WEBHOOK_NETWORKS")
            page.knows["TENANT"] = "Hooked"
            endpoint, secret = page.types("webhooks add").split()
            page.knows["ENDPOINT"] = endpoint
            assert {endpoint, by_key["id"]} <= set(page.types("webhooks list").split())
            page.types("webhooks change")
            assert other in page.does("orchestrator tenants webhooks list Hooked")
            another = page.types("webhooks rotate", once=True).strip()
            event = page.types("webhooks test").split()[0]
            await until(lambda: len(receiver.received) == 1)
            [came] = receiver.received
            assert came.is_signed_by(secret)
            assert came.is_signed_by(another, "X-BetaGamer-Signature-Next")
            page.knows.update(EVENT=event, ID=came.json["sessionId"])
            assert event in page.types("webhooks log")
            await until(lambda: "delivered" in page.does(f"orchestrator tenants webhooks log {endpoint}"))
            page.types("webhooks redeliver")
            await until(lambda: len(receiver.received) == 2)
            assert receiver.received[1].json["eventId"] == event
            page.types("webhooks stop")
            assert "stopped" in page.does("orchestrator tenants webhooks list Hooked")
            page.types("webhooks restart")
            assert "stopped" not in page.does("orchestrator tenants webhooks list Hooked")
            page.types("webhooks remove")
            assert endpoint not in page.does("orchestrator tenants webhooks list")


async def test_publishers(house: House, docker_engine: DockerEngine) -> None:
    (house.folder / "garden.tar.gz").write_bytes(good_archive())
    here = {
        "https://play.example": house.url,
        "unix://…/docker.sock": docker_engine.url,
        "deploy/games": str(HOUSE / "deploy" / "games"),
    }
    with house.reads("docs/publishers.md", **here) as page:
        publisher, key = last_line(page.types("partners create")).split()
        assert publisher in page.types("partners list")
        [replaced] = re.findall(rf"(\S+) +{key[:8]}", page.types("partners keys"))
        another = page.types("partners rotate").strip()
        games = f"{house.url}/api/partners/games"
        page.knows["KEY"] = replaced
        assert [asks(house, each, games) for each in (key, another)] == [200, 200]
        page.types("partners revoke")
        assert [asks(house, each, games) for each in (key, another)] == [401, 200]
        assert json.loads(page.types("deploy/games/base"))["image"] == "playhouse/runtime:1"
        del page.knows["KEY"]
        page.knows["ppk_…"] = another
        page.types("ppk_…")
        page.types("HOST=")
        assert as_json(page.types("/api/partners/games -d"))["status"] == "pending_upload"
        page.types("/upload")
        looks = page.filled(page.next("/api/partners/games/garden"))
        await until(lambda: as_json(page.does(looks))["status"] not in {"pending_upload", "processing"})
        assert as_json(page.does(looks))["status"] == "active"


async def test_backup(house: House) -> None:
    night, rehearsal = house.folder / "night.tar", house.folder / "rehearsal"
    here = {"/var/backups/playhouse/night.tar": str(night), "/tmp/rehearsal": str(rehearsal)}
    with house.reads("docs/backup.md", **here) as page:
        page.types("orchestrator backup")
        assert night.stat().st_mode & 0o777 == 0o600
        page.does(f"export ORCHESTRATOR_DATA={house.folder}/elsewhere")
        assert page.types("orchestrator restore").startswith("Restored what was there")
        assert ADMIN in page.does("orchestrator users list")
        page.types("export ORCHESTRATOR_DATA")
        page.types("orchestrator restore")
        assert ADMIN in page.types("users list")
        assert SLUG in page.types("games list")
        page.types("rm -r")
        assert not rehearsal.exists()


async def test_games(house: House, docker_engine: DockerEngine, tmp_path: Path) -> None:
    mine = tmp_path / "my-game"
    mine.mkdir()
    (mine / "recipe.toml").write_text(HELLO)
    described(mine / "game.toml", "my-game", "playhouse/my-game:1")
    give_images(
        docker_engine.url, tmp_path / "images", {mine: "playhouse/my-game:1", GAMES / "ltris": "playhouse/ltris:2.0"}
    )
    described(tmp_path / "game.toml", "described", "playhouse/tiny-counter:1")
    (tmp_path / "garden-1.0-linux.tar.gz").write_bytes(tar_gz(renpy_distribution("garden-1.0-linux")))
    (tmp_path / "garden.tar.gz").write_bytes(tar_gz(renpy_distribution("late-garden")))
    (tmp_path / "garden.toml").write_text(GARDEN)
    with house.reads("docs/games.md") as page:
        page.does(f"cd {tmp_path}")
        page.leaves("make games", "it fetches 200 MB; `make test` plays what two of them are made of")
        page.leaves("make games GAMES", "the same")
        for words, slug in {
            "add game.toml": "described",
            "add garden-1.0": "garden",
            "--about": "late-garden",
            "./my-game": "my-game",
            "add ltris": "ltris",
        }.items():
            assert f"Added {slug} " in page.types(words)
        assert {"described", "garden", "late-garden", "my-game", "ltris"} <= set(
            page.does("orchestrator games list").split()
        )


async def test_registry(house: House, docker_engine: DockerEngine, tmp_path: Path) -> None:
    with Registry() as registry, house.reads("docs/registry.md", **{"registry.lan:5000": registry.address}) as page:
        page.does(f"cd {tmp_path}")
        page.leaves("apt-get install", "`deploy/setup test` installs it")
        page.types("export ORCHESTRATOR_INSECURE_REGISTRIES")
        described(tmp_path / "game.toml", "pushed", "playhouse/tiny-counter:1")
        assert f"{registry.address}/games/the-question" in page.types("--push")
        described(tmp_path / "game.toml", "pushed-unasked", "playhouse/tiny-counter:1")
        assert f"{registry.address}/games/pushed-unasked" in page.types("ORCHESTRATOR_REGISTRY=")
        described(tmp_path / "game.toml", "found", f"{registry.address}/games/pushed-unasked:1")
        page.does("export DOCKER_HOST=unix:///nowhere")
        assert "Added found" in page.types("games add game.toml")


async def test_traces(house: House, collector: Collector) -> None:
    with house.reads("docs/traces.md") as page:
        page.leaves("OTEL_EXPORTER_OTLP_ENDPOINT", BEFORE)
    async with house.player() as player:
        await player.register()
        session_id = await plays(player)
        await player.stop(session_id)
    trace = await collector.launch(session_id, ("POST /api/game/launch", "host.launch", "seat.first_frame"))
    assert {span.service for span in trace} == {"playhouse-orchestrator", "playhouse-agent", "playhouse-seat"}


async def test_operations(house: House, tmp_path: Path) -> None:
    host = house.another_host("host7")
    later = f"{datetime.now(UTC) + timedelta(days=100):%Y-%m-%d}"
    here = {
        "https://play.example": house.url,
        "https://host7.example": host.url,
        "--port 9100": f"--port {host.port}",
        "/etc/playhouse/metrics-token": str(house.metrics_token),
        "2027-06-01": later,
        "HOST": "host7",
        "GAME": "the-question",
    }
    async with house.player() as player:
        await player.register()
        with house.reads("docs/operations.md", **here) as page:
            page.does(f"cd {tmp_path}; {host.settings}")
            page.types("hosts token --label")
            assert (tmp_path / "join-token").stat().st_mode & 0o777 == 0o600
            arguments = page.starts("gameserver-agent run", "host7.log").partition(" run ")[2]
            until_ready(host.url)
            assert re.search("host7 .*ready.*gpu=yes", page.does("orchestrator hosts list"))
            assert "No token waits" in page.does("orchestrator hosts tokens"), "it was good once"
            await drains(page, player, house)
            doctors(page)
            page.leaves("(umask 077; openssl rand", BEFORE)
            page.leaves("export ORCHESTRATOR_METRICS_TOKEN_FILE", BEFORE)
            page.terminal.types("kill $!; wait $!")
            page.knows["…"] = arguments
            page.starts("--metrics-token-file", "host7.log")
            until_ready(host.url)
            for url in (house.url, host.url):
                assert asks(house, "nobody's", f"{url}/metrics") == 401
                assert asks(house, house.metrics_token.read_text().strip(), f"{url}/metrics") == 200
            await needs_codes(page, player, (tmp_path / "codes.txt").read_text)
            page.does("orchestrator hosts drain host7; orchestrator hosts remove host7")
            assert page.terminal.types("wait $!").code == 3, "an agent that was removed says so"


async def drains(page: Reader, player: Player, house: House) -> None:
    page.does("orchestrator hosts drain first")
    session_id = await plays(player)
    page.does("orchestrator hosts undrain first")
    assert session_id in page.types("hosts drain HOST")
    assert session_id in page.types("--move")
    assert re.search("host7 .*draining", page.does("orchestrator hosts list"))
    assert (await player.status(session_id)).status == "running"
    await player.stop(session_id)
    await player.until(session_id, lambda status: status.is_over, 60)
    assert re.search("host7 .*drained", page.types("hosts list"))
    assert page.types("undrain") == "host7 is ready.\n"


def doctors(page: Reader) -> None:
    assert "broken" not in page.types("orchestrator doctor")
    assert "An agent answers on" in page.types("gameserver-agent doctor")
    page.leaves("/opt/playhouse/bin/gameserver-agent doctor", "the evening of docs/deploying.md types it")


async def needs_codes(page: Reader, player: Player, printed: Callable[[], str]) -> None:
    page.types("games access")
    with pytest.raises(Refused, match="403"):
        await player.launch("the-question")
    page.types("codes create")
    first, second, *others = printed().split()
    assert len(others) == 98
    await player.redeem(first)
    batch, game, *_ = page.types("codes list").split("\t")
    assert game == "the-question"
    page.knows["BATCH"] = batch
    lines = page.types("codes show").splitlines()
    assert [line for line in lines if first[-4:] in line and player.email in line]
    assert "99 codes were revoked" in page.types("codes revoke")
    with pytest.raises(Refused):
        await player.redeem(second)
    page.does("orchestrator games access the-question --open")


async def plays(player: Player) -> str:
    """A session of the tiny counter that runs."""
    session_id = await player.launch(SLUG)
    status = await player.until(session_id, lambda status: status.status == "running", 60)
    assert status.status == "running", status
    return session_id


async def refusal(player: Player) -> tuple[int, str]:
    """How this account is not let in, which is how a stranger is not."""
    said: list[tuple[int, str]] = []
    async with Player([player.next_url()], print) as stranger:
        for somebody in (player, stranger):
            with pytest.raises(Refused) as no:
                await somebody.sign_in()
            said.append((no.value.status, no.value.code))
    assert said[0] == said[1]
    return said[0]


def letters_to(house: House, player: Player) -> list[str]:
    files = (house.data / "mail").glob("*.eml")
    letters = (email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files)
    return [letter.get_content() for letter in letters if player.email in str(letter["To"])]


def opens(house: House, letter: str) -> None:
    """Proves the address to which it went."""
    [secret] = re.findall(r"https?://\S+#(\S+)", letter)
    answer = httpx.post(f"{house.url}/api/auth/confirm-email", json={"token": secret}, headers={"Origin": house.url})
    assert answer.status_code == 204, answer.text


def asks(house: House, key: str, url: str = "") -> int:
    """The answer to whoever has this key."""
    return httpx.get(url or f"{house.url}/v1/bots", headers={"Authorization": f"Bearer {key}"}).status_code


def as_json(said: str) -> dict[str, Any]:
    """What curl printed last, after its progress."""
    return json.loads(said[said.index("{") :])


def described(file: Path, slug: str, image: str) -> None:
    """The tiny counter under another name."""
    text = (TINY / "game.toml").read_text()
    file.write_text(text.replace(f'"{SLUG}"', f'"{slug}"').replace('"playhouse/tiny-counter:1"', f'"{image}"'))


def last_line(text: str) -> str:
    return text.splitlines()[-1]


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"it never came to that: {holds}"
        await asyncio.sleep(0.1)
