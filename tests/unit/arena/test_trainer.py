"""What a process that learns is told of matches, and what it makes of them."""

import json

import pytest

from matches.bots import learned
from matches.bots.learned import LEAST_MATCHES, Record
from matches.rows import line_row
from matches.values import Game
from orchestrator.arena.bots.trainer import Question, answer, record_line
from orchestrator.arena.models import POSITION_CHARACTERS
from tests.unit.matches.boards import random_game


@pytest.mark.parametrize("game", Game)
def test_of_lines_it_learns_what_the_matches_teach(game: Game) -> None:
    plies, last = random_game(game, 1)
    assert last.verdict is not None
    winner = last.verdict.winner
    told = record_line(winner, [json.dumps(row) for row in line_row(plies)])
    assert "\n" not in told
    lessons = answer(Question(game, [told] * LEAST_MATCHES))
    assert lessons == learned.learned(game, [Record(plies, winner)] * LEAST_MATCHES)
    assert lessons.moves
    assert max(len(position) for position in lessons.moves) <= POSITION_CHARACTERS
