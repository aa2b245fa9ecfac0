"""All that touches open_spiel: typed, and given nothing that was not checked before.

Its parsers write to stderr and its assertions are exceptions for the whole process to see, so text of strangers never
reaches it: we list the legal actions and choose among them. How it numbers actions is its own affair and never stored.
It is loaded with the first position: it takes 15 MB, and a house without tenants has none.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final, Protocol, Self


class State(Protocol):
    """A position that changes in place: made for one question, and dropped."""

    def legal_actions(self) -> list[int]: ...
    def apply_action(self, action: int) -> None: ...
    def action_to_string(self, action: int) -> str: ...
    def current_player(self) -> int: ...
    def is_terminal(self) -> bool: ...
    def returns(self) -> list[float]: ...
    def clone(self) -> Self: ...


class ChessMove(Protocol):
    """A chess action, decoded."""

    def to_lan(self) -> str: ...


class ChessBoard(Protocol):
    """The board of a chess position."""

    def has_legal_moves(self) -> bool: ...


class ChessState(State, Protocol):
    """A chess position; `str` of it is its FEN."""

    def board(self) -> ChessBoard: ...


class _Rules(Protocol):
    def new_initial_state(self) -> State: ...


class _ChessRules(Protocol):
    def new_initial_state(self, fen: str) -> ChessState: ...


class _ChessModule(Protocol):
    def action_to_move(self, action: int, board: ChessBoard) -> ChessMove: ...


_cells_of: Final[dict[tuple[int, int], tuple[int, int]]] = {}


def chess(fen: str) -> ChessState:
    """The position of a FEN that this module wrote."""
    return _chess().new_initial_state(fen)


def chess_lan(state: ChessState, action: int) -> str:
    """A legal action as `e2e4` or `e7e8q`; castling is the king's move."""
    return _chess_moves().action_to_move(action, state.board()).to_lan()


def chess_cells(state: ChessState, action: int) -> tuple[int, int]:
    """From which cell a legal action goes to which, 0 to 63 as a FEN reads: row by row from a8."""
    key = (state.current_player(), action)
    if key not in _cells_of:  # a side's action is the same way over the board in every position
        lan = chess_lan(state, action)
        _cells_of[key] = (_cell(lan[:2]), _cell(lan[2:4]))
    return _cells_of[key]


def checkers(actions: Sequence[int]) -> State:
    """Checkers after these actions, each a step or one jump. All of them are legal."""
    return _after(_rules("checkers"), actions)


def connect_four(columns: Sequence[int]) -> State:
    """Connect four after pieces in these columns. All of them are legal."""
    return _after(_rules("connect_four"), columns)


def tic_tac_toe(cells: Sequence[int]) -> State:
    """Tic-tac-toe after marks in these cells. All of them are legal."""
    return _after(_rules("tic_tac_toe"), cells)


@cache
def _open_spiel() -> Any:
    return import_module("pyspiel")


@cache
def _rules(game: str) -> _Rules:
    return _open_spiel().load_game(game)


@cache
def _chess() -> _ChessRules:
    return _open_spiel().load_game("chess")


@cache
def _chess_moves() -> _ChessModule:
    return _open_spiel().chess


def _cell(square: str) -> int:
    return (8 - int(square[1])) * 8 + "abcdefgh".index(square[0])


def _after(rules: _Rules, actions: Sequence[int]) -> State:
    state = rules.new_initial_state()
    for action in actions:
        state.apply_action(action)
    return state
