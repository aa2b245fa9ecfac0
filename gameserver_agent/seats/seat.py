"""A seat as a session sees it: raised, spoken to, taken up again after the agent's restart, and ended.

`HostSeats` is the real one; `fake_seats.FakeSeats` the in-memory one. Both raise `SeatError` alone.
"""

import asyncio
import base64
import contextlib
import re
import stat
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Protocol

from gameserver_agent.errors import SeatError
from gameserver_agent.seats.launcher import SeatLauncher
from gameserver_agent.seats.places import X_SOCKETS, PlacesAside, SeatPlace, SeatPlaces
from gameserver_agent.tasks import finished_despite_cancellation
from streaming.audience import Role
from streaming.errors import SeatError as WorkerError
from streaming.errors import SeatUnavailable
from streaming.protocol import Hello, Introduction, Moment, SeatConfig, SeatEvent, SeatStatus, SessionDescription
from streaming.seat_client import SeatClient

_ASK_AGAIN_S = 0.02
_REFUSALS = frozenset({"watchers_full", "revoked", "replaced", "bad_offer"})
_X_SOCKET_NAME = re.compile(r"X[0-9]+")


class Seat(Protocol):
    """One living seat."""

    @property
    def hello(self) -> Hello: ...

    async def take(self, config: SeatConfig) -> None:
        """A waiting seat becomes one of this configuration, which can happen to it once. Raises `SeatError`."""
        ...

    async def is_drawn(self) -> bool:
        """Whether something is on its display; also while it waits. Raises `SeatError`."""
        ...

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        """Raises `SeatError`, also with the code `watchers_full` or `revoked` (for a watcher), or `replaced`."""
        ...

    async def revoke(self, epoch: int) -> None:
        """Watchers whose right is older go, and none comes back by it. Repeating it changes nothing."""
        ...

    async def status(self) -> SeatStatus: ...

    async def moments(self) -> tuple[Moment, ...]:
        """What the seat did since this was asked last; nothing of one that is older than this."""
        ...

    async def thumbnail(self) -> bytes:
        """The picture on the display now, as a small JPEG."""
        ...

    def events(self) -> AsyncIterator[SeatEvent]:
        """For one consumer; ends when the worker is gone."""
        ...

    async def shutdown(self) -> None:
        """End it with its display, sound and peers."""
        ...

    async def leave(self) -> None:
        """Hang up and let it live."""
        ...


class Seats(Protocol):
    """The seats of this host."""

    async def claim(self, session_id: str) -> SeatPlace: ...

    async def claim_waiting(self) -> SeatPlace:
        """A place of no session yet."""
        ...

    async def bind(self, place: SeatPlace, session_id: str) -> None:
        """A waiting place becomes this session's, which can happen to it once. Raises `SeatError`."""
        ...

    async def existing(self, session_id: str) -> SeatPlace | None: ...

    async def known(self) -> tuple[str, ...]:
        """The sessions that have a seat folder on this host."""
        ...

    async def waiting(self) -> tuple[SeatPlace, ...]:
        """The places on this host that are no session's."""
        ...

    async def open(self, place: SeatPlace, config: SeatConfig) -> Seat:
        """Start a worker and wait until display and sound are up."""
        ...

    async def adopt(self, place: SeatPlace) -> Seat:
        """Speak to a worker that an earlier agent started."""
        ...

    async def release(self, place: SeatPlace) -> None:
        """Whatever is left of the seat is killed and removed; its uid is free again."""
        ...


