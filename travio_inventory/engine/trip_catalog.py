"""Keeps the definitions of trips at hand: once read, a definition never changes."""

from collections import OrderedDict

from travio_inventory.domain.errors import TripNotFound
from travio_inventory.domain.trip import Trip, TripKey
from travio_inventory.engine.ports import Trips


class TripCatalog:
    """The trips of the store, the `trips_max` most recently asked for kept in memory."""

    def __init__(self, trips: Trips, *, trips_max: int = 256) -> None:
        self._trips = trips
        self._trips_max = trips_max
        self._kept: OrderedDict[TripKey, Trip] = OrderedDict()

    async def get(self, key: TripKey) -> Trip:
        """The trip of that key. Raises TripNotFound, BackendUnavailable."""
        trip = self._kept.get(key)
        if trip is None:
            trip = await self._trips.find(key)
            if trip is None:
                raise TripNotFound
            self._kept[key] = trip
            if len(self._kept) > self._trips_max:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return trip
