"""Archives that hosts store by themselves, in S3: whatever is lost on the way, nothing of a save is, and no head names
what is not there.
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from agent_protocol import DesiredSession, DirectUpload, transfer_within_s
from orchestrator.saves.intake import ARCHIVE_OVERHEAD_BYTES, TRANSFER_LIFE, SaveIntake
from orchestrator.saves.models import SaveVersion, UnwantedArchive
from orchestrator.saves.service import Saves
from orchestrator.services import Services
from orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import HostMaker, ScriptedHost
from tests.integration.orchestrator.saves.playing import finish, restored, slots, start, versions
from tests.integration.orchestrator.saves.test_disposal import let_time_pass
from tests.s3_server import S3Server

HEAD = {"head": True}


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(4)


@pytest.fixture
def settings(
    settings: Settings, s3_server: S3Server, s3_bucket: str, s3_keys: None, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("ORCHESTRATOR_STORE_URL", f"s3://{s3_bucket}/{prefix}")
    monkeypatch.setenv("ORCHESTRATOR_STORE_ENDPOINT", s3_server.endpoint)
    return Settings()


@dataclass
class Parcel:
    """One archive on its way, step by step."""

    host: ScriptedHost
    order: DesiredSession
    content: bytes
    number: int
    generation: int

    async def way(self) -> DirectUpload:
        answer = await self.ask("way")
        assert answer.status_code == 200, answer.text
        return DirectUpload.model_validate(answer.json()["direct"])

    async def put(self, way: DirectUpload) -> int:
        async with httpx.AsyncClient(timeout=60) as store:
            return (await store.put(way.url, content=self.content, headers=way.headers)).status_code

    async def arrived(self, way: DirectUpload) -> httpx.Response:
        return await self.ask(way.transfer)

    async def sent(self) -> dict[str, Any]:
        way = await self.way()
        assert await self.put(way) == 200
        answer = await self.arrived(way)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, what: str) -> httpx.Response:
        return await self.host.client.post(
            f"/api/agents/sessions/{self.order.session_id}/saves/{what}",
            params={
                "generation": self.generation,
                "n": self.number,
                "digest": hashlib.sha256(self.content).hexdigest(),
                "size": len(self.content),
            },
            headers=self.host.headers,
        )


def parcel(host: ScriptedHost, order: DesiredSession, content: bytes, generation: int | None = None) -> Parcel:
    host.captures += 1
    return Parcel(host, order, content, host.captures, generation or order.generation)


async def stored(s3_server: S3Server, s3_bucket: str, prefix: str) -> list[str]:
    return [key for key in await s3_server.keys(s3_bucket) if key.startswith(f"{prefix}/")]


async def named(services: Services) -> list[str]:
    async with services.database.read() as session:
        return list(await session.scalars(select(SaveVersion.key)))


async def test_no_archive_passes_through_a_replica_in_either_direction(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name in ((SaveIntake, "accept"), (Saves, "open_for_host")):
        monkeypatch.delattr(owner, name)
    order = await start(player, host)
    assert (await parcel(host, order, b"chapter one").sent()).items() >= HEAD.items()
    await finish(player, host, order)
    again = await start(player, host)
    assert again.restore is not None
    way = await host.client.get(f"/api/agents/saves/{again.restore.version_id}/way", headers=host.headers)
    async with httpx.AsyncClient(timeout=60) as store:
        assert (await store.get(way.json()["url"])).content == b"chapter one"


async def test_a_host_gets_no_way_to_what_it_does_not_play(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, make_host: HostMaker
) -> None:
    order = await start(player, host)
    version = (await parcel(host, order, b"chapter one").sent())["versionId"]
    stranger = await make_host(name="host-b")
    for answer in (
        await stranger.client.get(f"/api/agents/saves/{version}/way", headers=stranger.headers),
        await parcel(stranger, order, b"chapter two").ask("way"),
        await parcel(stranger, order, b"chapter two").ask("arc" + "0" * 22),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


async def test_an_answer_that_was_lost_is_given_again(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    sent = parcel(host, await start(player, host), b"chapter one")
    way = await sent.way()
    assert [await sent.put(way), await sent.put(way)] == [200, 412]
    answers = [await sent.arrived(way) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["head"] is True
    assert len(await named(services)) == 1
    await let_time_pass(services, TRANSFER_LIFE + timedelta(minutes=1))
    await services.save_disposal.round()
    assert (await sent.arrived(way)).text == answers[0].text


async def test_the_same_word_said_many_times_at_once_makes_one_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    sent = parcel(host, await start(player, host), b"chapter one")
    way = await sent.way()
    await sent.put(way)
    answers = await asyncio.gather(*(sent.arrived(way) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["versionId"] for answer in answers}) == 1
    assert len(await named(services)) == 1


async def test_a_host_that_died_between_its_steps_begins_anew_and_leaves_nothing(
    player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    services: Services,
    s3_server: S3Server,
    s3_bucket: str,
    prefix: str,
) -> None:
    sent = parcel(host, await start(player, host), b"chapter one")
    await sent.way()
    unheard = await sent.way()
    await sent.put(unheard)
    assert (await sent.sent())["head"] is True
    assert len(await stored(s3_server, s3_bucket, prefix)) == 2
    await services.save_disposal.round()
    assert len(await stored(s3_server, s3_bucket, prefix)) == 2, "what was announced may still come"
    await let_time_pass(services, TRANSFER_LIFE + timedelta(minutes=1))
    await services.save_disposal.round()
    assert await stored(s3_server, s3_bucket, prefix) == [f"{prefix}/{key}" for key in await named(services)]


async def test_a_word_of_what_is_not_there_is_refused_and_moves_nothing(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    sent, other = parcel(host, order, b"chapter one"), parcel(host, order, b"chapter two")
    way = await sent.way()
    await other.put(await other.way())
    for answer in (
        await sent.arrived(way),  # announced, and never stored
        await other.arrived(way),  # stored, under another name
        await sent.arrived(way.model_copy(update={"transfer": "arc" + "0" * 22})),  # never announced
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "not_arrived")
    assert (await sent.arrived(way.model_copy(update={"transfer": "../other"}))).status_code in {400, 404, 405}
    assert await named(services) == []
    assert await slots(player) == []


async def test_bytes_that_are_not_what_was_said_are_no_version(
    player: httpx.AsyncClient,
    host: ScriptedHost,
    game: str,
    services: Services,
    s3_server: S3Server,
    s3_bucket: str,
    prefix: str,
) -> None:
    sent = parcel(host, await start(player, host), b"chapter one")
    way = await sent.way()
    await sent.put(way)
    [key] = await stored(s3_server, s3_bucket, prefix)
    await s3_server.spoil(s3_bucket, key, b"chapter 0ne")
    answer = await sent.arrived(way)
    assert (answer.status_code, answer.json()["error"]) == (409, "not_arrived")
    assert await named(services) == []
    assert (await sent.sent())["head"] is True


async def test_what_was_disposed_of_is_never_named_again(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it goes in the very moment after it was proven."""
    sent = parcel(host, await start(player, host), b"chapter one")
    way = await sent.way()
    await sent.put(way)
    prove = services.store.prove

    async def proven_and_gone(key: str, digest: str, size_bytes: int) -> None:
        await prove(key, digest, size_bytes)
        await let_time_pass(services, TRANSFER_LIFE + timedelta(minutes=1))
        await services.save_disposal.round()

    with monkeypatch.context() as patched:
        patched.setattr(services.store, "prove", proven_and_gone)
        answer = await sent.arrived(way)
    assert (answer.status_code, answer.json()["error"]) == (409, "not_arrived")
    assert await named(services) == []
    assert (await sent.sent())["head"] is True


