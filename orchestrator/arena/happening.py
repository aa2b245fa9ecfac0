"""What comes of something that happened to a match."""

from dataclasses import dataclass, replace
from typing import Final

from matches.refusals import Refusal
from matches.rows import to_row
from matches.state import Match
from orchestrator.arena.news import Told
from orchestrator.arena.payloads import Room
from orchestrator.database import JsonDict

BOT_LEASE_MS: Final = 20_000
"""Whoever thinks for a bot has so long; then another replica does."""


@dataclass(frozen=True, slots=True)
class Happened:
    """The match after an event, what has to be told, and why nothing happened where nothing did."""

    room: Room
    told: tuple[Told, ...]
    version: int
    now_ms: int
    deadline_ms: int | None
    refusal: Refusal | None = None


def topic_of(match_id: str) -> str:
    """Where other replicas hear that a match has news."""
    return f"arena:{match_id}"


def state_of(match: Match) -> JsonDict:
    """The match's row but for its plies, which have rows of their own."""
    return {key: value for key, value in to_row(replace(match, plies=())).items() if key != "plies"}


def bot_due_ms(match: Match, now_ms: int) -> int | None:
    """When somebody else thinks for the bot, if it is its turn."""
    is_bots_turn = match.end is None and match.turn == match.terms.bot_seat
    return now_ms + BOT_LEASE_MS if is_bots_turn else None
