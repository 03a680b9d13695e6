"""Reads the seats of the trips that an operator watches, at intervals, for the metrics."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import anyio

from travio_inventory.app.assemble import Assembly
from travio_inventory.app.background import Job
from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.seats.commands import SeatMapQuery, TripId
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.summary import summaries
from travio_inventory.seats.trip import Ends, TripKey
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import MetricsSettings
from travio_inventory.settings.metrics import trips_in
from travio_inventory.telemetry.families import TRIP_SEATS
from travio_inventory.telemetry.meters import Meters

log = logging.getLogger(__name__)

STATES = ("free", "held", "sold", "blocked")


def watched_trips(metrics: MetricsSettings, assembly: Assembly, meters: Meters) -> dict[str, Job]:
    """The job that reads the seats of the trips that the settings name, if they name any."""
    trips = [TripKey(*named) for named in trips_in(metrics.watched_trips)]
    if not trips:
        return {}
    watched = WatchedTrips(assembly.inventory, trips, assembly.sender.waits, every_s=metrics.watch_seconds)
    meters.read(TRIP_SEATS, watched.seats)
    return {"watched trips": watched.run}


class WatchedTrips:
    """Counts the seats of these trips over their whole route: a seat is free if it is free all the way."""

    def __init__(self, inventory: Inventory, trips: Sequence[TripKey], waits: StoreWaits, *, every_s: float) -> None:
        self._inventory = inventory
        self._trips = trips
        self._waits = waits
        self._every_s = every_s
        self._seats: dict[TripKey, Counter[str]] = {}
        self._log_throttle = LogThrottle(seconds=3_600)

    def seats(self) -> Mapping[tuple[str, ...], int]:
        """How many seats were free, held, sold and blocked when last read, by organization, trip and state."""
        return {(*trip, state): counts[state] for trip, counts in self._seats.items() for state in STATES}

    async def run(self) -> None:
        """Read them all, again and again, until cancelled. A trip that cannot be read has no seats meanwhile."""
        while True:
            for trip in self._trips:
                try:
                    self._seats[trip] = await self._counted(trip)
                except Refusal as refusal:
                    self._seats.pop(trip, None)
                    if self._waits.heard(f"watch trip {trip.trip} of {trip.organization}", refusal):
                        continue
                    if self._log_throttle.may_log((trip, refusal.reason)):
                        log.warning(
                            "the seats of trip %s of %s are not known: %s",
                            trip.trip,
                            trip.organization,
                            refusal,
                            extra={"trip": trip.trip},
                        )
            await anyio.sleep(self._every_s)

    async def _counted(self, trip: TripKey) -> Counter[str]:
        house = house_of(trip.organization)
        route = (await self._inventory.read_trips.one(house, TripId(trip.trip))).trip.segments
        ends = Ends(route[0].origin, route[-1].destination, 0, len(route) - 1)
        seat_map = await self._inventory.read_seat_map(house, SeatMapQuery(trip_id=trip.trip, ends=ends))
        return await off_loop(len(seat_map.trip.seats), _count, seat_map)


def _count(seat_map: SeatMap) -> Counter[str]:
    counts: Counter[str] = Counter()
    for summary in summaries(seat_map):
        for state in STATES:
            counts[state] += getattr(summary, state)
    return counts
