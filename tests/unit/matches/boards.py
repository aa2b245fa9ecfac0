"""Lines of plies for the tests: played from the start, or a chess position out of nowhere."""

from collections.abc import Iterable
from random import Random

from matches.rules import RULES
from matches.rules.chess import ChessMove
from matches.values import Game, Played, Ply

ANY_MOVE = ChessMove("a1", "a1", None, "?")


def payload(game: Game, move: object) -> dict[str, object]:
    """What a client sends for a move in the game's short form."""
    return {Game.CONNECT4: {"column": move}, Game.TICTACTOE: {"position": move}}.get(game, {"move": move})


def line(game: Game, moves: Iterable[object]) -> tuple[Ply, ...]:
    """The plies after these moves from the start."""
    plies: list[Ply] = []
    for move in moves:
        played = RULES[game].play(plies, payload(game, move))
        plies.append(Ply(played.move, played.after, len(plies)))
    return tuple(plies)


def replayed(game: Game, plies: Iterable[Ply]) -> tuple[Ply, ...]:
    """The same moves, played anew from the start: equal to `plies` when they are a game by the rules."""
    line: list[Ply] = []
    for ply in plies:
        wire = ply.move.wire()
        played = RULES[game].play(line, {"move": wire, **wire})
        line.append(Ply(played.move, played.after, ply.at_ms))
    return tuple(line)


def last(game: Game, moves: Iterable[object]) -> Played:
    """What the last of these moves did."""
    *before, move = moves
    return RULES[game].play(line(game, before), payload(game, move))


def at(fen: str) -> tuple[Ply, ...]:
    """A chess line that ends in a position, with the right player on the move."""
    return tuple(Ply(ANY_MOVE, fen, 0) for _ in range(2 if " w " in fen else 1))


def random_game(game: Game, seed: int) -> tuple[tuple[Ply, ...], Played]:
    """A whole game of random moves, and what the last of them did."""
    draws, plies, rules = Random(seed), list[Ply](), RULES[game]
    while True:
        move = draws.choice(list(rules.legal(plies)))
        wire = move.wire()
        played = rules.play(plies, {"move": wire, **wire})
        plies.append(Ply(played.move, played.after, len(plies)))
        if played.verdict is not None:
            return tuple(plies), played
