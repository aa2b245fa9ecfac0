"""Injector and clipboard on a real X server, without a browser: what a program feels, and what is down in the end."""

import os
import select
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import xcffib.xkb
import xcffib.xproto

from streaming.clipboard import SELECTION_EVENT, Clipboard
from streaming.clipboard_text import LIMIT_BYTES
from streaming.display import Display
from streaming.injector import CAPS_LOCK, CORE_KEYBOARD, NUM_LOCK, Injector
from streaming.keymap import KEYCODES
from streaming.page_messages import Button, Held, Key, Locks, Moved, Place, ReleaseAll, Text, UseGamepadMap, Wheel
from streaming.pointer_messages import Motion, Pad, Pointer
from streaming.xconnection import XConnection

DEADLINE_S = 60.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def display(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder: Path = tmp_path_factory.mktemp("display")
    display = Display(folder, 640, 480)
    before = os.environ.get("XAUTHORITY")
    os.environ["XAUTHORITY"] = str(display.xauthority)
    try:
        await display.ready()
        yield display.name
    finally:
        await display.server.stop()
        if before is None:
            del os.environ["XAUTHORITY"]
        else:
            os.environ["XAUTHORITY"] = before


class Feeling:
    """A program with a window, an injector beside it, and what X says of the input devices."""

    def __init__(self, display: str) -> None:
        self.game = XConnection(display)
        self._seat = XConnection(display)
        self.injector = Injector(self._seat)
        mask = xcffib.xproto.EventMask
        wanted = mask.KeyPress | mask.ButtonPress
        window, size = self.game.new_identity(), (0, 0, *self.game.geometry, 0)
        create, background = self.game.core.CreateWindow, xcffib.xproto.CW.EventMask
        create(24, window, self.game.root, *size, 1, 0, background, [wanted])
        self.game.core.MapWindow(window)
        self.game.core.SetInputFocus(1, window, 0)
        self.game.core.GetInputFocus().reply()
        self.game.events()

    def _settle(self) -> None:
        """Everything that the injector said has been done."""
        self._seat.core.GetInputFocus().reply()

    def pointer(self) -> tuple[int, int]:
        self._settle()
        reply = self.game.core.QueryPointer(self.game.root).reply()
        return int(reply.root_x), int(reply.root_y)

    def down(self) -> set[int]:
        """Keycodes that are down, and X buttons as negative numbers."""
        self._settle()
        keys = list(self.game.core.QueryKeymap().reply().keys)
        mask = int(self.game.core.QueryPointer(self.game.root).reply().mask)
        buttons = {-button for button in range(1, 6) if mask & 0x80 << button}
        return buttons | {8 * place + bit for place, byte in enumerate(keys) for bit in range(8) if byte >> bit & 1}

    def locks(self) -> int:
        self._settle()
        keyboard = self.game.extension(xcffib.xkb.key)
        keyboard.UseExtension(1, 0).reply()
        return int(keyboard.GetState(CORE_KEYBOARD).reply().lockedMods)

    def felt(self) -> list[str]:
        """Presses since the last look: buttons by number, keys by the symbol they type."""
        self._settle()
        self.game.core.GetInputFocus().reply()
        presses: list[str] = []
        for event in self.game.events():
            match event:
                case xcffib.xproto.ButtonPressEvent():
                    presses.append(f"button {event.detail}")
                case xcffib.xproto.KeyPressEvent() if event.detail != KEYCODES["ShiftLeft"]:
                    rows = self.game.core.GetKeyboardMapping(event.detail, 1).reply().keysyms
                    shifted = bool(event.state & 1) != bool(event.state & 2)
                    presses.append(f"{rows[shifted]:#x}")
                case _:
                    pass
        return presses


@pytest_asyncio.fixture(loop_scope="module")
async def feeling(display: str) -> AsyncIterator[Feeling]:
    feeling = Feeling(display)
    yield feeling
    feeling.injector.begin()
    assert feeling.down() == set()


async def test_a_captured_mouse_moves_by_exactly_what_it_says_however_far(feeling: Feeling) -> None:
    feeling.injector.take(Pointer(0, 0.0, 0.0), 0)
    for sequence, (x, y) in enumerate([(0, 0), (1, 1), (300, 2), (301, 400), (10, 5)]):
        feeling.injector.take(Motion(sequence, x * 64, y * 64), 0)
        assert feeling.pointer() == (x, y)
    feeling.injector.take(Button(0, True, Moved(9, 100 * 64, 50 * 64)), 0)
    assert feeling.pointer() == (100, 50)
    feeling.injector.take(Motion(8, 0, 0), 0)
    feeling.injector.take(Button(0, False, None), 0)
    assert feeling.pointer() == (100, 50), "a late message moves nothing"


async def test_all_five_buttons_and_both_wheels_are_felt(feeling: Feeling) -> None:
    feeling.felt()
    for button in range(5):
        feeling.injector.take(Button(button, True, Place(0.5, 0.5)), 0)
        feeling.injector.take(Button(button, False, Place(0.5, 0.5)), 0)
    for dx, dy in ((0, 100), (0, -100), (200, 0), (-100, 0)):
        feeling.injector.take(Wheel(dx, dy), 0)
    assert feeling.felt() == [f"button {number}" for number in (1, 2, 3, 8, 9, 5, 4, 7, 7, 6)]


async def test_text_is_what_was_typed_whatever_is_held_or_locked(feeling: Feeling) -> None:
    feeling.injector.take(Locks(caps=True, num=True), 0)
    feeling.injector.take(Key("ShiftLeft", True), 0)
    feeling.felt()
    feeling.injector.take(Text("aBé1!"), 0)
    assert feeling.felt() == [f"{ord(character):#x}" for character in "aBé1!"]
    assert feeling.down() == {KEYCODES["ShiftLeft"]}, "what was held is held again"
    assert feeling.locks() == CAPS_LOCK | NUM_LOCK
    feeling.injector.take(Locks(caps=False, num=False), 0)
    assert feeling.locks() == 0


async def test_caps_lock_is_the_players_whatever_the_key_did(feeling: Feeling) -> None:
    for down in (True, False):
        feeling.injector.take(Key("CapsLock", down), 0)
    feeling.injector.take(Locks(caps=True, num=False), 0)
    feeling.felt()
    feeling.injector.take(Key("KeyA", True), 0)
    assert feeling.felt() == ["0x41"]
    feeling.injector.take(Locks(caps=False, num=False), 0)


async def test_a_pad_presses_by_its_map_and_goes_up_by_silence(feeling: Feeling) -> None:
    feeling.injector.take(UseGamepadMap({"south": "KeyW", "east": "Mouse0", "right_stick_right": "PointerRight"}), 0)
    feeling.injector.take(Pad(0, 0, frozenset({0, 1}), (0, 0, 0, 0), (0, 0)), 1.0)
    feeling.injector.take(Key("KeyW", True), 1.0)
    assert feeling.down() == {KEYCODES["KeyW"], -1}
    feeling.injector.tick(1.6)
    assert feeling.down() == {KEYCODES["KeyW"]}, "the keyboard holds it still"
    feeling.injector.take(Held(frozenset(), frozenset()), 1.7)
    assert feeling.down() == set()
    feeling.injector.take(Pointer(0, 0.5, 0.5), 2.0)
    x, _ = feeling.pointer()
    for step in range(1, 11):
        feeling.injector.take(Pad(step, 0, frozenset(), (0, 0, 1, 0), (0, 0)), 2 + step / 100)
    assert feeling.pointer()[0] - x == pytest.approx(99, abs=2)
    feeling.injector.take(ReleaseAll(), 2.2)


class Clipboards:
    """Two programs with clipboards on one display."""

    def __init__(self, display: str) -> None:
        self.changes = [0, 0]
        self.texts: tuple[list[str], list[str]] = ([], [])
        self.sides = tuple(Clipboard(XConnection(display), self._changed(i), self.texts[i].append) for i in (0, 1))

    def _changed(self, side: int) -> Callable[[], None]:
        def changed() -> None:
            self.changes[side] += 1

        return changed

    def until(self, condition: Callable[[], bool], more: XConnection | None = None) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline
            select.select([side.fileno() for side in self.sides] + ([more.fileno()] if more else []), [], [], 0.05)
            for side in self.sides:
                side.read()


@pytest_asyncio.fixture(loop_scope="module")
async def clipboards(display: str) -> AsyncIterator[Clipboards]:
    clipboards = Clipboards(display)
    yield clipboards
    for side in clipboards.sides:
        side.close()


async def test_text_goes_from_one_clipboard_to_the_other_and_back(clipboards: Clipboards) -> None:
    seat, game = clipboards.sides
    seat.offer("Привет, 世界 😀\n")
    clipboards.until(lambda: clipboards.changes[1] == 1)
    game.ask()
    clipboards.until(lambda: clipboards.texts[1] == ["Привет, 世界 😀\n"])
    assert clipboards.changes[0] == 0, "what the seat offers itself is no news to it"
    game.offer("x" * LIMIT_BYTES)
    clipboards.until(lambda: clipboards.changes[0] == 1)
    seat.ask()
    clipboards.until(lambda: clipboards.texts[0] == ["x" * LIMIT_BYTES])
    game.ask()
    assert clipboards.texts[1][-1] == "x" * LIMIT_BYTES


async def test_without_an_owner_there_is_no_text(clipboards: Clipboards, display: str) -> None:
    clipboards.sides[0].ask()
    assert clipboards.texts[0] == [""]


async def test_a_text_without_end_is_read_up_to_the_limit(clipboards: Clipboards, display: str) -> None:
    """A program that answers in parts (INCR), more of them than anybody wants."""
    seat, _ = clipboards.sides
    program = XConnection(display)
    core = program.core

    def atom(name: str) -> int:
        return int(core.InternAtom(False, len(name), name).reply().atom)

    clipboard, incr, utf8 = atom("CLIPBOARD"), atom("INCR"), atom("UTF8_STRING")
    owner = program.new_identity()
    core.CreateWindow(0, owner, program.root, 0, 0, 1, 1, 0, 2, 0, 0, [])
    core.SetSelectionOwner(owner, clipboard, 0)
    core.GetInputFocus().reply()
    parts = [b"y" * 40_000] * 4 + [b""]
    asked: list[xcffib.xproto.SelectionRequestEvent] = []

    def serve() -> bool:
        for event in program.events():
            if isinstance(event, xcffib.xproto.SelectionRequestEvent):
                asked.append(event)
                watch = [xcffib.xproto.EventMask.PropertyChange]
                core.ChangeWindowAttributes(event.requestor, xcffib.xproto.CW.EventMask, watch)
                core.ChangeProperty(0, event.requestor, event.property, incr, 32, 1, (160_000).to_bytes(4, "little"))
                notice = (31, 0, event.time, event.requestor, event.selection, event.target, event.property)
                core.SendEvent(False, event.requestor, 0, SELECTION_EVENT.pack(*notice))
            elif isinstance(event, xcffib.xproto.PropertyNotifyEvent) and event.state == 1 and parts:
                part = parts.pop(0)
                core.ChangeProperty(0, asked[0].requestor, asked[0].property, utf8, 8, len(part), part)
        program.flush()
        return len(clipboards.texts[0]) > 0

    seat.ask()
    clipboards.until(serve, program)
    assert clipboards.texts[0] == ["y" * LIMIT_BYTES]
    program.close()
