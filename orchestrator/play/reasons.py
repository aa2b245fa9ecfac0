"""Why sessions end: a code for programs, a text for people, who decided, and what to do next.

Hosts have codes of their own (`agent_protocol.EndCode`); `NEXT_STEPS` has a sentence for each of theirs and of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent_protocol import EndCode


class Decider(StrEnum):
    """Who ended a session."""

    PLAYER = "player"
    OPERATOR = "operator"
    GAME = "game"
    HOST = "host"
    ORCHESTRATOR = "orchestrator"


class Reason(StrEnum):
    """The codes of ends that are decided here. Those of hosts are `EndCode`s."""

    STOPPED = "stopped"
    STOPPED_BY_OPERATOR = "stopped_by_operator"
    GAME_EXITED = "game_exited"
    IDLE = "idle"
    SESSION_CAP = "session_cap"
    NO_SERVERS = "no_servers"
    PULL_STALLED = "pull_stalled"
    RESTORE_TIMEOUT = "restore_timeout"
    BOOT_TIMEOUT = "boot_timeout"
    STOP_TIMEOUT = "stop_timeout"
    HOST_LOST = "host_lost"
    HOST_DRAINED = "host_drained"
    ABANDONED = "abandoned"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class End:
    """Why a session is over, or is being ended."""

    code: str
    message: str
    by: Decider
    log_tail: tuple[str, ...] = ()


STOPPED_BY_PLAYER = End(Reason.STOPPED, "You stopped the game.", Decider.PLAYER)
ACCOUNT_NOT_ACTIVE = End(
    Reason.STOPPED,
    "The account was suspended, closed or deleted, so the game was stopped.",
    Decider.ORCHESTRATOR,
)
IDLE = End(
    Reason.IDLE,
    "Nobody played for 30 minutes, so the game was stopped. What was saved in it is kept.",
    Decider.ORCHESTRATOR,
)
CAP = End(Reason.SESSION_CAP, "The session reached its longest time of 8 hours.", Decider.ORCHESTRATOR)
NO_PLACE = End(Reason.NO_SERVERS, "No host had room for the game within two minutes.", Decider.ORCHESTRATOR)
SILENT_STOP = End(
    Reason.STOP_TIMEOUT,
    "The host did not confirm the stop in time; the last saved state was kept.",
    Decider.ORCHESTRATOR,
)
HOST_LOST = End(
    Reason.HOST_LOST,
    "The machine that ran the game went away and no other could take over. Your game is kept as it was last saved.",
    Decider.ORCHESTRATOR,
)
RUN_LOST = End(Reason.HOST_LOST, "The machine that ran the game went away in the middle of it.", Decider.ORCHESTRATOR)
ABANDONED = End(Reason.ABANDONED, "The player left the game.", Decider.ORCHESTRATOR)
NO_INPUT = End(Reason.IDLE, "Nobody played, so the game was stopped.", Decider.ORCHESTRATOR)
HOST_DRAINED = End(
    Reason.HOST_DRAINED,
    "The machine that ran the game is being serviced, and no other had room in time. What was saved in it is kept.",
    Decider.ORCHESTRATOR,
)
RESTORED = End(
    Reason.RESTORED,
    "The service was brought back from a backup that was made while you played, so this game was ended. "
    "It is kept as it was last saved by then, or later where the machine that ran it still had more.",
    Decider.OPERATOR,
)
PULL_STALLED = End(Reason.PULL_STALLED, "The game's files stopped arriving at the host.", Decider.ORCHESTRATOR)
RESTORE_TIMEOUT = End(
    Reason.RESTORE_TIMEOUT, "Your save could not be brought to the host in time.", Decider.ORCHESTRATOR
)
BOOT_TIMEOUT = End(Reason.BOOT_TIMEOUT, "The game showed no picture within a minute.", Decider.ORCHESTRATOR)

CODE_CHARACTERS = 64
MESSAGE_CHARACTERS = 2000
LOG_LINES = 50
LOG_LINE_CHARACTERS = 500

_BY_GAME = frozenset({EndCode.EXITED, EndCode.CRASHED, EndCode.OUT_OF_MEMORY, EndCode.SAVE_FULL})

_AGAIN = "Start the game again to go on from your last save."
_WAIT_AND_TRY = "Please try again in a minute."
_TELL_OPERATOR = "Please tell the people who run this service: trying again will not help."

NEXT_STEPS: Mapping[str, str] = {
    Reason.STOPPED: _AGAIN,
    Reason.STOPPED_BY_OPERATOR: _AGAIN,
    Reason.GAME_EXITED: _AGAIN,
    Reason.IDLE: _AGAIN,
    Reason.SESSION_CAP: _AGAIN,
    Reason.NO_SERVERS: "All machines are busy or away. Please try again in a few minutes.",
    Reason.PULL_STALLED: _WAIT_AND_TRY,
    Reason.RESTORE_TIMEOUT: "Your save is safe. Please try again in a minute.",
    Reason.BOOT_TIMEOUT: "Start the game again; if it stays dark, its last lines tell the publisher why.",
    Reason.STOP_TIMEOUT: "Start the game again; what the machine still sends will be among the versions of your save.",
    Reason.HOST_LOST: _AGAIN,
    Reason.HOST_DRAINED: _AGAIN,
    Reason.ABANDONED: _AGAIN,
    Reason.RESTORED: "Start the game again; what its machine still sends will be among the versions of your save.",
    EndCode.EXITED: _AGAIN,
    EndCode.CRASHED: "Start the game again; if it fails in the same place, its last lines tell the publisher why.",
    EndCode.OUT_OF_MEMORY: "Start the game again; if this keeps happening, its publisher has to give it more memory.",
    EndCode.IMAGE_MISSING: _TELL_OPERATOR,
    EndCode.PULL_FAILED: _WAIT_AND_TRY,
    EndCode.RESTORE_FAILED: "Try again, or go back to an older version of this save on the game's page.",
    EndCode.SEAT_FAILED: _AGAIN,
    EndCode.ENGINE_FAILED: _WAIT_AND_TRY,
    EndCode.DISK_FULL: "The machine is full. Please try again in a few minutes.",
    EndCode.HOST_RESTARTED: _AGAIN,
    EndCode.EXPIRED: _AGAIN,
    EndCode.SAVE_FULL: "Delete old saves inside the game, or start afresh in another slot.",
    EndCode.SAVE_FAILED: "Wait a minute before you play on, so that your last save can arrive.",
}


def next_step(code: str) -> str:
    """One sentence for people: what to do after an end with this code, which a newer agent may have made up."""
    return NEXT_STEPS.get(code, _AGAIN)


def stopped_by_operator(reason: str) -> End:
    """Somebody who runs this service ended it; the player reads `reason`, which may be empty."""
    why = f" They say: {reason}" if reason else ""
    return End(
        Reason.STOPPED_BY_OPERATOR,
        f"The people who run this service stopped the game.{why}"[:MESSAGE_CHARACTERS],
        Decider.OPERATOR,
    )


def ended_on_host(code: str, message: str, log_tail: tuple[str, ...]) -> End:
    """A host's report as an end that every database can hold, whatever the host wrote."""
    lines = tuple(_storable(line, LOG_LINE_CHARACTERS) for line in log_tail[-LOG_LINES:])
    by = Decider.GAME if code in _BY_GAME else Decider.HOST
    return End(_storable(code, CODE_CHARACTERS), _storable(message, MESSAGE_CHARACTERS), by, lines)


def _storable(text: str, most_characters: int) -> str:
    """PostgreSQL has no NUL in a text."""
    return text.replace("\0", "")[:most_characters]
