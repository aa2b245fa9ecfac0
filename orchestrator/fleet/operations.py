"""What an operator does with a host: drain it, label it, remove it. No HTTP here.

Each is idempotent, works on whichever replica, and is noted in the host's life.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.database import Database
from orchestrator.errors import Conflict, NotFound
from orchestrator.fleet.host_life import FORGOTTEN_AFTER, LOST_AFTER_LEASE, HostState, is_forgotten
from orchestrator.fleet.host_notes import facts_of, note
from orchestrator.fleet.ledger import SessionLedger
from orchestrator.fleet.models import Host
from orchestrator.notices import FLEET, PLACER, Notices

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HostChange:
    """What is to become of a host; None leaves a thing as it is. A label without a value is the agent's again."""

    is_draining: bool | None = None
    moves_idle: bool | None = None
    labels: Mapping[str, str | None] | None = None


class FleetOperations:
    def __init__(self, database: Database, notices: Notices, ledger: SessionLedger) -> None:
        self._database = database
        self._notices = notices
        self._ledger = ledger

    async def change(self, host_id: str, change: HostChange, *, by: Actor = COMMAND_LINE) -> None:
        """Raises `NotFound` for a host that is not there (any more)."""
        async with self._database.write() as session:
            now = await self._database.now(session)
            host = await _live_host(session, host_id)
            if change.is_draining is not None:
                host.draining_since = (host.draining_since or now) if change.is_draining else None
                host.is_draining = change.is_draining
                host.moves_idle = change.is_draining and host.moves_idle
            if change.moves_idle is not None:
                host.moves_idle = host.is_draining and change.moves_idle
            for key, value in (change.labels or {}).items():
                others = {known: word for known, word in host.own_labels.items() if known != key}
                host.own_labels = others if value is None else {**others, key: value}
            host.edits += 1
            note(host, now)
            _record(session, by, host, change, now)
            self._notices.publish_after_commit(session, PLACER)
            self._notices.publish_after_commit(session, FLEET)

    async def remove(self, host_id: str, *, is_sure: bool = False, by: Actor = COMMAND_LINE) -> None:
        """Its key works no longer, and its row stays for the history. What it still runs moves elsewhere from its
        newest save; as that may lose what came after it, only when `is_sure`, else `Conflict` `host_in_use`. Raises
        `NotFound`.
        """
        async with self._database.write() as session:
            now = await self._database.now(session)
            host = await _live_host(session, host_id)
            sessions = await self._ledger.on_host(session, host_id)
            if sessions and not is_sure:
                plays = "a session" if len(sessions) == 1 else f"{len(sessions)} sessions"
                raise Conflict(f"this host still has {plays}; drain it first", code="host_in_use")
            _remove(host, now)
            record(session, by, Action.HOST_REMOVE, host.id, now, sessions=len(sessions))
            self._notices.publish_after_commit(session, f"host:{host_id}")
            self._notices.publish_after_commit(session, FLEET)

    async def note_changes(self, now: datetime) -> None:
        """Write down which hosts have fallen silent, and forget those that nobody misses."""
        awake = (HostState.READY.value, HostState.DRAINING.value)
        is_news = ((Host.lease_until <= now) & Host.noted_state.in_(awake)) | (
            (Host.lease_until <= now - LOST_AFTER_LEASE) & (Host.noted_state == HostState.SUSPECT.value)
        )
        for host_id in await self._ids(Host.removed_at.is_(None) & is_news):
            async with self._database.write() as session:
                host = await _free_host(session, host_id)
                if host is not None:
                    note(host, now)

    async def forget(self, now: datetime) -> None:
        """Remove the hosts that have been lost for `FORGOTTEN_AFTER` and have no session."""
        is_long_silent = Host.lease_until <= now - FORGOTTEN_AFTER - LOST_AFTER_LEASE
        for host_id in await self._ids(Host.removed_at.is_(None) & is_long_silent):
            async with self._database.write() as session:
                host = await _free_host(session, host_id)
                sessions = await self._ledger.on_host(session, host_id)
                if host is not None and is_forgotten(facts_of(host), len(sessions), now):
                    _remove(host, now)

    async def _ids(self, condition: ColumnElement[bool]) -> list[str]:
        async with self._database.read() as session:
            return list(await session.scalars(select(Host.id).where(condition).order_by(Host.id)))


def _record(session: AsyncSession, by: Actor, host: Host, change: HostChange, now: datetime) -> None:
    if change.is_draining:
        record(session, by, Action.HOST_DRAIN, host.id, now, moves=host.moves_idle)
    elif change.is_draining is not None:
        record(session, by, Action.HOST_RESUME, host.id, now)
    elif change.moves_idle is not None:
        record(session, by, Action.HOST_DRAIN, host.id, now, moves=host.moves_idle)
    if change.labels:
        record(session, by, Action.HOST_LABEL, host.id, now, **change.labels)


def _remove(host: Host, now: datetime) -> None:
    host.removed_at, host.edits = now, host.edits + 1
    if host.lease_until is None or host.lease_until > now:
        host.lease_until = now
    note(host, now)
    _log.info("host.removed", host=host.id, name=host.name)


async def _live_host(session: AsyncSession, host_id: str) -> Host:
    host = await session.get(Host, host_id, populate_existing=True, with_for_update={"key_share": True})
    if host is None or host.removed_at is not None:
        raise NotFound(f"there is no host '{host_id}'")
    return host


async def _free_host(session: AsyncSession, host_id: str) -> Host | None:
    """The host, unless another transaction has it: that one writes down what it changes."""
    free = select(Host).where(Host.id == host_id, Host.removed_at.is_(None))
    return await session.scalar(free.with_for_update(key_share=True, skip_locked=True))
