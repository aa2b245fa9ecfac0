"""Who may come to a seat, who goes, and who holds the controls."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audience import WATCHERS_LIMIT, Audience, Role, Viewer, people_message
from streaming.errors import SeatError

PLAYER = Viewer("p", Role.PLAYER, "Ada")
WATCHER = Viewer("w", Role.WATCHER, "Ben", person="ben")


def audience_of(*viewers: Viewer) -> Audience:
    audience = Audience()
    for viewer in viewers:
        audience, _ = audience.joined(viewer)
        audience = audience.reached(viewer.identity)
    return audience


def watcher(place: int, epoch: int = 0) -> Viewer:
    return Viewer(f"w{place}", Role.WATCHER, epoch=epoch)


def test_the_newest_connection_of_the_player_replaces_the_older() -> None:
    audience, replaced = audience_of(PLAYER, WATCHER).joined(Viewer("q", Role.PLAYER))
    assert replaced is not None
    assert replaced.identity == "p"
    assert audience.player == Viewer("q", Role.PLAYER)
    assert audience.holder == "q"
    assert [viewer.identity for viewer in audience.connected] == ["w"]


def test_somebody_can_play_while_the_holder_of_the_controls_is_there() -> None:
    assert Audience().players == 0
    assert audience_of(WATCHER).players == 0
    assert audience_of(PLAYER, WATCHER).players == 1


def test_a_ninth_watcher_is_refused_by_name_and_the_player_never() -> None:
    audience = audience_of(*(watcher(place) for place in range(WATCHERS_LIMIT)))
    with pytest.raises(SeatError) as refused:
        audience.joined(watcher(WATCHERS_LIMIT))
    assert refused.value.code == "watchers_full"
    assert audience.joined(PLAYER)[0].player == PLAYER
    assert audience.left("w3").joined(watcher(WATCHERS_LIMIT))[1] is None


def test_a_watcher_who_comes_back_takes_its_own_place_and_its_controls() -> None:
    full = audience_of(PLAYER, WATCHER, *(watcher(place) for place in range(WATCHERS_LIMIT - 1))).handed("p", "w")
    audience, replaced = full.joined(replace(WATCHER, identity="again"))
    assert replaced is not None
    assert replaced.identity == "w"
    assert audience.holder == "again"


def test_a_page_that_only_mends_its_connection_takes_no_other_pages_place() -> None:
    old, new = Viewer("p1", Role.PLAYER, person="laptop"), Viewer("p2", Role.PLAYER, person="phone")
    assert audience_of(old).joined(replace(old, identity="p3", again=True))[1] is not None
    audience = audience_of(old, new)
    for there in (audience, audience.left("p2")):
        with pytest.raises(SeatError) as refused:
            there.joined(replace(old, identity="p3", again=True))
        assert refused.value.code == "replaced"
        assert there.joined(replace(new, identity="p4", again=True))[0].player is not None
    assert audience.joined(replace(old, identity="p5"))[0].newest_player == "laptop"
    assert Audience().joined(replace(old, again=True))[0].player is not None


def test_strangers_never_take_a_place_of_each_other() -> None:
    _, replaced = audience_of(watcher(1)).joined(watcher(2))
    assert replaced is None


def test_only_the_player_hands_the_controls_over_and_only_to_who_watches_now() -> None:
    audience = audience_of(PLAYER, WATCHER, watcher(2))
    pending, _ = audience.joined(watcher(3))
    assert audience.holder == "p"
    assert audience.handed("p", "w").holder == "w"
    for by, to in (("w", "w"), ("w", "w2"), ("nobody", "w"), ("p", "nobody"), ("p", "p")):
        assert audience.handed(by, to) == audience
    assert pending.handed("p", "w3") == pending


def test_the_controls_come_back_by_the_player_or_by_whoever_holds_them() -> None:
    handed = audience_of(PLAYER, WATCHER, watcher(2)).handed("p", "w")
    assert handed.handed("w2", None).holder == "w"
    assert handed.handed("w", "w2").holder == "w"
    for by, to in (("p", None), ("w", None), ("w", "p"), ("p", "p")):
        assert handed.handed(by, to).holder == "p"
    assert handed.handed("p", "w2").holder == "w2"


def test_when_the_holder_leaves_the_player_has_the_controls() -> None:
    handed = audience_of(PLAYER, WATCHER).handed("p", "w")
    assert handed.left("w").holder == "p"
    assert handed.left("p").holder == "w"
    assert handed.left("p").left("w").holder is None


def test_revoking_drops_the_older_and_refuses_them_and_touches_no_player() -> None:
    audience = audience_of(PLAYER, watcher(1, epoch=1), watcher(2, epoch=2)).handed("p", "w1").revoked(2)
    assert [viewer.identity for viewer in audience.viewers] == ["p", "w2"]
    assert audience.holder == "p"
    assert audience.revoked(1) == audience
    with pytest.raises(SeatError) as refused:
        audience.joined(watcher(3, epoch=1))
    assert refused.value.code == "revoked"
    assert audience.joined(watcher(3, epoch=2))[0].viewer("w3") is not None


def test_a_page_is_told_who_watches_who_plays_and_who_it_is_itself() -> None:
    pending, _ = audience_of(PLAYER, WATCHER).joined(watcher(9))
    assert people_message(pending.handed("p", "w"), "w") == {
        "type": "people",
        "player": {"id": "p", "name": "Ada"},
        "watchers": [{"id": "w", "name": "Ben"}],
        "controls": "w",
        "you": "w",
    }
    alone = people_message(pending.left("p"), "w")
    assert (alone["player"], alone["controls"]) == (None, None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["player", "watcher", "reached", "left", "handed", "revoked"]),
        st.integers(0, 12),
        st.one_of(st.none(), st.integers(0, 12)),
    ),
    max_size=60,
)


def step(audience: Audience, kind: str, one: int, other: int | None) -> Audience:
    match kind:
        case "player" | "watcher":
            try:
                return audience.joined(Viewer(f"{one}", Role(kind), person=f"{other or ''}", epoch=one // 4))[0]
            except SeatError:
                return audience
        case "reached":
            return audience.reached(f"{one}")
        case "left":
            return audience.left(f"{one}")
        case "handed":
            return audience.handed(f"{one}", None if other is None else f"{other}")
        case _:
            return audience.revoked(one // 4)


@given(STEPS)
def test_whatever_happens_there_is_one_player_few_watchers_and_a_holder_who_is_there(
    steps: list[tuple[str, int, int | None]],
) -> None:
    audience = Audience()
    for kind, one, other in steps:
        if kind in ("player", "watcher") and audience.viewer(f"{one}") is not None:
            continue  # identities are drawn anew for each connection
        audience = step(audience, kind, one, other)
        roles = [viewer.role for viewer in audience.viewers]
        assert roles.count(Role.PLAYER) <= 1
        assert roles.count(Role.WATCHER) <= WATCHERS_LIMIT
        assert audience.holder is None or audience.viewer(audience.holder) is not None
        assert audience.player is None or audience.holder is not None
        assert all(viewer.epoch >= audience.lowest_epoch for viewer in audience.watchers)
