"""The wire of `/api/admin/sessions`."""

from typing import Annotated

from pydantic import AfterValidator

from orchestrator.http import Timestamp, Wire
from orchestrator.plain_text import one_line
from orchestrator.play.lifecycle import Position, status_of
from orchestrator.play.operations import ListedSession

MOST_REASON_CHARACTERS = 200


def _reason(text: str) -> str:
    return one_line(text, MOST_REASON_CHARACTERS)


class StopOrder(Wire):
    """`reason` is one line for the player, or empty."""

    reason: Annotated[str, AfterValidator(_reason)] = ""


class PlayerView(Wire):
    id: str
    name: str
    email: str


class AdminEndView(Wire):
    """Why a session is over, or is being ended."""

    code: str
    message: str
    by: str


class AdminSessionView(Wire):
    """`status` is what the player sees, `phase` where it stands inside. `player` is null once the account was deleted,
    the host while none is chosen. `peers` are the players and watchers who are connected.
    """

    session_id: str
    player: PlayerView | None
    game_slug: str
    game_title: str
    host_id: str | None
    host_name: str | None
    status: str
    phase: str
    paused: bool
    peers: int
    started_at: Timestamp
    running_since: Timestamp | None
    ended_at: Timestamp | None
    end: AdminEndView | None


class AdminSessionsAnswer(Wire):
    """`total` counts what was asked for, up to 10,000."""

    sessions: list[AdminSessionView]
    total: int


def session_view(listed: ListedSession) -> AdminSessionView:
    row, host, person = listed.row, listed.host, listed.person
    end = None
    if row.end_code is not None:
        end = AdminEndView(code=row.end_code, message=row.end_message or "", by=row.end_by or "")
    return AdminSessionView(
        session_id=row.id,
        player=person and PlayerView(id=person.id, name=person.name, email=person.email),
        game_slug=listed.game.slug,
        game_title=listed.game.title,
        host_id=row.host_id,
        host_name=host and host.name,
        status=status_of(Position(row.position)),
        phase=row.position,
        paused=row.is_paused,
        peers=row.peers,
        started_at=row.created_at,
        running_since=row.running_since,
        ended_at=row.ended_at,
        end=end,
    )
