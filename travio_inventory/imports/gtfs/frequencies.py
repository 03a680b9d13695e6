"""Trips that frequencies.txt repeats: each departure is a trip of its own, with the times between stops of the one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from travio_inventory.imports.gtfs.clock import clock_of, is_whole, seconds_of
from travio_inventory.imports.gtfs.stops import NotATrip, Stop

COLUMNS = ("trip_id", "start_time", "end_time", "headway_secs")
DEPARTURES_MAX = 1_500
"""Of one trip on one date: more than one a minute."""


class Repeated(NamedTuple):
    """A row of frequencies.txt about a trip, as it is written."""

    starts: str
    ends: str
    headway: str
    exact: str


class Departure(NamedTuple):
    """When a repeated trip leaves its first stop, in seconds of the service's day."""

    at_s: int
    headway_s: int
    is_exact: bool

    @property
    def named(self) -> str:
        """As GTFS names it, by which the trip differs from the others: "08:00:00"."""
        return clock_of(self.at_s)

    @property
    def note(self) -> str:
        """What people are told of it."""
        return f"every {self.headway_s} s" if self.is_exact else f"about every {self.headway_s} s, not to the minute"


def departures_of(rows: Sequence[Repeated]) -> list[Departure]:
    """The departures that the rows of a trip say, by time: from each start on, before the end. Raises NotATrip."""
    found: dict[int, Departure] = {}
    for row in rows:
        first, end_s = _departure(row), _seconds("end_time", row.ends)
        times = range(first.at_s, end_s, first.headway_s)
        if len(found) + len(times) > DEPARTURES_MAX:
            raise NotATrip(f"frequencies.txt has more than {DEPARTURES_MAX} departures of it")
        if not times:
            raise NotATrip(f"frequencies.txt: end_time {row.ends} is not after start_time {row.starts}")
        if twice := found.keys() & set(times):
            raise NotATrip(f"frequencies.txt has its departure {clock_of(min(twice))} twice")
        found |= {at_s: first._replace(at_s=at_s) for at_s in times}
    return sorted(found.values())


def leaving(stops: Sequence[Stop], departure: Departure) -> tuple[Stop, ...]:
    """The stops, all times moved so that the first stop is left at the departure."""
    later_s = departure.at_s - (stops[0].departs_s or 0)
    return tuple(
        replace(stop, arrives_s=(stop.arrives_s or 0) + later_s, departs_s=(stop.departs_s or 0) + later_s)
        for stop in stops
    )


def _departure(row: Repeated) -> Departure:
    """The first one of a row."""
    if not (is_whole(row.headway) and int(row.headway)):
        raise NotATrip(f"frequencies.txt: headway_secs must be a whole number from 1 on, not {row.headway[:20]!r}")
    if row.exact not in ("", "0", "1"):
        raise NotATrip(f"frequencies.txt: exact_times must be 0 or 1, not {row.exact!r}")
    return Departure(_seconds("start_time", row.starts), int(row.headway), row.exact == "1")


def _seconds(field: str, said: str) -> int:
    try:
        return seconds_of(said)
    except ValueError as wrong:
        raise NotATrip(f"frequencies.txt: {field}: {wrong}") from None
