"""A trip: stops, segments, seats in layout order, and the seat groups that divide them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from itertools import islice
from json import dumps, loads
from typing import Any, NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.garbage import free_gradually, leave_to_counting
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.definition import read_seats, read_segment, write_each
from travio_inventory.seats.former import FormerSeats, FormerVehicle, split_vehicles, write_vehicles
from travio_inventory.seats.layout import (
    Feature,
    Seat,
    Section,
    check_layout,
    features_in_order,
    first_repeated,
    in_layout_order,
    layout_violations,
    no_section,
    ranges_of_sections,
)
from travio_inventory.seats.refusals import InvalidJourney, InvalidSeats, InvalidTrip
from travio_inventory.seats.route import (
    Segment,
    StationName,
    check_route,
    more_than_one,
    not_a_stop,
    not_named,
    positions_by,
    rides,
    route_violations,
)

OUR_CHOICE = 0
"""Seats per seat group: chosen by the service."""
ALL_IN_ONE_GROUP = -1
"""Seats per seat group: all of them, up to the limit of a seat group."""

CANDIDATES_MAX = 8
"""How many journeys are named if more than one fits."""

_CURRENCY = re.compile("[A-Z]{3}|")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+/-]{0,64}", re.ASCII)


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


WHOLE = Ends("", "")
"""All of a trip of one segment."""


class Ambiguous(StrEnum):
    """What becomes of a journey if its stations fit more than one."""

    REFUSE = "refuse"
    NEAREST = "nearest"
    """It begins at the first origin with a later destination, and ends at the nearest one."""


@dataclass(frozen=True)
class Trip:
    """The definition of a trip. Seats are kept in layout order: by section, row, column, id. With OUR_CHOICE or
    ALL_IN_ONE_GROUP for `seats_per_group` the number is chosen here; `seats_per_group_asked` keeps what was requested.
    `former` are the vehicles that it had before, whose seat groups come first.

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
    sections: tuple[Section, ...] = ()
    features: tuple[Feature, ...] = ()
    time_zone: str = ""
    station_names: tuple[StationName, ...] = ()
    former: tuple[FormerVehicle, ...] = ()
    is_stored: InitVar[bool] = False
    seats_per_group_asked: int = field(init=False, repr=False, compare=False)
    seat_classes: frozenset[str] = field(init=False, repr=False, compare=False)
    """The classes that the trip's seats have."""
    before: FormerSeats = field(init=False, repr=False, compare=False)
    """The seats that it has no more."""
    _positions: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self, is_stored: bool) -> None:
        if not is_stored:
            _check_fields(self)
        ordered = in_layout_order(self.seats, self.sections)
        leave_to_counting(ordered)
        free_gradually(self, ordered)
        object.__setattr__(self, "seats", ordered)
        object.__setattr__(self, "seat_classes", frozenset([seat.seat_class for seat in ordered]))
        object.__setattr__(self, "before", FormerSeats(self.former))
        object.__setattr__(self, "features", features_in_order(self.features, self.sections))
        object.__setattr__(self, "station_names", tuple(sorted(self.station_names)))
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
        names = [field.name for field in fields(self) if field.compare and field.name != "former"]
        if self.seats_per_group_asked in (OUR_CHOICE, ALL_IN_ONE_GROUP):
            names.remove("seats_per_group")
        return all(getattr(self, name) == getattr(standing, name) for name in names)

    @cached_property
    def section_ranges(self) -> Mapping[str, range]:
        """The places in layout order of each section's seats."""
        return ranges_of_sections(self.seats, self.sections)

    def places_in(self, section: str) -> range:
        """The places in layout order of a section's seats, of all seats for "". Raises InvalidRequest for a section
        that the trip does not have.
        """
        if not section:
            return range(len(self.seats))
        if section not in self.section_ranges and all(section != each.id for each in self.sections):
            raise InvalidRequest([Violation("section_id", f"this trip has {no_section(section, self.sections)}")])
        return self.section_ranges.get(section, range(0))

    def groups_of(self, places: range) -> range:
        """The seat groups that have the seats at these places."""
        size, first = self.seats_per_group, self.first_group
        return range(first + places.start // size, first - (-places.stop // size)) if places else range(0)

    @cached_property
    def first_group(self) -> int:
        """The first seat group of the present vehicle."""
        return len(self.before.groups)

    @property
    def groups(self) -> range:
        """The seat groups of the present vehicle."""
        return range(self.first_group, self.group_count)

    @cached_property
    def group_count(self) -> int:
        """The number of seat groups that it ever had; at least 1."""
        return self.first_group - (-len(self.seats) // self.seats_per_group)

    @property
    def seats_ever(self) -> tuple[Seat, ...]:
        """Those of former vehicles, then its own."""
        return sum((vehicle.seats for vehicle in self.former), ()) + self.seats

    @cached_property
    def definition(self) -> str:
        """The definition as JSON; `read_definition` reads it back."""
        return self.written(write_each(self.seats_ever))

    def written(self, seats: object, *, as_asked: bool = False) -> str:
        """The definition as JSON with this in the place of its seats; or what was asked for, with nothing chosen."""
        plain = {
            "organization": self.key.organization,
            "trip": self.key.trip,
            "segments": write_each(self.segments),
            "seats": seats,
            "seats_per_group": self.seats_per_group_asked if as_asked else self.seats_per_group,
            "vehicle": self.vehicle,
            "vehicle_type": self.vehicle_type,
            "currency": self.currency,
            "sections": write_each(self.sections),
            "features": write_each(self.features),
            "time_zone": self.time_zone,
            "station_names": self.station_names,
            "former": write_vehicles(self.former),
        }
        written = {name: value for name, value in plain.items() if value or name not in _LATER_OF_TRIP}
        return dumps(written, separators=(",", ":"))

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

    def position_of(self, seat_id: str) -> int:
        """The seat's place in layout order, from 0. Raises KeyError for a seat of another trip."""
        return self._positions[seat_id]

    def group_of(self, seat_id: str) -> int:
        """The seat group that the seat's cells are in. Raises KeyError for a seat of another trip."""
        return self.first_group + self._positions[seat_id] // self.seats_per_group

    def seats_in(self, group: int) -> tuple[Seat, ...]:
        """The seats of one seat group, in layout order."""
        start = (group - self.first_group) * self.seats_per_group
        return self.before.groups[group] if start < 0 else self.seats[start : start + self.seats_per_group]

    def seat_in(self, group: int, seat_id: str) -> Seat:
        """The seat of that id in the seat group, of whichever vehicle. Raises KeyError."""
        return self.seat(seat_id) if group >= self.first_group else self.before.seat_in(group, seat_id)

    def sections_of(self, group: int) -> tuple[Section, ...]:
        """The sections of the vehicle that the seat group is of."""
        return self.sections if group >= self.first_group else self.before.sections_of(group)

    def has_in(self, group: int, seat_id: str) -> bool:
        """Whether the seat group has a seat of that id."""
        return group < self.group_count and any(seat.id == seat_id for seat in self.seats_in(group))

    def place_of(self, group: int, seat_id: str) -> int:
        """The seat's place among all that there ever were, in the order of seat groups. Raises KeyError."""
        before = self.before
        return before.place_of(group, seat_id) if group < self.first_group else before.seats + self._positions[seat_id]

    def group_at(self, place: int) -> int:
        """The seat group with the seat at that place; the last one behind all."""
        if (at := place - self.before.seats) < 0:
            return self.before.group_at(place)
        return self.first_group + min(at, len(self.seats) - 1) // self.seats_per_group

    def in_layout_order(self, seat_ids: Sequence[str]) -> tuple[str, ...]:
        """The requested seats in layout order. Raises InvalidSeats for repeated or unknown ones."""
        unknown = [seat_id for seat_id in seat_ids if seat_id not in self._positions]
        if unknown:
            raise InvalidSeats([Violation("seat_ids", f"this trip has no seat {unknown[0]!r}")])
        if repeated := first_repeated(seat_ids):
            raise InvalidSeats([Violation("seat_ids", f"seat {repeated!r} is named twice")])
        return tuple(sorted(seat_ids, key=self._positions.__getitem__))

    def journey(self, ends: Ends, ambiguous: Ambiguous = Ambiguous.REFUSE) -> Journey:
        """The segments from the origin to the destination; `first` and `last` name them where a station is visited more
        than once and stations are not enough. Raises InvalidJourney, which names the field, and the candidates if
        more than one journey fits.
        """
        journey = self._journeys.get((ends, ambiguous))
        if journey is None:
            journey = self._journeys[ends, ambiguous] = self._find_journey(ends, ambiguous)
        return journey

    @cached_property
    def _journeys(self) -> dict[tuple[Ends, Ambiguous], Journey]:
        """The journeys that were requested: at most a few thousand."""
        return {}

    def _find_journey(self, ends: Ends, ambiguous: Ambiguous) -> Journey:
        if ends == WHOLE:
            if len(self.segments) > 1:
                raise InvalidJourney(not_named(len(self.segments)))
            return Journey(0, 0)
        starts = [at for at in self._starts.get(ends.origin, ()) if ends.first in (None, at)]
        if not starts:
            raise InvalidJourney([not_a_stop("from", ends.origin, ends.first)])
        lasts = [at for at in self._lasts.get(ends.destination, ()) if ends.last in (None, at)]
        if not lasts:
            raise InvalidJourney([not_a_stop("to", ends.destination, ends.last)])
        found = [Journey(*ride) for ride in islice(rides(starts, lasts), CANDIDATES_MAX + 1)]
        if not found:
            said = f"{ends.destination!r} does not come after {ends.origin!r} on this trip"
            raise InvalidJourney([Violation("to_station_id", said)])
        if len(found) > 1 and ambiguous is Ambiguous.REFUSE:
            first, *others = sorted(found[:CANDIDATES_MAX])
            is_all = len(found) <= CANDIDATES_MAX
            wrong = more_than_one(ends.origin, ends.destination, first, others, is_all=is_all)
            raise InvalidJourney([wrong], [first, *others])
        return found[0]

    @cached_property
    def _starts(self) -> dict[str, list[int]]:
        """The segments that begin at each station."""
        return positions_by(segment.origin for segment in self.segments)

    @cached_property
    def _lasts(self) -> dict[str, list[int]]:
        """The segments that end at each station."""
        return positions_by(segment.destination for segment in self.segments)


def read_definition(definition: str) -> Trip:
    """The trip with this `definition`; fields that an earlier release did not write have their defaults."""
    values = loads(definition)
    return read_trip(values, read_seats(values["seats"]))


def read_trip(written: Mapping[str, Any], seats: tuple[Seat, ...]) -> Trip:
    """The trip with these seats that a definition says otherwise."""
    values = {name: value for name, value in written.items() if name != "seats"}
    seats, former = split_vehicles(seats, values.pop("former", ()))
    return Trip(
        key=TripKey(values.pop("organization"), values.pop("trip")),
        segments=tuple(read_segment(*segment) for segment in values.pop("segments")),
        seats=seats,
        former=former,
        sections=tuple(Section(*section) for section in values.pop("sections", ())),
        features=tuple(Feature(*feature) for feature in values.pop("features", ())),
        station_names=tuple(StationName(*name) for name in values.pop("station_names", ())),
        is_stored=True,
        **values,
    )


_LATER_OF_TRIP = {"sections", "features", "time_zone", "station_names", "former"}
"""Written only where they say something."""


def _check_fields(trip: Trip) -> None:
    """Each field by itself, the seats in the order in which they were given. Raises InvalidRequest."""
    found = Faults()
    check_key(found, trip.key)
    check_route(found, trip.segments, trip.station_names)
    check_layout(found.at("seat_config."), trip.seats, trip.sections, trip.features)
    found.number("seats_per_group", trip.seats_per_group, ALL_IN_ONE_GROUP, limits.SEATS_MAX)
    check_vehicle(found, trip)
    if not _TIME_ZONE.fullmatch(trip.time_zone):
        found.wrong("time_zone", "must be a name of the time zone database, as Asia/Dhaka, or empty")
    found.finish()


def check_key(found: Faults, key: TripKey) -> None:
    """Both names of a trip."""
    found.id("organization_id", key.organization)
    found.id("trip_id", key.trip)


def check_vehicle(found: Faults, trip: Trip) -> None:
    """What a seat plan says beside its seats."""
    if not _CURRENCY.fullmatch(trip.currency):
        found.wrong("currency", "must be three capital letters (ISO 4217) or empty")
    found.text("vehicle_id", trip.vehicle)
    found.text("vehicle_type", trip.vehicle_type)


def _violations(trip: Trip) -> Iterable[Violation]:
    yield from route_violations(trip.segments, trip.station_names)
    yield from layout_violations(trip.seats, trip.sections, trip.features)
    most = _seats_per_group_max(trip)
    if min(trip.seats_per_group, len(trip.seats)) > most:
        said = f"must be at most {most}: a seat group has at most {limits.CELLS_PER_GROUP_MAX} cells (seats x segments)"
        yield Violation("seats_per_group", said)
    if len(trip.seats) * len(trip.segments) > limits.CELLS_MAX:
        cells = len(trip.seats) * len(trip.segments)
        yield Violation("seat_config", f"seats times segments is {cells}; at most {limits.CELLS_MAX} cells a trip")


def _seats_per_group_max(trip: Trip) -> int:
    return limits.CELLS_PER_GROUP_MAX // max(1, len(trip.segments))
