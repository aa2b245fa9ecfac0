"""A match that a test plays: it keeps what followed, and when."""

from collections.abc import Iterable

from matches.events import Effect, Event, Looked, MoveSent, Refused
from matches.refusals import Refusal
from matches.state import Match, started
from matches.step import step
from matches.terms import Terms, documented_terms
from matches.values import Game, Seat
from tests.unit.matches.boards import payload

START_MS = 1_000_000


class Table:
    """`at` moves the time, in seconds from the start; each event happens at that moment."""

    def __init__(self, game: Game, terms: Terms | None = None) -> None:
        self.game = game
        self.match: Match = started(terms or documented_terms(game), ("ann", "bob"), START_MS)
        self.now_ms = START_MS

    def at(self, seconds: float) -> "Table":
        self.now_ms = START_MS + round(seconds * 1000)
        return self

    def tell(self, event: Event) -> tuple[Effect, ...]:
        self.match, effects = step(self.match, event, self.now_ms)
        return effects

    def look(self) -> tuple[Effect, ...]:
        return self.tell(Looked())

    def move(self, move: object, seat: Seat | None = None) -> tuple[Effect, ...]:
        return self.tell(MoveSent(self.match.turn if seat is None else seat, payload(self.game, move)))

    def moves(self, moves: Iterable[object]) -> "Table":
        for move in moves:
            self.move(move)
        return self

    def refusal(self, event: Event) -> Refusal:
        before = self.match
        *_, refused = self.tell(event)
        assert isinstance(refused, Refused)
        assert self.match is before
        return refused.refusal
