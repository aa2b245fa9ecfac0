"""One piece of work for many who ask at the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from orchestrator.lots import Lots


class Bench:
    """Work that is done when `may_go` says so. It remembers its lots."""

    def __init__(self) -> None:
        self.lots: list[list[str]] = []
        self.may_go = asyncio.Event()
        self.fails = False

    async def work(self, lot: Sequence[str]) -> Sequence[str]:
        self.lots.append(list(lot))
        await self.may_go.wait()
        if self.fails:
            raise OSError(lot[0])
        return [each.upper() for each in lot]


async def asked(lots: Lots[str, str], *questions: str) -> list["asyncio.Task[str]"]:
    tasks = [asyncio.create_task(lots.ask(each)) for each in questions]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_a_lot_is_under_way_is_in_the_next_one_in_order_and_each_key_once() -> None:
    bench = Bench()
    lots = Lots(bench.work, key=lambda each: each[0], most=2)
    tasks = await asked(lots, "a1")
    tasks += await asked(lots, "b1", "b2", "c1", "d1")
    bench.may_go.set()
    assert await asyncio.gather(*tasks) == ["A1", "B1", "B2", "C1", "D1"]
    assert bench.lots == [["a1"], ["b1", "c1"], ["b2", "d1"]]
    await lots.close()


async def test_what_fails_fails_for_its_lot_alone() -> None:
    bench = Bench()
    lots = Lots(bench.work, key=str, most=9)
    bench.fails = True
    first = await asked(lots, "a", "b")
    bench.may_go.set()
    for task in first:
        with pytest.raises(OSError, match="a"):
            await task
    bench.fails = False
    assert await lots.ask("c") == "C"


async def test_who_is_gone_when_the_answer_comes_keeps_it_from_nobody() -> None:
    bench = Bench()
    lots = Lots(bench.work, key=str, most=9)
    gone, stays = await asked(lots, "a", "b")
    failing = Lots(bench.work, key=str, most=9)
    [also_gone] = await asked(failing, "c")
    gone.cancel()
    also_gone.cancel()
    bench.may_go.set()
    assert await stays == "B"
    bench.fails = True
    await failing.close()
    assert gone.cancelled()


async def test_close_waits_for_what_is_under_way() -> None:
    bench = Bench()
    lots = Lots(bench.work, key=str, most=9)
    [task] = await asked(lots, "a")
    closing = asyncio.create_task(lots.close())
    await asyncio.sleep(0)
    assert not closing.done()
    bench.may_go.set()
    await closing
    assert await task == "A"
    await lots.close()
