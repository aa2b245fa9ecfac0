"""How often wishes for a keyframe are met."""

import asyncio

import pytest

from streaming import keyframes
from streaming.audience import Role
from streaming.keyframes import KeyframeWishes

PLAYER_S, WATCHER_S = 0.05, 0.25


class Asked:
    """When a keyframe was asked for."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self._news = asyncio.Event()

    def ask(self) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self._news.set()

    async def again(self) -> float:
        async with asyncio.timeout(60):
            await self._news.wait()
        self._news.clear()
        return self.at[-1]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyframes, "PLAYER_INTERVAL_S", PLAYER_S)
    monkeypatch.setattr(keyframes, "WATCHER_INTERVAL_S", WATCHER_S)


async def test_many_wishes_are_one_keyframe_and_the_next_is_met_at_the_intervals_end() -> None:
    asked = Asked()
    wishes = KeyframeWishes(asked.ask)
    for _ in range(50):
        wishes.wish(Role.PLAYER)
    first = await asked.again()
    wishes.wish(Role.PLAYER)
    assert await asked.again() - first >= PLAYER_S
    wishes.wish(Role.WATCHER)
    assert await asked.again() - asked.at[1] >= WATCHER_S
    assert len(asked.at) == 3


async def test_a_player_never_waits_for_what_a_watcher_wished() -> None:
    asked = Asked()
    wishes = KeyframeWishes(asked.ask)
    wishes.met()
    began = asyncio.get_running_loop().time()
    wishes.wish(Role.WATCHER)
    wishes.wish(Role.PLAYER)
    assert await asked.again() - began >= PLAYER_S
    wishes.wish(Role.PLAYER)  # one that was met with the other is not asked for again
    assert await asked.again() - asked.at[0] >= PLAYER_S
    assert len(asked.at) == 2


async def test_what_comes_anyway_is_not_asked_for() -> None:
    asked = Asked()
    wishes = KeyframeWishes(asked.ask)
    wishes.wish(Role.PLAYER)
    wishes.met()
    wishes.wish(Role.WATCHER)
    await asked.again()
    assert len(asked.at) == 1


async def test_a_watcher_who_goes_on_wishing_is_met_ever_more_seldom_and_newcomers_at_once() -> None:
    asked = Asked()
    wishes = KeyframeWishes(asked.ask)
    wishes.met()
    for _ in range(3):
        wishes.wish(Role.WATCHER)
        await asked.again()
    assert asked.at[1] - asked.at[0] >= 2 * WATCHER_S
    assert asked.at[2] - asked.at[1] >= 4 * WATCHER_S
    wishes.wish(Role.WATCHER)
    wishes.wish_of_newcomer()
    assert await asked.again() - asked.at[2] < 8 * WATCHER_S
