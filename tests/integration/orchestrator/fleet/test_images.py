"""Images across hosts: layers decide where a game starts, what people play is fetched before they ask."""

import threading
from typing import Any

import httpx
import pytest

from agent_protocol import Capacity, HostImage, HostPull, SyncResponse
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.services import Services
from scheduler.prepull import plan
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.play.scenes import launch

MB = 10**6
BASE, OTHER_BASE = "sha256:" + "b" * 64, "sha256:" + "0" * 64


def image_id(name: str) -> str:
    return "sha256:" + name.encode().hex().ljust(64, "0")[:64]


async def add_pushed(services: Services, slug: str, base: str = BASE) -> None:
    """A game that a registry has: a base of 200 MB and 20 MB of its own."""
    definition = GameDefinition.model_validate(
        {
            "slug": slug,
            "title": slug,
            "developer": "Somebody",
            "description": "Short.",
            "tags": ["Noise"],
            "build": {"version": "1.0", "image": f"playhouse/{slug}:1.0"},
        }
    )
    layers = {base: 200 * MB, image_id(f"layer {slug}"): 20 * MB}
    image = EngineImage(image_id(slug), 500 * MB, f"reg:5000/{slug}:1.0", image_id(f"m {slug}"), layers)
    await services.catalog.add_game(definition, image)


async def sync(host: ScriptedHost, **changes: Any) -> SyncResponse:
    host.seq += 1
    answer = await host.post_sync(host.seq, **changes)
    assert answer.status_code == 200, answer.text
    return SyncResponse.model_validate_json(answer.content)


async def test_of_two_hosts_the_one_that_holds_the_base_layers_gets_the_game(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient
) -> None:
    for slug in ("elder", "younger"):
        await add_pushed(services, slug)
    await add_pushed(services, "stranger", OTHER_BASE)
    stranger = await make_host(name="stranger", images=(image_id("stranger"),))
    relative = await make_host(name="relative", images=(image_id("elder"),))
    assert (await launch(player, "younger")).status_code == 202
    assert len((await relative.sync()).sessions) == 1
    assert (await stranger.sync()).sessions == ()


