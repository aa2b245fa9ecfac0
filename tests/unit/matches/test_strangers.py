"""Whatever is sent as a move: a move, or a named refusal. Nothing else comes out, and no board changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matches.events import MoveMade, Refused
from matches.refusals import TEXTS, MoveRefused, Refusal
from matches.rules import RULES
from matches.values import Game
from tests.unit.matches.table import Table

OF_MOVES = set(Refusal) - {Refusal.NOT_YOUR_TURN, Refusal.MATCH_OVER, Refusal.DISCONNECTED}
KEYS = ["move", "column", "position", "from", "to", "captures", "promotion"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.from_regex(r"\A[KQRBNOa-h0-9x=+#!?-]{0,9}\Z")
    | st.integers(-2, 70)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=14) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner),
    max_leaves=20,
)
near_moves = st.fixed_dictionaries(
    {},
    optional={
        "move": anything | st.fixed_dictionaries({"from": scalars, "to": scalars}, optional={"promotion": scalars}),
        "column": scalars,
        "position": scalars,
    },
)


@given(game=st.sampled_from(Game), payload=near_moves | anything)
def test_a_stranger_moves_or_is_told_why_not(game: Game, payload: object) -> None:
    table = Table(game)
    before = table.match
    (effect,) = table.at(1).move(payload)
    if isinstance(effect, MoveMade):
        assert effect.ply.move in RULES[game].legal(())
    else:
        assert isinstance(effect, Refused)
        assert effect.refusal in OF_MOVES
        assert table.match is before


@pytest.mark.parametrize("game", list(Game))
@pytest.mark.parametrize(
    "payload",
    ["x" * 1_000_000, {"move": "e" * 1_000_000}, {"move": [0] * 1_000_000}, {"move": {"captures": [1] * 10_000}}],
)
def test_a_megabyte_is_refused(game: Game, payload: object) -> None:
    with pytest.raises(MoveRefused) as refused:
        RULES[game].play((), payload)
    assert refused.value.refusal == Refusal.MALFORMED_MOVE


def test_every_refusal_has_a_text() -> None:
    for refusal in Refusal:
        assert str(MoveRefused(refusal)) == TEXTS[refusal]


def test_nothing_of_a_stranger_is_written_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    for payload in ({"move": "e9"}, {"move": "O-O"}, {"move": "e2e5"}, {"move": {"from": "e2", "to": "e5"}}):
        with pytest.raises(MoveRefused):
            RULES[Game.CHESS].play((), payload)
    assert capfd.readouterr() == ("", "")
