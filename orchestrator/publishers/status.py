"""What a game's publisher sees of it in one word. Pure."""

from enum import StrEnum


class UploadState(StrEnum):
    """`receiving` and `processing` are open, the others final."""

    RECEIVING = "receiving"
    PROCESSING = "processing"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class GameStatus(StrEnum):
    PENDING_UPLOAD = "pending_upload"
    PROCESSING = "processing"
    ACTIVE = "active"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


def status_of(*, is_suspended: bool, is_playable: bool, newest: UploadState | None) -> GameStatus:
    """From the newest upload's state. A game that can be played stays active whatever becomes of a newer upload."""
    if is_suspended:
        return GameStatus.SUSPENDED
    if is_playable:
        return GameStatus.ACTIVE
    match newest:
        case UploadState.PROCESSING:
            return GameStatus.PROCESSING
        case UploadState.REJECTED:
            return GameStatus.REJECTED
        case _:
            return GameStatus.PENDING_UPLOAD
