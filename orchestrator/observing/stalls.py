"""How late the event loop is: what blocks it keeps everybody waiting, players' launches among them."""

import asyncio

from metering import Meter
from orchestrator.observing.table import LOOP_STALL

TICK_S = 0.25


class Stalls:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def run(self) -> None:
        """Until cancelled."""
        clock_s = asyncio.get_running_loop().time
        while True:
            due_s = clock_s() + TICK_S
            await asyncio.sleep(TICK_S)
            self._meter.observe(LOOP_STALL, max(0.0, clock_s() - due_s))
