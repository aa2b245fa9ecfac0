"""Who is connected to a seat, in which role, and who holds the controls. Pure: every change gives a new audience.

There is one player, whose newest connection replaces the older, and at most `WATCHERS_LIMIT` watchers. The controls are
the player's unless they were handed to a watcher; then they are that watcher's alone, and go back when it leaves.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from streaming.errors import SeatError

WATCHERS_LIMIT = 8


class Role(StrEnum):
    PLAYER = "player"
    WATCHER = "watcher"


@dataclass(frozen=True, slots=True)
class Viewer:
    """One connection, and who is behind it. `person` is the same for each connection of one watcher, or empty when
    nothing is known of others; `epoch` is that of the right by which it came; with `again` it only mends one that
    broke.
    """

    identity: str
    role: Role
    name: str = ""
    person: str = ""
    epoch: int = 0
    again: bool = False
    is_connected: bool = False

    def is_same_person(self, other: "Viewer") -> bool:
        if self.role is not other.role:
            return False
        return self.role is Role.PLAYER or (self.person != "" and self.person == other.person)


@dataclass(frozen=True, slots=True)
class Audience:
    """`viewers` in the order of their coming, connected or about to; `handed_to` is the watcher with the controls,
    `newest_player` the person behind the player's newest connection, also after it has gone.
    """

    viewers: tuple[Viewer, ...] = ()
    handed_to: str | None = None
    lowest_epoch: int = 0
    newest_player: str = ""

    @property
    def player(self) -> Viewer | None:
        return next((viewer for viewer in self.viewers if viewer.role is Role.PLAYER), None)

    @property
    def connected(self) -> tuple[Viewer, ...]:
        return tuple(viewer for viewer in self.viewers if viewer.is_connected)

    @property
    def watchers(self) -> tuple[Viewer, ...]:
        """Those who see the picture now."""
        return tuple(viewer for viewer in self.connected if viewer.role is Role.WATCHER)

    @property
    def holder(self) -> str | None:
        """Whose input counts: nobody's while the player is away and has handed nothing over."""
        if self.handed_to is not None:
            return self.handed_to
        return None if self.player is None else self.player.identity

    @property
    def players(self) -> int:
        """How many are there who can play: one, or none."""
        holder = self.viewer(self.holder)
        return int(holder is not None and holder.is_connected)

    def viewer(self, identity: str | None) -> Viewer | None:
        return next((viewer for viewer in self.viewers if viewer.identity == identity), None)

    def joined(self, newcomer: Viewer) -> tuple["Audience", Viewer | None]:
        """With the newcomer, and whom it replaces: another connection of the same person, whose controls it takes over.
        Raises `SeatError` `watchers_full`, `revoked` for a watcher whose right has been taken back, and `replaced` for
        a player's page that would mend its connection while a newer page has the seat.
        """
        if newcomer.role is Role.PLAYER and newcomer.again and self.newest_player not in ("", newcomer.person):
            raise SeatError("another page has taken over", code="replaced")
        if newcomer.role is Role.WATCHER and newcomer.epoch < self.lowest_epoch:
            raise SeatError("this invitation was taken back", code="revoked")
        replaced = next((viewer for viewer in self.viewers if viewer.is_same_person(newcomer)), None)
        others = tuple(viewer for viewer in self.viewers if viewer is not replaced)
        if newcomer.role is Role.WATCHER and _watchers(others) >= WATCHERS_LIMIT:
            raise SeatError(f"{WATCHERS_LIMIT} people are watching already", code="watchers_full")
        takes_over = replaced is not None and replaced.identity == self.handed_to
        handed_to = newcomer.identity if takes_over else self.handed_to
        newest_player = newcomer.person if newcomer.role is Role.PLAYER else self.newest_player
        audience = replace(self, viewers=(*others, newcomer), handed_to=handed_to, newest_player=newest_player)
        return audience, replaced

    def reached(self, identity: str) -> "Audience":
        """This viewer's connection has come about."""
        viewers = (
            replace(viewer, is_connected=True) if viewer.identity == identity else viewer for viewer in self.viewers
        )
        return replace(self, viewers=tuple(viewers))

    def left(self, identity: str) -> "Audience":
        """Without this viewer; what it held goes back to the player."""
        return self._only(viewer for viewer in self.viewers if viewer.identity != identity)

    def handed(self, by: str, to: str | None) -> "Audience":
        """The controls handed on: by the player to a watcher, and back (`to` is None or the player) by the player or by
        whoever holds them. Anything else changes nothing.
        """
        giver, taker = self.viewer(by), self.viewer(to)
        if giver is None or (giver.role is Role.WATCHER and giver.identity != self.handed_to):
            return self
        if to is None or taker is self.player:
            return replace(self, handed_to=None)
        if giver.role is Role.PLAYER and taker in self.watchers:
            return replace(self, handed_to=to)
        return self

    def revoked(self, epoch: int) -> "Audience":
        """Without the watchers whose right is older than `epoch`, now and later."""
        lowest_epoch = max(epoch, self.lowest_epoch)
        kept = (viewer for viewer in self.viewers if viewer.role is Role.PLAYER or viewer.epoch >= lowest_epoch)
        return replace(self._only(kept), lowest_epoch=lowest_epoch)

    def _only(self, viewers: Iterable[Viewer]) -> "Audience":
        kept = tuple(viewers)
        is_there = any(viewer.identity == self.handed_to for viewer in kept)
        return replace(self, viewers=kept, handed_to=self.handed_to if is_there else None)


def _watchers(viewers: tuple[Viewer, ...]) -> int:
    return sum(viewer.role is Role.WATCHER for viewer in viewers)


def people_message(audience: Audience, you: str) -> dict[str, object]:
    """What the page of `you` is told of the others."""
    player = audience.player
    return {
        "type": "people",
        "player": None if player is None else {"id": player.identity, "name": player.name},
        "watchers": [{"id": watcher.identity, "name": watcher.name} for watcher in audience.watchers],
        "controls": audience.holder,
        "you": you,
    }
