"""How long from the click on Play to the first picture, and from a click in the game to the changed pixel.

The first part plays The Question through `make play` and the real page, cached, several times. The second is one seat
with a client that changes its colour at each press, watched by `requestVideoFrameCallback` in the page, at 1280x720.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import async_playwright

from bench.browser_player import CHROMIUM, CHROMIUM_FLAGS, chromium
from bench.house import House
from bench.results import Row, percentile, write
from streaming.protocol import SeatConfig
from streaming.seat_client import SeatClient
from tests.integration.streaming.seat_support import Seat, open_page, seat_uid, start_worker, until_listening

GAME = "the-question"
WARM_UP_CLICKS, CLICKS = 5, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launches", type=int, default=7)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="playhouse-bench-"))
    try:
        rows = launch_rows(folder / "data", arguments.launches)
        rows += asyncio.run(click_rows())
    finally:
        shutil.rmtree(folder)
    write("play", rows)


def launch_rows(data: Path, launches: int) -> list[Row]:
    """Each launch in a new browser, as a person who comes back; the first one only fills the caches."""
    house = House(data)
    timelines: list[dict[str, float]] = []
    try:
        first_start_s = house.start()
        house.interrupt()
        next_start_s = house.start()
        for _ in range(launches + 1):
            with chromium(house.url) as player:
                player.sign_in(*house.credentials)
                player.open_game(GAME)
                player.play()
                player.wait_for_picture()
                player.wait_for_running()
                timelines.append(timeline(player.marks()))
                player.stop()
        stop_s = house.interrupt()
    finally:
        house.close()
    measured = timelines[1:]
    pictures = [each["picture"] for each in measured]
    return [
        Row("click_to_picture_p50_s", median(pictures), "s", "<= 3"),
        Row("click_to_picture_max_s", max(pictures), "s"),
        *(
            Row(f"click_to_picture_{phase}_p50_s", median(each[phase] for each in measured), "s")
            for phase in ("placing", "restoring", "booting", "connecting")
        ),
        Row("make_play_first_start_s", first_start_s, "s"),
        Row("make_play_next_start_s", next_start_s, "s"),
        Row("make_play_stop_s", stop_s, "s", "<= 20"),
    ]


def timeline(marks: dict[str, Any]) -> dict[str, float]:
    """Seconds by phase, as the page learned of them.

    `placing` ends when the session has a host, `restoring` (with the look for the image) when the container is ordered,
    `booting` when the host has seen the first frame; `connecting` is what the page then still needs.
    """
    phases, clicked, picture = marks["phases"], marks["clickedAt"], marks["firstPictureAt"]
    placed = min(at for name, at in phases.items() if name != "placing")
    booting = min(max(phases.get("booting", placed), placed), picture)
    ready = min(max(phases.get("ready", picture), booting), picture)
    return {
        "picture": (picture - clicked) / 1000,
        "placing": (placed - clicked) / 1000,
        "restoring": (booting - placed) / 1000,
        "booting": (ready - booting) / 1000,
        "connecting": (picture - ready) / 1000,
    }


async def click_rows() -> list[Row]:
    """Press to changed pixel, in milliseconds, on the page's own clock."""
    folder = _seat_folder()
    config = SeatConfig(width=1280, height=720, fps=60, ice_addresses=("127.0.0.1",), bitrate_bps=8_000_000)
    process = await start_worker(folder, config)
    try:
        await until_listening(folder, process)
        client = await SeatClient.open(folder / "control.sock")
        seat = Seat(folder, process, client, await client.hello())
        async with seat.drawing(), async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            page = await open_page(browser, seat)
            await page.evaluate(f"clickToPhoton({WARM_UP_CLICKS})")
            taken: list[float] = await page.evaluate(f"clickToPhoton({CLICKS})")
            await browser.close()
        await client.shutdown()
        await client.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        shutil.rmtree(folder)
    return [
        Row("click_to_photon_p50_ms", median(taken), "ms", "<= 20"),
        Row("click_to_photon_p95_ms", percentile(taken, 0.95), "ms"),
        Row("click_to_photon_max_ms", max(taken), "ms"),
    ]


def _seat_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="seat-", dir="/tmp"))
    folder.chmod(0o700)
    os.chown(folder, seat_uid(), seat_uid())
    return folder


if __name__ == "__main__":
    main()
