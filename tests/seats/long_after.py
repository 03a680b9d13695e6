"""A trip long after its end, in virtual time: processes that forget it, and one that still sells it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

from travio_inventory.app.assemble import InventoryRules, Ports, assemble
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.kernel.actor import HOUSE, Actor, house_of
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Index,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Table,
    Write,
)
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.commands import (
    BlockSeatsCommand,
    ConfirmHoldCommand,
    GiveBackCommand,
    SeatUpdate,
    WaitlistPlace,
    hold_ref,
)
from travio_inventory.seats.hold import Hold, Passenger
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.ports import ArchiveFailed, EndedTrip, TripArchive
from travio_inventory.seats.records.definitions import PORTIONS, Definitions
from travio_inventory.seats.records.listed_trips import EVERY_MS
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Ends, Trip, TripKey
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.asking import hold_seats, open_trip
from verification.kit.trips import row_of
from verification.simulation.oracle import START_MS
from verification.simulation.process import SkewedClock
from verification.simulation.virtual_loop import run_virtually

T = TypeVar("T")

HOUR_S = 3_600
BATCHES = 24
"""More than it takes to forget a trip."""
SOON_S = 8 * HOUR_S
"""So long after it is due a trip is gone."""
RETENTION_S = 30 * 24 * HOUR_S
ENDS_S = START_MS // 1_000 + 24 * HOUR_S
KEY = TripKey("acme", "t1")
WHOLE = Ends("A", "C")

TIMED = (Segment("A", "B", ENDS_S - 7_200, ENDS_S - 3_600), Segment("B", "C", ENDS_S - 3_600, ENDS_S))
UNTIMED = (Segment("A", "B"), Segment("B", "C"))

Before = Callable[[int], Awaitable[None]]


class Store(MemoryBatches):
    """Calls `before` with how many batches were sent, cursors apart, and sends none any more once it is dead."""

    def __init__(self, faults: Faults | None = None, seed: int = 1) -> None:
        super().__init__(faults, Random(seed), asyncio.sleep)
        self.sent = 0
        self.dies_after: int | None = None
        self.before: Before | None = None

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        if self.dies_after is not None and self.sent >= self.dies_after:
            return NotDone("this process is dead")
        if partition.table is Table.CURSORS:
            return await super().apply(partition, writes, entries, send_by=send_by)
        self.sent += 1
        if self.before is not None:
            hook, self.before = self.before, None
            await hook(self.sent)
            self.before = hook
        return await super().apply(partition, writes, entries, send_by=send_by)

    async def left(self) -> list[object]:
        """What is left of trips, holds, events and lists once all that has an end is over."""
        await asyncio.sleep(ENDS_WITHIN_S)
        self._forget()
        names = [(index, bucket) for index, bucket in self._entries if index in LISTS]
        entries = [(*name, entry) for name in names for entry in await self.read_index(*name)]
        return [*entries, *(partition for partition in self.partitions() if partition.table is not Table.CURSORS)]


ENDS_WITHIN_S = 9 * 24 * HOUR_S
"""So long events are kept, and whatever else has an end of its own."""
LISTS = (Index.TRIPS, Index.OPENINGS, Index.HOLDS, Index.ORDERS, Index.WAITLISTS)


class Kept(TripArchive):
    """Keeps what is forgotten, in memory; it fails `failures` times before."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.trips: list[EndedTrip] = []

    async def keep(self, ended: EndedTrip) -> None:
        """See TripArchive."""
        if self.failures:
            self.failures -= 1
            raise ArchiveFailed("no space left")
        self.trips.append(ended)

    @property
    def holds(self) -> dict[str, Hold]:
        """What was kept last."""
        return {hold.id: hold for hold in self.trips[-1].holds} if self.trips else {}


