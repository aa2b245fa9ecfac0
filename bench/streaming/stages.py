"""Where the milliseconds of a click go, by a seat that writes down what it does."""

from bench.results import Row
from bench.streaming.latency import WARM_UP_CLICKS, press
from bench.streaming.seat import SeatContender
from bench.streaming.stage import HD, Stage, chromium, until_colour, viewing
from bench.streaming.stage_times import Span, stages_of, summary

WORKER = "bench.streaming.traced_worker"


async def measure(clicks: int) -> list[Row]:
    async with (
        SeatContender(WORKER).opened("flip", HD) as stage,
        chromium() as browser,
        viewing(browser, stage) as page,
    ):
        await until_colour(page)
        clock: dict[str, float] = await page.evaluate("(url) => probe.clockOffset(url)", f"{stage.url}clock")
        presses = [await press(page) for _ in range(WARM_UP_CLICKS + clicks)]
        spans, missing = spans_of(stage)
    shifted = [each.shifted(clock["offset"]) for each in presses[WARM_UP_CLICKS:] if each is not None]
    ways = [way for each in shifted if (way := stages_of(each, spans)) is not None]
    if missing:
        print(f"not traced, and part of what surrounds it: {', '.join(sorted(missing))}")
    if not ways:
        raise RuntimeError("no click could be followed from page to page")
    return [
        *(
            Row(f"stage_{name}_{mark}_ms", value, "ms")
            for name, both in summary(ways).items()
            for mark, value in zip(("p50", "p95"), both, strict=True)
        ),
        Row("stage_clicks_followed", len(ways), ""),
        Row("stage_clock_uncertainty_ms", clock["trip"] / 2, "ms"),
    ]


def spans_of(stage: Stage) -> tuple[list[Span], set[str]]:
    """What seat and game have written down, in the order of its ends, and what the seat could not trace at all."""
    traced = [line.split() for line in (stage.folder / "trace").read_text().splitlines()]
    drawn = [line.split() for line in stage.game.lines if line.startswith("flip ")]
    spans = [
        Span(label, int(began) / 1e6, int(ended) / 1e6)
        for label, began, ended in (line for line in traced if len(line) == 3)
    ]
    spans += [Span("game", int(began) / 1e6, int(ended) / 1e6) for _, began, ended in drawn]
    missing = {line[1] for line in traced if line[0] == "missing"} - {span.label for span in spans}
    return sorted(spans, key=lambda span: span.ended_ms), missing
