"""Measures the facts that `rules` judges. What cannot be measured is a fact as well: nothing here raises for it."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import docker
from docker.errors import DockerException
from sqlalchemy import func, make_url, select

from diagnosis.looking import (
    NO_ADDRESS,
    answer_of,
    can_enter,
    days_of_certificate,
    existing,
    trouble_of_connection,
    trouble_of_engine,
    trouble_of_folder,
    trouble_of_relay,
    words_of,
)
from migrations import revisions
from orchestrator.arena.bots import stockfish
from orchestrator.catalog.references import is_plain_http
from orchestrator.database import Database, shown_url
from orchestrator.doctor.rules import DatabaseFacts, Facts
from orchestrator.embedded.engine import USUAL_SOCKET, private_engine_of
from orchestrator.embedded.lock import url_of_holder
from orchestrator.errors import ApiError
from orchestrator.fleet.models import Host
from orchestrator.ids import new_id
from orchestrator.mail.smtp_url import parse_smtp_url
from orchestrator.saves.opening import open_store
from orchestrator.settings import Settings

_ENGINE_DEADLINE_S = 5
_PATIENCE_S = 15.0


async def gather(settings: Settings) -> Facts:
    """What this machine has of what these settings name. The store gets one small archive, and loses it again. Where no
    public URL was given, it is that of the `make play` of this data folder.
    """
    settings = _as_played(settings)
    live = f"{settings.public_url}/health/live"
    async with asyncio.TaskGroup() as together:
        database = together.create_task(_database(settings))
        store = together.create_task(_store(settings))
        asked = together.create_task(answer_of(live))
        days = together.create_task(_certificate(settings))
        asked_registry = together.create_task(_registry(settings))
        asked_engine = together.create_task(asyncio.to_thread(_engine, settings.data))
        relays = together.create_task(_relays(settings))
        mail = together.create_task(_mail(settings))
    public, registry, engine = asked.result(), asked_registry.result(), asked_engine.result()
    disk = shutil.disk_usage(existing(settings.data))
    found = stockfish.find()
    return Facts(
        data=str(settings.data.absolute()),
        data_trouble=trouble_of_folder(settings.data),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        database=database.result(),
        store=settings.store_url or str(settings.data.absolute() / "saves"),
        store_trouble=store.result(),
        public_url=settings.public_url,
        public_status=public.status,
        public_trouble=public.trouble,
        is_public_distrusted=public.is_distrusted,
        certificate_days=days.result(),
        registry=settings.registry,
        registry_url=registry.url,
        registry_status=registry.status,
        registry_trouble=registry.trouble,
        engine=engine.version,
        engine_trouble=engine.trouble,
        stockfish=None if found is None else str(found),
        relays=relays.result(),
        mail=_mail_server(settings),
        mail_trouble=mail.result(),
    )


def _as_played(settings: Settings) -> Settings:
    if "public_url" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"public_url": url_of_holder(settings.data) or settings.public_url})


async def _database(settings: Settings) -> DatabaseFacts:
    url = make_url(settings.database_url)
    shown = shown_url(url)
    if url.get_backend_name() == "sqlite" and not _is_there(Path(url.database or "")):
        return DatabaseFacts(shown, _trouble_of_no_file(Path(url.database or "")))
    database, asked_s = Database(settings.database_url), time.monotonic()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            seen = await revisions(database.engine)
            if not seen.is_current:
                return DatabaseFacts(shown, revision=seen.current, head=seen.head)
            async with database.read() as session:
                began_s = time.monotonic()
                now = await database.now(session)
                ours = datetime.now(UTC) - timedelta(seconds=(time.monotonic() - began_s) / 2)
                is_ready = (Host.lease_until > now) & Host.is_draining.is_(False) & Host.removed_at.is_(None)
                ready = await session.scalar(select(func.count()).select_from(Host).where(is_ready))
    except Exception as error:
        cause = error if isinstance(error, TimeoutError) else error.__cause__ or error
        return DatabaseFacts(shown, words_of(cause, time.monotonic() - asked_s))
    finally:
        await database.close()
    return DatabaseFacts(shown, "", seen.current, seen.head, seen.is_current, ours - now, ready or 0)


async def _store(settings: Settings) -> str:
    """Empty when an archive can be put, read and taken away again. A folder that is not there yet is not made: whoever
    asks may be another user than the replica's.
    """
    folder = settings.data / "saves"
    if not settings.store_url and not _is_there(folder):
        return trouble_of_folder(folder)
    body = b"What the doctor left; it may go."
    key, asked_s = f"doctor/{new_id('doc')}", time.monotonic()

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    try:
        async with asyncio.timeout(_PATIENCE_S), open_store(settings) as store:
            await store.check()
            try:
                await store.put(key, sha256(body).hexdigest(), len(body), pieces())
                read = b"".join([piece async for piece in store.read(key)])
            except BaseException:
                with contextlib.suppress(ApiError, *NO_ADDRESS):
                    async with asyncio.timeout(_PATIENCE_S):
                        await store.delete(key)
                raise
            await store.delete(key)
    except (ApiError, *NO_ADDRESS) as error:
        return words_of(error, time.monotonic() - asked_s)
    return "" if read == body else "what was read is not what was written"


async def _certificate(settings: Settings) -> float | None:
    return await days_of_certificate(settings.public_url) if settings.is_secure else None


@dataclass(frozen=True, slots=True)
class _Registry:
    url: str = ""
    status: int | None = None
    trouble: str = ""


async def _registry(settings: Settings) -> _Registry:
    if settings.registry is None:
        return _Registry()
    host = settings.registry.partition("/")[0]
    url = f"{'http' if is_plain_http(host, settings.insecure_registries) else 'https'}://{host}/v2/"
    answer = await answer_of(url)
    return _Registry(url, answer.status, answer.trouble)


@dataclass(frozen=True, slots=True)
class _Engine:
    version: str | None = None
    trouble: str = ""


def _engine(data: Path) -> _Engine:
    """The one that `games add` would use. Blocks."""
    address = private_engine_of(data, os.environ) or os.environ.get("DOCKER_HOST") or f"unix://{USUAL_SOCKET}"
    if trouble := trouble_of_engine(address):
        return _Engine(trouble=f"{address}: {trouble}")
    try:
        client = docker.DockerClient(base_url=address, timeout=_ENGINE_DEADLINE_S)
        try:
            return _Engine(str(client.version()["Version"]))
        finally:
            client.close()
    except (DockerException, *NO_ADDRESS) as error:
        return _Engine(trouble=words_of(error))


async def _relays(settings: Settings) -> tuple[tuple[str, str], ...]:
    urls = (*settings.stun_urls, *settings.turn_urls)
    troubles = await asyncio.gather(*(trouble_of_relay(url) for url in urls))
    return tuple(zip(urls, troubles, strict=True))


def _mail_server(settings: Settings) -> str | None:
    if not settings.has_mail_server:
        return None
    server = parse_smtp_url(settings.smtp_url.get_secret_value())
    return f"{server.host}:{server.port}"


async def _mail(settings: Settings) -> str:
    if not settings.has_mail_server:
        return ""
    server = parse_smtp_url(settings.smtp_url.get_secret_value())
    return await trouble_of_connection(server.host, server.port)


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - `Path.exists` raises in a folder that is closed to us


def _trouble_of_no_file(path: Path) -> str:
    there = existing(path)
    return "there is no such file" if can_enter(there) else f"{there} cannot be entered by this user"
