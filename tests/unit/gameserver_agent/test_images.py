"""Images arrive once, however many ask, and only as long as somebody does."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from agent_protocol import BuildSpec, Progress
from gameserver_agent.errors import EngineError, SessionEndedError
from gameserver_agent.image_list import MOST_REPORTED, cached, reported, repository_of
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.images import Images
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.runtime.port import Image, ReportBytes
from tests.crash.skipping_time import SkippingLoop

BUILD = BuildSpec(build_id="bld1", image="reg:5000/game:1", image_id="sha256:game", manifest_digest="sha256:manifest")
REFERENCE = "reg:5000/game@sha256:manifest"


@pytest.fixture
async def runtime() -> FakeRuntime:
    fake = FakeRuntime()
    fake.registry[REFERENCE] = Image("sha256:game", ("sha256:manifest",), 1000)
    return fake


def unheard(_: Progress) -> None:
    """Nobody listens."""


async def test_an_image_that_is_there_is_not_pulled(runtime: FakeRuntime) -> None:
    runtime.images["sha256:game"] = Image("sha256:game", (), 1)
    await Images(runtime).ensure(BUILD, unheard)
    assert runtime.pulls == 0


async def test_several_sessions_share_one_pull_and_its_progress(runtime: FakeRuntime) -> None:
    heard: list[list[Progress]] = [[], [], []]
    runtime.may_pull.clear()
    images = Images(runtime)
    asking = [asyncio.create_task(images.ensure(BUILD, heard[number].append)) for number in range(3)]
    await until(lambda: runtime.pulls == 1)
    runtime.may_pull.set()
    await asyncio.gather(*asking)
    assert runtime.pulls == 1
    assert all(progress[-1] == Progress(done=1000, total=1000, unpacked=1000) for progress in heard)


async def test_a_pull_goes_on_while_one_still_asks_and_ends_with_the_last(runtime: FakeRuntime) -> None:
    runtime.may_pull.clear()
    images = Images(runtime)
    first, second = (asyncio.create_task(images.ensure(BUILD, unheard)) for _ in range(2))
    await until(lambda: runtime.pulls == 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert not second.done()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    runtime.may_pull.set()
    await images.ensure(BUILD, unheard)
    assert runtime.pulls == 2


async def test_without_a_registry_the_image_is_missing(runtime: FakeRuntime) -> None:
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime).ensure(BUILD.model_copy(update={"manifest_digest": None}), unheard)
    assert ended.value.code == "image_missing"
    runtime.registry.clear()
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime).ensure(BUILD, unheard)
    assert ended.value.code == "image_missing"


async def test_another_image_than_named_is_refused(runtime: FakeRuntime) -> None:
    runtime.registry[REFERENCE] = Image("sha256:evil", ("sha256:manifest",), 1)
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime).ensure(BUILD, unheard)
    assert ended.value.code == "pull_failed"


async def test_a_pull_without_a_byte_is_given_up(runtime: FakeRuntime) -> None:
    runtime.may_pull.clear()
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime, quiet_s=0.02).ensure(BUILD, unheard)
    assert ended.value.code == "pull_failed"
    assert "no byte" in ended.value.message


class Line(FakeRuntime):
    """An engine that fetches the first image, a byte every ten seconds, and lets the other wait for its turn."""

    def __init__(self, first_bytes: int) -> None:
        super().__init__()
        self.first_bytes = first_bytes
        self.is_over = asyncio.Event()

    async def pull(self, reference: str, report: ReportBytes, layers: Mapping[str, int] | None = None) -> None:
        if reference == REFERENCE:
            for done in range(self.first_bytes):
                report(done, 100, 0, False)
                await asyncio.sleep(10)
            if self.first_bytes < 20:
                await asyncio.Event().wait()
            self.is_over.set()
        else:
            report(0, 50, 0, True)
            await self.is_over.wait()
            report(50, 50, 50, False)
        self.images["sha256:" + reference.partition("/")[2].partition("@")[0]] = Image("sha256:any", (), 1)


def both_fetched(first_bytes: int) -> tuple[list[Progress], list[object], float]:
    """What the second one's session heard, the ends of both, and when."""

    async def both() -> tuple[list[Progress], list[object], float]:
        images, heard = Images(Line(first_bytes)), list[Progress]()
        other = BUILD.model_copy(update={"image": "reg:5000/other:1", "image_id": "sha256:other"})
        asking = images.ensure(BUILD, unheard), images.ensure(other, heard.append)
        ends = await asyncio.gather(*asking, return_exceptions=True)
        return heard, list(ends), asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(both())


