"""Images arrive once, however many ask, and only as long as somebody does."""

import asyncio
from collections.abc import Callable

import pytest

from agent_protocol import BuildSpec, Progress
from gameserver_agent.errors import SessionEndedError
from gameserver_agent.images import MOST_REPORTED, Images, reported, repository_of
from gameserver_agent.runtime.fake_runtime import FakeRuntime
from gameserver_agent.runtime.port import Image

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
    assert all(progress[-1] == Progress(done=1000, total=1000) for progress in heard)


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


def test_our_images_are_reported_before_others_and_never_cut_off() -> None:
    others = [Image(f"sha256:{number}", (), 1, (f"debian:{number}",)) for number in range(MOST_REPORTED + 5)]
    tagged = Image("sha256:tagged", ("sha256:m",), 1, ("playhouse/the-question:1.0",))
    pushed = Image("sha256:pushed", (), 1, ("reg:5000/playhouse/game:1",))
    labelled = Image("sha256:labelled", (), 1, (), frozenset({"playhouse.recipe"}))
    lookalike = Image("sha256:other", (), 1, ("playhouse:1",), frozenset({"playhouses"}))
    found = reported([lookalike, *others, tagged, pushed, labelled])
    assert [image.image_id for image in found[:4]] == [
        "sha256:tagged",
        "sha256:pushed",
        "sha256:labelled",
        "sha256:other",
    ]
    assert found[0].manifest_digest == "sha256:m"
    assert len(found) == MOST_REPORTED
    many = [Image(f"sha256:{number}", (), 1, ("playhouse/game:1",)) for number in range(MOST_REPORTED + 5)]
    assert len(reported([*others, *many])) == MOST_REPORTED + 5


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


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 - one turn of the event loop at a time
            await asyncio.sleep(0)
