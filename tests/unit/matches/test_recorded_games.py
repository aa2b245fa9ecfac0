"""Games that were played long ago come out as they were written down."""

import re

import pytest

from matches.rules import RULES
from matches.rules.pgn import pgn
from matches.values import Game, Played, Ply, Reason
from tests.unit.matches.boards import random_game, replayed

OPERA = (
    "1. e4 e5 2. Nf3 d6 3. d4 Bg4 4. dxe5 Bxf3 5. Qxf3 dxe5 6. Bc4 Nf6 7. Qb3 Qe7 8. Nc3 c6 9. Bg5 b5 10. Nxb5 cxb5 "
    "11. Bxb5+ Nbd7 12. O-O-O Rd8 13. Rxd7 Rxd7 14. Rd1 Qe6 15. Bxd7+ Nxd7 16. Qb8+ Nxb8 17. Rd8# 1-0"
)
IMMORTAL = (
    "1. e4 e5 2. f4 exf4 3. Bc4 Qh4+ 4. Kf1 b5 5. Bxb5 Nf6 6. Nf3 Qh6 7. d3 Nh5 8. Nh4 Qg5 9. Nf5 c6 10. g4 Nf6 "
    "11. Rg1 cxb5 12. h4 Qg6 13. h5 Qg5 14. Qf3 Ng8 15. Bxf4 Qf6 16. Nc3 Bc5 17. Nd5 Qxb2 18. Bd6 Bxg1 19. e5 Qxa1+ "
    "20. Ke2 Na6 21. Nxg7+ Kd8 22. Qf6+ Nxf6 23. Be7# 1-0"
)
FOOLS_MATE = "1. f3 e5 2. g4 Qh4# 0-1"
LOYDS_STALEMATE = (
    "1. e3 a5 2. Qh5 Ra6 3. Qxa5 h5 4. Qxc7 Rah6 5. h4 f6 6. Qxd7+ Kf7 7. Qxb7 Qd3 8. Qxb8 Qh7 9. Qxc8 Kg6 "
    "10. Qe6 1/2-1/2"
)
EN_PASSANT_AND_KNIGHT = "1. e4 Nf6 2. e5 d5 3. exd6 b5 4. dxc7 b4 5. cxb8=N b3 6. axb3 *"
REPETITION = "1. Nf3 Nf6 2. Ng1 Ng8 3. Nf3 Nf6 4. Ng1 Ng8 1/2-1/2"


def written(movetext: str) -> tuple[tuple[Ply, ...], Played]:
    *sans, _ = re.sub(r"\d+\. ", "", movetext).split()
    plies: list[Ply] = []
    played = None
    for san in sans:
        assert played is None or played.verdict is None
        played = RULES[Game.CHESS].play(plies, {"move": san})
        plies.append(Ply(played.move, played.after, len(plies)))
    assert played is not None
    return tuple(plies), played


@pytest.mark.parametrize(
    ("movetext", "reason"),
    [
        (OPERA, Reason.CHECKMATE),
        (IMMORTAL, Reason.CHECKMATE),
        (FOOLS_MATE, Reason.CHECKMATE),
        (LOYDS_STALEMATE, Reason.STALEMATE),
        (REPETITION, Reason.DRAW),
        (EN_PASSANT_AND_KNIGHT, None),
    ],
)
def test_a_recorded_game_comes_out_as_it_was_written(movetext: str, reason: Reason | None) -> None:
    plies, played = written(movetext)
    assert (played.verdict.reason if played.verdict else None) == reason
    assert pgn(plies, played.verdict is not None, played.verdict and played.verdict.winner) == movetext


@pytest.mark.parametrize("movetext", [OPERA, IMMORTAL, LOYDS_STALEMATE, EN_PASSANT_AND_KNIGHT])
def test_squares_alone_replay_to_the_same_game(movetext: str) -> None:
    plies, _ = written(movetext)
    assert replayed(Game.CHESS, plies) == plies


@pytest.mark.parametrize("game", list(Game))
def test_any_game_replays_to_itself(game: Game) -> None:
    for seed in range(3):
        plies, _ = random_game(game, seed)
        assert replayed(game, plies) == plies


def test_the_result_of_a_game_without_a_move_is_open() -> None:
    assert pgn((), is_over=False, winner=None) == "*"
