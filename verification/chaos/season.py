"""What is on sale: a few small trips at a time, and new ones every few seconds, so that each history stays short."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

from travio_inventory.client import InventoryClient, RetryableRefusal, Trip
from verification.chaos.notebook import Book, Notebook
from verification.kit.trips import trip_of

WAVE_S = 4.0
SEGMENTS = 3
SEATS = 6
SEATS_PER_GROUP = {"one": 1, "sixteen": 16, "all": SEATS, "two": 2}
PAUSE_S = 0.2


class Door(NamedTuple):
    """A client of the service of that name."""

    client: InventoryClient
    service: str


@dataclass
class Season:
    """Opens a wave of trips, one for each way of cutting seats into seat groups, and after a while the next one."""

    doors: Sequence[Door]
    notebook: Notebook
    on_sale: list[Book] = field(default_factory=list)
    is_over: bool = False
    waves: int = 0
    """The number of trips that were opened or are being opened."""

    async def next_wave(self) -> None:
        """Open the next trips, with as many calls as necessary, and sell them in place of the previous ones."""
        self.waves += 1
        trips = [
            trip_of(f"{name}-{self.waves}", seats=SEATS, segments=SEGMENTS, seats_per_group=size)
            for name, size in SEATS_PER_GROUP.items()
        ]
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
        while not self.is_over:
            await asyncio.sleep(WAVE_S)
            if not self.is_over:
                await self.next_wave()
