"""Connect four's bots: anything, three wins in ten, and a search that never misses a win or a block."""

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

import pytest

from matches.bots import connect4 as bot
from matches.bots.levels import Draws, Level
from matches.rules import connect4
from matches.rules.connect4 import COLUMNS, ROWS
from matches.values import Game, Ply
from tests.unit.matches.boards import line, random_game
from tests.unit.matches.chance import Drawn, each_way

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def has_four(cells: str, colour: str) -> bool:
    """The plain way: from each cell, in each direction."""
    board = {(cell // COLUMNS, cell % COLUMNS): piece for cell, piece in enumerate(cells)}
    return any(
        all(board.get((row + far * down, column + far * right)) == colour for far in range(4))
        for row, column in board
        for down, right in STEPS
    )


def dropped(cells: str, column: int, colour: str) -> str:
    cell = max(cell for cell in range(column, ROWS * COLUMNS, COLUMNS) if cells[cell] == ".")
    return cells[:cell] + colour + cells[cell + 1 :]


def open_columns(cells: str) -> list[int]:
    return [column for column in range(COLUMNS) if cells[column] == "."]


def completing(cells: str, colour: str) -> set[int]:
    return {each for each in open_columns(cells) if has_four(dropped(cells, each, colour), colour)}


def random_lines(seeds: range) -> Iterator[tuple[Ply, ...]]:
    for seed in seeds:
        plies, _ = random_game(Game.CONNECT4, seed)
        yield from (plies[:ply] for ply in range(len(plies)))


def sides(plies: Sequence[Ply]) -> tuple[str, str, str]:
    own, theirs = ("o", "x") if len(plies) % 2 else ("x", "o")
    return (plies[-1].after if plies else connect4.START), own, theirs


def choices(plies: Sequence[Ply], level: Level) -> set[int]:
    return {column(plies, level, draws) for draws in each_way(7)}


def column(plies: Sequence[Ply], level: Level, draws: Draws) -> int:
    return int(str(bot.choose(plies, level, draws)["column"]))


def test_hard_never_misses_a_win_or_a_block_of_one_move() -> None:
    wins = blocks = 0
    for plies in random_lines(range(25)):
        cells, own, theirs = sides(plies)
        if winning := completing(cells, own):
            wins += 1
            assert choices(plies, Level.HARD) == winning
        elif blocking := completing(cells, theirs):
            blocks += 1
            assert choices(plies, Level.HARD) == blocking
    assert min(wins, blocks) > 20


@cache
def value(cells: str, own: str, theirs: str) -> int:
    """1, 0 or -1 for who is on the move, by trying everything."""
    if has_four(cells, theirs):
        return -1
    return max((-value(dropped(cells, each, own), theirs, own) for each in open_columns(cells)), default=0)


def test_near_the_end_hard_plays_perfectly() -> None:
    decided = 0
    for plies in random_lines(range(100, 250)):
        cells, own, theirs = sides(plies)
        if cells.count(".") != 10:
            continue
        values = {each: -value(dropped(cells, each, own), theirs, own) for each in open_columns(cells)}
        decided += len(set(values.values())) > 1
        assert values[column(plies, Level.HARD, Random(1))] == max(values.values())
    assert decided > 5


def test_a_board_that_fills_up_is_no_loss() -> None:
    drawn, played = random_game(Game.CONNECT4, 344)
    assert played.verdict is not None
    assert played.verdict.winner is None
    for ply in range(38, 42):
        cells, own, theirs = sides(drawn[:ply])
        values = {each: -value(dropped(cells, each, own), theirs, own) for each in open_columns(cells)}
        assert values[column(drawn[:ply], Level.HARD, Random(1))] == max(values.values()) == 0


def test_hard_makes_two_ends_at_once_where_it_can() -> None:
    """Three in a row with both ends free are won, two plies before anything completes."""
    plies = line(Game.CONNECT4, [2, 2, 3, 3])
    assert choices(plies, Level.HARD) <= {1, 4}


def test_hard_begins_in_the_middle() -> None:
    assert choices((), Level.HARD) == {3}


def test_hard_looks_eight_plies_ahead_and_further_where_there_is_little_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    whole = bot.Search.best_of

    def noted(search: bot.Search, cells: Sequence[int], own: int, taken: int, plies: int) -> Sequence[int]:
        best = whole(search, cells, own, taken, plies)
        looked.append(plies)
        return best

    monkeypatch.setattr(bot.Search, "best_of", noted)
    bot.choose((), Level.HARD, Random(1))
    assert looked[0] == bot.LEAST_PLIES == 8
    looked.clear()
    bot.choose(next(plies for plies in random_lines(range(100, 200)) if is_quiet(plies, 30)), Level.HARD, Random(1))
    assert looked == [8, 9, 10, 11, 12]


def is_quiet(plies: Sequence[Ply], count: int) -> bool:
    cells, own, theirs = sides(plies)
    return len(plies) == count and not completing(cells, own) and not completing(cells, theirs)


def test_medium_sees_three_wins_in_ten_and_as_many_blocks() -> None:
    winning, blocking = line(Game.CONNECT4, [0, 1, 0, 1, 0, 1]), line(Game.CONNECT4, [0, 1, 0, 1, 0])
    assert bot.choose(winning, Level.MEDIUM, Drawn(0.29, 0.9, 0.99)) == {"column": 0}
    assert bot.choose(winning, Level.MEDIUM, Drawn(0.3, 0.29, 0.99)) == {"column": 1}
    assert bot.choose(winning, Level.MEDIUM, Drawn(0.3, 0.3, 0.99)) == {"column": 6}
    assert bot.choose(blocking, Level.MEDIUM, Drawn(0.29, 0.29, 0.99)) == {"column": 0}
    assert bot.choose(blocking, Level.MEDIUM, Drawn(0.29, 0.3, 0.99)) == {"column": 6}


def test_easy_plays_anything() -> None:
    assert choices(line(Game.CONNECT4, [0, 1, 0, 1, 0, 1]), Level.EASY) == set(range(7))
