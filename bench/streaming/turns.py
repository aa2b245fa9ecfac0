"""Who is measured when: every round measures each contender once, so that what the machine does meets all alike."""

from collections.abc import Awaitable, Callable, Sequence

from bench.streaming.figures import NO_CLICKS, Clicks
from bench.streaming.stage import Contender


async def in_turn(
    contenders: Sequence[Contender], rounds: int, one_run: Callable[[Contender], Awaitable[Clicks]]
) -> dict[str, Clicks]:
    """Clicks by contender, in this order."""
    taken = {contender.name: NO_CLICKS for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            measured = await one_run(contender)
            taken[contender.name] += measured
            told = f"p50 {measured.p50_ms:5.1f}  p95 {measured.p95_ms:5.1f} ms, {measured.lost} lost"
            print(f"round {turn + 1}  {contender.name:<14} {told}", flush=True)
    return taken
