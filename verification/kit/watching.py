"""A watcher of a live feed that believes nothing: it checks each position, and keeps the map that it was told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.told import Delta, Heartbeat, Position, Snapshot, Told
from travio_inventory.kernel.actor import Actor, service_of
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.trip import Ends, TripKey

WORDS = {Available: "available", HeldUntil: "held", Sold: "sold", Blocked: "blocked"}
PATIENCE_S = 60.0


class Watcher:
    """Follows a journey of a trip. `told` is everything that it was told, `wrong` what must never be said."""

    def __init__(
        self,
        feeds: Feeds,
        trip: TripKey,
        ends: str = "A-D",
        *,
        section: str = "",
        takes: Callable[[Told], bool] | None = None,
    ) -> None:
        """`takes` says whether it takes what it is told at once, where it does that at all."""
        self._feeds = feeds
        self._actor: Actor = service_of(trip.organization)
        origin, destination = ends.split("-")
        self._query = SeatMapQuery(trip_id=trip.trip, ends=Ends(origin, destination), section=section)
        self._takes = takes
        self._heard = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self.told: list[Told] = []
        self.woken = 0
        """How often its task was woken to be told something."""
        self.wrong: list[str] = []
        self.states: dict[str, SeatState] = {}
        self.versions: dict[str, int] = {}
        self.position: Position | None = None
        self.refusal: Refusal | None = None

    async def follow(self, position: Position | None = None) -> None:
        """Listen until the feed ends, from that position on if one is given."""
        self.position = position or self.position
        try:
            at_once = self._take_at_once if self._takes else None
            async for told in self._feeds.subscribe(self._actor, self._query, self.position, at_once=at_once):
                self.woken += 1
                self._take(told)
                self._heard.set()
                await self._may_read.wait()
        except Refusal as refusal:
            self.refusal = refusal
            self._heard.set()

    @asynccontextmanager
    async def following(self, position: Position | None = None) -> AsyncIterator["Watcher"]:
        """The watcher, once it was told something, while the block runs."""
        task = asyncio.ensure_future(self.follow(position))
        try:
            before = len(self.told)
            await self.until(lambda: len(self.told) > before or self.refusal is not None)
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def stop_reading(self) -> None:
        """Read nothing more, as a client whose connection is slow."""
        self._may_read.clear()

    def read_on(self) -> None:
        """Read again."""
        self._may_read.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Return when it is so, after whatever it was told last."""
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self._heard.clear()
                await self._heard.wait()

    async def sees(self, seats: str, state: str) -> None:
        """Return when it was told that these seats, "A1 A2", are in that state."""
        await self.until(lambda: all(self.shown().get(seat) == state for seat in seats.split()))

    async def catches_up(self, other: "Watcher") -> None:
        """Return when it was told all that the other was told."""
        await self.until(lambda: self.position == other.position)

    def shown(self) -> dict[str, str]:
        """The state of each seat, in a word, as it was told."""
        return {seat: WORDS[type(state)] for seat, state in self.states.items()}

    def _take_at_once(self, told: Told) -> bool:
        if not self._may_read.is_set() or self._takes is None or not self._takes(told):
            return False
        self._take(told)
        self._heard.set()
        return True

    def _take(self, told: Told) -> None:
        self.told.append(told)
        match told:
            case Snapshot():
                ids = [seat.id for seat in told.seats]
                self.states = dict(zip(ids, told.states, strict=True))
                self.versions = dict(zip(ids, told.versions, strict=True))
            case Delta():
                self._take_delta(told)
            case Heartbeat():
                if told.position != self.position:
                    self.wrong.append(f"heartbeat at {told.position} to one who was at {self.position}")
        self.position = told.position

    def _take_delta(self, delta: Delta) -> None:
        if delta.after != self.position:
            self.wrong.append(f"delta after {delta.after} to one who was at {self.position}")
        for change in delta.changes:
            if not self.versions.get(change.seat.id, -1) < change.version <= delta.position.offset:
                self.wrong.append(f"{change.seat.id} is of version {change.version} in {delta.position}")
            self.states[change.seat.id] = change.state
            self.versions[change.seat.id] = change.version


@asynccontextmanager
async def crowd(
    feeds: Feeds, trip: TripKey, count: int, position: Position | None = None
) -> AsyncIterator[Sequence[Watcher]]:
    """So many watchers who come all at once, once each was told something, while the block runs."""
    watchers = [Watcher(feeds, trip) for _ in range(count)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(each.following(position)) for each in watchers))
        yield watchers
