"""Which versions of a slot are kept. Pure.

Inside a session checkpoints replace each other: of the session that played last the newest two stay. Beside them the
last version of every session and of every ten minutes of its play are milestones, and the newest ten of those stay. The
head always stays. A side version (one that came too late to be the head, and that a person may want back) is no
milestone and is not replaced: the newest ten of them stay as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CHECKPOINTS_KEPT = 2
MILESTONES_KEPT = 10
SIDES_KEPT = 10
MILESTONE_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that exists now. `session_began_at` is when its session began to run: its ten minutes count from it."""

    version_id: str
    session_id: str
    session_began_at: datetime
    created_at: datetime
    is_head: bool
    is_side: bool


def superseded(versions: Iterable[Kept]) -> list[str]:
    """The ids of the versions that may go, oldest first. Taking them away and asking again gives none."""
    newest_first = sorted(versions, key=lambda version: (version.created_at, version.version_id), reverse=True)
    played = [version for version in newest_first if not version.is_side]
    kept = {version.version_id for version in newest_first if version.is_head}
    kept |= _ids([version for version in newest_first if version.is_side][:SIDES_KEPT])
    kept |= _ids(_checkpoints(played))
    kept |= _ids(_milestones(played)[:MILESTONES_KEPT])
    return [version.version_id for version in reversed(newest_first) if version.version_id not in kept]


def _checkpoints(newest_first: Sequence[Kept]) -> Sequence[Kept]:
    of_last_session = [version for version in newest_first if version.session_id == newest_first[0].session_id]
    return of_last_session[:CHECKPOINTS_KEPT]


def _milestones(newest_first: Sequence[Kept]) -> Sequence[Kept]:
    """The newest version of each ten minutes of each session."""
    last: dict[tuple[str, int], Kept] = {}
    for version in newest_first:
        stretch = (version.created_at - version.session_began_at) // MILESTONE_EVERY
        last.setdefault((version.session_id, stretch), version)
    return list(last.values())


def _ids(versions: Iterable[Kept]) -> set[str]:
    return {version.version_id for version in versions}
