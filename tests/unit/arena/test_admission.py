"""Which orders of tenants are taken."""

from typing import Any

import pytest

from matches.matchmaking import Mode
from orchestrator.arena.admission import Difficulty, MatchType, Player, game_of, ordered, player_of
from orchestrator.errors import ApiError, Forbidden, InvalidRequest
from orchestrator.tenants.plans import GRANTS, KeyMode, Plan, granted

ALEX, JORDAN = {"id": "alex", "displayName": "Alex"}, {"id": "jordan"}
LIVE, TEST = KeyMode.LIVE, KeyMode.TEST


def test_defaults_are_those_of_the_pages() -> None:
    order = ordered({"game": "chess", "players": [ALEX, JORDAN]}, LIVE)
    assert order.players == (Player("alex", "Alex"), Player("jordan", "jordan"))
    assert (order.mode, order.match_type, order.difficulty) == (Mode.LIVE, MatchType.MATCHMAKING, Difficulty.MEDIUM)
    assert order.is_afk_enforced
    assert not order.has_room_code
    assert ordered({"game": "chess", "players": [ALEX]}, TEST).mode == Mode.TEST


def test_what_is_said_counts() -> None:
    fields = {"game": "subway-runner", "players": [ALEX], "botDifficulty": "hard", "afkTimeoutEnabled": False}
    order = ordered({**fields, "theme": {"primaryColor": "red"}}, LIVE)
    assert order.match_type == MatchType.BOT
    assert (order.difficulty, order.is_afk_enforced) == (Difficulty.HARD, False)
    assert order.theme == {"primaryColor": "red"}


def test_a_host_alone_gets_a_room_code() -> None:
    assert ordered({"game": "checkers", "players": [ALEX], "matchType": "private"}, LIVE).has_room_code
    assert not ordered({"game": "checkers", "players": [ALEX, JORDAN], "matchType": "private"}, LIVE).has_room_code


def test_training_makes_its_players_up() -> None:
    order = ordered({"game": "chess", "mode": "training", "players": [ALEX], "playerCount": 2}, LIVE)
    assert (order.players, order.player_count) == ((), 2)


@pytest.mark.parametrize(
    ("fields", "key", "failure"),
    [
        ({"game": ""}, LIVE, InvalidRequest("game is required")),
        ({"game": 7}, LIVE, InvalidRequest("Invalid game. Valid: chess, checkers, connect4, tictactoe, subway-runner")),
        ({"mode": "war"}, LIVE, InvalidRequest("Invalid mode. Valid: live, test, training")),
        ({"mode": "training"}, TEST, Forbidden("Test API key cannot create training sessions")),
        ({"mode": "live"}, TEST, Forbidden("Test API key cannot create live sessions")),
        ({"mode": "test"}, LIVE, Forbidden("Live API key cannot create test sessions")),
        ({"matchType": "duel"}, LIVE, InvalidRequest("Invalid matchType. Valid: matchmaking, private, bot")),
        (
            {"game": "subway-runner", "matchType": "matchmaking"},
            LIVE,
            InvalidRequest("subway-runner only supports matchType: bot"),
        ),
        (
            {"mode": "training", "matchType": "private"},
            LIVE,
            InvalidRequest("training sessions cannot be private"),
        ),
        ({"players": None}, LIVE, InvalidRequest("players[] required for live and test sessions")),
        ({"players": "alex"}, LIVE, InvalidRequest("players[] must be a list of one or two players")),
        ({"players": [ALEX, ALEX]}, LIVE, InvalidRequest("players[] must be different players")),
        ({"players": [{"id": " "}]}, LIVE, InvalidRequest("players[0].id is required")),
        ({"players": [ALEX, JORDAN], "matchType": "bot"}, LIVE, InvalidRequest("bot sessions have one player")),
        ({"botDifficulty": "godlike"}, LIVE, InvalidRequest("botDifficulty: 'godlike' is not a valid Difficulty")),
        ({"afkTimeoutEnabled": "no"}, LIVE, InvalidRequest("afkTimeoutEnabled: not true or false")),
        ({"theme": {"a": "x" * 5000}}, LIVE, InvalidRequest("theme: larger than 4 KiB")),
        ({"theme": {"colorScheme": "plaid"}}, LIVE, InvalidRequest("colorScheme is light or dark.")),
        ({"theme": {"colorScheme": ["dark"]}}, LIVE, InvalidRequest("colorScheme is light or dark.")),
        ({"mode": "training", "playerCount": 3}, LIVE, InvalidRequest("playerCount: not a whole number in its range")),
    ],
)
def test_what_is_not_taken_says_why(fields: dict[str, Any], key: KeyMode, failure: ApiError) -> None:
    with pytest.raises(type(failure)) as raised:
        ordered({"game": "chess", "players": [ALEX], **fields}, key)
    assert raised.value.message == failure.message


def test_a_player_is_an_object_with_an_id() -> None:
    with pytest.raises(InvalidRequest, match="player must be an object"):
        player_of("alex")
    with pytest.raises(InvalidRequest, match="game is required"):
        game_of(None)
    assert player_of({"id": "x" * 128}).display_name == "x" * 100


def test_what_was_agreed_stands_in_place_of_the_plans() -> None:
    assert granted("starter", None, None, None) == GRANTS[Plan.STARTER]
    agreed = granted("enterprise", 5, 6, 7)
    assert (agreed.monthly_sessions, agreed.requests_a_minute, agreed.seats) == (5, 6, 7)
    assert [GRANTS[plan].webhook_retries for plan in Plan] == [3, 3, 5, 8]