async def test_what_is_just_being_deleted_is_not_taken_over(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    sent = parcel(host, await start(player, host), b"chapter one")
    way = await sent.way()
    await sent.put(way)
    async with services.database.write() as session:
        [announced] = await session.scalars(select(UnwantedArchive))
        announced.lease_until = await services.database.now(session) + timedelta(minutes=1)
    answer = await sent.arrived(way)
    assert (answer.status_code, answer.json()["error"]) == (503, "store_unavailable")
    assert (await sent.sent())["head"] is True


async def test_a_late_archive_that_a_host_stored_by_itself_is_a_side_version(
    player: httpx.AsyncClient, host: ScriptedHost, game: str
) -> None:
    order = await start(player, host)
    late = parcel(host, order, b"late")
    way = await late.way()
    await late.put(way)
    await parcel(host, order, b"good").sent()
    await finish(player, host, order)
    again = await start(player, host)
    assert (await late.arrived(way)).json()["head"] is False
    [side] = [version for version in await versions(player, (await slots(player))[0]["id"]) if version["isSide"]]
    await finish(player, host, again)
    restoring = await player.post(
        f"/api/saves/{(await slots(player))[0]['id']}/restore", json={"versionId": side["id"]}
    )
    assert restoring.status_code == 200, restoring.text
    assert await restored(host, await start(player, host)) == b"late"


async def test_a_folder_sends_everything_to_a_replica(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> None:
        return None

    for name in ("upload_way", "download_way"):
        monkeypatch.setattr(services.store, name, none)
    order = await start(player, host)
    assert (await parcel(host, order, b"chapter one").ask("way")).json() == {"direct": None}
    async with services.database.read() as session:
        assert list(await session.scalars(select(UnwantedArchive))) == []


async def test_a_large_archive_is_not_disposed_of_while_it_comes_over_a_slow_line(
    player: httpx.AsyncClient, host: ScriptedHost, game: str, services: Services
) -> None:
    order = await start(player, host)
    size_bytes = order.build.limits.save_bytes + ARCHIVE_OVERHEAD_BYTES
    answer = await host.client.post(
        f"/api/agents/sessions/{order.session_id}/saves/way",
        params={"generation": order.generation, "n": 1, "digest": "0" * 64, "size": size_bytes},
        headers=host.headers,
    )
    assert answer.status_code == 200, answer.text
    async with services.database.read() as session:
        [since] = await session.scalars(select(UnwantedArchive.since))
        now = await services.database.now(session)
    assert since - now > timedelta(seconds=transfer_within_s(size_bytes))
