"""Two people's whole ways through `make play`, in a browser and with real games: a player's from the front door to an
older save, and a publisher's from a description to a stranger who plays.
"""

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import expect

from bench.browser_player import Player, chromium
from bench.house import House
from tests.browser.house.look_inside import docker_host
from tests.browser.house.pictures import Pictures
from tests.browser.house.walking import count_in, count_once, register
from tests.integration.gameserver_agent.control_plane import files_of

GAMES = Path(__file__).parents[3] / "deploy" / "games"
TINY = GAMES / "tiny-counter"
SLUG, RENPY_DIR = "renpy-tutorial", "tutorial-7"
START = (153, 273)
TUTORIAL = {
    "Title": "Ren'Py Tutorial",
    "Short name in its address": SLUG,
    "Developer": "Ren'Py Team",
    "Description": "Eileen shows what a visual novel can do, and how.",
    "Tags": "Tutorial, Visual Novel",
    "Launcher": "renpy-demo.sh",
    "Ren'Py save folder": RENPY_DIR,
}


@pytest.fixture(scope="module")
def house(data_folder: Path) -> Generator[House]:
    house = House(data_folder)
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.fixture
def player(house: House) -> Generator[Player]:
    with chromium(house.url) as player:
        yield player


@pytest.mark.timeout(900)
def test_a_new_person_registers_redeems_plays_and_goes_back_to_an_older_save(house: House, player: Player) -> None:
    image = json.loads(run(house, sys.executable, str(TINY / "build.py")))
    operate(house, "games", "add", str(TINY / "game.toml"))
    until_a_host_has(house, image["image_id"])
    code = code_for(house, "tiny-counter")
    page, pictures = player.page, Pictures(player.page, "player")

    register(player, "Wanda", pictures)
    pictures.keep("library", phone=True)
    redeem(player, code, pictures)
    expect(page.get_by_role("heading", level=1)).to_have_text("Tiny Counter")
    page.get_by_role("button", name="Favourite").click()
    expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    pictures.keep("game", phone=True)

    player.play()
    older = count_once(player, lambda count: count >= 3)
    assert player.stop()["status"] == "stopped"
    player.open_game("tiny-counter")
    player.play("button[aria-label^='Continue slot 1']")
    newest = count_once(player, lambda count: count >= older + 12)  # far from where the third launch is seen
    pictures.keep("playing", phone=True)
    assert player.stop()["status"] == "stopped"
    expect(page.get_by_role("heading", level=1)).to_contain_text("Until next time")
    pictures.keep("stopped", phone=True)

    player.open_game("tiny-counter")
    ticket = page.locator(".ticket").first
    expect(ticket.locator("img")).to_be_visible()
    last = count_in(picture_at(player, ticket.locator("img").get_attribute("src")))
    assert last is not None
    assert last >= newest - 1, "it is not the last picture"
    pictures.keep("slot", phone=True)
    page.get_by_role("button", name="Earlier saves of slot 1").click()
    dialog = page.get_by_role("dialog", name="Earlier saves of slot 1")
    oldest = dialog.get_by_role("listitem").last
    expect(oldest.locator("img")).to_be_visible()
    was = count_in(picture_at(player, oldest.locator("img").get_attribute("src")))
    assert was is not None
    assert older - 1 <= was < newest
    pictures.keep("earlier-saves", phone=True)
    oldest.get_by_role("button", name="Go back to the save").click()
    pictures.keep("going-back")
    dialog.get_by_role("button", name="Yes, go back").click()
    expect(dialog.get_by_role("status")).to_contain_text("Done. This slot goes on from the save")
    dialog.get_by_role("button", name="Close").click()

    player.play("button[aria-label^='Continue slot 1']")
    again = count_once(player, lambda count: count > 0)
    pictures.keep("older-again")
    assert was < again < newest
    assert player.stop()["status"] == "stopped"
    page.goto(f"{house.url}/?mine=1")
    expect(page.locator(".game-card")).to_have_count(1)
    expect(page.locator(".game-card")).to_contain_text("Favourite")
    pictures.keep("my-games", phone=True)


