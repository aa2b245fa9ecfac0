"""A save that cannot be fetched at once is asked for again, and who waits for it is told why it never came."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_protocol import RestoreSource
from gameserver_agent.errors import ControlPlaneRefusedError, StoreAwayError
from gameserver_agent.sessions import saves
from gameserver_agent.sessions.session_task import SessionTask
from tests.integration.gameserver_agent.control_plane import archive_of
from tests.unit.gameserver_agent.orders import order
from tests.unit.gameserver_agent.test_session_task import BUILD, Host, host

__all__ = ["host"]

ARCHIVE = archive_of({"save": b"chapter one"})
SOURCE = RestoreSource(
    version_id="ver1", path="/ver1", digest=hashlib.sha256(ARCHIVE).hexdigest(), size_bytes=len(ARCHIVE)
)


@dataclass
class Downloads:
    """Fails so often before it gives the archive."""

    failures: float
    is_final: bool = False
    asked: int = 0

    async def download_save(self, source: RestoreSource, target: Path) -> None:
        self.asked += 1
        if self.asked <= self.failures:
            if self.is_final:
                raise ControlPlaneRefusedError(404, "version_damaged", "the archive is gone")
            raise StoreAwayError("The store of saves does not answer.")
        await asyncio.to_thread(target.write_bytes, ARCHIVE)


def begun(host: Host, downloads: Downloads) -> SessionTask:
    host.services = replace(host.services, downloads=downloads)
    return host.session(order(build=BUILD, now=datetime.now(UTC)).model_copy(update={"restore": SOURCE}))


async def test_a_store_that_is_away_for_a_moment_delays_a_launch_and_no_more(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saves, "_FETCH_MOST_S", 0.01)
    downloads = Downloads(failures=3)
    task = begun(host, downloads)
    await host.running(task)
    assert downloads.asked == 4
    assert (host.services.session_folder("ses1") / "home" / "save").read_bytes() == b"chapter one"
    task.stop("stopped", "")
    await host.ended(task)


@pytest.mark.parametrize("is_final", [False, True])
async def test_a_save_that_never_comes_ends_the_launch_by_name(
    host: Host, monkeypatch: pytest.MonkeyPatch, is_final: bool
) -> None:
    monkeypatch.setattr(saves, "FETCH_AGAIN_FOR_S", 0.1)
    monkeypatch.setattr(saves, "_FETCH_MOST_S", 0.01)
    downloads = Downloads(failures=float("inf"), is_final=is_final)
    ended = await host.ended(begun(host, downloads))
    assert ended.end is not None
    assert ended.end.code == "restore_failed"
    assert ("gone" if is_final else "store of saves does not answer") in ended.end.message
    assert (downloads.asked == 1) is is_final
    await host.assert_nothing_is_left()
