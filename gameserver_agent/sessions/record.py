"""What must be known of a session to take it up again after the agent's restart, as one small file."""

from pathlib import Path

import pydantic
import structlog
from pydantic import BaseModel, ConfigDict

from agent_protocol import DesiredSession, EndReport, ObservedState, RunResult, SavedVersion, Statistics
from gameserver_agent.identity import unfinished_writes, write_private
from gameserver_agent.saves.archive import Archive
from gameserver_agent.statistics import Meter

log = structlog.get_logger()
RESTORING = "restore.tar.zst"
_RECORD = "record.json"


class SessionRecord(BaseModel):
    """`end` is known from the moment that the session begins to stop. `is_saved`: what was played lies in the outbox or
    was taken, or nothing was played. `is_cleared`: container, seat and home are gone. `boot_id` is that of the machine
    when this was written. `title_id` is that of the title which the session has taken.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    desired: DesiredSession
    state: ObservedState
    container_id: str | None = None
    meter: Meter | None = None
    statistics: Statistics | None = None
    save: SavedVersion | None = None
    end: EndReport | None = None
    is_saved: bool = False
    is_cleared: bool = False
    boot_id: str | None = None
    title_id: str | None = None
    result: RunResult | None = None


class SessionFolder:
    """`data/sessions/<id>`: the record, and beside it the home folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, record: SessionRecord) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path / _RECORD, record.model_dump_json().encode())

    def read(self) -> SessionRecord | None:
        """None when there is none; a damaged one is logged, kept, and kills nothing."""
        file = self.path / _RECORD
        try:
            return SessionRecord.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except pydantic.ValidationError as error:
            log.exception("session.record_damaged", file=str(file), error_count=error.error_count())
            return None

    def forget(self) -> None:
        """Remove the record and the folder; whatever else lies in it stays."""
        (self.path / _RECORD).unlink(missing_ok=True)
        self.tidy()

    def tidy(self) -> None:
        """Remove what an agent that was killed had begun to write, and the folder where nothing else is in it."""
        for unfinished in (*unfinished_writes(self.path / _RECORD), self.path / RESTORING):
            unfinished.unlink(missing_ok=True)
        if self.path.exists() and not any(self.path.iterdir()):
            self.path.rmdir()


def is_known(captured: Archive, desired: DesiredSession | None, last: SavedVersion | None) -> bool:
    """Whether the orchestrator has this very save already, or there is none: it need not be sent."""
    if last is not None:
        return captured.digest == last.digest
    if desired is not None and desired.restore is not None:
        return captured.digest == desired.restore.digest
    return captured.entries == 0
