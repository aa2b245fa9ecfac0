"""Chess's bots, with an engine's answers and without an engine."""

from random import Random

import pytest

from matches.bots import chess as bot
from matches.bots.habits import TURN, WIN, Scored
from matches.bots.levels import Level
from matches.rules import chess, spiel
from matches.values import Game, Ply
from tests.unit.matches.boards import at, line, random_game
from tests.unit.matches.chance import Drawn

KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
BACK_RANK = "6k1/5ppp/8/8/8/8/5PPP/3R2K1 w - - 0 1"
HANGING_QUEEN = "rnb1kbnr/pppp1ppp/8/4p3/4P2q/5N2/PPPP1PPP/RNBQKB1R w KQkq - 0 1"
POISONED_PAWN = "4k3/8/2n5/1p6/3p4/8/8/3QK3 w - - 0 1"


def played(fen: str, level: Level, seed: int = 1) -> object:
    return bot.choose(at(fen), level, Random(seed))["move"]


@pytest.mark.parametrize("level", [Level.EASY, Level.MEDIUM])
def test_what_a_bot_plays_is_legal(level: Level) -> None:
    plies, _ = random_game(Game.CHESS, 3)
    for ply in range(0, len(plies), 120):
        chess.play(plies[:ply], bot.choose(plies[:ply], level, Random(ply)))


def test_every_level_takes_a_queen_and_mates_at_once() -> None:
    for level in Level:
        seed = next(seed for seed in range(9) if Random(seed).random() > 0.5)  # not a blunder
        assert played(BACK_RANK, level, seed) == {"from": "d1", "to": "d8"}
        if level != Level.HARD:  # whose search is long where there are many pieces
            assert played(HANGING_QUEEN, level, seed) == {"from": "f3", "to": "h4"}


def test_no_level_but_a_blunder_takes_what_is_defended() -> None:
    assert played(POISONED_PAWN, Level.EASY, 1) != {"from": "d1", "to": "d4"}
    plies = at(POISONED_PAWN)
    moves = [bot.choose(plies, Level.EASY, Drawn(0, number / 30))["move"] for number in range(30)]
    assert {"from": "d1", "to": "d4"} in moves


def test_a_pawn_becomes_a_queen() -> None:
    assert played("8/P7/8/8/8/7k/8/7K w - - 0 1", Level.MEDIUM) == {"from": "a7", "to": "a8", "promotion": "q"}


def after_a_detour(fen: str, *lans: str) -> list[Ply]:
    plies = [*at(fen)]
    for lan in lans:
        move = chess.play(plies, {"move": lan})
        plies.append(Ply(move.move, move.after, 0))
    return plies


def test_who_is_ahead_does_not_go_where_the_game_has_been_and_who_is_behind_does() -> None:
    ahead = after_a_detour("6k1/8/8/8/8/8/8/QK6 w - - 0 1", "a1a2", "g8g7", "a2a1", "g7g8")
    behind = after_a_detour("7k/8/8/8/8/6r1/8/K7 w - - 0 1", "a1a2", "h8h7", "a2a1", "h7h8")
    there = {"from": "a1", "to": "a2"}
    for seed in range(5):
        assert bot.choose(ahead, Level.MEDIUM, Random(seed))["move"] != there
        assert bot.choose(behind, Level.MEDIUM, Random(seed))["move"] == there


def test_the_whole_line_is_put_to_an_engine() -> None:
    assert bot.asked(()) == "position startpos"
    assert bot.asked(line(Game.CHESS, ["e4", "e5", "Nf3"])) == "position startpos moves e2e4 e7e5 g1f3"


def test_only_an_engines_last_word_counts() -> None:
    answers = [
        "Stockfish 15.1 by the Stockfish developers (see AUTHORS file)",
        "info string NNUE evaluation using nn-ad9b42354671.nnue enabled",
        "info depth 1 seldepth 1 multipv 1 score cp 900 nodes 20 nps 20000 tbhits 0 time 1 pv d1d8",
        "info depth 1 seldepth 1 multipv 2 score cp 40 nodes 20 nps 20000 tbhits 0 time 1 pv g1f1",
        "info depth 2 currmove d1d8 currmovenumber 1",
        "info depth 2 seldepth 2 multipv 1 score mate 1 nodes 90 nps 20000 tbhits 0 time 2 pv d1d8",
        "info depth 2 seldepth 2 multipv 2 score mate -2 upperbound nodes 90 nps 20000 tbhits 0 time 2 pv h2h3 b8b1",
        "info depth 2 seldepth 2 multipv 3 score cp -12 nodes 90 nps 20000 tbhits 0 time 2 pv g1h1 g8f8",
    ]
    assert bot.read(answers) == (Scored("d1d8", WIN - TURN), Scored("h2h3", 2 * TURN - WIN), Scored("g1h1", -12))
    assert bot.read(answers[:2]) == ()


def test_a_bot_with_an_engine_has_the_levels_habits() -> None:
    found = [Scored("e2e4", 40), Scored("d2d4", 35), Scored("a2a4", -100), Scored("g2g4", -400)]

    def plays(level: Level) -> set[object]:
        draws = Random(1)
        return {str(bot.chosen(found, level, draws)["move"]) for _ in range(200)}

    assert plays(Level.HARD) == plays(Level.MEDIUM) == {str(bot.sent(move)["move"]) for move in ("e2e4", "d2d4")}
    assert plays(Level.EASY) == {str(bot.sent(each.move)["move"]) for each in found}


def test_a_bot_with_an_engine_castles_and_promotes_as_clients_do() -> None:
    assert bot.chosen([Scored("e1g1", 0)], Level.HARD, Random(1)) == {"move": {"from": "e1", "to": "g1"}}
    assert bot.sent("a7a8n") == {"move": {"from": "a7", "to": "a8", "promotion": "n"}}


def test_an_action_goes_the_same_way_in_every_position() -> None:
    """What the search remembers of actions is what open_spiel says anew."""
    for seed in range(3):
        plies, _ = random_game(Game.CHESS, seed)
        for fen in [KIWIPETE, KIWIPETE.replace(" w ", " b "), *(ply.after for ply in plies[::10])]:
            state = spiel.chess(fen)
            for action in state.legal_actions():
                lan = spiel.chess_lan(state, action)
                squares = [f"{'abcdefgh'[cell % 8]}{8 - cell // 8}" for cell in spiel.chess_cells(state, action)]
                assert squares == [lan[:2], lan[2:4]]
