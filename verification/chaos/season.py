"""What is on sale: a few small trips at a time, and new ones every few seconds, so that each history stays short."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from random import Random
from typing import NamedTuple

from travio_inventory.client import InventoryClient, RetryableRefusal, Trip
from verification.chaos.notebook import Book, Notebook
from verification.kit.trips import trip_of
from verification.simulation.history import Call, CallOutcome

WAVE_S = 4.0
SEGMENTS = 3
SEATS = 6
SEATS_PER_GROUP = {"one": 1, "sixteen": 16, "all": SEATS, "two": 2}
PAUSE_S = 0.2
WAVES_PER_CANCELLED_TRIP = 2


class Door(NamedTuple):
    """A client of the service of that name."""

    client: InventoryClient
    service: str


@dataclass
class Season:
    """Opens a wave of trips, one for each way of cutting seats into seat groups, and after a while the next one. A trip
    of some waves is cancelled while it is on sale; `unsettled` are those of which this was not answered.
    """

    doors: Sequence[Door]
    notebook: Notebook
    random: Random
    on_sale: list[Book] = field(default_factory=list)
    is_over: bool = False
    waves: int = 0
    """The number of trips that were opened or are being opened."""
    unsettled: list[Book] = field(default_factory=list)

    async def next_wave(self) -> None:
        """Open the next trips, with as many calls as necessary, and sell them in place of the previous ones."""
        self.waves += 1
        trips = [_trip(f"{name}-{self.waves}", size) for name, size in SEATS_PER_GROUP.items()]
        for trip in trips:
            await self._open(trip)
        self.on_sale = [self.notebook.open(trip) for trip in trips]

    async def _open(self, trip: Trip) -> None:
        for door in cycle(self.doors):
            try:
                await door.client.open_trip(trip)
            except RetryableRefusal:
                await asyncio.sleep(PAUSE_S)
            else:
                return

    async def go_on(self) -> None:
        """One wave after the other, until it is over."""
        async with asyncio.TaskGroup() as group:
            while not self.is_over:
                await asyncio.sleep(WAVE_S / 2)
                if self.waves % WAVES_PER_CANCELLED_TRIP == 0:
                    group.create_task(self._cancel(self.random.choice(self.on_sale)))
                await asyncio.sleep(WAVE_S / 2)
                if not self.is_over:
                    await self.next_wave()

    async def settle(self) -> None:
        """When all faults are over: cancel what was to be cancelled."""
        while self.unsettled:
            if (await self._ask(self.unsettled[0])).answer is CallOutcome.OK:
                self.unsettled.pop(0)
            await asyncio.sleep(PAUSE_S)

    async def _cancel(self, book: Book) -> None:
        """Cancel the trip, with as many calls as necessary."""
        while (await self._ask(book)).answer is not CallOutcome.OK:
            if self.is_over:
                self.unsettled.append(book)
                return
            await asyncio.sleep(PAUSE_S)

    async def _ask(self, book: Book) -> Call:
        door = self.random.choice(self.doors)
        call = self.notebook.cancel_trip(book, service=door.service)
        await self.notebook.hear(call, lambda: door.client.cancel_trip(book.name))
        return call


def _trip(name: str, seats_per_group: int) -> Trip:
    """Each seat has a price of its own."""
    trip = trip_of(name, seats=SEATS, segments=SEGMENTS, seats_per_group=seats_per_group)
    seats = tuple(replace(seat, price_minor=1_000 + at) for at, seat in enumerate(trip.seats))
    return replace(trip, seats=seats, currency="EUR")
