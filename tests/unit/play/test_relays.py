"""What pages are told of STUN and TURN servers."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

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
