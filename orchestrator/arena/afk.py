"""Which idle times a player's client asks for when it joins. Pure."""

from collections.abc import Mapping
from typing import Final

from matches.reading import flag, whole
from matches.terms import Afk, documented_afk
from matches.values import Game

_SHORTEST_S: Final = 5
_LONGEST_S: Final = 3_600
_WITH_SECONDS: Final = {Game.CONNECT4, Game.TICTACTOE}


def wished(game: Game, is_enforced: bool, fields: Mapping[str, object]) -> Afk | None:
    """None where idling is allowed: the client's word comes before the session's (`is_enforced`). Chess and checkers
    have their documented times; the others may bring their own. Raises `ValueError`.
    """
    enabled = fields.get("afkTimeoutEnabled")
    if not (is_enforced if enabled is None else flag(enabled)):
        return None
    usual = documented_afk(game)
    if game not in _WITH_SECONDS:
        return usual
    timeout_s = whole(_or(fields.get("afkTimeoutSeconds"), usual.timeout_ms // 1000), _SHORTEST_S, _LONGEST_S)
    usual_warn_s = min(usual.warn_ms // 1000, timeout_s - 1)
    warn_s = whole(_or(fields.get("afkWarnSeconds"), usual_warn_s), 0, timeout_s - 1)
    return Afk(timeout_s * 1000, warn_s * 1000)


def _or(value: object, default: int) -> object:
    return default if value is None else value
