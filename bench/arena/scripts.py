"""What players play: games that were drawn by lot, by the rules, and go on for long enough. Pure."""

from collections.abc import Sequence
from random import Random

from matches.rules import RULES
from matches.values import Game, Json, Ply

PLIES = 8
"""A tic-tac-toe that is not over after so many has one more."""

Script = Sequence[dict[str, Json]]


def drawn(game: Game, seed: int) -> Script:
    """The moves of a match as clients send them and see them, `PLIES` or more; it is not over before the last."""
    draw = Random(seed)
    wanted = PLIES if game == Game.TICTACTOE else 3 * PLIES
    while True:
        line: list[Ply] = []
        while len(line) < wanted and (legal := RULES[game].legal(line)):
            wire = draw.choice(legal).wire()
            played = RULES[game].play(line, {"move": wire, **wire})
            line.append(Ply(played.move, played.after, 0))
            if played.verdict is not None:
                break
        if len(line) == wanted and RULES[game].legal(line):
            return [ply.move.wire() for ply in line]
