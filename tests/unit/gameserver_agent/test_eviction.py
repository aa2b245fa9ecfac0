"""What goes when a disk fills: little, the oldest first, and never what somebody needs."""

from hypothesis import given
from hypothesis import strategies as st

from gameserver_agent import eviction
from gameserver_agent.eviction import (
    CachedImage,
    Disk,
    evictable_bytes,
    kept_free_bytes,
    next_to_go,
    relief_bytes,
    room_for,
)
from scheduler import placement
from scheduler.simulated_host import SimulatedHost
from scheduler.trace import Game, Machine
from scheduler.values import NOTHING, Resources

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


def test_a_host_makes_the_room_that_placement_counts_on() -> None:
    """Two programs that share no code: were one of them changed alone, a host would be chosen that has to refuse."""
    assert (eviction.UNPACKED_RATIO, eviction.HEADROOM) == (placement.UNPACKED_RATIO, placement.DISK_HEADROOM)


def test_the_image_that_was_played_longest_ago_goes_first_and_of_equals_the_largest() -> None:
    assert next_to_go([NEW, OLD, FOREIGN], (), ()) == "old"
    assert next_to_go([OLD, BIG], (), ()) == "big"


def test_what_enough_others_hold_goes_before_what_was_played_longer_ago() -> None:
    assert next_to_go([NEW, OLD, FOREIGN], (), {"new", "foreign"}) == "new"
    assert next_to_go([NEW, OLD], {"new"}, {"new"}) == "old"
    assert next_to_go([NEW, OLD], (), {"new", "old"}) == "old"


def test_what_is_needed_or_not_ours_stays() -> None:
    assert next_to_go([NEW, OLD, FOREIGN], {"old"}, ()) == "new"
    assert next_to_go([NEW, OLD, FOREIGN], {"old", "new"}, {"old"}) is None
    assert evictable_bytes([NEW, OLD, FOREIGN], {"old"}) == GB


images = st.builds(
    CachedImage, st.text("abcdef", min_size=1, max_size=2), st.integers(0, GB), st.floats(0, 100), st.booleans()
)


names = st.sets(st.text("abcdef", min_size=1, max_size=2))


@given(st.lists(images, unique_by=lambda image: image.image_id), names, names)
def test_whatever_goes_is_ours_and_nobody_needs_it(cache: list[CachedImage], kept: set[str], spare: set[str]) -> None:
    chosen = next_to_go(cache, kept, spare)
    droppable = [image for image in cache if image.is_ours_to_drop and image.image_id not in kept]
    assert (chosen is None) == (not droppable)
    if chosen is not None:
        first = [image for image in droppable if image.image_id in spare] or droppable
        [image] = [image for image in first if image.image_id == chosen]
        assert image.last_used_s == min(other.last_used_s for other in first)


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)), st.integers(0, 6))
def test_a_simulated_host_lets_the_same_images_go(
    played: list[int], in_use: set[int], spare: set[int], needed: int
) -> None:
    games = [Game(f"game{number}", {f"files{number}": GB}, NOTHING, 1.0) for number in range(6)]
    games.append(Game("wanted", {"wanted": needed * GB}, NOTHING, 1.0))
    machine = Machine("host", "standard", Resources(8.0, 8 * GB, 8), 6 * GB, 1e9, 1.0)
    host = SimulatedHost(machine, games)
    cache: dict[str, CachedImage] = {}
    for moment, game in enumerate(played):
        host.fetch(game, None)
        host.advance(float(moment + 1))
        host.arrived()
        host.unpacked(game)
        cache[games[game].image_id] = CachedImage(games[game].image_id, GB, float(moment), True)
    for moment, game in enumerate(game for game in played if game in in_use):
        host.take(game, game, 0.5)
        cache[games[game].image_id] = CachedImage(games[game].image_id, GB, 10.0 + moment, True)
    host.spare = frozenset(games[game].image_id for game in spare)
    host.fetch(6, None)
    kept = {games[game].image_id for game in in_use}
    for _ in range(needed):
        gone = next_to_go(cache.values(), kept, host.spare)
        if gone is not None:
            del cache[gone]
    assert host.view().image_ids == cache.keys()
