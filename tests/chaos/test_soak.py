"""The short form of `make soak`: a dozen sessions, one after another, and nothing has grown."""

from statistics import median

import pytest

from bench.soak import MEGABYTE, soak
from tests.chaos.seeds import seat_runtime


@pytest.mark.timeout(240)
async def test_session_after_session_nothing_grows_and_a_stop_is_quick() -> None:
    with seat_runtime() as runtime:
        soaked = await soak(runtime, people=3, for_s=0, least_sessions=14, warm_up=5)
    assert soaked.rows_not_final == 0
    assert soaked.left == []
    assert median(soaked.stop_s) <= 3.0  # of so few, the 95th percentile would be the slowest
    assert soaked.growth("replica_rss") <= 12 * MEGABYTE
    assert soaked.growth("agent_rss") <= 12 * MEGABYTE
    assert soaked.growth("descriptors") <= 4
    assert soaked.growth("threads") <= 4
    assert soaked.growth("files") <= 4
