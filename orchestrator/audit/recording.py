"""Writes down what an operator does, in the very transaction that does it: what was rolled back is not in the log, and
nothing is done without being there.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.models import AuditEvent
from orchestrator.ids import new_id

MOST_ADDRESS_CHARACTERS = 64


class ActorKind(StrEnum):
    ACCOUNT = "account"
    PUBLISHER = "publisher"
    TENANT_KEY = "tenant-key"
    COMMAND_LINE = "command-line"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and from which network address. The command line has neither an id nor an address."""

    kind: ActorKind
    id: str | None = None
    address: str | None = None

    @property
    def account_id(self) -> str | None:
        return self.id if self.kind is ActorKind.ACCOUNT else None


COMMAND_LINE = Actor(ActorKind.COMMAND_LINE)
"""Whoever can open the database by themselves."""


class Action(StrEnum):
    """What can be done. The first word says what it is done to."""

    INSTALLATION_RESTORE = "installation.restore"
    INSTALLATION_KEY_ROTATE = "installation.key_rotate"
    HOST_DRAIN = "host.drain"
    HOST_RESUME = "host.resume"
    HOST_LABEL = "host.label"
    HOST_REMOVE = "host.remove"
    JOIN_TOKEN_MAKE = "join_token.make"  # noqa: S105 - a word, not a secret
    JOIN_TOKEN_REVOKE = "join_token.revoke"  # noqa: S105 - a word, not a secret
    USER_MAKE = "user.make"
    USER_ACTIVATE = "user.activate"
    USER_SUSPEND = "user.suspend"
    USER_CLOSE = "user.close"
    SESSION_STOP = "session.stop"
    GAME_ADD = "game.add"
    GAME_ACCESS = "game.access"
    GAME_PUBLISH = "game.publish"
    GAME_CHANGE = "game.change"
    GAME_VERSION = "game.version"
    GAME_UPLOAD = "game.upload"
    GAME_UPLOAD_GIVE_UP = "game.upload_give_up"
    GAME_SUSPEND = "game.suspend"
    GAME_RESUME = "game.resume"
    CODES_MAKE = "codes.make"
    CODES_REVOKE = "codes.revoke"
    PUBLISHER_MAKE = "publisher.make"
    PUBLISHER_KEY_ROTATE = "publisher.key_rotate"
    PUBLISHER_KEY_REVOKE = "publisher.key_revoke"
    TENANT_MAKE = "tenant.make"
    TENANT_CHANGE = "tenant.change"
    TENANT_THEME = "tenant.theme"
    TENANT_MEMBER_ADD = "tenant.member_add"
    TENANT_MEMBER_REMOVE = "tenant.member_remove"
    TENANT_KEY_MAKE = "tenant.key_make"
    TENANT_KEY_ROTATE = "tenant.key_rotate"
    TENANT_KEY_REVOKE = "tenant.key_revoke"
    TENANT_WEBHOOK_MAKE = "tenant.webhook_make"
    TENANT_WEBHOOK_CHANGE = "tenant.webhook_change"
    TENANT_WEBHOOK_REMOVE = "tenant.webhook_remove"
    TENANT_WEBHOOK_ROTATE = "tenant.webhook_rotate"
    TENANT_WEBHOOK_STOP = "tenant.webhook_stop"
    TENANT_WEBHOOK_RESTART = "tenant.webhook_restart"
    TENANT_WEBHOOK_TEST = "tenant.webhook_test"
    TENANT_WEBHOOK_REDELIVER = "tenant.webhook_redeliver"
    TENANT_BOT_MAKE = "tenant.bot_make"
    TENANT_BOT_CHANGE = "tenant.bot_change"
    TENANT_BOT_REMOVE = "tenant.bot_remove"
    TENANT_BOT_TRAIN = "tenant.bot_train"

    @property
    def subject_kind(self) -> str:
        return self.value.partition(".")[0]


def record(
    session: AsyncSession,
    by: Actor,
    action: Action,
    subject_id: str,
    now: datetime,
    /,
    **details: str | float | bool | None,
) -> None:
    """Add one line to the log with the caller's transaction. `details` are few and short, and never a secret, a name or
    an e-mail address of a person.
    """
    session.add(
        AuditEvent(
            id=new_id("aud"),
            at=now,
            actor_kind=by.kind.value,
            actor_id=by.id,
            action=action.value,
            subject_id=subject_id,
            details=dict(details),
            address=by.address and by.address[:MOST_ADDRESS_CHARACTERS],
        )
    )
