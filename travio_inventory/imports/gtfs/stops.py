"""From the stop_times of one trip to its stops: in order, with every time, a stop twice in a row merged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import NamedTuple

from travio_inventory.imports.gtfs.clock import is_whole, seconds_of


class StopTime(NamedTuple):
    """A row of stop_times.txt as it is written."""

    sequence: str
    stop: str
    arrives: str
    departs: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of a trip; times in seconds of the service's day, None between two that are known."""

    station: str
    arrives_s: int | None
    departs_s: int | None


class Route(NamedTuple):
    """The stops of a trip in order of travel, and what was done to them, for people."""

    stops: tuple[Stop, ...]
    notes: tuple[str, ...]


class NotATrip(ValueError):
    """These stop_times are no trip that can be opened; the message says why."""


def route_of(rows: Sequence[StopTime], stations: Mapping[str, str]) -> Route:
    """The stops of the rows of one trip, in whichever order they come; `stations` has the station of each stop of the
    feed. Raises NotATrip.
    """
    stops = [_stop(row, stations) for row in _in_order(rows)]
    if len(stops) > 1 and (stops[0].departs_s is None or stops[-1].arrives_s is None):
        raise NotATrip("its first or last stop has no time")
    timed = list(_interpolated(stops))
    merged = list(_merged(timed))
    if len(merged) == 1:
        raise NotATrip("has one stop only")
    return Route(tuple(merged), tuple(_notes(stops, merged)))


def _in_order(rows: Sequence[StopTime]) -> list[StopTime]:
    for row in rows:
        if not is_whole(row.sequence):
            raise NotATrip(f"stop_sequence must be a whole number, not {row.sequence[:20]!r}")
    ordered = sorted(rows, key=lambda row: int(row.sequence))
    for before, row in pairwise(ordered):
        if int(before.sequence) == int(row.sequence):
            raise NotATrip(f"stop_sequence {row.sequence} is there twice")
    return ordered


def _stop(row: StopTime, stations: Mapping[str, str]) -> Stop:
    """A stop with one of its two times has it for both."""
    if not row.stop:
        raise NotATrip(f"stop_sequence {row.sequence} has no stop_id: an area is no station")
    if row.stop not in stations:
        raise NotATrip(f"stops.txt has no stop {row.stop!r}")
    try:
        arrives_s, departs_s = (seconds_of(said) if said else None for said in (row.arrives, row.departs))
    except ValueError as wrong:
        raise NotATrip(f"stop_sequence {row.sequence}: {wrong}") from None
    return Stop(
        station=stations[row.stop],
        arrives_s=departs_s if arrives_s is None else arrives_s,
        departs_s=arrives_s if departs_s is None else departs_s,
    )


def _interpolated(stops: Sequence[Stop]) -> Iterator[Stop]:
    """The stops, those without times spread evenly between the stops around them that have times."""
    timed = [at for at, stop in enumerate(stops) if stop.departs_s is not None]
    for before, after in pairwise(timed):
        yield stops[before]
        from_s, to_s = stops[before].departs_s or 0, stops[after].arrives_s or 0
        for at in range(before + 1, after):
            moment_s = from_s + (to_s - from_s) * (at - before) // (after - before)
            yield replace(stops[at], arrives_s=moment_s, departs_s=moment_s)
    yield stops[-1]


def _merged(stops: Sequence[Stop]) -> Iterator[Stop]:
    """A stop twice in a row is one, from its first arrival to its last departure."""
    for _, same in groupby(stops, key=lambda stop: stop.station):
        visits = list(same)
        yield replace(visits[0], departs_s=visits[-1].departs_s)


def _notes(stops: Sequence[Stop], merged: Sequence[Stop]) -> Iterator[str]:
    untimed = sum(stop.departs_s is None for stop in stops)
    if untimed:
        yield f"interpolated times of {untimed} of {len(stops)} stops"
    repeated = [before.station for before, stop in pairwise(stops) if before.station == stop.station]
    if repeated:
        yield f"merged stops twice in a row: {_listed(dict.fromkeys(repeated))}"
    visits: dict[str, list[int]] = {}
    for at, stop in enumerate(merged):
        visits.setdefault(stop.station, []).append(at)
    for station, places in visits.items():
        if len(places) > 1:
            yield f"{station} is visited {len(places)} times: {_segments(places, len(merged) - 1)}"


def _segments(places: Sequence[int], count: int) -> str:
    """Which segments begin and end at the places, numbered as `--segments` names them."""
    begun = [at for at in places if at < count]
    ended = [at - 1 for at in places if at > 0]
    return f"begins {_numbered(begun)}, ends {_numbered(ended)}"


def _numbered(segments: Sequence[int]) -> str:
    return f"{'segments' if len(segments) > 1 else 'segment'} {_listed(map(str, segments))}"


def _listed(words: Iterable[str]) -> str:
    """The words as a sentence lists them."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
