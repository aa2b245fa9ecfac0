"""What went wrong with a pull, from the engine's words. Pure.

The engine has one kind of error for everything; its texts are those of Docker 20.10 to 29 and of containerd.
"""

from enum import StrEnum

from agent_protocol import EndCode


class PullFailure(StrEnum):
    """`AWAY` is everything that another try may better."""

    UNKNOWN = "unknown"
    DAMAGED = "damaged"
    REFUSED = "refused"
    DISK_FULL = "disk_full"
    AWAY = "away"


_WORDS: tuple[tuple[PullFailure, tuple[str, ...]], ...] = (
    (PullFailure.DISK_FULL, ("no space left on device", "disk quota exceeded")),
    (
        PullFailure.DAMAGED,
        (
            "verification failed",
            "failed commit on ref",
            "unexpected commit digest",
            "does not match digest",
            "failed to verify",
            "invalid checksum digest",
            "gzip: invalid",
            "corrupt input",
        ),
    ),
    (PullFailure.REFUSED, ("unauthorized", "denied", "no basic auth credentials", "authentication required")),
    (PullFailure.UNKNOWN, ("manifest unknown", "not found", "does not exist", "name unknown")),
)


def failure_of(words: str) -> PullFailure:
    """Which of them an error of the engine tells of."""
    small = words.lower()
    return next((failure for failure, texts in _WORDS if any(text in small for text in texts)), PullFailure.AWAY)


def is_worth_another_try(failure: PullFailure) -> bool:
    return failure is PullFailure.AWAY


def told(failure: PullFailure, reference: str, words: str) -> tuple[EndCode, str]:
    """The session's end after this failure: its code, and a text for people."""
    ends = {
        PullFailure.UNKNOWN: (EndCode.IMAGE_MISSING, f"The registry has no image {reference}."),
        PullFailure.DAMAGED: (
            EndCode.PULL_FAILED,
            f"The game's image arrived damaged, its digest is another: {words}",
        ),
        PullFailure.REFUSED: (
            EndCode.PULL_FAILED,
            f"The registry does not give this host the image {reference}: {words}",
        ),
        PullFailure.DISK_FULL: (EndCode.DISK_FULL, "The host's disk has no room for the game."),
        PullFailure.AWAY: (EndCode.PULL_FAILED, f"The game could not be fetched: {words}"),
    }
    return ends[failure]