@pytest.mark.timeout(900)
def test_a_publisher_uploads_a_game_that_a_person_with_a_code_plays(
    house: House, player: Player, tmp_path: Path
) -> None:
    archive = Path(run(house, sys.executable, str(GAMES / "renpy-demo" / "pack.py"), str(tmp_path)).splitlines()[-1])
    key = operate(house, "partners", "create", "Tiny Games").split()[-1]
    page, pictures = player.page, Pictures(player.page, "publisher")

    page.goto(f"{house.url}/publishers")
    page.get_by_label("Your key").fill(key)
    pictures.keep("key")
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("button", name="Describe a game").click()
    for label, words in TUTORIAL.items():
        page.get_by_label(label, exact=True).fill(words)
    page.get_by_label("Title").focus()
    pictures.keep("description", phone=True)
    page.get_by_role("button", name="Create it").click()
    state = page.locator(".console-state")
    expect(state).to_have_text("Waits for its archive")
    page.get_by_label("Archive (tar.gz, one folder)").set_input_files(archive)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    pictures.keep("upload", phone=True)
    expect(state).to_have_text(re.compile("Active|Not taken"), timeout=180_000)
    expect(state).to_have_text("Active")
    until_a_machine_holds_it(player)
    pictures.keep("active", phone=True)

    code = code_for(house, SLUG)
    with player.beside() as person:
        register(person, "Ruth")
        redeem(person, code)
        person.play()
        person.wait_for_picture()
        person.wait_for_running()
        menu = person.wait_until_still()
        person.click(*START)
        person.wait_until_different(menu, 4.0)
        person.wait_until_still()
        Pictures(person.page, "publisher-played").keep("by-a-person", phone=True)
        assert person.stop()["status"] == "stopped"
        person.open_game(SLUG)
        expect(person.page.locator(".ticket-used")).to_have_count(1)
        assert any(name.startswith(f".renpy/{RENPY_DIR}/") for name in saved_files(person))

    page.reload()
    page.locator("summary").click()
    facts = page.locator(".facts")
    expect(facts).to_contain_text("once")
    expect(facts).to_contain_text(re.compile(r"Crashes\s*0"))
    expect(facts).to_contain_text(re.compile(r"after \d+\.\d s"))
    pictures.keep("played", phone=True)


def until_a_machine_holds_it(player: Player) -> None:
    """As a publisher sees it, who looks again now and then."""
    for _ in range(60):
        player.page.reload()
        player.page.locator("summary").click()
        facts = player.page.locator(".facts")
        expect(facts).to_be_visible()
        if "1 of 1 hold it" in facts.inner_text():
            return
        player.page.wait_for_timeout(500)
    pytest.fail("no machine came to hold it")


def saved_files(player: Player) -> set[str]:
    """What the newest version of the only save of the game has in it."""
    request = player.page.request
    [slot] = request.get(f"{player.url}/api/saves?gameSlug={SLUG}").json()["saves"]
    return set(files_of(request.get(f"{player.url}/api/saves/{slot['id']}/download").body()))


def redeem(player: Player, code: str, pictures: Pictures | None = None) -> None:
    page = player.page
    page.get_by_role("button", name="I have a code").click()
    page.get_by_label("Library code").fill(code)
    if pictures:
        pictures.keep("code")
    page.get_by_role("button", name="Redeem").click()
    page.wait_for_url("**/games/*")


def picture_at(player: Player, path: str | None) -> Image.Image:
    return Image.open(io.BytesIO(player.page.request.get(f"{player.url}{path}").body()))


def operate(house: House, *words: str) -> str:
    """What the operator's command line says."""
    return run(house, sys.executable, "-m", "orchestrator", *words)


def code_for(house: House, slug: str) -> str:
    """A code, and without one the game is nobody's from now on."""
    operate(house, "games", "access", slug, "--code")
    return operate(house, "codes", "create", slug).split()[0]


def until_a_host_has(house: House, image_id: str) -> None:
    """Hosts tell now and then what their engine has; before that no launch finds a place."""
    email, password = house.credentials
    with httpx.Client(base_url=house.url, timeout=60) as admin:
        token = admin.get("/api/auth/csrf").json()["csrfToken"]
        form = {"email": email, "password": password, "csrfToken": token}
        admin.post("/api/auth/callback/credentials", data=form)
        [host] = admin.get("/api/admin/hosts").json()["hosts"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if image_id in admin.get(f"/api/admin/hosts/{host['id']}").text:
                return
            time.sleep(0.2)
    pytest.fail("the host never had it")


def run(house: House, *words: str) -> str:
    environment = {**os.environ, "ORCHESTRATOR_DATA": str(house.data), "DOCKER_HOST": docker_host(house)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
