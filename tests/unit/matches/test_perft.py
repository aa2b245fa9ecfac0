"""How many lines of play there are, by the numbers that everybody publishes.

Chess: https://www.chessprogramming.org/Perft_Results. Checkers: https://aartbik.com/strategy.php.
"""

from collections import Counter
from collections.abc import Sequence

from matches.rules import checkers, chess, connect4
from matches.values import Ply
from tests.unit.matches.boards import at

KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


def chess_lines(line: Sequence[Ply], depth: int) -> int:
    moves = chess.legal(line)
    if depth == 1:
        return len(moves)
    lines = 0
    for move in moves:
        played = chess.play(line, {"move": {"from": move.start, "to": move.to, "promotion": move.promotion}})
        lines += chess_lines([*line, Ply(played.move, played.after, 0)], depth - 1)
    return lines


def checkers_lines(line: Sequence[Ply], depth: int) -> int:
    turns = checkers.legal(line)
    return len(turns) if depth == 1 else sum(checkers_lines([*line, Ply(turn, "", 0)], depth - 1) for turn in turns)


def test_chess_from_the_start() -> None:
    assert [chess_lines((), depth) for depth in (1, 2, 3, 4)] == [20, 400, 8_902, 197_281]


def test_chess_from_kiwipete() -> None:
    assert [chess_lines(at(KIWIPETE), depth) for depth in (1, 2, 3)] == [48, 2_039, 97_862]


def test_checkers_where_a_turn_of_many_jumps_is_one_move() -> None:
    assert checkers_lines((), 6) == 36_768
    assert checkers_lines((), 7) == 179_740


def test_connect_four() -> None:
    """By positions rather than lines: equal ones are looked at once, and count as often as they are reached."""
    lines: dict[str, tuple[Ply, ...]] = {connect4.START: ()}
    counts = Counter({connect4.START: 1})
    totals: list[int] = []
    while True:
        totals.append(sum(count * len(connect4.legal(lines[position])) for position, count in counts.items()))
        if len(totals) == 7:
            break
        longer: dict[str, tuple[Ply, ...]] = {}
        reached: Counter[str] = Counter()
        for position, line in lines.items():
            for drop in connect4.legal(line):
                played = connect4.play(line, {"column": drop.column})
                longer[played.after] = (*line, Ply(played.move, played.after, 0))
                reached[played.after] += counts[position]
        lines, counts = longer, reached
    assert totals == [7, 49, 343, 2_401, 16_807, 117_649, 823_536]
