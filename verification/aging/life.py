"""The long use of one store: many holds of one seat, joins of one waiting list, keys of one holder; and what calls
cost.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from random import SystemRandom
from statistics import median
from time import perf_counter
from typing import NamedTuple

from travio_inventory.app.assemble import Assembly, InventoryRules, Ports, assemble
from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.open_epochs import LOOK_EVERY_MS
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rules import Rules
from travio_inventory.seats.commands import GiveBackCommand, HoldsQuery, WaitlistPlace, WaitsQuery
from travio_inventory.seats.trip import OUR_CHOICE, Ends
from travio_inventory.seats.use_cases.hold_seats import HoldTimes
from verification.aging.counting import CountingBatches
from verification.aging.places import Place, SkippingClock
from verification.kit.asking import hold_seats, open_trip, seat_map
from verification.kit.trips import a_trip

TRIP = a_trip(organization="acme", seats=16, seats_per_group=OUR_CHOICE)
ENDS = Ends("A", "C")
AGED, OTHER = "A1", "A2"
"""The seat that is held again and again, and a neighbour."""
BUYER = Actor("acme", "ann")
HELD_S_MAX = 900
REPEATS = 50
LISTED = 50
QUIET_MINUTES = 12
RELAY_ROUNDS_MAX = 100_000


class Cost(NamedTuple):
    """What one call costs: the median of its times, and the rows that the store gave for it."""

    ms: float
    rows: float


class Life:
    """A process on a store."""

    def __init__(self, store: CountingBatches, clock: SkippingClock, retention: Retention) -> None:
        self.store = store
        self._clock = clock
        self._rules = InventoryRules(HoldTimes(60, 600, HELD_S_MAX), Rules(holds_per_holder_max=0, retention=retention))
        self._numbers = count()
        self.assembly = self._begin()

    def _begin(self) -> Assembly:
        ports = Ports(self.store, AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache(), {"told": InProcess()})
        return assemble(ports, self._clock, SystemRandom(), self._rules)

    async def _another(self) -> Assembly:
        """Another process, which is up to date with sweeps and events, and is told nothing of what this one does.
        Nothing has happened for some minutes: no open epoch contains earlier events.
        """
        another = self._begin()
        await another.inventory.expire_holds(HOUSE)
        for _ in range(QUIET_MINUTES):
            self._clock.skip_ms(MINUTE_MS)
            for _ in range(RELAY_ROUNDS_MAX):
                if not await another.relays["told"].round():
                    break
        return another

    async def hold_and_release(self) -> None:
        """One cycle of the seat: held and released."""
        inventory = self.assembly.inventory
        hold = await hold_seats(inventory, BUYER, TRIP.key.trip, ENDS, [AGED], ttl_s=60)
        await inventory.release_hold(BUYER, GiveBackCommand(hold_id=hold.id))

    async def join_and_leave(self) -> None:
        """One cycle of a place on the waiting list."""
        waitlist, place = self.assembly.inventory.waitlist, WaitlistPlace(trip_id=TRIP.key.trip, seat_class="second")
        await waitlist.join(BUYER, place)
        await waitlist.leave(BUYER, place)

    async def hold_with_a_key(self) -> None:
        """One cycle of a key in the holder's ledger."""
        inventory, key = self.assembly.inventory, f"key-{next(self._numbers)}-{SystemRandom().getrandbits(64):x}"
        hold = await hold_seats(inventory, BUYER, TRIP.key.trip, ENDS, [OTHER], ttl_s=60, key=key)
        await inventory.release_hold(BUYER, GiveBackCommand(hold_id=hold.id))

    async def costs(self) -> dict[str, Cost]:
        """What each kind of call costs now."""
        another = await self._another()

        async def see_the_map() -> None:
            await seat_map(another.inventory, TRIP.key, ENDS)

        async def sweep() -> None:
            await another.inventory.expire_holds(HOUSE)

        async def hold_and_look_again() -> None:
            await self.hold_and_release()
            self._clock.skip_ms(LOOK_EVERY_MS)

        async def relay() -> None:
            await another.relays["told"].round()

        async def list_holds() -> None:
            await another.inventory.read_holds.page(BUYER, HoldsQuery(page_size=LISTED))

        async def list_waits() -> None:
            await another.inventory.waitlist.page(BUYER, WaitsQuery(page_size=LISTED))

        return {
            "hold and release": await self._cost(self.hold_and_release),
            "seat map": await self._cost(see_the_map),
            "sweep by another process": await self._cost(sweep, before=hold_and_look_again),
            "events read by another process": await self._cost(relay, before=hold_and_look_again),
            "join and leave the waiting list": await self._cost(self.join_and_leave),
            "the holder's holds listed": await self._cost(list_holds),
            "the holder's places on waiting lists listed": await self._cost(list_waits),
            "hold with a key": await self._cost(self.hold_with_a_key),
        }

    async def _cost(
        self, call: Callable[[], Awaitable[None]], *, before: Callable[[], Awaitable[None]] | None = None
    ) -> Cost:
        times_ms, rows = [], 0
        for _ in range(REPEATS):
            if before is not None:
                await before()
            began, rows_before = perf_counter(), self.store.rows
            await call()
            times_ms.append((perf_counter() - began) * 1_000)
            rows += self.store.rows - rows_before
        return Cost(round(median(times_ms), 3), round(rows / REPEATS, 1))


@asynccontextmanager
async def living(place: Place, retention: Retention) -> AsyncIterator[Life]:
    """A life on the store of this place, with the trip on sale."""
    async with place.open() as store:
        life = Life(CountingBatches(store), place.clock, retention)
        await open_trip(life.assembly.inventory, TRIP)
        try:
            yield life
        finally:
            await life.assembly.steps.drain(5)
