"""Strangers write these bytes: parsing is total, bounded, and true for what is well formed."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.page_messages import (
    HELD_LIMIT,
    MESSAGE_LIMIT_CHARACTERS,
    PASTE_LIMIT_CHARACTERS,
    Button,
    Controls,
    Copy,
    Held,
    Key,
    KeyframeRequest,
    Locks,
    Moved,
    Paste,
    Ping,
    Place,
    ReleaseAll,
    Text,
    UseGamepadMap,
    Wheel,
    parse_control,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "KeyA", "x" * 300])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=8), children, max_size=5),
    max_leaves=20,
)
KINDS = ["key", "button", "wheel", "text", "held", "release_all", "ping", "keyframe", "unknown"]
FIELDS = ["code", "down", "button", "x", "y", "dx", "dy", "text", "codes", "buttons", "t"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "key", "code": "KeyA", "down": True}, Key("KeyA", True)),
        ({"type": "button", "button": 2, "down": False, "x": 0.5, "y": 2}, Button(2, False, Place(0.5, 1.0))),
        ({"type": "button", "button": 0, "down": True, "moved": [7, -640, 64]}, Button(0, True, Moved(7, -640, 64))),
        ({"type": "button", "button": 0, "down": True}, Button(0, True, None)),
        ({"type": "wheel", "dx": 0, "dy": -120}, Wheel(0.0, -120.0)),
        ({"type": "text", "text": "é\n"}, Text("é\n")),
        ({"type": "held", "codes": ["KeyA"], "buttons": [0]}, Held(frozenset({"KeyA"}), frozenset({0}))),
        ({"type": "release_all"}, ReleaseAll()),
        ({"type": "ping", "t": 123.4}, Ping(123.4)),
        ({"type": "keyframe"}, KeyframeRequest()),
        ({"type": "controls", "to": "a-peer"}, Controls("a-peer")),
        ({"type": "controls", "to": None}, Controls(None)),
        ({"type": "locks", "caps": True, "num": False}, Locks(True, False)),
        ({"type": "paste", "text": "x" * PASTE_LIMIT_CHARACTERS}, Paste("x" * PASTE_LIMIT_CHARACTERS)),
        ({"type": "paste", "text": "half \ud83d, whole \U0001f600"}, Paste("half ?, whole \U0001f600")),
        ({"type": "copy"}, Copy()),
        ({"type": "gamepad", "bindings": {"south": "KeyW", "up": ""}}, UseGamepadMap({"south": "KeyW"})),
    ],
)
def test_what_the_page_means_is_understood(message: dict[str, object], expected: object) -> None:
    assert parse_control(json.dumps(message)) == expected


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[]",
        "[" * 15_000,
        '{"type": ["key"]}',
        '{"type": "key", "code": "KeyA", "down": 1}',
        '{"type": "key", "code": 7, "down": true}',
        '{"type": "button", "button": 5, "down": true, "x": 0, "y": 0}',
        '{"type": "button", "button": true, "down": true, "x": 0, "y": 0}',
        '{"type": "button", "button": 0, "down": true, "x": NaN, "y": 0}',
        '{"type": "button", "button": 0, "down": true, "moved": [1, 2]}',
        '{"type": "button", "button": 0, "down": true, "moved": [-1, 0, 0]}',
        '{"type": "button", "button": 0, "down": true, "moved": [0, 2147483648, 0]}',
        '{"type": "button", "button": 0, "down": true, "moved": [0, 0, true]}',
        '{"type": "locks", "caps": true}',
        '{"type": "gamepad"}',
        '{"type": "gamepad", "bindings": {"elbow": "KeyW"}}',
        '{"type": "gamepad", "bindings": {"south": "Explode"}}',
        '{"type": "gamepad", "bindings": {"south": 5}}',
        json.dumps({"type": "gamepad", "bindings": {str(number): "KeyW" for number in range(99)}}),
        json.dumps({"type": "paste", "text": "x" * (PASTE_LIMIT_CHARACTERS + 1)}),
        '{"type": "ping", "t": Infinity}',
        '{"type": "controls", "to": 7}',
        '{"type": "ping", "t": ' + "9" * 4000 + "}",
        json.dumps({"type": "text", "text": "x" * 257}),
        json.dumps({"type": "held", "codes": ["KeyA"] * (HELD_LIMIT + 1), "buttons": []}),
        json.dumps({"type": "release_all", "padding": "x" * MESSAGE_LIMIT_CHARACTERS}),
        b'{"type": "release_all"}',
        None,
    ],
)
def test_what_is_malformed_or_too_large_is_nothing(message: object) -> None:
    assert parse_control(message) is None


@given(st.text() | st.binary() | json_values.map(json.dumps))
def test_no_message_breaks_the_parser(message: object) -> None:
    parse_control(message)


@given(st.sampled_from(KINDS), st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, scalars)))
def test_whatever_is_understood_is_in_range(kind: str, fields: dict[str, object]) -> None:
    match parse_control(json.dumps({"type": kind, **fields})):
        case Button(button, _, Place(x, y)):
            assert 0 <= x <= 1
            assert 0 <= y <= 1
            assert button in range(5)
        case Wheel(dx, dy):
            assert math.isfinite(dx + dy)
        case Text(text):
            assert len(text) <= 256
        case _:
            pass
