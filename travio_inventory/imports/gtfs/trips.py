"""The trips to open: those of a timetable with the seats of a plan, each checked against the limits of a trip."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from travio_inventory.imports.gtfs.clock import day_begins_s
from travio_inventory.imports.gtfs.frequencies import Departure, leaving
from travio_inventory.imports.gtfs.stops import NotATrip, Stop
from travio_inventory.imports.gtfs.timetable import Timetable, TimetabledTrip
from travio_inventory.imports.seat_plans import SeatPlan, StoredSeats
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.route import Segment, StationName
from travio_inventory.seats.seat_plan import TripOnPlan
from travio_inventory.seats.trip import Trip, TripKey


@dataclass(frozen=True)
class PlannedTrip:
    """A trip of the feed under the id it is opened with; `trip` is None if it cannot be opened, for `reason`."""

    id: str
    route: str
    headsign: str
    zone: tzinfo
    trip: Trip | TripOnPlan | None
    notes: tuple[str, ...] = ()
    reason: str = ""


def plan_trips(timetable: Timetable, plan: SeatPlan | StoredSeats, organization: str) -> Iterator[PlannedTrip]:
    """Each trip of the timetable, made one by one. A trip runs on many dates, so its id here ends with the date, and
    with the time of departure if frequencies.txt repeats it.
    """
    for each in timetable.trips:
        key = TripKey(organization, f"{each.id}@{timetable.date.isoformat()}")
        try:
            departures = each.departures()
        except NotATrip as fault:
            yield _left_out(each, key, fault)
            continue
        for departure in departures:
            own = key._replace(trip=f"{key.trip}T{departure.named}") if departure else key
            yield _planned(each, departure, timetable, plan, own)


def _planned(
    each: TimetabledTrip,
    departure: Departure | None,
    timetable: Timetable,
    plan: SeatPlan | StoredSeats,
    key: TripKey,
) -> PlannedTrip:
    try:
        stops, notes = each.stops(timetable.stations)
        if departure:
            stops, notes = leaving(stops, departure), (*notes, departure.note)
        names = {stop.station: timetable.station_names.get(stop.station, "") for stop in stops}
        trip = plan.trip(
            key,
            _segments(stops, day_begins_s(timetable.date, each.zone)),
            time_zone=each.zone.key if isinstance(each.zone, ZoneInfo) else "",
            station_names=tuple(StationName(*name) for name in names.items() if name[1]),
        )
    except (NotATrip, InvalidRequest) as fault:
        return _left_out(each, key, fault)
    return PlannedTrip(key.trip, each.route, each.headsign, each.zone, trip, notes)


def _left_out(each: TimetabledTrip, key: TripKey, fault: Exception) -> PlannedTrip:
    return PlannedTrip(key.trip, each.route, each.headsign, each.zone, None, reason=str(fault))


def _segments(stops: Sequence[Stop], begins_s: int) -> tuple[Segment, ...]:
    return tuple(
        Segment(before.station, after.station, begins_s + (before.departs_s or 0), begins_s + (after.arrives_s or 0))
        for before, after in pairwise(stops)
    )
