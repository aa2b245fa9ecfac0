"""A real game, the whole way, as a player sees it: pixels of the real stream in Debian's Chromium.

One story told in order, because a save can only be found again after it was made: on an empty data folder first, then
after Ctrl-C on the same one again.
"""

from pathlib import Path

import psutil
import pytest
from PIL import Image

from bench.browser_player import Player, chromium, part_difference
from bench.house import STOP_S, House
from tests.browser.house.look_inside import add_person, agent_events, ask_from_inside, game_containers

TITLE = Image.open(Path(__file__).parent / "title.jpg").convert("RGB")
START, LOAD = (73, 260), (72, 300)
FIRST_SAVE_PLACE = (376, 210, 632, 352)
LOOKS_LIKE, IS_ANOTHER_PICTURE, HAS_A_THUMBNAIL = 6.0, 12.0, 20.0


@pytest.mark.timeout(900)
def test_play_save_stop_and_find_the_save_again(data_folder: Path) -> None:
    house = House(data_folder)
    try:
        house.start()
        with chromium(house.url) as player:
            player.sign_in(*house.credentials)
            empty_place = play_and_save(player)
        assert house.interrupt() <= STOP_S
        assert_nothing_left(data_folder)

        assert house.start() < 60, "a second start builds nothing"
        with chromium(house.url) as player:
            player.sign_in(*house.credentials)
            find_the_save_again(player, empty_place)
            look_at_the_isolation(house, player)
            find_the_save_at_a_title_that_waited(house, player, empty_place)
        assert house.interrupt() <= STOP_S
        assert_nothing_left(data_folder)
    finally:
        house.close()


def play_and_save(player: Player) -> Image.Image:
    """From Play to the final figures; answers how the first save place looks while it is empty."""
    player.open_game("the-question")
    player.play()
    player.wait_for_picture()
    player.wait_for_running()
    title = player.wait_until_like(TITLE, LOOKS_LIKE)

    player.click(*LOAD)
    player.wait_until_different(title, IS_ANOTHER_PICTURE)
    player.move(640, 680)
    empty_place = player.wait_until_still()
    player.page.keyboard.press("Escape")
    player.wait_until_like(TITLE, LOOKS_LIKE)

    player.click(*START)
    player.wait_until_different(title, IS_ANOTHER_PICTURE)
    assert_sound_arrives(player)
    player.click(640, 400)
    player.click(640, 300, button="right")
    save_screen = player.wait_until_still()
    player.click(500, 280)
    for _ in player.frames(20):
        if part_difference(save_screen, player.picture(), FIRST_SAVE_PLACE) > HAS_A_THUMBNAIL:
            break
    else:
        pytest.fail("the game did not show the new save")

    session_id = player.page.url.rsplit("/", 1)[-1]
    player.page.reload()
    player.wait_for_picture()
    assert player.page.url.endswith(session_id)
    assert part_difference(save_screen, player.wait_until_still(), FIRST_SAVE_PLACE) > HAS_A_THUMBNAIL

    figures = player.stop()
    assert figures["status"] == "stopped"
    assert figures["duration"] > 0
    assert figures["cpuSeconds"] > 0
    assert figures["peakMemoryMb"] > 50
    assert "MB" in (player.page.text_content("#figure-memory") or "")
    profile = player.page.request.get(f"{player.url}/api/admin/games/the-question/profile").json()
    assert profile["profiles"][0]["sessions"] == 1
    assert profile["profiles"][0]["bootMeanS"] > 0
    return empty_place


def find_the_save_again(player: Player, empty_place: Image.Image) -> None:
    """The slot is offered, and the game's own Load screen holds the save."""
    player.open_game("the-question")
    player.play("button[aria-label^='Continue slot 1']")
    player.wait_for_picture()
    player.wait_for_running()
    title = player.wait_until_like(TITLE, LOOKS_LIKE)
    player.click(*LOAD)
    player.wait_until_different(title, IS_ANOTHER_PICTURE)
    player.move(640, 680)
    assert part_difference(empty_place, player.wait_until_still(), FIRST_SAVE_PLACE) > HAS_A_THUMBNAIL


def find_the_save_at_a_title_that_waited(house: House, player: Player, empty_place: Image.Image) -> None:
    """The game was started for nobody: it has the player's save and preferences all the same, and keeps them."""
    until_a_title_waits(house, player)
    before = len(titles(house, "title.taken"))
    find_the_save_again(player, empty_place)
    assert len(titles(house, "title.taken")) == before + 1
    figures = player.stop()
    assert (figures["status"], figures["duration"] > 0) == ("stopped", True)
    # And once more, from what that one has saved.
    until_a_title_waits(house, player)
    find_the_save_again(player, empty_place)
    assert len(titles(house, "title.taken")) == before + 2
    assert player.stop()["status"] == "stopped"


def until_a_title_waits(house: House, player: Player) -> None:
    """None does while other tests keep the machine busy."""
    for _ in player.frames(300):
        gone = sum(len(titles(house, f"title.{what}")) for what in ("taken", "lost", "given_up"))
        if len(titles(house, "title.waits")) > gone:
            return
    pytest.fail("no game came to wait at its title")


def titles(house: House, event: str) -> list[object]:
    """These events of the agent that runs now."""
    events = agent_events(house)
    began = max(place for place, each in enumerate(events) if each["event"] == "agent.started")
    return [each for each in events[began:] if each["event"] == event]


def look_at_the_isolation(house: House, player: Player) -> None:
    """Two people play the same game on this host; each game is asked from inside what it can reach (invariant 11)."""
    add_person(house, "second@example.org", "a second password")
    with player.beside() as second:
        second.sign_in("second@example.org", "a second password")
        second.open_game("the-question")
        second.play()
        second.wait_for_picture()
        containers = game_containers(house)
        assert len(containers) == 2
        seen = [ask_from_inside(house, container) for container in containers]
        for container, met in zip(containers, seen, strict=True):
            limits = container.attrs["HostConfig"]
            assert 0 < limits["Memory"] == limits["MemorySwap"]
            assert limits["PidsLimit"] > 0
            assert limits["NanoCpus"] > 0
            assert met["interfaces"] == ["lo"]
            assert met["capabilities"] == [0] * 5
            assert met["no_new_privileges"] == "1"
            assert met["groups"] in ([], [met["uid"]])
            assert met["writable"] == []
            assert met["home_is_writable"]
            assert met["x_sockets"] == ["X0"]
            assert met["reachable_displays"] == []
            assert met["opens_own_display"]
            assert not met["opens_without_cookie"]
            assert met["module_load"] == "Module initialization failed"
        assert len({met["uid"] for met in seen}) == 2
        assert 0 not in {met["uid"] for met in seen}
        assert second.stop()["status"] == "stopped"
    assert player.stop()["status"] == "stopped"


def assert_sound_arrives(player: Player) -> None:
    """Audio packets come, and what they carry is louder than silence."""
    before = player.stats()["audioPackets"]
    for _ in player.frames(20):
        stats = player.stats()
        if stats["audioPackets"] > before and (stats["audioLevel"] or 0) > 0.001:
            return
    pytest.fail("no sound above silence arrived")


def assert_nothing_left(data_folder: Path) -> None:
    """After Ctrl-C no process, mount or container of this data folder is left."""
    mine = [
        process.info for process in psutil.process_iter(["pid", "cmdline"]) if str(data_folder) in str(process.info)
    ]
    assert mine == []
    assert str(data_folder) not in Path("/proc/mounts").read_text()