class WorkerSeat:
    """A seat worker behind its control socket."""

    def __init__(self, client: SeatClient, hello: Hello) -> None:
        self._client = client
        self._hello = hello

    @property
    def hello(self) -> Hello:
        return self._hello

    async def take(self, config: SeatConfig) -> None:
        with _as_our_error():
            await self._client.take(config, timeout_s=2)

    async def is_drawn(self) -> bool:
        with _as_our_error():
            return await self._client.is_drawn(timeout_s=5)

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        try:
            return await self._client.connect(offer, timeout_s=15, role=role, who=who)
        except WorkerError as error:
            if error.code in _REFUSALS:
                raise SeatError(error.message, error.code) from error
            raise SeatError(error.message) from error

    async def revoke(self, epoch: int) -> None:
        try:
            await self._client.revoke(epoch, timeout_s=5)
        except WorkerError as error:
            if error.code != "unknown_method":  # it is older than watchers are, and has none
                raise SeatError(error.message) from error

    async def status(self) -> SeatStatus:
        with _as_our_error():
            return await self._client.status(timeout_s=5)

    async def thumbnail(self) -> bytes:
        try:
            return base64.b64decode((await self._client.thumbnail(timeout_s=5)).jpeg_base64)
        except (WorkerError, ValueError) as error:
            raise SeatError(f"no picture: {error}") from error

    async def events(self) -> AsyncIterator[SeatEvent]:
        async for event in self._client.events():
            yield event

    async def moments(self) -> tuple[Moment, ...]:
        with _as_our_error():
            return await self._client.moments(timeout_s=5)

    async def shutdown(self) -> None:
        try:
            with _as_our_error():
                await self._client.shutdown(timeout_s=5)
        finally:
            await self._client.close()

    async def leave(self) -> None:
        await self._client.close()


@contextlib.contextmanager
def _as_our_error() -> Generator[None]:
    try:
        yield
    except WorkerError as error:
        raise SeatError(error.message) from error


class HostSeats(PlacesAside):
    """Seat workers as processes of this host."""

    def __init__(self, places: SeatPlaces, launcher: SeatLauncher) -> None:
        super().__init__(places)
        self._launcher = launcher

    async def open(self, place: SeatPlace, config: SeatConfig) -> Seat:
        await asyncio.to_thread(_write_config, place, config)
        await finished_despite_cancellation(asyncio.ensure_future(self._launcher.launch(place)))
        while True:  # until the caller's deadline: the worker listens a moment after it was started
            try:
                return await self.adopt(place)
            except _NobodyListensError:
                await asyncio.sleep(_ASK_AGAIN_S)

    async def adopt(self, place: SeatPlace) -> Seat:
        try:
            client = await SeatClient.open(place.control_socket)
        except SeatUnavailable as error:
            raise _NobodyListensError(error.message) from error
        try:
            return WorkerSeat(client, checked(await client.hello(timeout_s=15), place))
        except BaseException as error:
            await client.close()
            if isinstance(error, WorkerError):
                raise SeatError(error.message) from error
            raise

    async def release(self, place: SeatPlace) -> None:
        await asyncio.to_thread(self._places.release, place)


class _NobodyListensError(SeatError):
    """The control socket is not there, or nobody accepts on it."""


def checked(hello: Hello, place: SeatPlace) -> Hello:
    """What a worker names is mounted into a container: it may name nothing but its own, and over no link."""
    x_socket, xauthority, pulse = Path(hello.x_socket), Path(hello.xauthority), Path(hello.pulse_socket)
    is_own = (
        hello.x_socket == str(X_SOCKETS / x_socket.name)
        and _X_SOCKET_NAME.fullmatch(x_socket.name) is not None
        and hello.xauthority == str(place.seat / "Xauthority")
        and hello.pulse_socket == str(place.seat / "pulse" / "native")
        and _is_seats(x_socket, place, stat.S_IFSOCK)
        and _is_seats(place.seat, place, stat.S_IFDIR)
        and _is_seats(xauthority, place, stat.S_IFREG)
        and _is_seats(pulse.parent, place, stat.S_IFDIR)
        and _is_seats(pulse, place, stat.S_IFSOCK)
    )
    if not is_own:
        raise SeatError("the seat worker named a path that is not its own")
    return hello


def _is_seats(path: Path, place: SeatPlace, kind: int) -> bool:
    """Whether it is there, of this kind and not a link to one, and the seat's uid owns it."""
    try:
        about = path.lstat()
    except OSError:
        return False
    return stat.S_IFMT(about.st_mode) == kind and about.st_uid == place.owner.uid


def _write_config(place: SeatPlace, config: SeatConfig) -> None:
    with contextlib.suppress(FileNotFoundError):
        place.control_socket.unlink()
    file = place.seat / "seat.json"
    file.write_text(config.model_dump_json())
    file.chmod(0o644)
