"""Who may connect to a session."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gameserver_agent.http.stream_token import Bearer, Expected, TokenForeignError, TokenRefusedError, verified_bearer
from gameserver_agent.identity import public_key_text
from streaming.audience import Role
from streaming.protocol import Introduction

NOW_S = 1_800_000_000.0
KEY = Ed25519PrivateKey.generate()
KEYS: dict[str, object] = {
    "keys": [{"kty": "OKP", "crv": "Ed25519", "x": public_key_text(KEY), "kid": "k1", "alg": "EdDSA", "use": "sig"}]
}
EXPECTED = Expected(host_id="hst1", installation="ins1", session_id="ses1", lowest_epoch=3)


def token(key: Ed25519PrivateKey = KEY, kid: str = "k1", **changes: object) -> str:
    claims: dict[str, object] = {
        "iss": "ins1",
        "aud": "host:hst1",
        "exp": NOW_S + 300,
        "session": "ses1",
        "role": "player",
        "epoch": 3,
        "jti": "a",
    }
    claims.update(changes)
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, key, algorithm="EdDSA", headers={"kid": kid})


def test_a_good_token_names_its_role_and_who_bears_it() -> None:
    player = Bearer(Role.PLAYER, Introduction(epoch=3))
    assert verified_bearer(token(), KEYS, EXPECTED, NOW_S) == player
    watcher = token(role="watcher", epoch=4, name="Ben", person="wat1")
    who = Introduction(name="Ben", person="wat1", epoch=4)
    assert verified_bearer(watcher, KEYS, EXPECTED, NOW_S) == Bearer(Role.WATCHER, who)


@pytest.mark.parametrize(
    "bad",
    [
        token(aud="host:hst2"),
        token(aud="orchestrator"),
        token(iss="ins2"),
        token(session="ses2"),
        token(epoch=2),
        token(epoch="3"),
        token(epoch=None),
        token(role="admin"),
        token(role=None),
        token(role="watcher", name=7),
        token(role="watcher", name="x" * 65),
        token(exp=NOW_S - 60),
        token(exp=None),
        token(kid="k2"),
        token(key=Ed25519PrivateKey.generate()),
        token()[:-4],
        "",
        "a.b.c",
    ],
)
def test_anything_else_opens_nothing(bad: str) -> None:
    with pytest.raises(TokenRefusedError):
        verified_bearer(bad, KEYS, EXPECTED, NOW_S)


def test_a_good_token_of_another_session_is_known_for_what_it_is() -> None:
    with pytest.raises(TokenForeignError):
        verified_bearer(token(session="ses2"), KEYS, EXPECTED, NOW_S)
    for bad in (token(session="ses2", exp=NOW_S - 60), token(session="ses2", key=Ed25519PrivateKey.generate())):
        with pytest.raises(TokenRefusedError) as refused:
            verified_bearer(bad, KEYS, EXPECTED, NOW_S)
        assert not isinstance(refused.value, TokenForeignError)


def test_another_algorithm_is_no_way_in() -> None:
    forged = jwt.encode({"iss": "ins1", "aud": "host:hst1"}, "x" * 32, algorithm="HS256", headers={"kid": "k1"})
    with pytest.raises(TokenRefusedError):
        verified_bearer(forged, KEYS, EXPECTED, NOW_S)


def test_without_keys_nobody_is_let_in() -> None:
    for keys in ({}, {"keys": "no list"}, {"keys": [1]}):
        with pytest.raises(TokenRefusedError):
            verified_bearer(token(), dict[str, object](keys), EXPECTED, NOW_S)
