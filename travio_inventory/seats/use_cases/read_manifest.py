"""Reads the manifest of a trip: who sits where, from where to where, for the organization that runs it."""

from collections.abc import Callable
from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.hold import Confirmed, Hold, HoldPage
from travio_inventory.seats.ports import Manifests
from travio_inventory.seats.queries import ManifestQuery
from travio_inventory.seats.refusals import InvalidJourney
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class ManifestPage(NamedTuple):
    """Some of a trip's bookings, and the position of the next page ("" if there is none)."""

    trip: Trip
    page: HoldPage


class ReadManifest:
    """The bookings of a trip, from the store."""

    def __init__(self, trips: TripCatalog, manifests: Manifests) -> None:
        self._trips = trips
        self._manifests = manifests

    async def __call__(self, actor: Actor, query: ManifestQuery) -> ManifestPage:
        """A page, see `Manifests.page`, of the trip with the vehicle that it has now. Raises PermissionDenied,
        TripNotFound, TripOpening, InvalidJourney for a station that is none of the trip's, BackendUnavailable.
        """
        actor.needs(Scope.BOOKINGS_READ)
        trip = (await self._trips.check(TripKey(actor.organization, query.trip_id))).trip
        _check_stations(trip, query)
        found = await self._manifests.page(
            trip, _wanted(trip, query), after=query.place, most=query.most, without_place=query.only_without_place
        )
        if not query.with_national_ids:
            found = HoldPage([hold.without_national_ids() for hold in found.holds], found.next)
        return ManifestPage(trip, found)


def _check_stations(trip: Trip, query: ManifestQuery) -> None:
    asked = {"boarding_station_id": query.boarding, "alighting_station_id": query.alighting}
    wrong = [
        Violation(field, f"this trip does not stop at {station!r}")
        for field, station in asked.items()
        if station and station not in trip.stops
    ]
    if wrong:
        raise InvalidJourney(wrong)


def _wanted(trip: Trip, query: ManifestQuery) -> Callable[[Hold], bool]:
    def is_wanted(hold: Hold) -> bool:
        first, last = hold.journey
        return (
            (query.include_held or isinstance(hold.state, Confirmed))
            and all(map(trip.has_in, hold.groups, hold.seats))
            and query.boarding in ("", trip.segments[first].origin)
            and query.alighting in ("", trip.segments[last].destination)
        )

    return is_wanted
