"""Reads the seat map of a journey through the cache."""

from collections.abc import Callable

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.use_cases.map_groups import MapGroups
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


def any_size(_trip: Trip, _section: str) -> None:
    """A map of any size may be read."""


class ReadSeatMap:
    """The map of one journey, of a section or of all the trip."""

    def __init__(self, trips: TripCatalog, groups: MapGroups) -> None:
        self._trips = trips
        self._groups = groups

    async def __call__(
        self, actor: Actor, query: SeatMapQuery, *, check: Callable[[Trip, str], None] = any_size
    ) -> SeatMap:
        """The map. `check` may refuse the trip's section before anything of it is read. Raises PermissionDenied,
        TripNotFound, InvalidJourney, InvalidRequest, TripOpening, BackendUnavailable.
        """
        actor.needs(Scope.TRIPS_READ)
        key = TripKey(actor.organization, query.trip_id)
        offer = await self._trips.shown(key)
        trip = offer.trip
        journey = self._trips.journey(trip, query.ends)
        wanted = trip.groups_of(trip.places_in(query.section))
        check(trip, query.section)
        began_ms = self._groups.now_ms()
        groups = await self._groups.cache.read(key)
        try:
            found = tuple(map(groups.__getitem__, wanted))
            self._groups.hits.found += len(found)
        except KeyError:
            groups = await self._groups.with_missing(trip, groups, wanted)
            found = tuple(map(groups.__getitem__, wanted))
        return self._groups.shown(offer, journey, query.section, found, began_ms=began_ms)
