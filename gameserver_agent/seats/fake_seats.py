"""Seats without display, sound or processes: an in-memory twin of `HostSeats` for tests and simulations."""

import asyncio
from collections.abc import AsyncIterator

from gameserver_agent.errors import SeatError
from gameserver_agent.seats.places import PlacesAside, SeatPlace, SeatPlaces
from gameserver_agent.seats.seat import Seat
from streaming.audience import Role
from streaming.protocol import Hello, Introduction, Moment, SeatConfig, SeatEvent, SeatStatus, SessionDescription


class FakeSeat:
    """Shows its first frame when told to. `fail` and `die` do what a broken worker does, the one with last words; the
    next `misses` questions for its status stay without an answer.
    """

    def __init__(self, place: SeatPlace, *, waits: bool = False, boots: bool = False) -> None:
        self.place = place
        self.waits = waits
        self._boots = boots
        self.first_frame = False
        self.is_alive = True
        self.peers = 0
        self.players = 0
        self.watchers: list[Introduction] = []
        self.lowest_epoch = 0
        self.misses = 0
        self.done: list[Moment] = []
        self.picture = b"\xff\xd8\xff a picture"
        self._news: asyncio.Queue[SeatEvent | None] = asyncio.Queue()
        (place.seat / "pulse").mkdir(exist_ok=True)
        for name in ("X0", "Xauthority", "pulse/native"):
            (place.seat / name).touch()
        if boots and not waits:
            self.show_first_frame()

    @property
    def hello(self) -> Hello:
        place = self.place
        return Hello(
            protocol=1,
            pid=1,
            display=0,
            x_socket=str(place.seat / "X0"),
            xauthority=str(place.seat / "Xauthority"),
            pulse_socket=str(place.seat / "pulse" / "native"),
        )

    async def take(self, config: SeatConfig) -> None:
        self._require_alive()
        if not self.waits:
            raise SeatError("this seat is taken")
        self.waits = False
        if self._boots:
            self.show_first_frame()

    async def is_drawn(self) -> bool:
        self._require_alive()
        return self._boots or self.first_frame

    async def connect(
        self, offer: SessionDescription, role: Role = Role.PLAYER, who: Introduction | None = None
    ) -> SessionDescription:
        self._require_alive()
        if offer.type != "offer" or not offer.sdp.startswith("v=0"):
            raise SeatError("this offer cannot be answered: it is none")
        if role is Role.PLAYER:
            self.players = 1
        elif (who or Introduction()).epoch < self.lowest_epoch:
            raise SeatError("this invitation was taken back", "revoked")
        else:
            self.watchers.append(who or Introduction())
        self._tell_peers()
        return SessionDescription(type="answer", sdp=offer.sdp)

    async def revoke(self, epoch: int) -> None:
        self._require_alive()
        self.lowest_epoch = max(self.lowest_epoch, epoch)
        self.watchers = [watcher for watcher in self.watchers if watcher.epoch >= self.lowest_epoch]
        self._tell_peers()

    def _tell_peers(self) -> None:
        self.peers = self.players + len(self.watchers)
        self._news.put_nowait(SeatEvent(event="peers", count=self.peers, players=self.players))

    async def status(self) -> SeatStatus:
        self._require_alive()
        if self.misses > 0:
            self.misses -= 1
            raise SeatError("the seat did not answer in time")
        return SeatStatus(
            first_frame=self.first_frame,
            peers=self.peers,
            players=self.players,
            idle_s=None,
            fps=0,
            bitrate_bps=0,
            frames=0,
        )

    async def moments(self) -> tuple[Moment, ...]:
        self._require_alive()
        moments, self.done = tuple(self.done), []
        return moments

    async def thumbnail(self) -> bytes:
        self._require_alive()
        return self.picture

    async def events(self) -> AsyncIterator[SeatEvent]:
        while (event := await self._news.get()) is not None:
            yield event

    async def shutdown(self) -> None:
        self._require_alive()
        self.die()

    async def leave(self) -> None:
        self._news.put_nowait(None)

    def take_up(self) -> None:
        """News go to whoever took the seat up last, and begin then."""
        self._news = asyncio.Queue()

    def show_first_frame(self) -> None:
        self.first_frame = True
        self._news.put_nowait(SeatEvent(event="first_frame"))

    def fail(self, message: str) -> None:
        self.tell("failed", message)
        self.die()

    def tell(self, event: str, message: str | None = None) -> None:
        self._news.put_nowait(SeatEvent(event=event, message=message))

    def die(self) -> None:
        self.is_alive = False
        self._news.put_nowait(None)

    def _require_alive(self) -> None:
        if not self.is_alive:
            raise SeatError("the seat worker is gone")


class FakeSeats(PlacesAside):
    """Real folders and uids, imagined workers. With `boots` a seat shows its first frame as soon as it is up."""

    def __init__(self, places: SeatPlaces, *, boots: bool = True) -> None:
        super().__init__(places)
        self._boots = boots
        self.living: dict[str, FakeSeat] = {}
        self.refuses: str | None = None

    async def open(self, place: SeatPlace, config: SeatConfig) -> Seat:
        if self.refuses is not None:
            raise SeatError(self.refuses)
        seat = self.living[place.folder.name] = FakeSeat(place, waits=config.waits, boots=self._boots)
        return seat

    async def adopt(self, place: SeatPlace) -> Seat:
        seat = self.living.get(place.folder.name)
        if seat is None or not seat.is_alive:
            raise SeatError("nobody listens")
        seat.take_up()
        return seat

    async def release(self, place: SeatPlace) -> None:
        seat = self.living.pop(place.folder.name, None)
        if seat is not None:
            seat.die()
        await asyncio.to_thread(self._places.release, place)
