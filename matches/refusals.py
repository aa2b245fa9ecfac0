"""Why an event of a player was not accepted. Whatever strangers send is one of these, and changes nothing."""

from enum import StrEnum


class Refusal(StrEnum):
    """The code that the player's client gets."""

    MALFORMED_MOVE = "malformed_move"
    ILLEGAL_MOVE = "illegal_move"
    AMBIGUOUS_MOVE = "ambiguous_move"
    PROMOTION_REQUIRED = "promotion_required"
    CAPTURE_REQUIRED = "capture_required"
    COLUMN_FULL = "column_full"
    CELL_TAKEN = "cell_taken"
    NOT_YOUR_TURN = "not_your_turn"
    MATCH_OVER = "match_over"
    DISCONNECTED = "disconnected"
    NO_DRAW_OFFERS = "no_draw_offers"
    NO_DRAW_OFFER = "no_draw_offer"
    DRAW_OFFERED_ALREADY = "draw_offered_already"


TEXTS = {
    Refusal.MALFORMED_MOVE: "This is not a move of this game.",
    Refusal.ILLEGAL_MOVE: "The rules do not allow this move here.",
    Refusal.AMBIGUOUS_MOVE: "More than one move fits: say which.",
    Refusal.PROMOTION_REQUIRED: "A pawn on the last rank becomes a piece: say which, q, r, b or n.",
    Refusal.CAPTURE_REQUIRED: "This turn has to capture, and to jump on for as long as it can.",
    Refusal.COLUMN_FULL: "This column is full.",
    Refusal.CELL_TAKEN: "This cell is taken.",
    Refusal.NOT_YOUR_TURN: "It is the other player's turn.",
    Refusal.MATCH_OVER: "The match is over.",
    Refusal.DISCONNECTED: "Reconnect first.",
    Refusal.NO_DRAW_OFFERS: "This game has no draw offers.",
    Refusal.NO_DRAW_OFFER: "The other player has not offered a draw.",
    Refusal.DRAW_OFFERED_ALREADY: "A draw can be offered once in a turn of each player.",
}


class MoveRefused(Exception):
    """The rules, or what was sent, do not allow this move."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(TEXTS[refusal])
        self.refusal = refusal