def test_a_pull_that_waits_for_another_is_not_quiet_and_says_that_it_goes_on() -> None:
    heard, ends, _ = both_fetched(20)
    assert ends == [None, None]
    waited_s = [progress.waited_s for progress in heard]
    assert waited_s[-1] > 180
    assert all(later - earlier < 10 for earlier, later in pairwise(waited_s)), "the orchestrator gives it 30 s"


def test_a_pull_that_waits_for_another_that_is_quiet_is_given_up_like_that_one() -> None:
    _, ends, ended_s = both_fetched(3)
    assert [isinstance(end, SessionEndedError) and end.code for end in ends] == ["pull_failed", "pull_failed"]
    assert ended_s < 120


def test_our_images_are_reported_before_others_and_never_cut_off() -> None:
    others = [Image(f"sha256:{number}", (), 1, (f"debian:{number}",)) for number in range(MOST_REPORTED + 5)]
    tagged = Image("sha256:tagged", ("sha256:m",), 1, ("playhouse/the-question:1.0",))
    pushed = Image("sha256:pushed", (), 1, ("reg:5000/playhouse/game:1",))
    labelled = Image("sha256:labelled", (), 1, (), frozenset({"playhouse.recipe"}))
    lookalike = Image("sha256:other", (), 1, ("playhouse:1",), frozenset({"playhouses"}))
    found = reported([lookalike, *others, tagged, pushed, labelled], ImageUses())
    assert [image.image_id for image in found[:4]] == [
        "sha256:tagged",
        "sha256:pushed",
        "sha256:labelled",
        "sha256:other",
    ]
    assert found[0].manifest_digest == "sha256:m"
    assert len(found) == MOST_REPORTED
    many = [Image(f"sha256:{number}", (), 1, ("playhouse/game:1",)) for number in range(MOST_REPORTED + 5)]
    assert len(reported([*others, *many], ImageUses())) == MOST_REPORTED + 5


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("game", "game"),
        ("game:1", "game"),
        ("reg:5000/a/game", "reg:5000/a/game"),
        ("reg:5000/g:1@sha256:x", "reg:5000/g"),
    ],
)
def test_a_reference_loses_tag_and_digest(image: str, repository: str) -> None:
    assert repository_of(image) == repository


async def test_a_registry_that_is_away_is_asked_again(runtime: FakeRuntime) -> None:
    runtime.pull_errors = ["dial tcp: connection refused", "unexpected EOF"]
    await Images(runtime).ensure(BUILD, unheard)
    assert runtime.pulls == 3


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("filesystem layer verification failed for digest sha256:aa", "pull_failed", "damaged"),
        ("unauthorized: authentication required", "pull_failed", "does not give this host"),
        ("write /x: no space left on device", "disk_full", "no room"),
        ("manifest unknown", "image_missing", "has no image"),
    ],
)
async def test_what_another_try_cannot_better_ends_at_once_by_its_name(
    runtime: FakeRuntime, words: str, code: str, told: str
) -> None:
    runtime.pull_errors = [words]
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime).ensure(BUILD, unheard)
    assert (ended.value.code, runtime.pulls) == (code, 1)
    assert told in ended.value.message


async def test_a_registry_that_stays_away_is_named_before_the_pull_has_been_quiet_for_long(
    runtime: FakeRuntime,
) -> None:
    runtime.pull_errors = ["dial tcp 10.0.0.1:5000: connect: no route to host"] * 10
    with pytest.raises(SessionEndedError) as ended:
        await Images(runtime, quiet_s=0.2).ensure(BUILD, unheard)
    assert ended.value.code == "pull_failed"
    assert "no route to host" in ended.value.message


class FallsSilent(FakeRuntime):
    """An engine whose registry refuses once, and then brings `then_bytes` and nothing more."""

    def __init__(self, then_bytes: int) -> None:
        super().__init__()
        self.then_bytes = then_bytes

    async def pull(self, reference: str, report: ReportBytes, layers: Mapping[str, int] | None = None) -> None:
        self.pulls += 1
        if self.pulls == 1:
            raise EngineError("dial tcp 10.0.0.1:5000: connect: connection refused")
        report(self.then_bytes, 100, 0, False)
        await asyncio.Event().wait()


