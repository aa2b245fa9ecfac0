"""Where the milliseconds of a click go: moments of page, seat and game put in order, and their differences. Pure.

All moments are milliseconds on one clock, the machine's monotonic one; the page's have been shifted onto it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from bench.results import percentile

STAGES: tuple[str, ...] = (
    "page_to_seat",
    "injection",
    "x_to_game",
    "game_draws",
    "damage_to_grab",
    "grab",
    "convert",
    "encode",
    "hand_over",
    "network",
    "decode",
    "browser_frame",
)


@dataclass(frozen=True)
class Press:
    """A press that changed the picture, by the page's clock.

    `received_ms` is when the last packet of that picture came, `processing_s` what its decoding took; both only where
    the browser knows them.
    """

    pressed_ms: float
    shown_ms: float
    received_ms: float | None
    processing_s: float | None

    def shifted(self, offset_ms: float) -> "Press":
        received_ms = None if self.received_ms is None else self.received_ms + offset_ms
        return replace(
            self, pressed_ms=self.pressed_ms + offset_ms, shown_ms=self.shown_ms + offset_ms, received_ms=received_ms
        )


@dataclass(frozen=True)
class Span:
    """One call inside the seat, or one drawing of the game: `received` to `drawn`."""

    label: str
    began_ms: float
    ended_ms: float


def stages_of(press: Press, spans: Sequence[Span]) -> dict[str, float] | None:
    """Milliseconds by stage, in the order of `STAGES`; their sum is the whole way. None when the trace has a gap.

    `spans` are in the order of their ends; `post` begins when a picture is encoded. What the seat does in one call
    counts as far as it was traced: without a `convert` of its own, conversion is part of `encode`.
    """
    if press.received_ms is None or press.processing_s is None:
        return None
    game = _first(spans, "game", press.pressed_ms)
    if game is None:
        return None
    injections = [
        span for span in spans if span.label == "inject" and press.pressed_ms <= span.began_ms <= game.began_ms
    ]
    grab = _first(spans, "grab", game.began_ms)
    encoded = None if grab is None else _first(spans, "post", grab.ended_ms)
    if not injections or grab is None or encoded is None:
        return None
    handed = next((span for span in spans if span.label == "hand" and span.ended_ms >= encoded.began_ms), None)
    if handed is None or handed.ended_ms > press.shown_ms:
        return None
    convert = _first(spans, "convert", grab.ended_ms)
    convert_ms = 0.0 if convert is None or convert.ended_ms > encoded.began_ms else convert.ended_ms - convert.began_ms
    decoded_ms = press.received_ms + 1000 * press.processing_s
    moments = (
        press.pressed_ms,
        injections[-1].began_ms,
        injections[-1].ended_ms,
        game.began_ms,
        game.ended_ms,
        grab.began_ms,
        grab.ended_ms,
        grab.ended_ms + convert_ms,
        encoded.began_ms,
        handed.ended_ms,
        press.received_ms,
        decoded_ms,
        press.shown_ms,
    )
    return {name: end - begin for name, (begin, end) in zip(STAGES, pairwise(moments), strict=True)}


def summary(ways: Sequence[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile of each stage over all clicks, and of the `whole`."""
    columns = {name: [way[name] for way in ways] for name in STAGES}
    columns["whole"] = [sum(way.values()) for way in ways]
    return {name: (median(values), percentile(values, 0.95)) for name, values in columns.items()}


def _first(spans: Sequence[Span], label: str, since_ms: float) -> Span | None:
    return next((span for span in spans if span.label == label and span.began_ms >= since_ms), None)
