"""What the console draws and says."""

from datetime import UTC, date, datetime, timedelta

import pytest

from matches.rules import RULES
from matches.values import Game, Json, Ply
from orchestrator.arena.models import ArenaSession
from orchestrator.arena.overview import Day, SessionDetail
from orchestrator.tenants.models import TenantKey
from orchestrator.tenants.theme import DEFAULTS
from orchestrator.web.console_views import (
    CSS_NAMES,
    PLOT_HEIGHT,
    TOKEN_WORDS,
    attempt_words,
    board_of,
    days_plot,
    key_state,
    move_words,
    moves_of,
    result_words,
    samples,
    tokens_of,
)

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)


def played(game: Game, *moves: Json) -> list[Ply]:
    line: list[Ply] = []
    for move in moves:
        made = RULES[game].play(line, {"move": move, **(move if isinstance(move, dict) else {})})
        line.append(Ply(made.move, made.after, 1_773_565_200_000))
    return line


def test_columns_stand_on_the_ground_and_fit_under_a_round_number() -> None:
    days = [Day(date(2026, 3, 1)), Day(date(2026, 3, 2), live=30, training=5, test=2)]
    plot = days_plot(days)
    assert [value for value, _ in plot.ticks] == [0, 10, 20, 30, 40]
    assert plot.bars[0].parts == []
    names, tops, heights = zip(*plot.bars[1].parts, strict=True)
    assert names == ("live", "training", "test")
    assert tops[0] + heights[0] == PLOT_HEIGHT
    assert tops[1] + heights[1] == tops[0]
    assert plot.words == "37 sessions in 2 days, most on 2 March with 37."
    assert days_plot(days[:1]).words == "0 sessions in 1 days."
    assert days_plot([]).bars == []
    assert days_plot([Day(date(2026, 3, 1), live=100_000)]).bars[0].parts[0][2] <= PLOT_HEIGHT


@pytest.mark.parametrize(
    ("game", "moves", "words", "marked", "pieces"),
    [
        (Game.CHESS, ["e4", "e5"], "e5", [(4, 1), (4, 3)], 32),
        (Game.CHECKERS, [{"from": 40, "to": 33}], "21-17", [(0, 5), (1, 4)], 24),
        (Game.CONNECT4, [{"column": 3}], "column 4", [(3, 5)], 1),
        (Game.TICTACTOE, [{"position": 4}], "centre", [(1, 1)], 1),
    ],
)
def test_a_position_is_drawn_with_its_last_move(
    game: Game, moves: list[Json], words: str, marked: list[tuple[int, int]], pieces: int
) -> None:
    line = played(game, *moves)
    board = board_of(game, line[-1].after, line[-1])
    assert (board.marked, len(board.pieces)) == (marked, pieces)
    assert move_words(game, line[-1]) == words
    assert all(0 < piece.x < board.columns and 0 < piece.y < board.rows for piece in board.pieces)


def test_sides_and_kings_are_told_apart() -> None:
    chess = board_of(Game.CHESS, RULES[Game.CHESS].START)
    assert [piece.side for piece in chess.pieces[:16]] == [1] * 16
    assert {board.game for board in samples()} == {game.value for game in Game}
    kings = [piece for board in samples() for piece in board.pieces if piece.is_king]
    assert [king.side for king in kings] == [0]


def test_a_capture_is_written_as_one() -> None:
    moves = ((40, 33), (21, 28), (46, 37), (28, 46))
    line = played(Game.CHECKERS, *({"from": start, "to": to} for start, to in moves))
    assert move_words(Game.CHECKERS, line[-1]) == "15x24"


def detail(result: dict[str, object] | None) -> SessionDetail:
    session = ArenaSession(game="tictactoe", result=result)
    return SessionDetail(session, None, (), played(Game.TICTACTOE, {"position": 4}), NOW)


def test_an_end_is_said_in_a_sentence() -> None:
    assert result_words(detail(None)) == ""
    assert result_words(detail({"winner": None, "reason": "expired"})) == "Nobody came in time."
    assert result_words(detail({"winner": None, "reason": "draw_agreed"})) == "A draw: draw agreed."
    assert result_words(detail({"winner": "user_1", "reason": "victory"})) == "user_1 won: victory."
    assert result_words(detail({"winner": "user_1", "reason": "Four in a row!"})) == "user_1 won: Four in a row."
    run = ArenaSession(game="subway-runner", result={"winner": None, "reason": "crashed", "score": 1200})
    assert result_words(SessionDetail(run, None, (), (), NOW)) == "1200 points: crashed."
    lost = ArenaSession(game="subway-runner", result={"winner": None, "reason": "host_lost", "score": None})
    assert result_words(SessionDetail(lost, None, (), (), NOW)) == "No score: host lost."
    assert moves_of(SessionDetail(run, None, (), (), NOW)) == ()
    [(number, who, what, _)] = moves_of(detail(None))
    assert (number, who, what) == (1, "X", "centre")


def test_a_key_works_ends_or_has_ended() -> None:
    later, earlier = NOW + timedelta(seconds=60), NOW - timedelta(seconds=1)
    assert key_state(TenantKey(), NOW) == "good"
    assert key_state(TenantKey(expires_at=later), NOW) == "ending"
    assert key_state(TenantKey(expires_at=earlier), NOW) == "ended"
    assert key_state(TenantKey(expires_at=later, revoked_at=earlier), NOW) == "revoked"


def test_a_try_is_told_by_its_status_or_by_what_kept_it_from_one() -> None:
    assert attempt_words({"status": 200, "failure": None, "tookMs": 12}) == "200 in 12 ms"
    assert attempt_words({"status": 500, "failure": "refused", "tookMs": 12}) == "500 in 12 ms"
    assert "could not be resolved" in attempt_words({"status": None, "failure": "name", "tookMs": 12})


def test_every_colour_of_a_theme_is_in_the_editor() -> None:
    assert list(DEFAULTS) == list(TOKEN_WORDS) == list(CSS_NAMES)
    tokens = {token.name: token.value for token in tokens_of({"primaryColor": "#ff6b00", "textColor": "red"})}
    assert [token.dark_default for token in tokens_of({})][:2] == ["#c93366", "#13101f"]
    assert (tokens["primaryColor"], tokens["textColor"], len(tokens)) == ("#ff6b00", "", len(DEFAULTS))
