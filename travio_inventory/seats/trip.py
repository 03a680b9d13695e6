"""A trip: stops, segments, seats in layout order, and the seat groups that divide them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field, fields
from functools import cached_property
from json import dumps, loads
from typing import NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.refusals import InvalidJourney, InvalidSeats, InvalidTrip

OUR_CHOICE = 0
"""Seats per seat group: chosen by the service."""
ALL_IN_ONE_GROUP = -1
"""Seats per seat group: all of them, up to the limit of a seat group."""

_CURRENCY = re.compile("[A-Z]{3}|")


class TripKey(NamedTuple):
    """Names a trip: the organization that runs it and the organization's own id for it."""

    organization: str
    trip: str


class Journey(NamedTuple):
    """A run of consecutive segments, `first` to `last`, both included, numbered from 0."""

    first: int
    last: int

    @property
    def segments(self) -> range:
        """The numbers of the journey's segments, in order of travel."""
        return range(self.first, self.last + 1)


class Ends(NamedTuple):
    """How a caller names a journey: by stations, and by segments if a loop route is ambiguous."""

    origin: str
    destination: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """The stretch between two neighbouring stops; times in Unix seconds, 0 if unknown."""

    origin: str
    destination: str
    departs_at_s: int = 0
    arrives_at_s: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat as it is sold and drawn; the price is in minor units of the trip's currency."""

    id: str
    number: str
    row: int
    column: int
    seat_class: str = ""
    seat_type: str = ""
    price_minor: int = 0
    is_accessible: bool = False
    has_power: bool = False
    is_exit_row: bool = False


