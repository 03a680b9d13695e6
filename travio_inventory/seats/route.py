"""The route of a trip: its segments with their times, and what its stations are called."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import Violation


class Direction(StrEnum):
    """Which end of the vehicle is ahead."""

    UNSPECIFIED = ""
    FIRST_ROW_AHEAD = "first row"
    """The first row of the first section."""
    LAST_ROW_AHEAD = "last row"
    """The last row of the last section."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The stretch between two neighbouring stops; times in Unix seconds, 0 if unknown."""

    origin: str
    destination: str
    departs_at_s: int = 0
    arrives_at_s: int = 0
    direction: Direction = Direction.UNSPECIFIED


class StationName(NamedTuple):
    """What people call a station."""

    station: str
    name: str


def rides(starts: Sequence[int], lasts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each run of segments that begins with one of `starts` and ends with one of `lasts`, both in order: first those to
    the nearest end from each start, then the longer ones.
    """
    nearest = [(first, bisect_left(lasts, first)) for first in starts]
    yield from ((first, lasts[at]) for first, at in nearest if at < len(lasts))
    yield from ((first, last) for first, at in nearest for last in lasts[at + 1 :])


def more_than_one(
    origin: str, destination: str, first: tuple[int, int], others: Sequence[tuple[int, int]], *, is_all: bool
) -> Violation:
    """What is said of a journey that its stations alone do not name; of the first rides that fit, or of all."""
    said = ", or ".join(f"{each[0]} to {each[1]}" for each in others)
    return Violation(
        "from_segment_index",
        f"more than one journey goes from {origin!r} to {destination!r}: "
        f"from_segment_index {first[0]} to_segment_index {first[1]}, or {said}{'' if is_all else ', or others'}",
    )


def not_a_stop(end: str, station: str, segment: int | None) -> Violation:
    """What is said of a station, or of a segment, where no journey begins (`end` is "from") or ends ("to")."""
    does = {"from": "begin", "to": "end"}[end]
    if segment is None:
        return Violation(f"{end}_station_id", f"no journey of this trip {does}s at {station!r}")
    said = f"segment {segment} of this trip does not {does} at {station!r}"
    return Violation(f"{end}_segment_index", said)


def not_named(segments: int) -> list[Violation]:
    """What is said of a journey without ends on a trip of several segments."""
    said = f"must be named: this trip has {segments} segments"
    return [Violation("from_station_id", said), Violation("to_station_id", said)]


def positions_by(stations: Iterable[str]) -> dict[str, list[int]]:
    """Where each station is among these."""
    positions: dict[str, list[int]] = {}
    for at, station in enumerate(stations):
        positions.setdefault(station, []).append(at)
    return positions


def check_route(found: Faults, segments: Sequence[Segment], names: Sequence[StationName]) -> None:
    """Each field by itself."""
    if found.count("segments", segments, 1, limits.SEGMENTS_MAX):
        for index, segment in enumerate(segments):
            _check_segment(found.at(f"segments[{index}]."), segment)
    if found.count("station_names", names, 0, limits.SEGMENTS_MAX + 1):
        for station, name in names:
            found.text(f"station_names[{station}]", name, limits.NAME_BYTES_MAX, required=True)


def route_violations(segments: Sequence[Segment], names: Sequence[StationName]) -> Iterator[Violation]:
    """What contradicts itself."""
    yield from _segment_violations(segments)
    yield from _time_violations(segments)
    named = {station for station, _ in names}
    stations = {segment.origin for segment in segments} | {segment.destination for segment in segments}
    if len(named) < len(names) or not named <= stations:
        yield Violation("station_names", "must name stations of this trip, each once")


def _segment_violations(segments: Sequence[Segment]) -> Iterator[Violation]:
    previous: Segment | None = None
    for index, segment in enumerate(segments):
        if segment.origin == segment.destination:
            yield Violation(f"segments[{index}]", "starts and ends at the same station")
        if previous is not None and previous.destination != segment.origin:
            yield Violation(f"segments[{index}].from_station_id", "is not where the segment before ends")
        previous = segment


def _time_violations(segments: Sequence[Segment]) -> Iterator[Violation]:
    """Along the route known times never decrease."""
    before_s, before = 0, ""
    for index, segment in enumerate(segments):
        for name, event, at_s in (
            ("departure_time", f"the departure from {segment.origin!r}", segment.departs_at_s),
            ("arrival_time", f"the arrival at {segment.destination!r}", segment.arrives_at_s),
        ):
            if at_s and before and at_s < before_s:
                yield Violation(f"segments[{index}].{name}", f"{event} is before {before}")
            if at_s:
                before_s, before = at_s, event


def _check_segment(found: Faults, segment: Segment) -> None:
    found.id("from_station_id", segment.origin)
    found.id("to_station_id", segment.destination)
    found.number("departure_time", segment.departs_at_s, 0, limits.TIME_S_MAX)
    found.number("arrival_time", segment.arrives_at_s, 0, limits.TIME_S_MAX)