@pytest.mark.parametrize(("then_bytes", "told"), [(0, "connection refused"), (1, "no byte arrived for 27 seconds")])
def test_a_registry_that_falls_silent_is_named_by_what_it_said_last(then_bytes: int, told: str) -> None:
    runtime = FallsSilent(then_bytes)
    with asyncio.Runner(loop_factory=SkippingLoop) as runner, pytest.raises(SessionEndedError, match=told):
        runner.run(Images(runtime).ensure(BUILD, unheard))
    assert runtime.pulls == 2


async def test_a_session_joins_the_pre_pull_of_its_image(runtime: FakeRuntime) -> None:
    runtime.may_pull.clear()
    images = Images(runtime)
    fetching = asyncio.create_task(images.prefetch(BUILD))
    await until(lambda: runtime.pulls == 1)
    assert [pull.unasked for pull in images.pulls()] == [True]
    asking = asyncio.create_task(images.ensure(BUILD, unheard))
    await until(lambda: images.is_busy)
    assert [pull.unasked for pull in images.pulls()] == [False]
    runtime.may_pull.set()
    await asking
    assert await fetching
    assert runtime.pulls == 1
    assert images.pulls() == ()


async def test_a_pre_pull_gives_way_to_a_session_and_does_not_begin_beside_one(runtime: FakeRuntime) -> None:
    other = BUILD.model_copy(update={"image_id": "sha256:other", "manifest_digest": "sha256:m2"})
    runtime.registry["reg:5000/game@sha256:m2"] = Image("sha256:other", ("sha256:m2",), 1000)
    runtime.may_pull.clear()
    images = Images(runtime)
    fetching = asyncio.create_task(images.prefetch(other))
    await until(lambda: runtime.pulls == 1)
    asking = asyncio.create_task(images.ensure(BUILD, unheard))
    assert not await fetching
    await until(lambda: runtime.pulls == 2)
    assert not await images.prefetch(other)
    assert [pull.image_id for pull in images.pulls()] == ["sha256:game"]
    runtime.may_pull.set()
    await asking
    assert await images.prefetch(other)


async def test_last_uses_outlive_the_agent(runtime: FakeRuntime, tmp_path: Path) -> None:
    images = Images(runtime, uses=ImageUses(tmp_path / "images.json"), now_s=lambda: 1000.0)
    await images.ensure(BUILD, unheard)
    assert ImageUses(tmp_path / "images.json").last_used_s("sha256:game") == 1000.0
    later = Images(runtime, uses=ImageUses(tmp_path / "images.json"))
    await later.prefetch(BUILD)
    assert later.uses.last_used_s("sha256:game") == 1000.0
    later.uses.keep_only({"sha256:other"})
    await later.uses.write()
    assert ImageUses(tmp_path / "images.json").last_used_s("sha256:game") is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": "b"}', b"\xff"])
def test_a_damaged_memory_is_an_empty_one(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "images.json").write_bytes(content)
    assert ImageUses(tmp_path / "images.json").last_used_s("a") is None


def test_only_what_is_ours_and_a_registry_has_may_be_dropped() -> None:
    uses = ImageUses()
    uses.note("sha256:played", 5.0)
    label = frozenset({"playhouse.recipe"})
    for image, is_droppable in (
        (Image("sha256:played", ("sha256:m",), 1), True),
        (Image("sha256:labelled", ("sha256:m",), 1, ("reg:5000/playhouse/game:1",), label), True),
        (Image("sha256:played", (), 1), False),
        (Image("sha256:labelled", (), 1, (), label), False),
        (Image("sha256:played", ("sha256:m",), 1, ("debian:13",)), False),
        (Image("sha256:foreign", ("sha256:m",), 1), False),
    ):
        assert cached(image, uses).is_ours_to_drop is is_droppable, image
    assert cached(Image("sha256:played", (), 7), uses).last_used_s == 5.0
    assert reported([Image("sha256:played", (), 7)], uses)[0].last_used_at is not None


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fact():  # noqa: ASYNC110 - one turn of the event loop at a time
            await asyncio.sleep(0)
