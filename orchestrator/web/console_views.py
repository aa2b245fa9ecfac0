"""What the console shows that no service says in just these words: plots of days, boards, moves, tries. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from matches.rules import RULES
from matches.values import Game, Json, Ply
from orchestrator.arena.admission import GAME_NAMES, SUBWAY_RUNNER
from orchestrator.arena.overview import Day, SessionDetail
from orchestrator.arena.payloads import COLOURS
from orchestrator.tenants.models import TenantKey
from orchestrator.tenants.theme import DARK_DEFAULTS, DEFAULTS, colour_of
from orchestrator.webhooks.sender import FAILURES, Failure

TOKEN_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "primaryColor": ("Accent", "Buttons, and whose turn it is"),
    "backgroundColor": ("Page", "Behind everything"),
    "surfaceColor": ("Panels", "Behind players and moves"),
    "textColor": ("Text", "On page and panels"),
    "boardLightColor": ("Light squares", "And the cells of tic-tac-toe"),
    "boardDarkColor": ("Dark squares", "And the frame of connect four"),
    "firstPieceColor": ("First side", "White, red and X"),
    "secondPieceColor": ("Second side", "Black, yellow and O"),
    "highlightColor": ("Last move", "And where one may go"),
}
CSS_NAMES: Final[Mapping[str, str]] = {
    "primaryColor": "--arena-primary",
    "backgroundColor": "--arena-background",
    "surfaceColor": "--arena-surface",
    "textColor": "--arena-text",
    "boardLightColor": "--arena-board-light",
    "boardDarkColor": "--arena-board-dark",
    "firstPieceColor": "--arena-first",
    "secondPieceColor": "--arena-second",
    "highlightColor": "--arena-highlight",
}

PLOT_WIDTH, PLOT_HEIGHT = 600.0, 140.0
PHONE_DAYS, PHONE_WIDTH = 14, 240.0
_TICKS: Final = 4
_CELLS: Final = (
    *("top left", "top middle", "top right", "middle left", "centre"),
    *("middle right", "bottom left", "bottom middle", "bottom right"),
)
_GLYPHS: Final = {"k": "♚", "q": "♛", "r": "♜", "b": "♝", "n": "♞", "p": "♟"}
_TEXT: Final = "\ufe0e"  # a glyph as text, not as a picture of the device's own
_SAMPLES: Final[Mapping[Game, str]] = {
    Game.CHESS: "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 4",
    Game.CHECKERS: ".+.+.+.++.+.+.+..+...+.+..+......o......o...o.o..o.o.o.oo.o.8.o.",
    Game.CONNECT4: "." * 21 + "...x..." + "..xo..." + ".oxxo..",
    Game.TICTACTOE: "xo..xo..x",
}


@dataclass(frozen=True, slots=True)
class DayBar:
    """One day's column: the parts of live, training and test sessions one above the other, as `(name, y, height)`."""

    x: float
    width: float
    parts: Sequence[tuple[str, float, float]]
    day: Day


@dataclass(frozen=True, slots=True)
class DaysPlot:
    """`ticks` are values with their height on the drawing; `words` say it in a sentence."""

    width: float
    bars: Sequence[DayBar]
    ticks: Sequence[tuple[int, float]]
    words: str


@dataclass(frozen=True, slots=True)
class Piece:
    """At the middle of a cell, from the top left; `side` is 0 or 1, `glyph` what is written for chess and marks."""

    x: float
    y: float
    side: int
    glyph: str = ""
    is_king: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    game: str
    columns: int
    rows: int
    pieces: Sequence[Piece]
    marked: Sequence[tuple[int, int]]
    words: str


@dataclass(frozen=True, slots=True)
class Token:
    """A colour of the theme in the editor; `value` is empty for the default, which may be another one in the dark."""

    name: str
    label: str
    hint: str
    css: str
    value: str
    default: str
    dark_default: str


def days_plot(days: Sequence[Day], width: float = PLOT_WIDTH) -> DaysPlot:
    """Columns on a drawing of `width` by `PLOT_HEIGHT`; the scale begins at zero and ends at a round number."""
    most = max((day.total for day in days), default=0)
    step = _step(most)
    top = step * _TICKS
    pitch = width / max(1, len(days))
    bars: list[DayBar] = []
    for index, day in enumerate(days):
        parts: list[tuple[str, float, float]] = []
        y = PLOT_HEIGHT
        for name, count in (("live", day.live), ("training", day.training), ("test", day.test)):
            if count:
                height = max(1.5, PLOT_HEIGHT * count / top)
                y -= height
                parts.append((name, round(y, 1), round(height, 1)))
        bars.append(DayBar(round(index * pitch + pitch * 0.14, 1), round(pitch * 0.72, 1), parts, day))
    ticks = [(step * number, round(PLOT_HEIGHT * (1 - number / _TICKS), 1)) for number in range(_TICKS + 1)]
    whole = sum(day.total for day in days)
    best = max(days, key=lambda day: day.total, default=None)
    words = f"{whole} sessions in {len(days)} days"
    if best is not None and best.total:
        words += f", most on {best.day:%-d %B} with {best.total}"
    return DaysPlot(width, bars, ticks, f"{words}.")


def board_of(game: Game, after: str, last: Ply | None = None) -> Board:
    """The position as a drawing."""
    columns, rows = {Game.CONNECT4: (7, 6), Game.TICTACTOE: (3, 3)}.get(game, (8, 8))
    marked = [] if last is None else [_place(cell, columns) for cell in _cells(game, last)]
    pieces = _chess(after) if game is Game.CHESS else _flat(game, after, columns)
    return Board(game.value, columns, rows, pieces, marked, f"{GAME_NAMES[game.value]}: the position")


