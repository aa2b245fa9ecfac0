"""Games that others wrote, of four kinds, made of Debian packages by `games add` and played through the stream: by the
keyboard, by the mouse, in three dimensions. Side by side in one house, each by a person of their own.

`make test` plays two of them for some seconds, `make test-games` all four for a minute each. A play waits for what it
sees, and needs no luck: blocks that are dropped without a thought fill the well, whoever digs at the right place frees
all penguins, and who tilts the floor for long enough falls off it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.browser_player import Player, chromium
from bench.house import STOP_S, House
from orchestrator.catalog.definition import load_definition
from orchestrator.embedded.game import GAMES
from tests.browser.house.look_inside import add_person, docker_host, game_containers
from tests.browser.house.table import SHOTS, Box, Look, Play, Table, apart, brightest, colour, orange, side_by_side
from tests.integration.gameserver_agent.control_plane import files_of
from tests.packing import renpy_distribution, tar_gz

IS_WHOLE = bool(os.environ.get("GAMES_PLAY_S"))
PLAY_S = float(os.environ.get("GAMES_PLAY_S") or 12)
"""How long each is played at least, from its first picture on."""
TOGETHER = (("neverball", "ltris"), ("openttd", "pingus")) if IS_WHOLE else (("neverball", "ltris"),)
"""As many at a time as two cores have room for."""
PASSWORD = "a password for a minute"
HEARD = 0.0005
"""Sound from which on it is no silence (0 to 1). Each of them has some: music, or a click for each button."""

STARTING_LEVEL = (80, 122, 90, 132)
WELL_FLOOR = (117, 150, 203, 170)
NEXT_PIECES = (245, 30, 280, 100)
LEFT_EDGE = (0, 0, 10, 180)
GENERATE_BUTTON = (120, 116, 200, 121)
BLACKBOARD = (90, 35, 230, 145)
LEVEL_PREVIEW = (165, 80, 298, 98)
LEVEL_NUMBERS = (15, 22, 155, 92)
COINS = (302, 160, 320, 178)
STATUS_BAR = (76, 178, 244, 180)
SAVED_GAMES = (95, 68, 155, 76)
GAME_DETAILS = (160, 64, 222, 120)


def play_ltris(table: Table) -> Play:
    """Drops piece after piece until the game is over."""
    table.keep("title")
    yield from table.changed(lambda: table.click(117, 375), 1.0, "the menu of a new game", box=(0, 60, 105, 165))
    yield from table.changed(lambda: table.click(204, 509), 0.2, "another level to start with", box=STARTING_LEVEL)
    table.keep("menu")
    table.click(120, 326)
    yield from table.until(lambda now: max(colour(now, LEFT_EDGE)) > 60, "the well")
    yield from table.rest(1)
    # By itself a piece is on its way for a quarter of a minute.
    yield from table.changed(lambda: table.press("Space"), 3.0, "a dropped piece", box=WELL_FLOOR, within_s=10)
    table.press("ArrowLeft")
    table.press("ArrowUp")
    table.keep("play")

    def is_over(now: Look) -> bool:
        nonlocal dropped_s
        if table.played_s - dropped_s > PLAY_S / 15:
            dropped_s = table.played_s
            table.press("Space")
        return brightest(now, NEXT_PIECES) < 120  # there are none

    dropped_s = table.played_s
    yield from table.until(is_over, "the end of the game", within_s=120)
    table.keep("end")
    yield from table.rest(PLAY_S - table.played_s)


def play_openttd(table: Table) -> Play:
    """Makes a world and travels over it."""
    table.keep("title")
    yield from table.brought(lambda: table.click(559, 273), _has_a_generate_button, "the window of a new world")
    table.click(640, 477)
    yield from table.until(_has_a_status_bar, "a world")
    yield from table.rest(2)
    table.keep("play")
    while table.played_s < PLAY_S:
        yield from table.hold(
            "ArrowRight" if table.played_s < PLAY_S / 2 else "ArrowLeft", 5, "the next stretch of land"
        )
        yield from table.changed(lambda: table.click(785, 10), 0.3, "the tools for railways")
        table.keep("tools")
        yield from table.changed(lambda: table.press("Delete"), 0.3, "the map alone")
        yield from table.rest(min(5, PLAY_S / 12))
    table.keep("end")
    table.at_the_end = table.look()


def go_on_in_openttd(table: Table, before: Table) -> Play:
    """Loads the game that was saved when it was stopped, and is where it was."""
    yield from table.changed(lambda: table.click(719, 273), 3, "the window of saved games")
    yield from table.changed(lambda: table.click(440, 292), 0.3, "the folder autosave", box=SAVED_GAMES)
    yield from table.changed(lambda: table.click(440, 292), 0.5, "what the game is", box=GAME_DETAILS)
    table.keep("load")
    table.click(816, 493)
    left = before.at_the_end
    assert left is not None
    yield from table.until(lambda now: _has_a_status_bar(now) and apart(now, left) < 12, "the same place")
    table.keep("goes-on")


def _has_a_generate_button(look: Look) -> bool:
    red, green, blue = colour(look, GENERATE_BUTTON)
    return green - red > 40 and green - blue > 60


def _has_a_status_bar(look: Look) -> bool:
    red, green, blue = colour(look, STATUS_BAR)
    return abs(red - green) < 10 and abs(green - blue) < 10 and 90 < green < 180


def play_pingus(table: Table) -> Play:
    """Solves the first level: penguins dig where they are told to."""
    table.keep("title")
    yield from table.changed(lambda: table.click(515, 340), 30, "the story")
    yield from table.rest(1.5)
    yield from table.changed(lambda: table.press("Escape"), 30, "the island")
    yield from table.rest(1.5)
    island = table.look()
    table.keep("island")
    yield from table.brought(lambda: table.click(512, 362), _has_a_blackboard, "the level's description")
    yield from table.brought(lambda: table.click(915, 545), lambda now: not _has_a_blackboard(now), "the level")
    yield from table.rest(2)
    table.keep("level")
    clicks = 0

    def is_over(now: Look) -> bool:
        nonlocal clicks
        if table.played_s * 2 > clicks:
            clicks = int(table.played_s * 2) + 1
            table.click(720, 360)
            if clicks % 20 == 0:
                table.keep("play")
        return _has_a_blackboard(now)

    yield from table.until(is_over, "the level's end", within_s=90)
    table.keep("end")
    yield from table.changed(lambda: table.click(915, 545), 30, "the island again")
    yield from table.until(lambda now: apart(now, island) < 20, "the island again")
    yield from table.rest(PLAY_S - table.played_s)
    table.at_the_end = table.look()


def _has_a_blackboard(look: Look) -> bool:
    """Which is green here."""
    red, green, blue = colour(look, BLACKBOARD)
    return green - max(red, blue) > 20


def go_on_in_pingus(table: Table, before: Table) -> Play:
    """Who has seen the story is on the island at once, with the first level behind them."""
    left = before.at_the_end
    assert left is not None
    yield from table.brought(lambda: table.click(515, 340), lambda now: apart(now, left) < 20, "the island")
    table.keep("goes-on")


def play_neverball(table: Table) -> Play:
    """Rolls off the floor, again and again."""
    table.keep("title")
    yield from table.brought(lambda: table.click(480, 214), lambda now: _has_levels(now, False), "the sets of levels")
    yield from table.brought(lambda: table.click(300, 144), lambda now: _has_levels(now, True), "the levels of a set")
    yield from table.brought(lambda: table.click(93, 94), _is_green, "the level from above")
    yield from table.brought(lambda: table.press("Enter"), _is_rolling, "the count of coins")
    table.keep("play")
    yield from table.rest(1)
    yield from table.hold("ArrowLeft", 8, "the floor that tilts")
    table.keep("tilt")
    while table.played_s < PLAY_S:
        table.player.page.keyboard.down("ArrowLeft")
        yield from table.rest(min(5, PLAY_S / 4))
        table.player.page.keyboard.up("ArrowLeft")
        table.click(606, 317)  # try again
        yield from table.rest(min(4, PLAY_S / 4))
    table.keep("end")


def _has_levels(look: Look, are_of_a_set: bool) -> bool:
    """On the right is a level, on the left are the sets' names in white, or the levels' numbers in orange."""
    return _is_green(look, LEVEL_PREVIEW) and (orange(look, LEVEL_NUMBERS) > 0.01) is are_of_a_set


def _is_green(look: Look, box: Box | None = None) -> bool:
    red, green, blue = colour(look, box)
    return green - max(red, blue) > 60


def _is_rolling(look: Look) -> bool:
    """Coins are counted where nothing but green ground was before the start."""
    red, green, blue = colour(look, COINS)
    return red > 40 and green - max(red, blue) < 15


@dataclass(frozen=True)
class Game:
    """How it is played, and the file below its home folder that must hold what was played."""

    play: Callable[[Table], Play]
    file: str
    holds: bytes
    go_on: Callable[[Table, Table], Play] | None = None


PLAYED = {
    "ltris": Game(play_ltris, ".local/share/ltris2/ltris2.conf", rb"(?m)^startinglevel=1$"),
    "openttd": Game(
        play_openttd,
        ".local/share/openttd/save/autosave/exit.sav",
        rb"^OTT",
        go_on=go_on_in_openttd,
    ),
    "pingus": Game(
        play_pingus,
        ".pingus/savegames/savegames.scm",
        rb'digger-tutorial2-grumbel"\)\s*\(status "finished"',
        go_on=go_on_in_pingus,
    ),
    "neverball": Game(play_neverball, ".neverball/Replays/Last.nbr", rb"^\xafNBR"),
}


@pytest.mark.timeout(900)
def test_games_of_many_kinds_are_played_and_go_on_where_they_were(data_folder: Path) -> None:
    house = House(data_folder)
    try:
        house.start()
        for slugs in TOGETHER:
            add(house, slugs)
            with people(house, slugs) as players:
                play_and_go_on(house, players)
                look_at_the_library(players[slugs[0]], slugs)
        an_archive_is_a_game_at_once(house, data_folder.parent)
        assert house.interrupt() <= STOP_S
    finally:
        house.close()


def play_and_go_on(house: House, players: dict[str, Player]) -> None:
    """All side by side, then once more: what each game has kept is in its save, and is there again."""
    tables = {slug: sat_down(player, slug) for slug, player in players.items()}
    side_by_side({slug: PLAYED[slug].play(table) for slug, table in tables.items()})
    saved: dict[str, bytes] = {}
    for slug, table in tables.items():
        assert len(table.moving_seconds) > PLAY_S / 2, (slug, sorted(table.moving_seconds))
        figures = table.player.stats()
        assert figures["framesDecoded"] > 2 * PLAY_S
        assert figures["audioPackets"] > 10 * PLAY_S
        assert table.loudest > HEARD, (slug, table.loudest)
        assert table.player.stop()["status"] == "stopped"
        saved[slug] = saved_file(table.player, slug)
        assert re.search(PLAYED[slug].holds, saved[slug]), saved[slug][:500]

    again = {slug: sat_down(player, slug, goes_on=True) for slug, player in players.items()}
    for slug in again:
        assert file_at_the_game(house, slug) == saved[slug]
    side_by_side({slug: go_on(again[slug], tables[slug]) for slug in again if (go_on := PLAYED[slug].go_on)})
    for table in again.values():
        assert table.player.stop()["status"] == "stopped"


def add(house: House, slugs: Iterable[str]) -> None:
    """By the operator's command, all at once."""
    orders = {slug: operator_says(house, "games", "add", slug) for slug in slugs}
    for slug, words in {slug: answer(order) for slug, order in orders.items()}.items():
        assert f"Added {slug} " in words