class Shop:
    """A process."""

    def __init__(
        self,
        store: MemoryBatches,
        archive: TripArchive | None = None,
        *,
        seed: int = 0,
        portions: Portions = PORTIONS,
    ) -> None:
        self.clock = SkewedClock(0)
        rules = InventoryRules(
            HoldTimes(600, 3_600, 7_200, sells_departed=True),
            Rules(retention=Retention(trips_s=RETENTION_S)),
            portions=portions,
            slow_round_ms=EVERY_MS,
        )
        ports = Ports(store, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {}, archive)
        assembly = assemble(ports, self.clock, Random(seed), rules)
        self.inventory, self.holds = assembly.inventory, assembly.holds
        self.definitions = Definitions(store, self.clock)

    async def hold(self, seats: str, *, by: str = "ann", ends: Ends = WHOLE, key: str | None = None) -> Hold:
        """Hold seats."""
        return await hold_seats(self.inventory, Actor("acme", by), "t1", ends, seats.split(), key=key)

    async def book(self, seats: str, *, by: str = "ann") -> Hold:
        """Hold them and confirm."""
        return await self.confirm(await self.hold(seats, by=by))

    async def confirm(self, hold: Hold) -> Hold:
        """Confirm a hold."""
        named = tuple(Passenger(seat, "Ann", "123") for seat in hold.seats)
        command = ConfirmHoldCommand(hold_id=hold.id, order_id="o1", passengers=named)
        return await self.inventory.confirm_hold(Actor("acme", hold.holder), command)

    async def cancel(self, hold: Hold) -> Hold:
        """Cancel a booking."""
        return await self.inventory.cancel_booking(Actor("acme", hold.holder), GiveBackCommand(hold_id=hold.id))

    async def find(self, hold: Hold) -> Hold:
        """The hold as it is now."""
        return await self.inventory.read_holds.one(Actor("acme", hold.holder), hold_ref(hold.id))

    async def block(self, seats: str, *, is_blocked: bool = True) -> None:
        """Take seats off sale, or put them back."""
        updates = tuple(SeatUpdate(seat, is_blocked, "broken") for seat in seats.split())
        await self.inventory.block_seats(house_of("acme"), BlockSeatsCommand(trip_id="t1", updates=updates))

    async def join(self, by: str) -> None:
        """Join the trip's waiting list."""
        await self.inventory.waitlist.join(Actor("acme", by), WaitlistPlace(trip_id="t1"))

    async def leave(self, by: str) -> None:
        """Leave it."""
        await self.inventory.waitlist.leave(Actor("acme", by), WaitlistPlace(trip_id="t1"))

    async def go_on_opening(self, *, for_s: float) -> list[Exception]:
        """Open large trips, for so long; what failed."""
        failures: list[Exception] = []
        until_s = asyncio.get_running_loop().time() + for_s
        while asyncio.get_running_loop().time() < until_s:
            with suppress(BackendUnavailable):
                failures += (await self.inventory.go_on_opening(HOUSE)).failures.values()
            await asyncio.sleep(1)
        return failures

    async def forget(self, *, for_s: float) -> list[Exception]:
        """Forget what is due, for so long; what failed."""
        failures: list[Exception] = []
        until_s = asyncio.get_running_loop().time() + for_s
        while asyncio.get_running_loop().time() < until_s:
            with suppress(BackendUnavailable):
                failures += (await self.inventory.forget_trips(HOUSE)).failures.values()
            await asyncio.sleep(75)
        return failures


def a_trip(segments: Sequence[Segment] = TIMED, *, seats: int = 6, per_group: int = 2) -> Trip:
    """A trip from A over B to C, with the seats A1 and so on."""
    return Trip(KEY, tuple(segments), row_of(seats), seats_per_group=per_group)


async def sold(shop: Shop, trip: Trip) -> list[Hold]:
    """The trip is on sale; some of it is sold, over two seat groups too, some is off sale, somebody waits, and one has
    left. Returns the bookings.
    """
    await open_trip(shop.inventory, trip)
    bookings = [await shop.book("A1"), await shop.book("A2 A3", by="bob")]
    await shop.block("A4 A5")
    await shop.join("cid")
    await shop.join("dan")
    await shop.leave("dan")
    await shop.hold("A6", by="eve")
    return bookings


async def until_it_is_due(trip: Trip) -> None:
    """Sleep until then."""
    ends_s = trip.segments[-1].arrives_at_s or START_MS // 1_000
    await asyncio.sleep(ends_s - START_MS // 1_000 + RETENTION_S)


def run(play: Coroutine[Any, Any, T]) -> T:
    """In virtual time."""
    return run_virtually(0, play)
