"""A seat as processes: whose they are, what they outlive, and that nothing of them is left."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser, Page

from streaming.errors import SeatError, SeatUnavailable
from streaming.protocol import SeatConfig, SessionDescription
from streaming.seat_client import SeatClient
from tests.integration.streaming.drawing_client import COLOURS
from tests.integration.streaming.seat_support import (
    HERE,
    Seat,
    click,
    heard,
    open_page,
    seat_uid,
    shows,
    start_worker,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is there: another seat may have taken a display's number over."""
    return (path.stat().st_ino, path.stat().st_ctime_ns) if path.exists() else None


async def recorders(seat: Seat) -> int:
    async with seat.program("pactl", "list", "short", "source-outputs") as program:
        assert program.stdout is not None
        return len((await program.stdout.read()).splitlines())


async def test_the_sound_socket_loads_nothing(seat: Seat) -> None:
    async with seat.program("pactl", "load-module", "module-native-protocol-tcp") as program:
        assert program.stdout is not None
        said = (await program.stdout.read()).decode()
        assert await program.wait() != 0, said
    async with seat.program("pactl", "exit") as program:
        await program.wait()
    async with seat.program("pactl", "list", "short", "sinks") as program:
        assert program.stdout is not None
        assert "game" in (await program.stdout.read()).decode()


async def test_whoever_comes_and_goes_one_recorder_at_most_is_left(seat: Seat, page: Page, browser: Browser) -> None:
    async def one_records() -> bool:
        return await recorders(seat) == 1

    async def none_records() -> bool:
        return await recorders(seat) == 0

    await heard(page, "stats")
    await until(one_records, "somebody listens")
    newer, newest = await open_page(browser, seat), await open_page(browser, seat)
    await heard(newest, "stats")
    await until(one_records, "one listens")
    await newest.evaluate("seat.control.close()")
    await until(none_records, "nobody listens")
    await newer.close()
    await newest.close()


async def test_offers_that_cannot_be_met_are_refused_and_the_seat_lives_on(seat: Seat) -> None:
    for sdp in ("", "nonsense", "v=0\r\n"):
        with pytest.raises(SeatError) as refused:
            await seat.client.connect(SessionDescription(type="offer", sdp=sdp))
        assert refused.value.code in ("bad_offer", "invalid_request")
    with pytest.raises(SeatError) as refused:
        await seat.client.call("fly", {}, 5)
    assert refused.value.code == "unknown_method"
    assert (await seat.client.status()).peers == 0


async def test_everything_of_a_seat_runs_as_its_uid_and_is_shut_to_others(seat: Seat) -> None:
    processes = [psutil.Process(seat.process.pid), *psutil.Process(seat.process.pid).children(recursive=True)]
    assert {process.name() for process in processes} >= {"Xvfb", "pulseaudio"}
    assert {process.uids().real for process in processes} == {seat_uid()}
    assert (seat.folder / "control.sock").stat().st_mode & 0o777 == 0o700 & ~0o077
    assert (seat.folder / "Xauthority").stat().st_mode & 0o777 == 0o600
    stranger = Seat(
        seat.folder, seat.process, seat.client, seat.hello.model_copy(update={"xauthority": "/nonexistent"})
    )
    async with stranger.program(sys.executable, HERE / "drawing_client.py") as program:
        assert await program.wait() != 0


async def test_a_worker_outlives_its_clients(seat: Seat, page: Page) -> None:
    async with seat.drawing():
        await shows(page, COLOURS[0])
        await seat.client.close()
        await click(page)
        await shows(page, COLOURS[1])
        again = await SeatClient.open(seat.folder / "control.sock")
        assert (await again.hello()).pid == seat.process.pid
        await again.close()


async def test_shutdown_says_bye_and_leaves_nothing(seat: Seat, page: Page) -> None:
    children = psutil.Process(seat.process.pid).children(recursive=True)
    display = identity(Path(seat.hello.x_socket))
    await seat.client.shutdown()
    await heard(page, "bye")
    assert await seat.process.wait() == 0
    assert not [child for child in children if child.is_running()]
    left = {path.name for path in seat.folder.rglob("*") if path.is_socket()}
    assert not left
    assert identity(Path(seat.hello.x_socket)) != display
    with pytest.raises(SeatUnavailable):
        await seat.client.status()


async def test_a_killed_worker_takes_its_children_along(seat: Seat) -> None:
    children = psutil.Process(seat.process.pid).children(recursive=True)
    assert children
    seat.process.kill()
    await seat.process.wait()

    async def are_gone() -> bool:
        return not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    await until(are_gone, "no child is left")


async def test_a_dead_display_is_told_and_ends_the_worker(seat: Seat) -> None:
    [server] = [child for child in psutil.Process(seat.process.pid).children() if child.name() == "Xvfb"]
    server.kill()
    events = [event async for event in seat.client.events()]
    assert [event.event for event in events] == ["failed"]
    assert await seat.process.wait() == 1


async def test_dead_sound_comes_back_at_the_same_place(seat: Seat) -> None:
    [server] = [child for child in psutil.Process(seat.process.pid).children() if child.name() == "pulseaudio"]
    server.kill()

    async def answers() -> bool:
        async with seat.program("pactl", "list", "short", "sinks") as program:
            assert program.stdout is not None
            return "game" in (await program.stdout.read()).decode()

    await until(answers, "the sound server is back")


async def test_a_seat_whose_sound_stays_away_plays_on(seat: Seat, page: Page) -> None:
    async def the_loss_is_told() -> None:
        async for event in seat.client.events():
            assert event.event != "failed"
            if event.event == "sound_lost":
                return

    async def is_told() -> bool:
        for child in psutil.Process(seat.process.pid).children():
            if child.name() == "pulseaudio":
                child.kill()
        return told.done()

    told = asyncio.create_task(the_loss_is_told())
    await until(is_told, "the loss is told")
    await told
    async with seat.drawing():
        await shows(page, COLOURS[0])
    assert (await seat.client.status()).peers == 1


async def test_hello_comes_before_the_heavy_imports(seat_folder: Path, config: SeatConfig) -> None:
    process = await start_worker(seat_folder, config)
    try:

        async def is_listening() -> bool:
            return (seat_folder / "control.sock").exists()

        await until(is_listening, "the worker listens")
        client = await SeatClient.open(seat_folder / "control.sock")
        await client.hello()
        assert "video.started" not in (seat_folder / "worker.log").read_text()
        await client.shutdown()
        await client.close()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