def operator_says(house: House, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words],
        env={**os.environ, "ORCHESTRATOR_DATA": str(house.data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def answer(process: subprocess.Popen[bytes]) -> str:
    said = process.communicate(timeout=400)[0].decode()
    assert process.returncode == 0, said
    return said


def an_archive_is_a_game_at_once(house: House, folder: Path) -> None:
    archive = folder / "garden-1.0-linux.tar.gz"
    archive.write_bytes(tar_gz(renpy_distribution("garden-1.0-linux")))
    assert "Added garden 1.0 " in answer(operator_says(house, "games", "add", str(archive)))


@contextmanager
def people(house: House, slugs: Sequence[str]) -> Generator[dict[str, Player]]:
    """One for each game, signed in; the operator looks on until the host can run all of them."""
    with chromium(house.url, width=800, height=600) as operator, ExitStack() as stack:
        operator.sign_in(*house.credentials)
        until_the_host_has(operator, slugs)
        players: dict[str, Player] = {}
        for slug in slugs:
            add_person(house, f"{slug}@example.org", PASSWORD)
            players[slug] = stack.enter_context(operator.beside())
            players[slug].sign_in(f"{slug}@example.org", PASSWORD)
        yield players


def until_the_host_has(operator: Player, slugs: Sequence[str]) -> None:
    api = operator.page.request
    host_id = api.get(f"{operator.url}/api/admin/hosts").json()["hosts"][0]["id"]
    for _ in operator.frames(60):
        images = api.get(f"{operator.url}/api/admin/hosts/{host_id}/images").json()["images"]
        there = {game.partition(" ")[0] for image in images for game in image["games"]}
        if there.issuperset(slugs):
            return
    pytest.fail(f"the host never said that it has {slugs}")


def sat_down(player: Player, slug: str, *, goes_on: bool = False) -> Table:
    player.open_game(slug)
    player.play("button[aria-label^='Continue slot 1']" if goes_on else "#play-button")
    player.wait_for_picture()
    player.wait_for_running()
    return Table(player, slug, load_definition(GAMES / slug / "game.toml").build.display)


def saved_file(player: Player, slug: str) -> bytes:
    """What the game has kept, out of the only slot as its owner downloads it."""
    api, path = player.page.request, PLAYED[slug].file
    files: dict[str, bytes] = {}
    for _ in player.frames(30):
        slots = api.get(f"{player.url}/api/saves?gameSlug={slug}").json()["saves"]
        if len(slots) == 1:
            files = files_of(api.get(f"{player.url}/api/saves/{slots[0]['id']}/download").body())
        if path in files:
            return files[path]
    pytest.fail(f"{slug} never saved {path}, but {sorted(files)}")


def file_at_the_game(house: House, slug: str) -> bytes:
    """The same file in the home folder of the game that runs now."""
    container = next(
        each for each in game_containers(house) if slug in " ".join([each.attrs["Path"], *each.attrs["Args"]])
    )
    path = f"/home/player/{PLAYED[slug].file}"
    read = subprocess.run(
        ["docker", "-H", docker_host(house), "exec", str(container.id), "cat", path],
        capture_output=True,
        check=True,
        timeout=30,
    )
    return read.stdout


def look_at_the_library(player: Player, slugs: Iterable[str]) -> None:
    """Every game is on the shelf with its cover; kept for people to look at, on a desk and on a phone."""
    page = player.page
    page.goto(player.url)
    for name, width, height in (("desk", 1280, 800), ("phone", 390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for slug in slugs:
            cover = page.locator(f".game-card:has(a[href='/games/{slug}']) img:not(.cover-fill)")
            cover.scroll_into_view_if_needed()
            assert any(cover.evaluate("image => image.naturalWidth > 0") for _ in player.frames(10)), slug
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=SHOTS / f"library-{name}.png", full_page=True)
