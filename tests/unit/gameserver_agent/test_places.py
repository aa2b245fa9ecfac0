"""Where seats live: a folder and a uid for each, and no uid twice at once, whoever claims."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gameserver_agent.errors import SeatError
from gameserver_agent.seats import places as seat_places
from gameserver_agent.seats.places import FIRST_UID, LAST_UID, SeatPlaces, seat_processes


def test_no_uid_is_used_twice_at_once_by_two_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In so narrow a range that chance alone would give one twice."""
    monkeypatch.setattr(seat_places, "LAST_UID", FIRST_UID + 59)
    agents = [SeatPlaces(tmp_path / "seats", name) for name in ("hst1", "hst2")]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            claims = [pool.submit(agents[n % 2].claim, f"ses{n}") for n in range(40)]
            places = [claim.result() for claim in claims]
            uids = [place.owner.uid for place in places]
            assert len(set(uids)) == 40
            assert all(FIRST_UID <= uid <= FIRST_UID + 59 for uid in uids)
            assert all(place.seat.stat().st_uid == place.owner.uid for place in places)
            releases = [pool.submit(agents[n % 2].release, place) for n, place in enumerate(places)]
            assert [release.result() for release in releases] == [None] * 40
    assert [path.name for path in (tmp_path / "seats").iterdir()] == [".lock"]


def test_a_uid_under_which_something_runs_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent with folders elsewhere may have given it out."""
    monkeypatch.setattr(seat_places, "FIRST_UID", LAST_UID - 1)
    foreign = subprocess.Popen(["sleep", "600"], user=LAST_UID, group=LAST_UID, extra_groups=[])
    try:
        place = SeatPlaces(tmp_path / "seats", "hst1").claim("ses1")
        assert place.owner.uid == LAST_UID - 1
        with pytest.raises(SeatError, match="no free user id"):
            SeatPlaces(tmp_path / "seats", "hst2").claim("ses1")
    finally:
        foreign.kill()
        foreign.wait()


def test_a_released_seat_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    places = SeatPlaces(tmp_path / "seats", "hst1")
    place = places.claim("ses1")
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; sleep 600 & sleep 600"],
        user=place.owner.uid,
        group=place.owner.gid,
        extra_groups=[],
        cwd=place.seat,
    )
    assert stubborn.pid in seat_processes(place)
    places.release(place)
    assert stubborn.wait() != 0
    assert seat_processes(place) == ()
    assert not place.folder.exists()
    assert places.existing("ses1") is None


def test_a_claim_clears_what_an_earlier_seat_left(tmp_path: Path) -> None:
    places = SeatPlaces(tmp_path / "seats", "hst1")
    before = places.claim("ses1")
    (before.seat / "control.sock").touch()
    after = places.claim("ses1")
    assert list(after.seat.iterdir()) == []
    assert places.existing("ses1") == after
    assert after.seat.stat().st_mode & 0o777 == 0o700
    assert os.geteuid() != after.owner.uid


def test_every_uid_may_put_its_display_where_displays_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a folder that an engine made for a mount; what is somebody else's, or a link, is left as it is."""
    sockets = tmp_path / ".X11-unix"
    monkeypatch.setattr(seat_places, "X_SOCKETS", sockets)
    seat_places.prepare_x_sockets()
    assert sockets.stat().st_mode & 0o7777 == 0o1777
    sockets.chmod(0o755)
    seat_places.prepare_x_sockets()
    assert sockets.stat().st_mode & 0o7777 == 0o1777

    sockets.chmod(0o755)
    os.chown(sockets, FIRST_UID, FIRST_UID)
    seat_places.prepare_x_sockets()
    assert sockets.stat().st_mode & 0o7777 == 0o755
    sockets.rmdir()
    (tmp_path / "other").mkdir(mode=0o755)
    sockets.symlink_to("other")
    seat_places.prepare_x_sockets()
    assert sockets.stat().st_mode & 0o7777 == 0o755
