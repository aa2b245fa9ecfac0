"""Offers without end: what each of them would be to its seat, and who else is still answered."""

import asyncio
import time

import pytest

from gameserver_agent.errors import SeatError
from streaming.audience import Role
from streaming.protocol import Introduction, SessionDescription
from tests.unit.gameserver_agent.test_session_task import Host, host

__all__ = ["host"]

OFFER = SessionDescription(type="offer", sdp="v=0")


@pytest.mark.parametrize(("role", "at_once", "per_s"), [(Role.PLAYER, 10, 1), (Role.WATCHER, 40, 8)])
async def test_a_seat_takes_them_as_fast_as_pages_make_them_and_no_faster(
    host: Host, monkeypatch: pytest.MonkeyPatch, role: Role, at_once: int, per_s: int
) -> None:
    task = host.session()
    await host.running(task)
    came: list[Role] = []
    seat = host.seats.living["ses1"]
    connect = seat.connect

    async def comes(
        offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        came.append(role)
        return await connect(offer, role, who)

    monkeypatch.setattr(seat, "connect", comes)
    began_s = time.monotonic()
    said = await asyncio.gather(*(task.connect(OFFER, role) for _ in range(500)), return_exceptions=True)
    refused = [error for error in said if isinstance(error, SeatError)]
    assert {error.code for error in refused} == {"too_fast"}
    assert len(refused) == 500 - len(came)
    assert at_once <= len(came) <= at_once + per_s * (time.monotonic() - began_s) + 1
    await task.connect(OFFER, Role.WATCHER if role is Role.PLAYER else Role.PLAYER)
    async with asyncio.timeout(60):
        while True:
            try:
                await task.connect(OFFER, role)
                break
            except SeatError:
                await asyncio.sleep(0.05)
    task.stop("stopped", "")
    await host.ended(task)
