"""Room is made for what comes, and a full disk is relieved, without taking more than that needs."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest
import structlog.testing

from agent_protocol import BuildSpec, Progress
from gameserver_agent.engine_watch import EngineWatch
from gameserver_agent.errors import EngineError, SessionEndedError
from gameserver_agent.evicting import Evicting
from gameserver_agent.eviction import Disk
from gameserver_agent.image_care import ImageCare
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.images import Images
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.runtime.port import Image

GB = 10**9


def build(name: str, size_bytes: int = 5 * GB) -> BuildSpec:
    return BuildSpec(
        build_id=f"bld-{name}",
        image=f"reg:5000/{name}:1",
        image_id=f"sha256:{name}",
        manifest_digest=f"sha256:m-{name}",
        size_bytes=size_bytes,
    )


@dataclass
class Host:
    """An engine on a disk of 1 TB that other things share."""

    other_bytes: int
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    uses: ImageUses = field(default_factory=ImageUses)
    now_s: float = 1000.0
    spare: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.evicting = Evicting(
            self.runtime, uses=self.uses, wanted=set[str], spare=lambda: self.spare, disk=self.disk
        )
        self.images = Images(self.runtime, uses=self.uses, evicting=self.evicting, now_s=lambda: self.now_s)

    def disk(self) -> Disk:
        taken = self.other_bytes + sum(image.size_bytes for image in self.runtime.images.values())
        return Disk(1000 * GB, 1000 * GB - taken)

    def push(self, name: str, size_bytes: int = 5 * GB) -> BuildSpec:
        """A registry has it."""
        made = build(name, size_bytes)
        self.runtime.registry[f"reg:5000/{name}@{made.manifest_digest}"] = _image(made)
        return made

    def hold(self, name: str, last_used_s: float, size_bytes: int = 5 * GB) -> BuildSpec:
        """It lies here, played at that moment."""
        made = self.push(name, size_bytes)
        self.runtime.images[made.image_id] = _image(made)
        self.uses.note(made.image_id, last_used_s)
        return made

    def names(self) -> set[str]:
        return {image_id.removeprefix("sha256:") for image_id in self.runtime.images}


def _image(made: BuildSpec) -> Image:
    return Image(made.image_id, (made.manifest_digest or "",), made.size_bytes)


def unheard(_: Progress) -> None:
    """Nobody listens."""


async def test_a_disk_full_of_other_things_gets_nothing_unasked_and_keeps_what_it_has() -> None:
    host = Host(other_bytes=870 * GB)
    with pytest.raises(SessionEndedError) as refused:
        await host.images.prefetch(host.push("x"))
    assert refused.value.code == "disk_full"
    assert host.runtime.pulls == 0
    host = Host(other_bytes=780 * GB)
    host.hold("old", 1.0, 60 * GB)
    with pytest.raises(SessionEndedError):  # 60 GB would be given up, and that is not enough
        await host.images.prefetch(host.push("large", 80 * GB))
    assert host.names() == {"old"}


async def test_what_is_fetched_unasked_does_not_go_at_the_next_look() -> None:
    host = Host(other_bytes=800 * GB)
    host.hold("old", 1.0, 45 * GB)
    assert await host.images.prefetch(host.push("x"))
    assert await host.evicting.relieve() == 0
    assert host.names() == {"x"}


async def test_what_came_unasked_and_last_goes_after_what_was_played_before_it() -> None:
    host = Host(other_bytes=640 * GB)
    host.hold("played", 10.0, 130 * GB)
    assert await host.images.prefetch(host.push("fetched", 30 * GB))
    assert host.uses.last_used_s("sha256:fetched") == host.now_s
    host.other_bytes += 60 * GB
    assert await host.evicting.relieve() == 1
    assert host.names() == {"fetched"}
    host.uses.note("sha256:fetched", 2000.0)
    assert await host.images.prefetch(build("fetched"))
    assert host.uses.last_used_s("sha256:fetched") == 2000.0


async def test_what_enough_other_hosts_hold_goes_first_whenever_it_was_played() -> None:
    host = Host(other_bytes=850 * GB)
    for moment, name in enumerate(("oldest", "spare", "newest")):
        host.hold(name, float(moment), 20 * GB)
    host.spare = {"sha256:spare", "sha256:elsewhere"}
    await host.images.ensure(host.push("wanted", 90 * GB), unheard)
    assert host.names() == {"oldest", "newest", "wanted"}


async def test_an_image_that_the_engine_will_not_drop_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(other_bytes=985 * GB)
    stuck = host.hold("stuck", 1.0)
    host.hold("after", 2.0)
    remove = host.runtime.remove_image

    async def refuse(image_id: str, names: Collection[str]) -> bool:
        if image_id == stuck.image_id:
            raise EngineError("a layer is held")
        return await remove(image_id, names)

    monkeypatch.setattr(host.runtime, "remove_image", refuse)
    await host.evicting.make_room(10 * GB)
    assert set(host.runtime.images) == {stuck.image_id}


async def test_a_launch_takes_no_more_room_than_it_needs() -> None:
    host = Host(other_bytes=760 * GB)
    for number in range(20):
        host.hold(f"old{number}", float(number))
    await host.images.ensure(host.push("wanted"), unheard)
    assert len(host.runtime.images) == 21
    del host.runtime.images["sha256:wanted"]
    host.other_bytes = 898 * GB
    await host.images.ensure(host.push("wanted"), unheard)
    assert host.names() == {"wanted", *(f"old{number}" for number in range(1, 20))}


async def test_a_launch_waits_for_one_image_to_go_and_not_for_the_whole_relief() -> None:
    host = Host(other_bytes=900 * GB)
    for number in range(20):
        host.hold(f"old{number}", float(number))
    gone: list[int] = []
    relieving = asyncio.create_task(host.evicting.relieve())
    await asyncio.sleep(0)

    async def launch() -> None:
        await host.evicting.make_room(3 * GB)
        gone.append(20 - len(host.runtime.images))

    launching = asyncio.create_task(launch())
    await asyncio.gather(relieving, launching)
    assert len(host.runtime.images) == 0
    assert gone[0] <= 3


async def test_a_name_that_was_given_after_the_list_was_read_keeps_its_image(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(other_bytes=900 * GB)
    host.hold("tagged", 1.0)
    host.hold("other", 2.0)
    listed = host.runtime.list_images

    async def list_then_tag() -> tuple[Image, ...]:
        found = await listed()
        for image_id, image in host.runtime.images.items():
            if image_id == "sha256:tagged":
                host.runtime.images[image_id] = replace(image, names=("operators:1",))
        return found

    monkeypatch.setattr(host.runtime, "list_images", list_then_tag)
    assert await host.evicting.relieve() == 1
    assert host.names() == {"tagged"}


async def test_a_disk_that_stays_full_is_said_once_and_once_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    said = structlog.testing.CapturingLogger()
    monkeypatch.setattr("gameserver_agent.evicting.log", said)
    host = Host(other_bytes=900 * GB)
    for _ in range(3):
        await host.evicting.relieve()
    host.other_bytes = 500 * GB
    for _ in range(3):
        await host.evicting.relieve()
    assert [call.args for call in said.calls] == [("images.disk_stays_full",), ("images.disk_relieved",)]


async def test_a_pre_pull_that_fails_is_told_until_its_image_is_here() -> None:
    host = Host(other_bytes=0)
    broken = host.push("broken")
    reference = f"reg:5000/broken@{broken.manifest_digest}"
    image = host.runtime.registry.pop(reference)
    watch = EngineWatch(host.runtime)
    await watch.until_it_answers()
    heard = asyncio.Event()
    care = ImageCare(host.images, host.evicting, watch, wanted=set[str], changed=heard.set)
    care.want((broken,))
    keeping = asyncio.create_task(care.keep())
    try:
        async with asyncio.timeout(60):
            while not care.pulls() or care.pulls()[0].failure is None:
                await heard.wait()
                heard.clear()
        [failed] = care.pulls()
        assert (failed.image_id, failed.unasked, failed.total) == (broken.image_id, True, None)
        assert "no image" in (failed.failure or "")
        host.runtime.registry[reference] = image
        await host.images.ensure(broken, unheard)
        await watch.look()
        assert care.pulls() == ()
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
