"""What goes when a disk fills: little, the oldest first, and never what somebody needs."""

from hypothesis import given
from hypothesis import strategies as st

from gameserver_agent.eviction import (
    CachedImage,
    Disk,
    evictable_bytes,
    kept_free_bytes,
    next_to_go,
    relief_bytes,
    room_for,
)

GB = 10**9
OLD, NEW = CachedImage("old", GB, 1.0, True), CachedImage("new", GB, 9.0, True)
BIG = CachedImage("big", 2 * GB, 1.0, True)
FOREIGN = CachedImage("foreign", GB, 0.0, False)


def test_a_disk_with_room_keeps_everything() -> None:
    assert relief_bytes(Disk(100 * GB, 15 * GB)) == 0


def test_a_full_disk_is_relieved_to_a_quarter() -> None:
    assert relief_bytes(Disk(100 * GB, 15 * GB - 1)) == 25 * GB


@given(st.integers(0, 10**16))
def test_a_disk_that_was_filled_unasked_is_never_too_full(total_bytes: int) -> None:
    assert relief_bytes(Disk(total_bytes, kept_free_bytes(Disk(total_bytes, 0)))) == 0


def test_the_room_for_a_pull_is_what_it_takes_on_the_disk() -> None:
    assert room_for(100, 40) == 120
    assert room_for(0, 100) == 312
    assert room_for(0, 0) == 0


def test_the_image_that_was_played_longest_ago_goes_first_and_of_equals_the_largest() -> None:
    assert next_to_go([NEW, OLD, FOREIGN], ()) == "old"
    assert next_to_go([OLD, BIG], ()) == "big"


def test_what_is_needed_or_not_ours_stays() -> None:
    assert next_to_go([NEW, OLD, FOREIGN], {"old"}) == "new"
    assert next_to_go([NEW, OLD, FOREIGN], {"old", "new"}) is None
    assert evictable_bytes([NEW, OLD, FOREIGN], {"old"}) == GB


images = st.builds(
    CachedImage, st.text("abcdef", min_size=1, max_size=2), st.integers(0, GB), st.floats(0, 100), st.booleans()
)


@given(st.lists(images, unique_by=lambda image: image.image_id), st.sets(st.text("abcdef", min_size=1, max_size=2)))
def test_whatever_goes_is_ours_and_nobody_needs_it(cache: list[CachedImage], kept: set[str]) -> None:
    chosen = next_to_go(cache, kept)
    droppable = [image for image in cache if image.is_ours_to_drop and image.image_id not in kept]
    assert (chosen is None) == (not droppable)
    if chosen is not None:
        [image] = [image for image in droppable if image.image_id == chosen]
        assert image.last_used_s == min(other.last_used_s for other in droppable)
