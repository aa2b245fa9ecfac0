"""Whom a seat's uid is inside a container whose engine has user namespaces (`userns-remap`). Pure.

Such an engine counts uids from its own first one: 0 in a container is the host's FIRST, 1 is FIRST + 1. A game shall be
its seat's uid to the host, as its display, sound and save are that one's; so it is told a number that is less by FIRST.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gameserver_agent.errors import EngineError

MOST_UIDS = 65_536
_ROOT = re.compile(r"/(\d+)\.(\d+)/?$")


@dataclass(frozen=True, slots=True)
class UserNamespace:
    """The host's uid and gid of an engine's root."""

    first_uid: int
    first_gid: int

    def inside(self, user: str) -> str:
        """`UID:GID` of the host, as containers have it. Raises `EngineError` for one that they cannot have."""
        uid, _, gid = user.partition(":")
        inner_uid, inner_gid = int(uid) - self.first_uid, int(gid) - self.first_gid
        if not (0 < inner_uid < MOST_UIDS and 0 < inner_gid < MOST_UIDS):
            raise EngineError(
                f"the engine's user namespace begins at {self.first_uid}:{self.first_gid} and has no place for {user}: "
                "give its user 200000:65536 in /etc/subuid and /etc/subgid"
            )
        return f"{inner_uid}:{inner_gid}"


def user_namespace(info: Mapping[str, object]) -> UserNamespace | None:
    """Of an engine, by what it says of itself: its root folder is named after it. None where it has none, or is itself
    an ordinary user's and so in one whole.
    """
    options = info.get("SecurityOptions")
    named = {str(option).split(",")[0] for option in options} if isinstance(options, list) else set[str]()
    found = _ROOT.search(str(info.get("DockerRootDir", "")))
    if "name=userns" not in named or found is None:
        return None
    return UserNamespace(int(found[1]), int(found[2]))
