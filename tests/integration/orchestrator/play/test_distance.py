"""What a page measures decides where its player plays."""

import httpx
import pytest

from tests.conftest import only_on
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.play.scenes import launch

ONE, TWO = "https://one.example", "https://two.example/"


async def test_a_page_measures_where_there_is_a_choice_and_plays_where_it_is_near(
    player: httpx.AsyncClient,
    other_player: httpx.AsyncClient,
    client: httpx.AsyncClient,
    make_host: HostMaker,
    game: str,
) -> None:
    assert (await client.get("/api/game/probes")).status_code == 401
    one = await make_host(name="one", public_url=ONE)
    assert (await player.get("/api/game/probes")).json() == {"probes": []}
    two = await make_host(name="two", public_url=TWO)
    probes = (await player.get("/api/game/probes")).json()["probes"]
    assert sorted(probes, key=lambda probe: str(probe["url"])) == [
        {"hostId": one.host_id, "url": "https://one.example/api/health"},
        {"hostId": two.host_id, "url": "https://two.example/api/health"},
    ]
    for person, near, far in ((player, two, one), (other_player, one, two)):
        latencies = {near.host_id: 0.02, far.host_id: 0.2, "hst-unknown": 0.0}
        session_id = (await launch(person, latencies=latencies)).json()["sessionId"]
        assert [order.session_id for order in (await near.sync()).sessions] == [session_id]


@only_on("sqlite")
@pytest.mark.parametrize(
    ("latencies", "status"),
    [
        ({"hst1": 7.5, "hst2": -3}, 202),
        ({"hst1": 0}, 202),
        ({"hst1": None}, 400),
        ({"hst1": "near"}, 400),
        ({"h st": 0.1}, 400),
        ({f"hst{number}": 0.1 for number in range(9)}, 400),
        ([0.1], 400),
    ],
)
async def test_what_cannot_be_measured_is_taken_for_the_nearest_that_can_or_refused(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, latencies: object, status: int
) -> None:
    assert (await launch(player, latencies=latencies)).status_code == status


async def test_a_launch_that_is_sent_again_may_have_measured_otherwise(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    first = await launch(player, key="once", latencies={host.host_id: 0.1})
    again = await launch(player, key="once", latencies={host.host_id: 0.2})
    assert (again.status_code, again.json()) == (202, first.json())
