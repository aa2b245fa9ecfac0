"""What is counted of a transaction is counted when it commits, and not at all when it does not."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

_COUNTS = "counts"


def after_commit(session: AsyncSession, count: Callable[[], None]) -> None:
    """Call `count` once, as soon as this transaction has committed."""
    within = session.sync_session
    if _COUNTS not in within.info:
        within.info[_COUNTS] = list[Callable[[], None]]()
        event.listen(within, "after_commit", _committed)
    within.info[_COUNTS].append(count)


def _committed(within: Session) -> None:
    if within.in_nested_transaction():  # a savepoint: the whole may still be taken back
        return
    counts, within.info[_COUNTS] = within.info[_COUNTS], []
    for count in counts:
        count()