async def test_what_people_play_is_ordered_once_and_taken_back_when_it_is_there(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await add_pushed(services, "hit")
    await add_pushed(services, "unplayed")
    first = await make_host(images=(image_id("hit"),))
    assert (await launch(player, "hit")).status_code == 202
    second = await make_host(name="second", images=())
    revision = (await second.sync()).revision
    await services.prepulling.round()
    await services.prepulling.round()
    [build] = (await second.sync()).prepulls
    assert build.image_id == image_id("hit")
    assert build.manifest_digest is not None
    assert (await second.sync()).revision == revision + 1
    assert (await first.sync()).prepulls == ()

    pull = HostPull(image_id=build.image_id, done=5 * MB, total=220 * MB, unasked=True)
    await sync(second, pulls=(pull,))
    shown = (await admin.get(f"/api/admin/hosts/{second.host_id}/images")).json()
    assert shown["ordered"] == [build.build_id]
    assert shown["pulling"] == [
        {
            "imageId": build.image_id,
            "doneBytes": 5 * MB,
            "totalBytes": 220 * MB,
            "unasked": True,
            "failure": None,
            "games": ["hit 1.0"],
        }
    ]

    here = HostImage.model_validate(
        {"image_id": build.image_id, "size_bytes": 500 * MB, "last_used_at": "2026-01-02T03:04:05Z"}
    )
    assert (await sync(second, images=(here,))).prepulls == ()
    await services.prepulling.round()
    shown = (await admin.get(f"/api/admin/hosts/{second.host_id}/images")).json()
    assert shown["ordered"] == []
    assert shown["images"][0]["games"] == ["hit 1.0"]
    assert shown["images"][0]["lastUsedAt"].startswith("2026-01-02T03:04:05")


async def test_what_a_host_could_not_fetch_is_taken_back_and_something_else_is_ordered(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    for slug in ("broken", "sound"):
        await add_pushed(services, slug)
    await make_host(images=(image_id("broken"), image_id("sound")))
    assert (await launch(player, "broken")).status_code == 202
    second = await make_host(name="second", images=())
    await services.prepulling.round()
    [first_order] = (await second.sync()).prepulls
    assert first_order.image_id == image_id("broken")

    assert (await launch(admin, "sound")).status_code == 202
    failed = HostPull(image_id=first_order.image_id, unasked=True, failure="The registry does not give it.")
    await sync(second, pulls=(failed,))
    shown = (await admin.get(f"/api/admin/hosts/{second.host_id}/images")).json()
    assert [pull["failure"] for pull in shown["pulling"]] == ["The registry does not give it."]
    await services.prepulling.round()
    [next_order] = (await sync(second, pulls=(failed,))).prepulls
    assert next_order.image_id == image_id("sound")
    await services.prepulling.round()
    assert (await sync(second, pulls=(failed,))).prepulls == (next_order,)


async def test_a_host_is_told_at_no_further_cost_which_images_enough_others_hold(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    for slug in ("hit", "unplayed"):
        await add_pushed(services, slug)
    both = (image_id("hit"), image_id("unplayed"))
    host = await make_host(images=(*both, image_id("foreign")))
    assert (await launch(player, "hit")).status_code == 202
    [order] = (await host.sync()).sessions
    await host.end(order)
    await services.reconciler.round()  # it is over, and the player may launch another
    assert (await host.sync()).spare_images is None, "this replica has decided nothing yet"
    revision = (await host.sync()).revision
    await services.prepulling.round()
    answer = await host.sync()
    assert (answer.spare_images, answer.revision) == ((image_id("unplayed"),), revision)
    shown = (await admin.get(f"/api/admin/hosts/{host.host_id}/images")).json()["images"]
    assert {image["imageId"]: image["spare"] for image in shown} == {
        image_id("hit"): False,
        image_id("unplayed"): True,
        image_id("foreign"): False,
    }
    assert (await launch(player, "unplayed")).status_code == 202
    await services.prepulling.round()
    assert (await host.sync()).spare_images == ()


async def test_a_build_that_no_game_is_launched_with_any_more_is_spare(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient
) -> None:
    await add_pushed(services, "hit")
    host = await make_host(images=(image_id("hit"), image_id("hit 2")))
    assert (await launch(player, "hit")).status_code == 202
    definition = GameDefinition.model_validate(
        {
            "slug": "hit",
            "title": "hit",
            "developer": "Somebody",
            "description": "Short.",
            "tags": ["Noise"],
            "build": {"version": "2.0", "image": "playhouse/hit:2.0"},
        }
    )
    image = EngineImage(image_id("hit 2"), 500 * MB, "reg:5000/hit:2.0", image_id("m hit 2"), {BASE: 200 * MB})
    await services.catalog.add_game(definition, image)
    await services.prepulling.round()
    assert (await host.sync()).spare_images == (image_id("hit"),)


async def test_a_disk_that_is_full_of_other_things_is_not_filled_unasked(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient
) -> None:
    await add_pushed(services, "hit")
    await make_host(images=(image_id("hit"),))
    assert (await launch(player, "hit")).status_code == 202
    second = await make_host(name="second", images=())
    full: dict[str, Any] = {"cpu_cores": 4, "memory_bytes": 8 * 1024**3, "seats": 4, "disk_free_bytes": 130 * 10**9}
    await sync(second, capacity=Capacity(**full, disk_kept_free_bytes=150 * 10**9))
    await services.prepulling.round()
    kept = Capacity(**full, disk_kept_free_bytes=100 * 10**9)
    assert (await sync(second, capacity=kept)).prepulls == ()
    await services.prepulling.round()
    assert len((await sync(second, capacity=kept)).prepulls) == 1


async def test_room_that_cached_images_would_give_up_counts_as_room(
    services: Services, make_host: HostMaker, player: httpx.AsyncClient
) -> None:
    await add_pushed(services, "hit")
    host = await make_host(images=())
    capacity: dict[str, Any] = {"cpu_cores": 4, "memory_bytes": 8 * 1024**3, "seats": 4, "disk_free_bytes": MB}
    await sync(host, capacity=Capacity(**capacity))
    assert (await launch(player, "hit")).status_code == 202
    assert (await sync(host, capacity=Capacity(**capacity))).sessions == ()
    await sync(host, capacity=Capacity(**capacity, disk_evictable_bytes=10**9))
    await services.reconciler.round()
    assert len((await sync(host, capacity=Capacity(**capacity, disk_evictable_bytes=10**9))).sessions) == 1


async def test_while_it_is_decided_what_to_fetch_the_event_loop_is_free(
    services: Services, host: ScriptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def noted(*arguments: Any) -> Any:
        threads.append(threading.get_ident())
        return plan(*arguments)

    monkeypatch.setattr("orchestrator.fleet.prepulling.plan", noted)
    await host.sync()
    await services.prepulling.round()
    assert threads
    assert threading.get_ident() not in threads


async def test_images_are_shown_to_operators_alone(
    player: httpx.AsyncClient, admin: httpx.AsyncClient, host: ScriptedHost
) -> None:
    assert (await player.get(f"/api/admin/hosts/{host.host_id}/images")).status_code == 403
    assert (await admin.get("/api/admin/hosts/nobody/images")).status_code == 404
