"""Caches the definitions of trips: a definition never changes, but its trip is forgotten one day.

Ours, since every call looks its trip up here: 0.2 us, of cachetools' TTLCache 2.5.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from travio_inventory.seats.ports import Trips
from travio_inventory.seats.refusals import TripNotFound
from travio_inventory.seats.trip import Ambiguous, Ends, Journey, Trip, TripKey

SEATS_MAX: Final = 500_000
"""About 500 bytes each."""
KEPT_S: Final = 1_800.0
"""A definition is read again after so long: sooner than the id of its trip can stand for another one."""


class TripCatalog:
    """The trips of the store; the most recently used stay in memory: at most `trips_max`, with `seats_max` seats.

    `ambiguous` is what becomes of a journey that its stations alone do not name.
    """

    def __init__(
        self,
        trips: Trips,
        *,
        ambiguous: Ambiguous = Ambiguous.REFUSE,
        trips_max: int = 256,
        seats_max: int = SEATS_MAX,
    ) -> None:
        self._trips = trips
        self._ambiguous = ambiguous
        self._trips_max = trips_max
        self._seats_max = seats_max
        self._seats = 0
        self._kept: OrderedDict[TripKey, tuple[Trip, float]] = OrderedDict()
        """With when, by the event loop's clock, its read began."""
        self._reads: dict[TripKey, asyncio.Task[Trip | None]] = {}

    async def get(self, key: TripKey) -> Trip:
        """The trip with that key; concurrent callers share one read. Raises TripNotFound, BackendUnavailable."""
        kept = self._kept.get(key)
        if kept is not None and asyncio.get_running_loop().time() < kept[1] + KEPT_S:
            self._kept.move_to_end(key)
            return kept[0]
        return await self._read(key)

    def journey(self, trip: Trip, ends: Ends) -> Journey:
        """The trip's segments for these ends. Raises InvalidJourney."""
        return trip.journey(ends, self._ambiguous)

    async def check(self, key: TripKey) -> None:
        """Some of the trip's cells are missing: read it again. Raises TripNotFound, BackendUnavailable."""
        self._drop(key)
        await self._read(key)

    async def _read(self, key: TripKey) -> Trip:
        read = self._reads.get(key)
        if read is None:
            began_s = asyncio.get_running_loop().time()
            read = self._reads[key] = asyncio.ensure_future(self._trips.find(key))
            read.add_done_callback(lambda done: self._keep(key, done, began_s))
        trip = await asyncio.shield(read)
        if trip is None:
            raise TripNotFound
        return trip

    def _keep(self, key: TripKey, read: asyncio.Task[Trip | None], began_s: float) -> None:
        del self._reads[key]
        trip = None if read.cancelled() or read.exception() else read.result()
        if trip is not None:
            self._drop(key)
            self._kept[key] = trip, began_s
            self._seats += len(trip.seats)
            while len(self._kept) > self._trips_max or (self._seats > self._seats_max and len(self._kept) > 1):
                self._drop(next(iter(self._kept)))

    def _drop(self, key: TripKey) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._seats -= len(kept[0].seats)
