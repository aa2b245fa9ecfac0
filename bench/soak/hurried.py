"""`python -m bench.soak.hurried MODULE WORDS…`: a program of the house whose long clocks run 48 times as fast, so that
half an hour is its day.

What hurries is what people wait for and what is cleared away; deadlines of machines (a heartbeat, a lease, a start)
stay. `SOAK_PLANT` in the environment plants a leak, to prove that a soak finds it: `descriptor`, or `memory`.
"""

import os
import runpy
import sys
from datetime import timedelta
from importlib import import_module
from typing import Any

FACTOR = 48
CLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "orchestrator": {
        "orchestrator.play.lifecycle": ("IDLE_TIMEOUT", "SESSION_CAP"),  # others copy them: it comes first
        "orchestrator.play.reconciler": ("SWEEP_INTERVAL_S",),
        "orchestrator.saves.disposal": ("SWEEP_EVERY", "FORGOTTEN_AFTER"),
        "orchestrator.catalog.upkeep": ("INTERVAL_S",),
        "orchestrator.webhooks.upkeep": ("INTERVAL_S",),
        "orchestrator.tenants.upkeep": ("INTERVAL_S",),
        "orchestrator.collecting": ("_COUNTED_EVERY_S", "_WHOLE_EVERY_S"),
    },
    "gameserver_agent.cli": {"gameserver_agent.orphans": ("EMPTY_GRACE_S",)},
}
PAUSE_AFTER_S = 8.0  # of sixty: a page that is loaded anew is still in time
LEAKED: list[Any] = []


def hurry(program: str) -> None:
    """Raises `AttributeError` when a clock has another name now."""
    for name, clocks in CLOCKS[program].items():
        module = import_module(name)
        for clock in clocks:
            value: float | timedelta = getattr(module, clock)
            setattr(module, clock, value / FACTOR)
    if program == "gameserver_agent.cli":
        pause_clock: Any = import_module("gameserver_agent.sessions.pause_clock")
        pause_clock.PAUSE_AFTER_S = PAUSE_AFTER_S


def plant(leak: str) -> None:
    """Each launch leaves something behind for ever."""
    play = import_module("orchestrator.play.service").Play
    launch = play.launch

    async def leaking(self: Any, order: Any) -> Any:
        LEAKED.append(os.open("/dev/null", os.O_RDONLY) if leak == "descriptor" else bytearray(os.urandom(2**20)))
        return await launch(self, order)

    play.launch = leaking


def main() -> None:
    program, *words = sys.argv[1:]
    hurry(program)
    if (leak := os.environ.get("SOAK_PLANT")) and program == "orchestrator":
        plant(leak)
    sys.argv = [program, *words]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
