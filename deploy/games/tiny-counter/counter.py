"""The smallest game: a square that wanders over its display, a lamp that is lit while a key or a mouse button is
down, and a number that grows by one each second, on the display and in its save.

It goes on from the number that it finds, writes it safely (beside, flushed, renamed), and at SIGTERM writes once more
and leaves with status 0. `TINY_BEHAVIOUR` in the environment or a word in `$HOME/.cache/order` makes it misbehave, as
`MISBEHAVIOUR` says. Where the file that `PLAYHOUSE_WAITS` names is not there yet, it wanders and counts nothing until
it is: only then does somebody play, and their save is there.

It speaks to its display over the X protocol by itself and needs nothing but Python.
"""

import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HOME = Path(os.environ.get("HOME", "/home/player"))
SAVE = HOME / "save" / "counter.json"
ORDER = HOME / ".cache" / "order"
WAITS = os.environ.get("PLAYHOUSE_WAITS")
TICK_S = 0.1
SQUARE = 120
BLUE, AMBER = 0x20305C, 0xFFAA00
PRESSED, RELEASED = {2, 4}, {3, 5}  # X's events of keys and buttons
DIGITS = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717")
"""Five rows of three cells each, a row as the bits of one figure."""
MISBEHAVIOUR = (
    "exit",  # leave with status 0, without a last word in the save
    "crash",
    "no-frame",  # never draw anything
    "freeze",  # neither draw nor write any more
    "ignore-stop",
    "eat-memory",
    "fork",  # as many children as it is allowed, and then go on
    "fill-disk",  # as large a file beside the save as it may, and then go on
)


