"""Reads several parts of a trip's map at once, as live feeds do each time something may have changed."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import WrongRequest
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import Ends, Journey, Trip, TripKey
from travio_inventory.seats.use_cases.map_groups import MapGroups
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class MapPart(NamedTuple):
    """A journey of a trip, and one of its sections or all of them ("")."""

    ends: Ends
    section: str = ""


class _Place(NamedTuple):
    """Where a part is in its trip."""

    journey: Journey
    groups: range


class FollowMaps:
    """The maps of several parts, all as of the same moment."""

    def __init__(self, trips: TripCatalog, groups: MapGroups) -> None:
        self._trips = trips
        self._groups = groups

    async def __call__(self, actor: Actor, trip_id: str, parts: Sequence[MapPart]) -> Sequence[SeatMap | WrongRequest]:
        """The map of each part; of a part that the trip has not, why not. Raises PermissionDenied, TripNotFound,
        TripOpening, BackendUnavailable.
        """
        actor.needs(Scope.TRIPS_READ)
        key = TripKey(actor.organization, trip_id)
        offer = await self._trips.shown(key)
        places = [self._place(offer.trip, part) for part in parts]
        wanted = sorted({group for place in places if isinstance(place, _Place) for group in place.groups})
        began_ms = self._groups.now_ms()
        groups = await self._groups.with_missing(offer.trip, await self._groups.cache.read(key), wanted)
        return [
            place
            if isinstance(place, WrongRequest)
            else self._groups.shown(
                offer, place.journey, part.section, tuple(map(groups.__getitem__, place.groups)), began_ms=began_ms
            )
            for part, place in zip(parts, places, strict=True)
        ]

    def _place(self, trip: Trip, part: MapPart) -> _Place | WrongRequest:
        try:
            return _Place(self._trips.journey(trip, part.ends), trip.groups_of(trip.places_in(part.section)))
        except WrongRequest as wrong:
            return wrong
