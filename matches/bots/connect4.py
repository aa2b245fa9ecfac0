"""Connect four: `easy` plays anything, `medium` sees three in ten wins and as many blocks, `hard` searches.

The search knows a position as two numbers (as in John Tromp's Fhourstones benchmark): the cells of the player on the
move, and all that are taken. A column is seven bits, from below, the topmost always free, so that no line runs from one
column into the next.
"""

from collections.abc import Sequence
from math import inf
from typing import Final

from matches.bots.habits import WIN
from matches.bots.levels import Draws, Level, one_of
from matches.rules import connect4
from matches.rules.connect4 import COLUMNS, ROWS
from matches.values import Json, Ply, turn_of

LEAST_PLIES: Final = 8
"""How far `hard` looks at least."""

_NOTICES: Final = 0.3
_ALL: Final = 2 * WIN
_POSITIONS: Final = 4_000  # after these `hard` looks no further than it has to

_COLUMN: Final = ROWS + 1
_BOTTOM: Final = sum(1 << _COLUMN * column for column in range(COLUMNS))
_CELLS: Final = _BOTTOM * ((1 << ROWS) - 1)
_FROM_CENTRE: Final = (3, 2, 4, 1, 5, 0, 6)
_COLUMN_CELLS: Final = tuple(((1 << ROWS) - 1) << _COLUMN * column for column in range(COLUMNS))
_CENTRE: Final = _COLUMN_CELLS[3]
_BESIDE_CENTRE: Final = _COLUMN_CELLS[2] | _COLUMN_CELLS[4]
_SLOPES: Final = (_COLUMN - 1, _COLUMN, _COLUMN + 1)  # falling, level, rising


def choose(line: Sequence[Ply], level: Level, draws: Draws) -> dict[str, Json]:
    """The `game:move` payload of a bot on the move. The line is not over."""
    own, taken = _read(line)
    return {"column": one_of(_columns(own, taken, level, draws), draws)}


def _columns(own: int, taken: int, level: Level, draws: Draws) -> Sequence[int]:
    """The columns that are as good as each other to a bot of this level."""
    open_cells = (taken + _BOTTOM) & _CELLS
    wins, blocks = _completing(own, taken) & open_cells, _completing(own ^ taken, taken) & open_cells
    match level:
        case Level.EASY:
            return _columns_of(open_cells)
        case Level.MEDIUM:
            sees_win, sees_block = draws.random() < _NOTICES, draws.random() < _NOTICES
            return _columns_of((wins if sees_win else 0) or (blocks if sees_block else 0) or open_cells)
        case _:
            return _columns_of(wins or blocks) or _best(own, taken)


def _best(own: int, taken: int) -> Sequence[int]:
    """The columns that the search finds best, where nobody can win at once."""
    open_cells = (taken + _BOTTOM) & _CELLS
    cells = _each(open_cells & ~(_completing(own ^ taken, taken) >> 1)) or _each(open_cells)
    search = Search()
    best: Sequence[int] = ()
    for plies in range(LEAST_PLIES, max(LEAST_PLIES, COLUMNS * ROWS - taken.bit_count()) + 1):
        try:
            best = search.best_of(cells, own, taken, plies)
        except _Spent:
            break
        search.left = _POSITIONS if plies == LEAST_PLIES else search.left
    return _columns_of(sum(best))


class _Spent(Exception):
    """The budget is used up."""


class Search:
    """Alpha-beta that remembers positions."""

    def __init__(self) -> None:
        self.left = inf
        self.known: dict[int, tuple[int, int, int]] = {}

    def best_of(self, cells: Sequence[int], own: int, taken: int, plies: int) -> Sequence[int]:
        """The best of these cells to the player on the move, looking this many plies ahead in all."""
        best, found = -_ALL, dict[int, int]()
        for cell in cells:
            found[cell] = -self.worth(own ^ taken, taken | cell, plies - 1, -_ALL, 1 - best)
            best = max(best, found[cell])
        return [cell for cell, worth in found.items() if worth == best]

    def worth(self, own: int, taken: int, plies: int, alpha: int, beta: int) -> int:
        """What the position is worth to the player on the move, `own`, who can look this many plies ahead (fail-soft)
        and cannot win at once.

        Who wins sooner, or loses later, is better off, however far was looked.
        """
        self.left -= 1
        if self.left < 0:
            raise _Spent
        open_cells, turns = (taken + _BOTTOM) & _CELLS, taken.bit_count()
        if not open_cells:
            return 0
        wins = _completing(own, taken)  # none of them at once: nobody lets it come to that who has another move
        threats = _completing(own ^ taken, taken)
        forced = threats & open_cells
        cells = (forced or open_cells) & ~(threats >> 1)
        if forced & (forced - 1) or not cells:
            return turns + 1 - WIN
        if plies <= 0:
            return _glance(own, wins) - _glance(own ^ taken, threats)
        return self._looked(own, taken, plies, cells, alpha, beta)

    def _looked(self, own: int, taken: int, plies: int, cells: int, alpha: int, beta: int) -> int:
        key = own + taken + _BOTTOM
        looked, least, most = self.known.get(key, (-1, -_ALL, _ALL))
        if looked != plies:
            least, most = -_ALL, _ALL
        if least >= beta or least == most:
            return least
        if most <= alpha:
            return most
        best, floor = -_ALL, alpha
        for column in _FROM_CENTRE:
            cell = cells & _COLUMN_CELLS[column]
            if cell:
                best = max(best, -self.worth(own ^ taken, taken | cell, plies - 1, -beta, -floor))
                floor = max(floor, best)
                if best >= beta:
                    break
        self.known[key] = (plies, best if best > alpha else least, best if best < beta else most)
        return best


def _glance(own: int, completing: int) -> int:
    """How well a side stands: cells that would win, the middle, pieces side by side."""
    pairs = sum((own & own >> step).bit_count() for step in (1, *_SLOPES))
    middle = 3 * (own & _CENTRE).bit_count() + 2 * (own & _BESIDE_CENTRE).bit_count()
    return 16 * completing.bit_count() + middle + pairs


def _completing(own: int, taken: int) -> int:
    """The free cells, within reach or not, that would make four of this side's."""
    found = own << 1 & own << 2 & own << 3
    for step in _SLOPES:
        above, below = own << step & own << 2 * step, own >> step & own >> 2 * step
        found |= above & (own << 3 * step | own >> step) | below & (own << step | own >> 3 * step)
    return found & ~taken & _CELLS


def _read(line: Sequence[Ply]) -> tuple[int, int]:
    cells = line[-1].after if line else connect4.START
    red, yellow = (sum(_bit(cell) for cell, piece in enumerate(cells) if piece == colour) for colour in "xo")
    return (yellow if turn_of(line) else red), red | yellow


def _bit(cell: int) -> int:
    row, column = divmod(cell, COLUMNS)
    return 1 << column * _COLUMN + ROWS - 1 - row


def _each(cells: int) -> list[int]:
    """At most one cell of each column, from the middle outwards."""
    return [cells & of_column for of_column in (_COLUMN_CELLS[column] for column in _FROM_CENTRE) if cells & of_column]


def _columns_of(cells: int) -> list[int]:
    return [column for column in range(COLUMNS) if cells & _COLUMN_CELLS[column]]
