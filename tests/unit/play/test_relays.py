"""What pages are told of STUN and TURN servers."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.play.invites import Watch
from orchestrator.play.models import Session
from orchestrator.play.relays import IceServer, Relays

UNTIL = datetime(2026, 11, 29, 20, tzinfo=UTC)
TURN = ("turn:relay.example:3478", "turns:relay.example:5349")


def test_without_relays_there_is_nothing_to_tell() -> None:
    assert Relays().ice_servers("account:ada", UNTIL) == ()


def test_stun_needs_no_credentials() -> None:
    assert Relays(stun_urls=("stun:s",)).ice_servers("account:ada", UNTIL) == (IceServer(urls=["stun:s"]),)


def test_credentials_are_the_relays_own_and_name_their_end_and_their_bearer() -> None:
    [server] = Relays(turn_urls=TURN, turn_secret="shared").ice_servers("account:ada", UNTIL)
    assert server.urls == list(TURN)
    assert server.username == f"{int(UNTIL.timestamp())}:account:ada"
    expected = hmac.new(b"shared", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected
    [other] = Relays(turn_urls=TURN, turn_secret="shared").ice_servers("account:ben", UNTIL)
    assert other.credential != server.credential


@pytest.mark.parametrize(("left_minutes", "minutes"), [(480, 5), (2, 2)])
def test_relays_are_open_to_a_watcher_as_long_as_hosts_are_and_never_past_the_end(
    left_minutes: int, minutes: int
) -> None:
    row = Session(ends_at=UNTIL + timedelta(minutes=left_minutes))
    watch = Watch(row, game_title="", player_name="", host=None, now=UNTIL)
    assert watch.relayed_until == UNTIL + timedelta(minutes=minutes)
