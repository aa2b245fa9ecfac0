"""Strangers' messages are read, or refused by name."""

from typing import Any

import pytest

from orchestrator.arena.saying import Said, fields_of, text_of, token_of


def test_an_event_carries_one_object_or_nothing() -> None:
    assert fields_of({"a": 1}) == {"a": 1}
    assert fields_of(None) == {}
    for wrong in ([], "text", 7, b"bytes"):
        with pytest.raises(Said) as refused:
            fields_of(wrong)
        assert refused.value.code == "malformed"


def test_texts_are_short() -> None:
    assert text_of({"roomId": "x"}, "roomId") == "x"
    assert text_of({}, "roomId") is None
    for wrong in (7, True, "x" * 129, {}):
        with pytest.raises(Said, match="roomId must be text"):
            text_of({"roomId": wrong}, "roomId")


@pytest.mark.parametrize(
    ("handshake", "auth", "token"),
    [
        ({"QUERY_STRING": "token=q"}, {"token": "a"}, "a"),
        ({"QUERY_STRING": "EIO=4&token=q", "HTTP_AUTHORIZATION": "Bearer h"}, {"token": ""}, "q"),
        ({"HTTP_AUTHORIZATION": "bearer  h"}, "text", "h"),
        ({"HTTP_AUTHORIZATION": "Basic h"}, None, None),
        ({}, None, None),
    ],
)
def test_a_token_comes_in_three_ways(handshake: dict[str, Any], auth: object, token: str | None) -> None:
    assert token_of(handshake, auth) == token