@dataclass(frozen=True)
class Trip:
    """The definition of a trip. Seats are kept in layout order: by row, column, id. With OUR_CHOICE or ALL_IN_ONE_GROUP
    for `seats_per_group` the number is chosen here; `seats_per_group_asked` keeps what was requested.

    Raises InvalidRequest, which names every wrong field, and InvalidTrip if only their combination is wrong; neither
    for a stored definition, whatever the limits were then.
    """

    key: TripKey
    segments: tuple[Segment, ...]
    seats: tuple[Seat, ...]
    seats_per_group: int = OUR_CHOICE
    vehicle: str = ""
    vehicle_type: str = ""
    currency: str = ""
    is_stored: InitVar[bool] = False
    seats_per_group_asked: int = field(init=False, repr=False, compare=False)
    _positions: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self, is_stored: bool) -> None:
        if not is_stored:
            _check_fields(self)
        ordered = tuple(sorted(self.seats, key=lambda seat: (seat.row, seat.column, seat.id)))
        object.__setattr__(self, "seats", ordered)
        object.__setattr__(self, "_positions", {seat.id: position for position, seat in enumerate(ordered)})
        object.__setattr__(self, "seats_per_group_asked", self.seats_per_group)
        if self.seats_per_group == OUR_CHOICE:
            chosen = min(limits.SEATS_PER_GROUP_DEFAULT, _seats_per_group_max(self))
            object.__setattr__(self, "seats_per_group", chosen)
        if self.seats_per_group == ALL_IN_ONE_GROUP:
            object.__setattr__(self, "seats_per_group", max(1, min(len(ordered), _seats_per_group_max(self))))
        violations = [] if is_stored else list(_violations(self))
        if violations:
            raise InvalidTrip(violations)

    @cached_property
    def stops(self) -> tuple[str, ...]:
        """The stations in order of travel; a loop route names one twice."""
        return (self.segments[0].origin, *(segment.destination for segment in self.segments))

    def asks_for(self, standing: "Trip") -> bool:
        """Whether the stored definition is what this one requests: equal, or with other seat groups if their size was
        left to the service.
        """
        names = [field.name for field in fields(self) if field.compare]
        if self.seats_per_group_asked in (OUR_CHOICE, ALL_IN_ONE_GROUP):
            names.remove("seats_per_group")
        return _values(self, names) == _values(standing, names)

    @cached_property
    def seat_classes(self) -> frozenset[str]:
        """The classes that the trip's seats have."""
        return frozenset(seat.seat_class for seat in self.seats)

    @cached_property
    def group_count(self) -> int:
        """The number of seat groups; at least 1."""
        return -(-len(self.seats) // self.seats_per_group)

    @cached_property
    def definition(self) -> str:
        """The definition as JSON; `read_definition` reads it back."""
        plain = {
            "organization": self.key.organization,
            "trip": self.key.trip,
            "segments": [_values(segment, _SEGMENT_FIELDS) for segment in self.segments],
            "seats": [_values(seat, _SEAT_FIELDS) for seat in self.seats],
            "seats_per_group": self.seats_per_group,
            "vehicle": self.vehicle,
            "vehicle_type": self.vehicle_type,
            "currency": self.currency,
        }
        return dumps(plain, separators=(",", ":"))

    def has_seat(self, seat_id: str) -> bool:
        """Whether the trip has a seat with that id."""
        return seat_id in self._positions

    def seat(self, seat_id: str) -> Seat:
        """The seat with that id. Raises KeyError if the trip has none."""
        return self.seats[self._positions[seat_id]]

    def prices_of(self, seat_ids: Iterable[str]) -> tuple[int, ...]:
        """What each of these seats costs, in minor units. Raises KeyError if the trip has not one of them."""
        seats, positions = self.seats, self._positions
        return tuple([seats[positions[seat_id]].price_minor for seat_id in seat_ids])

    def group_of(self, seat_id: str) -> int:
        """The seat group that the seat's cells are in. Raises KeyError for a seat of another trip."""
        return self._positions[seat_id] // self.seats_per_group

    def seats_in(self, group: int) -> tuple[Seat, ...]:
        """The seats of one seat group, in layout order."""
        return self.seats[group * self.seats_per_group : (group + 1) * self.seats_per_group]

    def in_layout_order(self, seat_ids: Sequence[str]) -> tuple[str, ...]:
        """The requested seats in layout order. Raises InvalidSeats for repeated or unknown ones."""
        unknown = [seat_id for seat_id in seat_ids if seat_id not in self._positions]
        if unknown:
            raise InvalidSeats([Violation("seat_ids", f"this trip has no seat {unknown[0]!r}")])
        if repeated := first_repeated(seat_ids):
            raise InvalidSeats([Violation("seat_ids", f"seat {repeated!r} is named twice")])
        return tuple(sorted(seat_ids, key=self._positions.__getitem__))

    def journey(self, ends: Ends) -> Journey:
        """The segments from the origin to the destination.

        On a loop route a station occurs more than once: the journey starts at the first origin with a later
        destination, and ends at the nearest one; `first` and `last` name the segments if stations are not enough.
        Raises InvalidJourney, which names the field.
        """
        journey = self._journeys.get(ends)
        if journey is None:
            journey = self._journeys[ends] = self._find_journey(ends)
        return journey

    @cached_property
    def _journeys(self) -> dict[Ends, Journey]:
        """The journeys that were requested: at most a few thousand."""
        return {}

    def _find_journey(self, ends: Ends) -> Journey:
        starts = [at for at in self._starts.get(ends.origin, ()) if ends.first in (None, at)]
        if not starts:
            raise InvalidJourney([_not_a_stop("from", ends.origin, ends.first)])
        lasts = [at for at in self._lasts.get(ends.destination, ()) if ends.last in (None, at)]
        if not lasts:
            raise InvalidJourney([_not_a_stop("to", ends.destination, ends.last)])
        for first in starts:
            for last in lasts:
                if last >= first:
                    return Journey(first, last)
        said = f"{ends.destination!r} does not come after {ends.origin!r} on this trip"
        raise InvalidJourney([Violation("to_station_id", said)])

    @cached_property
    def _starts(self) -> dict[str, list[int]]:
        """The segments that begin at each station."""
        return _positions_by(segment.origin for segment in self.segments)

    @cached_property
    def _lasts(self) -> dict[str, list[int]]:
        """The segments that end at each station."""
        return _positions_by(segment.destination for segment in self.segments)


def read_definition(definition: str) -> Trip:
    """The trip with this `definition`; fields that an earlier release did not write have their defaults."""
    values = loads(definition)
    key = TripKey(values.pop("organization"), values.pop("trip"))
    segments = tuple(Segment(*segment) for segment in values.pop("segments"))
    seats = tuple(Seat(*seat) for seat in values.pop("seats"))
    return Trip(key=key, segments=segments, seats=seats, is_stored=True, **values)


_SEGMENT_FIELDS = tuple(field.name for field in fields(Segment))
_BEGINS_OR_ENDS = {"from": "begins", "to": "ends"}
_SEAT_FIELDS = tuple(field.name for field in fields(Seat))


def _values(of: object, names: Iterable[str]) -> list[object]:
    return [getattr(of, name) for name in names]


def _positions_by(stations: Iterable[str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for at, station in enumerate(stations):
        positions.setdefault(station, []).append(at)
    return positions


def first_repeated(seat_ids: Iterable[str]) -> str | None:
    """The first seat that is named twice, None if none is."""
    return next((seat_id for seat_id, times in Counter(seat_ids).items() if times > 1), None)


def _not_a_stop(end: str, station: str, segment: int | None) -> Violation:
    if segment is None:
        return Violation(f"{end}_station_id", f"no journey of this trip {_BEGINS_OR_ENDS[end]} at {station!r}")
    return Violation(
        f"{end}_segment_index", f"segment {segment} of this trip is none that {_BEGINS_OR_ENDS[end]} at {station!r}"
    )


def _check_fields(trip: Trip) -> None:
    """Each field by itself, the seats in the order in which they were given. Raises InvalidRequest."""
    found = Faults()
    found.id("organization_id", trip.key.organization)
    found.id("trip_id", trip.key.trip)
    if found.count("segments", trip.segments, 1, limits.SEGMENTS_MAX):
        for index, segment in enumerate(trip.segments):
            _check_segment(found.at(f"segments[{index}]."), segment)
    if found.count("seat_config.seats", trip.seats, 1, limits.SEATS_MAX):
        for index, seat in enumerate(trip.seats):
            _check_seat(found.at(f"seat_config.seats[{index}]."), seat)
    found.number("seats_per_group", trip.seats_per_group, ALL_IN_ONE_GROUP, limits.SEATS_MAX)
    if not _CURRENCY.fullmatch(trip.currency):
        found.wrong("currency", "must be three capital letters (ISO 4217) or empty")
    found.text("vehicle_id", trip.vehicle)
    found.text("vehicle_type", trip.vehicle_type)
    found.finish()


def _check_segment(found: Faults, segment: Segment) -> None:
    found.id("from_station_id", segment.origin)
    found.id("to_station_id", segment.destination)
    found.number("departure_time", segment.departs_at_s, 0, limits.TIME_S_MAX)
    found.number("arrival_time", segment.arrives_at_s, 0, limits.TIME_S_MAX)


def _check_seat(found: Faults, seat: Seat) -> None:
    found.id("seat_id", seat.id)
    found.text("seat_number", seat.number)
    found.number("row", seat.row, 0, limits.ROW_MAX)
    found.number("column", seat.column, 0, limits.ROW_MAX)
    found.id("seat_class", seat.seat_class, required=False)
    found.text("seat_type", seat.seat_type)
    found.number("price_paisa", seat.price_minor, 0, limits.PRICE_MINOR_MAX)


def _violations(trip: Trip) -> Iterable[Violation]:
    yield from _segment_violations(trip)
    yield from _seat_violations(trip)
    most = _seats_per_group_max(trip)
    if min(trip.seats_per_group, len(trip.seats)) > most:
        said = f"must be at most {most}: a seat group has at most {limits.CELLS_PER_GROUP_MAX} cells (seats x segments)"
        yield Violation("seats_per_group", said)
    if len(trip.seats) * len(trip.segments) > limits.CELLS_MAX:
        cells = len(trip.seats) * len(trip.segments)
        yield Violation("seat_config", f"seats times segments is {cells}; at most {limits.CELLS_MAX} cells a trip")


def _seats_per_group_max(trip: Trip) -> int:
    return limits.CELLS_PER_GROUP_MAX // max(1, len(trip.segments))


def _segment_violations(trip: Trip) -> Iterable[Violation]:
    previous: Segment | None = None
    for index, segment in enumerate(trip.segments):
        if segment.origin == segment.destination:
            yield Violation(f"segments[{index}]", "starts and ends at the same station")
        if previous is not None and previous.destination != segment.origin:
            yield Violation(f"segments[{index}].from_station_id", "is not where the segment before ends")
        previous = segment
    yield from _time_violations(trip.segments)


def _time_violations(segments: Sequence[Segment]) -> Iterable[Violation]:
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


def _seat_violations(trip: Trip) -> Iterable[Violation]:
    if len(trip._positions) != len(trip.seats):
        counts = Counter(seat.id for seat in trip.seats)
        yield Violation("seat_config.seats", f"seat {counts.most_common(1)[0][0]!r} is defined twice")
