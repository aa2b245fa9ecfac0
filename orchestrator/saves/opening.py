"""Which store of saves an installation has: a folder of its data, or a bucket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from orchestrator.saves.folder_store import FolderStore
from orchestrator.saves.s3_location import parse_store_url
from orchestrator.saves.store import ArchiveStore
from orchestrator.settings import Settings


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncGenerator[ArchiveStore]:
    """The store of `settings`, closed at the end. It is not asked for anything here."""
    if not settings.store_url:
        yield FolderStore(settings.data / "saves")
        return
    from orchestrator.saves.s3_store import S3Store  # noqa: PLC0415 - half a second that a folder does not need

    location = parse_store_url(settings.store_url)
    async with S3Store(location, settings.store_endpoint, settings.store_region) as store:
        yield store
