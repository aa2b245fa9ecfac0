"""Both halves of the house at once: a tenant's session, played in its page by the picture of a real host, and its
result in the tenant's webhook.
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from orchestrator.catalog.definition import load_definition
from orchestrator.catalog.images import inspect_image
from orchestrator.embedded.game import GAMES
from orchestrator.services import Services
from tests.browser.pages.tenant_pages import site_of
from tests.chaos import seeds
from tests.chaos.machine import AgentFolders, agent_start
from tests.chaos.parts import Part, Start
from tests.conftest import only_on
from tests.integration.docker_engine import DockerEngine
from tests.integration.gameserver_agent.conftest import short_folder
from tests.integration.gameserver_agent.own_game_image import ENVIRONMENT, PYTHON, import_own_game
from tests.integration.orchestrator.arena.conftest import Backend
from tests.integration.orchestrator.arena.players import until
from tests.integration.orchestrator.webhooks.conftest import receiver
from tests.integration.orchestrator.webhooks.receiver import Receiver
from tests.integration.streaming.seat_support import running_chromium

__all__ = ["receiver", "short_folder"]

GAME = "subway-runner"
PATIENCE_MS = 60_000


@pytest.fixture(autouse=True)
def _webhooks_may_come_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_WEBHOOK_NETWORKS", "127.0.0.1/32")


@pytest_asyncio.fixture
async def host(
    services: Services, arena_url: str, docker_engine: DockerEngine, short_folder: Path
) -> AsyncGenerator[Part]:
    """An agent on the engine, with the game."""
    import_own_game(docker_engine)
    definition = load_definition(GAMES / GAME / "game.toml")
    environment = ENVIRONMENT | {"SUBWAY_RUNNER_SEED": "3"}
    command = (str(PYTHON), "-m", "subway_runner")
    here = {"image": "playhouse/own-game:test", "command": command, "environment": environment}
    definition = definition.model_copy(update={"build": definition.build.model_copy(update=here)})
    image = await asyncio.to_thread(inspect_image, definition.build.image, docker_engine.url)
    await services.catalog.add_game(definition, image)
    token = await services.identities.issue_join_token()
    with seeds.seat_runtime() as runtime:
        folders = AgentFolders(short_folder / "data", short_folder / "seats", runtime)
        for folder in (folders.data, folders.seats):
            folder.mkdir(mode=0o711)

        async def prepare(_: int | None) -> Start:
            return agent_start("host", arena_url, docker_engine.url, folders, token)

        agent = Part("agent", prepare, short_folder / "agent.log", print, pause_s=0.3)
        await agent.start()
        try:
            yield agent
            async with asyncio.timeout(60):
                while any(folders.data.glob("sessions/*/home*")):  # noqa: ASYNC110 - a folder tells nobody that it goes
                    await asyncio.sleep(0.02)
        finally:
            await agent.stop()
            services.notices.close()  # what the agent waited for is held no longer
            print(agent.log.read_text(errors="replace"))


@only_on("sqlite")
async def test_a_tenants_run_is_played_in_its_page_by_keys_and_its_score_comes_home(
    backend: Backend, services: Services, arena_url: str, host: Part, receiver: Receiver
) -> None:
    await services.webhooks.add(backend.tenant_id, receiver.url, ["game.ended"], retries=1)
    session = await backend.session(GAME, "ann")

    async def has_the_image() -> bool:
        async with services.database.read() as rows:
            _, build = await services.catalog.launchable(rows, GAME)
            now = await services.database.now(rows)
            return await services.placement.why_nowhere(rows, build.build_spec, now) is None

    await until(has_the_image)
    with site_of(arena_url) as site:
        await services.tenant_keys.change(backend.tenant_id, origins=[site.origin])
        async with running_chromium() as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 800})
            await page.goto(f"{site.origin}/?token={session['sessionToken']}")
            frame = page.frame_locator("iframe")
            game = frame.locator(".run-stage:not([inert])")
            await expect(game).to_be_visible(timeout=PATIENCE_MS)  # so is the title
            await game.press("Enter")
            await game.press("ArrowRight")
            await expect(frame.get_by_role("heading", name="The run is over")).to_be_visible(timeout=PATIENCE_MS)
            over = await page.evaluate("Object.fromEntries(heard).over")
            figures = await frame.locator(".figures dd").all_text_contents()
    assert over["reason"] == "finished"
    assert 50 < over["distance"] < 100, "the first train of this course"
    assert over["score"] == over["distance"] + 10 * over["coins"]
    assert figures == [str(over[name]) for name in ("score", "distance", "coins")]
    asked = (await backend.get(f"/v1/sessions/{session['sessionId']}?game={GAME}")).json()
    assert (asked["status"], asked["result"]) == ("ended", over)

    async def is_delivered() -> bool:
        return bool(receiver.received)

    await until(is_delivered)
    [came] = receiver.received
    assert (came.json["event"], came.json["sessionId"], came.json["data"]) == (
        "game.ended", session["sessionId"], asked["result"]
    )  # fmt: skip
