"""The trips of a feed that run on a date, with their stops, or the reason why one cannot be opened.

stop_times.txt is read once and row by row; kept are only the rows of the date's trips.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from sys import intern
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.gtfs import frequencies
from travio_inventory.imports.gtfs.feed import Feed
from travio_inventory.imports.gtfs.frequencies import DEPARTURES_MAX, Departure, Repeated, departures_of
from travio_inventory.imports.gtfs.services import services_on
from travio_inventory.imports.gtfs.stops import NotATrip, Route, StopTime, route_of
from travio_inventory.kernel.limits import NAME_BYTES_MAX

STOP_TIMES_MAX = 1_000
"""So many rows of one trip are kept; a trip with more has more stops than any limit allows."""


@dataclass
class TimetabledTrip:
    """A trip as the feed has it."""

    id: str
    route: str
    headsign: str
    zone: tzinfo
    stop_times: list[StopTime] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    fault: str = ""

    def departures(self) -> Sequence[Departure | None]:
        """Its departures; None for its own, of a trip that nothing repeats. Raises NotATrip."""
        return departures_of(self.repeated) if self.repeated else [None]

    def stops(self, stations: Mapping[str, str]) -> Route:
        """Its stops. Raises NotATrip."""
        if self.fault:
            raise NotATrip(self.fault)
        if not self.stop_times:
            raise NotATrip("has no stop_times")
        if len(self.stop_times) > STOP_TIMES_MAX:
            raise NotATrip(f"has more than {STOP_TIMES_MAX} stop_times")
        return route_of(self.stop_times, stations)


@dataclass(frozen=True)
class Timetable:
    """The trips that run on a date, in the feed's order; what was left out, by how many trips."""

    date: date
    trips: tuple[TimetabledTrip, ...]
    stations: Mapping[str, str]
    """The station of each stop: the stop itself, or its parent station."""
    station_names: Mapping[str, str]
    """What people call each station; a name that no trip can have is left out."""
    not_running: int
    other_routes: int


def read_timetable(
    feed: Feed, day: date, routes: Collection[str] = (), *, by_parent_station: bool = False
) -> Timetable:
    """The date's trips, of these routes if any are named. Raises WrongFile, which names file and line."""
    zones = _zones_of_routes(feed)
    for route in routes:
        if route not in zones:
            raise WrongFile(f"{feed.path}: routes.txt has no route {route!r}")
    services = services_on(feed, day)
    trips: dict[str, TimetabledTrip] = {}
    left_out = {"services": 0, "routes": 0}
    for _, (route, service, trip, headsign) in _trip_rows(feed):
        if service not in services:
            left_out["services"] += 1
        elif routes and route not in routes:
            left_out["routes"] += 1
        elif trip in trips:
            trips[trip].fault = "trips.txt has it twice"
        else:
            found = zones.get(route, f"routes.txt has no route {route!r}")
            zone, fault = (UTC, found) if isinstance(found, str) else (found, "")
            trips[trip] = TimetabledTrip(trip, route, headsign, zone, fault=fault)
    _add_stop_times(feed, trips)
    _add_frequencies(feed, trips)
    stations = _stations(feed, by_parent=by_parent_station)
    names = dict(_station_names(feed))
    return Timetable(day, tuple(trips.values()), stations, names, left_out["services"], left_out["routes"])


def _trip_rows(feed: Feed) -> Iterator[tuple[int, tuple[str, ...]]]:
    return feed.rows("trips.txt", ("route_id", "service_id", "trip_id"), ("trip_headsign",))


def _stations(feed: Feed, *, by_parent: bool) -> dict[str, str]:
    stops = feed.rows("stops.txt", ("stop_id",), ("parent_station",))
    return {stop: (parent if by_parent else "") or stop for _, (stop, parent) in stops}


def _station_names(feed: Feed) -> Iterator[tuple[str, str]]:
    for _, (stop, name) in feed.rows("stops.txt", ("stop_id",), ("stop_name",)):
        if name.isprintable() and 0 < len(name.encode()) <= NAME_BYTES_MAX:
            yield stop, name


def _add_stop_times(feed: Feed, trips: dict[str, TimetabledTrip]) -> None:
    required, optional = ("trip_id", "stop_sequence"), ("stop_id", "arrival_time", "departure_time")
    for _, (trip, sequence, stop, arrives, departs) in feed.rows("stop_times.txt", required, optional):
        found = trips.get(trip)
        if found is not None and len(found.stop_times) <= STOP_TIMES_MAX:
            found.stop_times.append(StopTime(intern(sequence), intern(stop), intern(arrives), intern(departs)))


def _add_frequencies(feed: Feed, trips: dict[str, TimetabledTrip]) -> None:
    if feed.has("frequencies.txt"):
        for _, (trip, *row) in feed.rows("frequencies.txt", frequencies.COLUMNS, ("exact_times",)):
            if trip in trips and len(trips[trip].repeated) <= DEPARTURES_MAX:
                trips[trip].repeated.append(Repeated(*row))


def _zones_of_routes(feed: Feed) -> dict[str, ZoneInfo | str]:
    """The time zone of each route's agency, or why it has none; a feed with one agency need not say which."""
    zones: dict[str, ZoneInfo] = {}
    for line, (zone, agency) in feed.rows("agency.txt", ("agency_timezone",), ("agency_id",)):
        zones[agency] = _zone(feed, line, zone)
    if not zones:
        raise WrongFile(f"{feed.path}: agency.txt: has no agency")
    only = next(iter(zones.values())) if len(zones) == 1 else None
    routes = feed.rows("routes.txt", ("route_id",), ("agency_id",))
    return {
        route: zones.get(agency, only) or f"routes.txt: line {line}: agency.txt has no agency {agency!r}"
        for line, (route, agency) in routes
    }


def _zone(feed: Feed, line: int, said: str) -> ZoneInfo:
    try:
        return ZoneInfo(said)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise feed.wrong("agency.txt", line, f"this machine knows no time zone {said!r}") from None
