"""Which versions of a slot are kept. Pure.

Within a session checkpoints replace each other and the newest two stay; of the ended sessions the newest ten stay with
their last version each. A pinned version (the head, or a side version that a person may want back) always stays.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

CHECKPOINTS_KEPT = 2
SESSIONS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that exists now."""

    version_id: str
    session_id: str
    is_pinned: bool
    created_at: datetime


def superseded(versions: Iterable[Kept]) -> list[str]:
    """The ids of the versions that may go."""
    by_session: dict[str, list[Kept]] = defaultdict(list)
    for version in sorted(versions, key=lambda v: v.created_at, reverse=True):
        by_session[version.session_id].append(version)
    dropped: list[str] = []
    for age, session_versions in enumerate(by_session.values()):
        allowed = CHECKPOINTS_KEPT if age == 0 else (1 if age < SESSIONS_KEPT else 0)
        dropped += [version.version_id for version in session_versions[allowed:] if not version.is_pinned]
    return dropped
