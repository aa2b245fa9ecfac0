"""What a tenant is told of its bot's strength."""

from matches.bots.levels import Level
from orchestrator.arena.bots.schooling import Score
from orchestrator.arena.training import told_of


def test_strength_is_told_with_its_games() -> None:
    scores = [Score(level, score) for level, score in ((Level.EASY, 1.0), (Level.HARD, 0.5))]
    told = told_of(scores)
    assert (told["games"], told["against"]["easy"], told["against"]["medium"]) == (
        2,
        {"games": 1, "score": 1.0},
        {"games": 0, "score": 0},
    )
    assert told["deviation"] > 100  # two games say little
    none = told_of([])
    assert (none["games"], none["rating"], none["deviation"], none["stars"]) == (0, None, None, None)