def samples() -> Sequence[Board]:
    """A position of each game, for the theme's preview."""
    marked = {
        Game.CHESS: [(7, 3), (3, 7)],
        Game.CHECKERS: [(0, 4)],
        Game.CONNECT4: [(3, 3)],
        Game.TICTACTOE: [(2, 2)],
    }
    found: list[Board] = []
    for game, after in _SAMPLES.items():
        drawn = board_of(game, after)
        found.append(Board(drawn.game, drawn.columns, drawn.rows, drawn.pieces, marked[game], GAME_NAMES[game.value]))
    return found


def tokens_of(theme: Mapping[str, Any]) -> Sequence[Token]:
    """Every colour that a theme may name, with what this one says."""
    return [
        Token(
            name,
            *TOKEN_WORDS[name],
            CSS_NAMES[name],
            colour_of(theme.get(name)) or "",
            default,
            DARK_DEFAULTS.get(name, default),
        )
        for name, default in DEFAULTS.items()
    ]


def moves_of(detail: SessionDetail) -> Sequence[tuple[int, str, str, datetime]]:
    """Number, who, what and when of each ply; none of a game that is no board."""
    if not detail.line:
        return ()
    names = [seat.display_name for seat in detail.seats]
    game = Game(detail.session.game)
    return [
        (index + 1, names[index % 2] if len(names) == 2 else COLOURS[game][index % 2], move_words(game, ply), _at(ply))
        for index, ply in enumerate(detail.line)
    ]


def move_words(game: Game, ply: Ply) -> str:
    """As the players' own boards name it."""
    wire = ply.move.wire()
    match game:
        case Game.CHESS:
            return str(wire["san"])
        case Game.CHECKERS:
            taken = wire.get("captures")
            return f"{_draughts(wire['from'])}{'x' if taken else '-'}{_draughts(wire['to'])}"
        case Game.CONNECT4:
            return f"column {int(str(wire['column'])) + 1}"
        case Game.TICTACTOE:
            return _CELLS[int(str(wire["position"]))]


def _draughts(cell: Json) -> int:
    """The number of draughts, 1 to 32 over the dark squares, of a cell from 0 to 63."""
    return int(str(cell)) // 2 + 1


def players_of(players: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(str(player.get("displayName") or player.get("id")) for player in players)


def result_words(detail: SessionDetail) -> str:
    """What became of it, in a sentence; empty before the end."""
    result = detail.session.result
    if result is None:
        return ""
    reason = str(result.get("reason", "")).replace("_", " ").rstrip("!")
    winner = result.get("winner")
    if reason == "expired":
        return "Nobody came in time."
    if detail.session.game == SUBWAY_RUNNER:
        score = result.get("score")
        return f"{'No score' if score is None else f'{score} points'}: {reason}."
    if winner is None:
        return f"A draw: {reason}."
    names = {seat.player_id: seat.display_name for seat in detail.seats}
    return f"{names.get(winner, winner)} won: {reason}."


def key_state(key: TenantKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "good"
    return "ending" if key.expires_at > now else "ended"


def attempt_words(attempt: Mapping[str, Any]) -> str:
    """What became of a try: its status, or why there is none."""
    failure, status = attempt.get("failure"), attempt.get("status")
    took = f" in {attempt['tookMs']} ms"
    return FAILURES[Failure(failure)] if status is None else f"{status}{took}"


def _step(most: int) -> int:
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * _TICKS >= most:
                return step * factor
        step *= 10


def _at(ply: Ply) -> datetime:
    return datetime.fromtimestamp(ply.at_ms / 1000, tz=UTC)


def _cells(game: Game, ply: Ply) -> Sequence[int]:
    wire = ply.move.wire()
    match game:
        case Game.CHESS:
            return [_square(str(wire["from"])), _square(str(wire["to"]))]
        case Game.CHECKERS:
            return [_int(wire["from"]), _int(wire["to"])]
        case _:
            return [_int(wire["position"])]


def _square(name: str) -> int:
    return (8 - int(name[1])) * 8 + ord(name[0]) - ord("a")


def _int(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _place(cell: int, columns: int) -> tuple[int, int]:
    return cell % columns, cell // columns


def _chess(fen: str) -> Sequence[Piece]:
    pieces: list[Piece] = []
    for y, rank in enumerate(fen.partition(" ")[0].split("/")):
        x = 0
        for letter in rank:
            if letter.isdigit():
                x += int(letter)
                continue
            glyph = _GLYPHS[letter.lower()] + _TEXT
            pieces.append(Piece(x + 0.5, y + 0.5, 0 if letter.isupper() else 1, glyph))
            x += 1
    return pieces


def _flat(game: Game, after: str, columns: int) -> Sequence[Piece]:
    pieces: list[Piece] = []
    board = RULES[game].board(after)
    assert isinstance(board, list), "every game but chess has a flat board"
    for cell, value in enumerate(board):
        if value is None:
            continue
        side, glyph, is_king = 0, "", False
        if isinstance(value, dict):
            side = COLOURS[game].index(str(value["player"]))
            is_king = value["type"] == "king"
        else:
            side = COLOURS[game].index(str(value))
            glyph = str(value) if game is Game.TICTACTOE else ""
        x, y = _place(cell, columns)
        pieces.append(Piece(x + 0.5, y + 0.5, side, glyph, is_king))
    return pieces
