"""Chess: squares by their names, positions as FEN, moves as objects, SAN or long algebraic text.

Stalemate, insufficient material, the third repetition and the fiftieth move end the game by themselves. A repetition is
of placement, turn, castling rights and a possible en passant, as FEN tells them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from matches.reading import mapping, text
from matches.refusals import MoveRefused, Refusal
from matches.rules import spiel
from matches.values import Fact, Json, Played, Ply, Reason, Verdict, turn_of

START: str = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"

_LONGEST_TEXT: Final = 16
_SQUARE: Final = re.compile(r"[a-h][1-8]")
_LAN: Final = re.compile(r"([a-h][1-8])([a-h][1-8])([qrbn])?")
_SAN: Final = re.compile(r"([KQRBN])?([a-h])?([1-8])?x?([a-h][1-8])(?:=?([QRBN]))?[+#]?[!?]{0,2}")
_CASTLING: Final = re.compile(r"([O0]-[O0](?:-[O0])?)[+#]?[!?]{0,2}")


@dataclass(frozen=True, slots=True)
class ChessMove:
    """A move between two squares. `promotion` is one of `qrbn` for a pawn that reaches the last rank."""

    start: str
    to: str
    promotion: str | None
    san: str

    def wire(self) -> dict[str, Json]:
        """`{from, to, san}`, with `promotion` where there is one."""
        return {"from": self.start, "to": self.to} | self._promotion() | {"san": self.san}

    row = wire

    def lan(self) -> str:
        """As UCI writes it: `e2e4`, `e7e8q`."""
        return self.start + self.to + (self.promotion or "")

    def _promotion(self) -> dict[str, Json]:
        return {"promotion": self.promotion} if self.promotion else {}


@dataclass(frozen=True, slots=True)
class Check:
    """The move gives check: `f3g5+`, or `f3f7#` when it is mate."""

    move: str
    name: ClassVar[str] = "check"

    def data(self) -> dict[str, Json]:
        """`{move}`."""
        return {"move": self.move}


@dataclass(frozen=True, slots=True)
class Promotion:
    """A pawn became a piece."""

    move: ChessMove
    name: ClassVar[str] = "promotion"

    def data(self) -> dict[str, Json]:
        """`{from, to, promotedTo}`."""
        return {"from": self.move.start, "to": self.move.to, "promotedTo": self.move.promotion}


@dataclass(frozen=True, slots=True)
class Castle:
    """King and rook castled."""

    side: str
    name: ClassVar[str] = "castle"

    def data(self) -> dict[str, Json]:
        """`{side}`."""
        return {"side": self.side}


def legal(line: Sequence[Ply]) -> tuple[ChessMove, ...]:
    """Every legal move."""
    state = spiel.chess(_fen(line))
    return tuple(_move(lan, state.action_to_string(action)) for lan, action in _actions(state).items())


def play(line: Sequence[Ply], payload: object) -> Played:
    """Plays `payload.move`: `{from, to, promotion?}` or text."""
    state = spiel.chess(_fen(line))
    actions = _actions(state)
    lan = _wanted(payload, state, actions)
    move = _move(lan, state.action_to_string(actions[lan]))
    state.apply_action(actions[lan])
    return Played(move, str(state), tuple(_facts(move)), _verdict(line, state))


def board(after: str) -> Json:
    """The FEN."""
    return after


def move_from(row: object) -> ChessMove:
    """The move of `ChessMove.row`."""
    fields = mapping(row)
    lan = text(fields.get("from"), 2) + text(fields.get("to"), 2) + text(fields.get("promotion", ""), 1)
    if not _LAN.fullmatch(lan):
        raise ValueError("not a move of chess")
    return _move(lan, text(fields.get("san"), _LONGEST_TEXT))


def _fen(line: Sequence[Ply]) -> str:
    return line[-1].after if line else START


def _actions(state: spiel.ChessState) -> Mapping[str, int]:
    return {spiel.chess_lan(state, action): action for action in state.legal_actions()}


def _move(lan: str, san: str) -> ChessMove:
    return ChessMove(lan[:2], lan[2:4], lan[4:] or None, san)


def _wanted(payload: object, state: spiel.ChessState, actions: Mapping[str, int]) -> str:
    """The legal move that was meant, in long form."""
    try:
        wanted = mapping(payload).get("move")
        if isinstance(wanted, str):
            return _by_text(text(wanted, _LONGEST_TEXT), state, actions)
        fields = mapping(wanted)
        start, to = text(fields.get("from"), 2), text(fields.get("to"), 2)
        promotion = text(fields.get("promotion") or "", 1)
    except ValueError:
        raise MoveRefused(Refusal.MALFORMED_MOVE) from None
    if not _SQUARE.fullmatch(start) or not _SQUARE.fullmatch(to) or promotion not in {"", "q", "r", "b", "n"}:
        raise MoveRefused(Refusal.MALFORMED_MOVE)
    return _one([lan for lan in actions if lan[:4] == start + to], promotion)


def _by_text(wanted: str, state: spiel.ChessState, actions: Mapping[str, int]) -> str:
    if found := _LAN.fullmatch(wanted):
        return _one([lan for lan in actions if lan[:4] == wanted[:4]], found[3] or "")
    sans = {lan: state.action_to_string(action) for lan, action in actions.items()}
    if found := _CASTLING.fullmatch(wanted):
        castling = found[1].replace("0", "O")
        return _one([lan for lan, san in sans.items() if san.rstrip("+#") == castling], "")
    found = _SAN.fullmatch(wanted)
    if not found:
        raise MoveRefused(Refusal.MALFORMED_MOVE)
    piece, file, rank, to, promotion = found.groups(default="")
    of_piece = [lan for lan, san in sans.items() if (san.startswith(piece) if piece else san[0].islower())]
    return _one([lan for lan in of_piece if lan[2:4] == to and file in lan[0] and rank in lan[1]], promotion.lower())


def _one(fitting: Sequence[str], promotion: str) -> str:
    """The one of these moves that is meant. What a move becomes counts only where a pawn reaches the last rank."""
    if not fitting:
        raise MoveRefused(Refusal.ILLEGAL_MOVE)
    if len({lan[:4] for lan in fitting}) > 1:
        raise MoveRefused(Refusal.AMBIGUOUS_MOVE)
    if len(fitting) == 1:
        return fitting[0]
    if not promotion:
        raise MoveRefused(Refusal.PROMOTION_REQUIRED)
    return fitting[0][:4] + promotion


def _facts(move: ChessMove) -> Iterator[Fact]:
    if move.san.startswith("O-O"):
        yield Castle("queenside" if move.san.startswith("O-O-O") else "kingside")
    if move.promotion:
        yield Promotion(move)
    if move.san[-1] in "+#":
        yield Check(move.lan() + move.san[-1])


def _verdict(line: Sequence[Ply], state: spiel.ChessState) -> Verdict | None:
    if state.is_terminal():
        if any(state.returns()):
            return Verdict(turn_of(line), Reason.CHECKMATE)
        return Verdict(None, Reason.DRAW if state.board().has_legal_moves() else Reason.STALEMATE)
    return Verdict(None, Reason.DRAW) if _is_third(line, str(state)) else None


def _is_third(line: Sequence[Ply], fen: str) -> bool:
    """Whether the position stands for the third time. Before the last capture or pawn's move it cannot have stood."""
    *position, quiet_plies, _ = fen.split()
    before = [START, *(ply.after for ply in line)]
    recent = before[max(0, len(before) - int(quiet_plies)) :]
    return sum(earlier.split()[:4] == position for earlier in recent) >= 2
