"""Which protocol an agent and an orchestrator of different releases speak, and who is to be upgraded where none."""

import pytest

from agent_protocol import SPOKEN, NoCommonVersion, Spoken, common_version


@pytest.mark.parametrize(
    ("agent", "orchestrator", "version"),
    [
        ((1, 1), (1, 1), 1),
        ((1, 2), (1, 1), 1),
        ((1, 1), (1, 2), 1),
        ((1, 2), (1, 2), 2),
        ((2, 3), (1, 2), 2),
        ((1, 2), (2, 3), 2),
        ((1, 4), (2, 3), 3),
        ((2, 3), (1, 4), 3),
    ],
)
def test_the_newest_that_both_know_is_spoken(
    agent: tuple[int, int], orchestrator: tuple[int, int], version: int
) -> None:
    assert common_version(_spoken(agent), _spoken(orchestrator)) == version


@pytest.mark.parametrize(
    ("agent", "orchestrator", "text"),
    [
        ((1, 1), (2, 3), "This agent speaks protocol 1, and the orchestrator 2 to 3: upgrade this agent."),
        (
            (3, 4),
            (2, 2),
            "This agent speaks protocol 3 to 4, and the orchestrator 2: "
            "upgrade the orchestrator's replicas, which go before agents.",
        ),
    ],
)
def test_where_there_is_none_one_line_says_whose_turn_it_is(
    agent: tuple[int, int], orchestrator: tuple[int, int], text: str
) -> None:
    with pytest.raises(NoCommonVersion) as refused:
        common_version(_spoken(agent), _spoken(orchestrator))
    assert str(refused.value) == text


def test_a_release_speaks_no_more_than_its_own_and_the_one_before() -> None:
    assert SPOKEN.newest - 1 <= SPOKEN.oldest <= SPOKEN.newest


def _spoken(bounds: tuple[int, int]) -> Spoken:
    return Spoken(oldest=bounds[0], newest=bounds[1])
