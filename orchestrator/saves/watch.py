"""Whether the store of saves answers, for whoever asks about this replica's health. Asked often, it asks seldom."""

import asyncio
from typing import Literal

from orchestrator.errors import StoreUnavailable
from orchestrator.saves.store import ArchiveStore, StoreRefused

StoreState = Literal["ok", "unreachable", "refused"]

_ASK_EVERY_S = 5.0


class StoreWatch:
    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._asking = asyncio.Lock()
        self._state: StoreState = "ok"
        self._asked_at_s: float | None = None

    async def state(self) -> StoreState:
        """At most five seconds old; of many who ask at once, one asks the store."""
        async with self._asking:
            now_s = asyncio.get_running_loop().time()
            if self._asked_at_s is None or now_s - self._asked_at_s >= _ASK_EVERY_S:
                self._state = await self._ask()
                self._asked_at_s = asyncio.get_running_loop().time()
            return self._state

    async def _ask(self) -> StoreState:
        try:
            await self._store.check()
        except StoreRefused:
            return "refused"
        except StoreUnavailable:
            return "unreachable"
        return "ok"
