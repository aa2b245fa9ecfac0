"""Versions of a game, the way back to an older one, and how it went for those who played."""

from datetime import timedelta

import httpx

from orchestrator.fleet.models import BuildProfile
from orchestrator.services import Services
from tests.conftest import SignedIn
from tests.integration.orchestrator.conftest import HostMaker
from tests.integration.orchestrator.publishers.conftest import FORM, KeptImages, NewPublisher, put, settled
from tests.packing import Packed, launcher, tar_gz

FIRST, SECOND = (tar_gz([launcher(), Packed("garden/version", text)]) for text in (b"1", b"2"))
SLUG = FORM["slug"]


async def test_an_older_version_can_be_gone_back_to(
    publisher: httpx.AsyncClient, garden: str, images: KeptImages, make_host: HostMaker, signed_in: SignedIn
) -> None:
    for archive in (FIRST, SECOND):
        await put(publisher, archive)
        assert (await settled(publisher))["status"] == "active"
    versions = (await publisher.get(f"{garden}/versions")).json()["versions"]
    assert [(each["number"], each["version"], each["isActive"]) for each in versions] == [
        (2, "2", True),
        (1, "1", False),
    ]
    assert [each["imageId"] for each in versions] == images.stored[::-1]

    back = await publisher.post(f"{garden}/versions/{versions[1]['id']}/activate")
    assert [each["isActive"] for each in back.json()["versions"]] == [False, True]
    assert (await publisher.get(garden)).json()["versionId"] == versions[1]["id"]
    host = await make_host(images=tuple(images.stored))
    player = await signed_in()
    await player.post("/api/game/launch", json={"gameSlug": SLUG})
    [order] = (await host.sync()).sessions
    assert order.build.image_id == images.stored[0]

    await put(publisher, SECOND)  # the very same again: the version that was there
    details = await settled(publisher)
    assert details["versionId"] == versions[0]["id"]
    assert len((await publisher.get(f"{garden}/versions")).json()["versions"]) == 2


async def test_a_version_that_is_called_by_its_publisher(publisher: httpx.AsyncClient, garden: str) -> None:
    await put(publisher, FIRST, f"{garden}/upload?version=1.0.3%20%F0%9F%8E%AE")
    await settled(publisher)
    assert (await publisher.get(f"{garden}/versions")).json()["versions"][0]["version"] == "1.0.3 \U0001f3ae"


async def test_anothers_versions_are_forbidden_and_unknown_ones_not_found(
    publisher: httpx.AsyncClient, garden: str, new_publisher: NewPublisher
) -> None:
    other = await new_publisher("Yu Tsun")
    await put(publisher, FIRST)
    build_id = (await settled(publisher))["versionId"]
    for method, path in (("GET", "versions"), ("POST", f"versions/{build_id}/activate"), ("GET", "statistics")):
        answer = await other.request(method, f"{garden}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert (await publisher.post(f"{garden}/versions/bld1/activate")).status_code == 404
    await other.post("/api/partners/games", json={**FORM, "slug": "another"})
    assert (await other.post(f"/api/partners/games/another/versions/{build_id}/activate")).status_code == 404


async def test_what_is_uploaded_while_suspended_waits_until_it_may_be_played(
    publisher: httpx.AsyncClient, garden: str, admin: httpx.AsyncClient, signed_in: SignedIn
) -> None:
    await put(publisher, FIRST)
    first = (await settled(publisher))["versionId"]
    path = f"/api/admin/games/{SLUG}/suspension"
    await admin.put(path, json={"reason": "A complaint."})
    await put(publisher, SECOND)
    details = await settled(publisher)
    assert (details["status"], details["upload"]["state"], details["versionId"] != first) == (
        "suspended",
        "accepted",
        True,
    )
    player = await signed_in()
    assert (await player.post("/api/game/launch", json={"gameSlug": SLUG})).status_code == 404
    assert (await admin.delete(path)).json()["status"] == "active"
    assert (await player.get(f"/api/games/{SLUG}")).status_code == 200


async def test_statistics_tell_of_sessions_hours_crashes_and_boots(
    publisher: httpx.AsyncClient,
    garden: str,
    images: KeptImages,
    make_host: HostMaker,
    signed_in: SignedIn,
    services: Services,
) -> None:
    empty = (await publisher.get(f"{garden}/statistics")).json()
    assert empty == {"sessions": 0, "hours": 0.0, "crashes": 0, "bootSeconds": None, "versions": []}
    await put(publisher, FIRST)
    build_id = (await settled(publisher))["versionId"]
    host = await make_host(images=tuple(images.stored))
    for email, code in (("a@example.org", "stopped"), ("b@example.org", "crashed")):
        player = await signed_in(email)
        await player.post("/api/game/launch", json={"gameSlug": SLUG})
        [order] = [order for order in (await host.sync()).sessions if order.session_id not in host.observed]
        await host.run(order)
        await host.end(order, code)
    told = (await publisher.get(f"{garden}/statistics")).json()
    assert (told["sessions"], told["crashes"], told["bootSeconds"]) == (2, 1, 1.5)
    assert told["hours"] == round(2 * 120.4 / 3600, 3)
    [version] = told["versions"]
    assert version == {
        **{name: told[name] for name in told if name != "versions"},
        "versionId": build_id,
        "version": "1",
    }
    async with services.database.write() as session:
        now = await services.database.now(session)
        profile = {"boot_mean_s": 4.5, "boot_weight": 4.0}
        session.add(BuildProfile(build_id=build_id, host_class="slow", profile=profile, updated_at=now - timedelta(1)))
    assert (await publisher.get(f"{garden}/statistics")).json()["bootSeconds"] > 1.5