class Display:
    """One window over the whole screen, by the X Window System Protocol, version 11 (sections 8 and 9)."""

    def __init__(self) -> None:
        number = os.environ["DISPLAY"].partition(":")[2].partition(".")[0]
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.connect(f"/tmp/.X11-unix/X{number}")
        name, cookie = _cookie(Path(os.environ["XAUTHORITY"]).read_bytes())
        self._wire.sendall(
            struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie)) + _padded(name) + _padded(cookie)
        )
        status, length = struct.unpack("<B5xH", self._read(8))
        setup = self._read(4 * length)
        if status != 1:
            raise SystemExit(f"the display refused: {setup!r}")
        first_id, vendor_length, formats = struct.unpack_from("<4xI8xH3xB", setup)
        screen = 32 + vendor_length + -vendor_length % 4 + 8 * formats
        root, self.width, self.height, visual, depth = struct.unpack_from("<I16xHH8xIxxB", setup, screen)
        self._window, self._context = first_id, first_id + 1
        place = struct.pack("<hhHHHHI", 0, 0, self.width, self.height, 0, 1, visual)
        self._unread = b""
        attributes = struct.pack("<IIII", 0xA02, BLUE, 1, 0xF)  # its ground, nobody's frame, and what it hears of
        self._send(1, depth, struct.pack("<II", self._window, root) + place + attributes)
        self._send(55, 0, struct.pack("<IIII", self._context, self._window, 4, AMBER))
        self._send(8, 0, struct.pack("<I", self._window))

    def fill(self, colour: int, x: int, y: int, width: int, height: int) -> None:
        self._send(56, 0, struct.pack("<III", self._context, 4, colour))
        self._send(70, 0, struct.pack("<IIhhHH", self._window, self._context, x, y, width, height))

    def show(self, number: int) -> None:
        """In cells of a thirtieth of the display's height, from the top left."""
        cell, places = self.height // 30, str(number)
        self.fill(BLUE, cell, cell, 4 * cell * len(places), 5 * cell)
        for place, figure in enumerate(places):
            for row, bits in enumerate(DIGITS[int(figure)]):
                for column in range(3):
                    if int(bits) & 4 >> column:
                        self.fill(AMBER, cell * (1 + 4 * place + column), cell * (1 + row), cell, cell)

    def light(self, is_lit: bool) -> None:
        """The lamp in the top right corner."""
        cell = self.height // 30
        self.fill(AMBER if is_lit else BLUE, self.width - SQUARE, cell, SQUARE - cell, 5 * cell)

    def heard(self, until_s: float) -> Iterator[int]:
        """The kinds of the events that come until then, each when it comes."""
        while (left_s := until_s - time.monotonic()) > 0:
            self._wire.settimeout(left_s)
            try:
                received = self._wire.recv(4096)
            except TimeoutError:
                return
            finally:
                self._wire.settimeout(None)
            if not received:
                raise SystemExit("the display hung up")
            self._unread += received
            while len(self._unread) >= 32:
                yield self._unread[0] & 0x7F
                self._unread = self._unread[32:]

    def _send(self, operation: int, detail: int, body: bytes) -> None:
        self._wire.sendall(struct.pack("<BBH", operation, detail, 1 + len(body) // 4) + body)

    def _read(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            part = self._wire.recv(size - len(received))
            if not part:
                raise SystemExit("the display hung up")
            received += part
        return received


def _cookie(authority: bytes) -> tuple[bytes, bytes]:
    """Name and data of the first entry of an Xauthority file."""
    fields: list[bytes] = []
    at = 2
    for _ in range(4):
        (length,) = struct.unpack_from(">H", authority, at)
        fields.append(authority[at + 2 : at + 2 + length])
        at += 2 + length
    return fields[2], fields[3]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class Counter:
    """The save. Every number is on the disk, with the moments at which it was written, before the next one comes."""

    def __init__(self) -> None:
        for folder in (SAVE.parent, ORDER.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.count = json.loads(SAVE.read_bytes())["count"] if SAVE.exists() else 0
        self._run = f"{time.time():.3f}"
        print(f"began from {self.count}", flush=True)

    def write(self) -> None:
        """One more. A full disk costs this number and nothing else."""
        written = {
            "count": self.count + 1,
            "wall": time.time(),
            "boot": time.clock_gettime(time.CLOCK_BOOTTIME),
            "run": self._run,
        }
        beside = SAVE.with_suffix(".new")
        try:
            with beside.open("w", encoding="utf-8") as handle:
                json.dump(written, handle)
                handle.flush()
                os.fsync(handle.fileno())
            beside.replace(SAVE)
        except OSError as error:
            print(f"could not save {self.count + 1}: {error.strerror}", flush=True)
        else:
            self.count += 1


class Game:
    def __init__(self) -> None:
        self._counter = Counter()
        self._is_frozen = False
        self._is_told_to_leave = False
        signal.signal(signal.SIGTERM, self._leave)
        self._misbehave(os.environ.get("TINY_BEHAVIOUR", ""))
        self._display = Display()

    def play(self) -> None:
        x, write_at_s = 0, 0.0
        display = self._display
        waits = WAITS is not None and not Path(WAITS).exists()
        while not self._is_told_to_leave:
            if waits and Path(str(WAITS)).exists():
                waits, self._counter = False, Counter()
                print(f"somebody plays: {Path(str(WAITS)).read_text(encoding='utf-8')}", flush=True)
            self._take_order()
            if not self._is_frozen:
                display.fill(BLUE, x, display.height // 3, SQUARE, SQUARE)
                x = (x + 8) % (display.width - SQUARE)
                display.fill(AMBER, x, display.height // 3, SQUARE, SQUARE)
                if time.monotonic() >= write_at_s and not waits:
                    write_at_s = time.monotonic() + 1
                    self._counter.write()
                    display.show(self._counter.count)
            for event in display.heard(time.monotonic() + TICK_S):
                if event in PRESSED | RELEASED and not self._is_frozen:
                    display.light(event in PRESSED)
        if waits:
            return
        self._counter.write()
        print(f"leaving at {self._counter.count}", flush=True)

    def _take_order(self) -> None:
        try:
            order = ORDER.read_text(encoding="utf-8").strip()
            ORDER.unlink()
        except FileNotFoundError:
            return
        self._misbehave(order)

    def _misbehave(self, how: str) -> None:
        if how:
            print(f"told to {how}", flush=True)
        match how:
            case "exit":
                raise SystemExit(0)
            case "crash":
                raise SystemExit("as ordered")
            case "no-frame":
                while True:
                    signal.pause()
            case "freeze":
                self._is_frozen = True
            case "ignore-stop":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case "eat-memory":
                eaten: list[bytearray] = []
                while True:
                    eaten.append(bytearray(b"x" * 2**22))
            case "fork":
                _fork_without_end()
            case "fill-disk":
                _fill(HOME / "filler")
            case _:
                pass

    def _leave(self, *_: object) -> None:
        self._is_told_to_leave = True


def _fork_without_end() -> None:
    children = 0
    while True:
        try:
            if os.fork() == 0:
                time.sleep(3600)
                os._exit(0)
        except OSError as error:
            print(f"{children} children, then: {error.strerror}", flush=True)
            return
        children += 1


def _fill(file: Path) -> None:
    try:
        with file.open("ab", buffering=0) as handle:
            while True:
                handle.write(bytes(2**18))
    except OSError as error:
        print(f"the disk is full: {error.strerror}", flush=True)


if __name__ == "__main__":
    sys.tracebacklimit = 2
    Game().play()
