"""What becomes of seats when a trip gets another vehicle: which seat of the new one stands for each of the old one.

A seat keeps its id if the new vehicle has a seat with that id; else it is found by section, row, number and class. Its
class never changes, and no two seats become one, unless the operator says which seat stands for which. What is left has
no seat, and whoever booked it is to be asked.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.refusals import Violation
from travio_inventory.protocol.hold import digest_of
from travio_inventory.seats.former import VEHICLES_MAX, FormerVehicle
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.trip import OUR_CHOICE, Trip


class Why(StrEnum):
    """Why a seat has none in the new vehicle."""

    NOT_THERE = "not there"
    OTHER_CLASS = "of another class"
    SEVERAL = "there more than once"
    TAKEN = "taken by another booking"


@dataclass(frozen=True, slots=True)
class SeatMatches:
    """The new seat of each old one, by their ids, and why the others have none. `unused` are new seats that stand for
    no old one.
    """

    matched: Mapping[str, str]
    left: Mapping[str, Why]
    unused: tuple[str, ...]


class Swapped(NamedTuple):
    """What becomes of a hold or a booking: its new seats in the order of the old ones, or why some have none."""

    seats: tuple[str, ...]
    left: Mapping[str, Why]

    @property
    def is_possible(self) -> bool:
        """Whether it can be moved: a hold is moved with all its seats or not at all."""
        return not self.left


_Place: TypeAlias = tuple[str, str, str, str]


def match_seats(
    old: Sequence[Seat], new: Sequence[Seat], chosen: Mapping[str, str] = MappingProxyType({})
) -> SeatMatches:
    """The same whatever the order of the seats. `chosen` says of some old ones which new ones stand for them."""
    by_id = {seat.id: seat for seat in new}
    given = set(chosen.values())
    matched = {
        seat.id: seat.id
        for seat in old
        if seat.id not in given
        and seat.id not in chosen
        and (other := by_id.get(seat.id))
        and other.seat_class == seat.seat_class
    } | dict(chosen)
    used = set(matched.values())
    searched = [seat for seat in old if seat.id not in matched]
    free = [seat for seat in new if seat.id not in used]
    at, searched_at = _by_place(free), Counter(map(_place, searched))
    left = {}
    for seat in searched:
        found = at.get(_place(seat), [])
        if len(found) == searched_at[_place(seat)] == 1:
            matched[seat.id] = found[0].id
        else:
            left[seat.id] = _why(seat, found, by_id, free)
    used = set(matched.values())
    return SeatMatches(matched, left, tuple(seat.id for seat in new if seat.id not in used))


def swapped(seats: Sequence[str], matches: SeatMatches) -> Swapped:
    """What becomes of a hold of these seats; of one that the old vehicle did not have, that it is not there."""
    left = {seat: matches.left.get(seat, Why.NOT_THERE) for seat in seats if seat not in matches.matched}
    return Swapped(tuple(matches.matched[seat] for seat in seats) if not left else (), left)


@dataclass(frozen=True)
class NewVehicle:
    """The vehicle that a trip gets, as a trip is opened with it; `chosen` names seats of the old one with those of the
    new one that stand for them, where the rules would find others or none.
    """

    seats: tuple[Seat, ...] = ()
    seats_per_group: int = OUR_CHOICE
    vehicle: str = ""
    vehicle_type: str = ""
    sections: tuple[Section, ...] = ()
    features: tuple[Feature, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Equal for two requests exactly if they ask for the same."""
        return digest_of(
            *map(repr, (*self.seats, *self.sections, *self.features, *sorted(self.chosen.items()))),
            str(self.seats_per_group),
            self.vehicle,
            self.vehicle_type,
        )

    def on(self, plan: Trip) -> "NewVehicle":
        """The same vehicle with the seats of a plan."""
        return replace(
            self,
            seats=plan.seats,
            seats_per_group=self.seats_per_group or plan.seats_per_group_asked,
            sections=plan.sections,
            features=plan.features,
            vehicle=self.vehicle or plan.vehicle,
            vehicle_type=self.vehicle_type or plan.vehicle_type,
        )

    def of(self, trip: Trip) -> Trip:
        """The trip with it. Raises InvalidRequest, InvalidTrip."""
        if len(trip.former) == VEHICLES_MAX:
            said = f"the vehicle of a trip is swapped at most {VEHICLES_MAX} times: cancel it, and open another one"
            raise InvalidTrip([Violation("seat_config", said)])
        new = replace(
            trip,
            seats=self.seats,
            seats_per_group=self.seats_per_group,
            vehicle=self.vehicle,
            vehicle_type=self.vehicle_type,
            sections=self.sections,
            features=self.features,
            former=(*trip.former, FormerVehicle(trip.seats, trip.seats_per_group, trip.sections)),
        )
        if wrong := list(islice(self._wrong(trip, new), VIOLATIONS_MAX)):
            raise InvalidTrip(wrong)
        return new

    def _wrong(self, old: Trip, new: Trip) -> Iterator[Violation]:
        for seat, other in self.chosen.items():
            if not old.has_seat(seat):
                yield Violation("seat_mapping", f"the trip has no seat {seat!r}")
            if not new.has_seat(other):
                yield Violation("seat_mapping", f"the new vehicle has no seat {other!r}")
        if len(set(self.chosen.values())) < len(self.chosen):
            yield Violation("seat_mapping", "two seats cannot become one")


class Places:
    """Which seats of a trip stand for those of its former vehicles; `chosen` is about the last one of these."""

    def __init__(self, trip: Trip, chosen: Mapping[str, str] = MappingProxyType({})) -> None:
        self._trip = trip
        self._chosen = chosen
        self._matches: dict[int, SeatMatches] = {}

    def prepare(self) -> "Places":
        """The same, with what takes long made for the last vehicle: in a thread where there are many seats."""
        self._matches_of(len(self._trip.former) - 1)
        return self

    def of(self, hold: Hold) -> Swapped:
        """What becomes of a hold that has no seats in the trip's present vehicle."""
        seats, left = [], {}
        for seat, group in zip(hold.seats, hold.groups, strict=True):
            matches = self._matches_of(self._trip.before.vehicle_of(group))
            if seat in matches.matched:
                seats.append(matches.matched[seat])
            else:
                left[seat] = matches.left.get(seat, Why.NOT_THERE)
        return Swapped(() if left else tuple(seats), left)

    def reasons(self, hold: Hold) -> Mapping[str, Why]:
        """Why each of its seats has none, of a hold that was left: others may have had one that there is."""
        left = self.of(hold).left
        return left or dict.fromkeys(hold.seats, Why.TAKEN)

    def _matches_of(self, vehicle: int) -> SeatMatches:
        found = self._matches.get(vehicle)
        if found is None:
            former, is_last = self._trip.former[vehicle], vehicle == len(self._trip.former) - 1
            found = match_seats(former.seats, self._trip.seats, self._chosen if is_last else {})
            self._matches[vehicle] = found
        return found


@dataclass(frozen=True, slots=True)
class Reseat:
    """Implements `protocol.steps.move.Destination`: the seats of the present vehicle that stand for those of the
    hold, at the prices that it has, in that period of the trip's sale.
    """

    trip: Trip
    places: Places
    period: int

    def is_done(self, hold: Hold) -> bool:
        """See Destination."""
        return has_place(self.trip, hold) and bool(hold.is_live or hold.moves)

    def of(self, hold: Hold) -> Hold | None:
        """See Destination."""
        if has_place(self.trip, hold):
            return None
        found = self.places.of(hold)
        return hold.reseated(found.seats, self.trip).in_period(self.period) if found.is_possible else None


def with_former_vehicle(trip: Trip, at: int) -> Trip:
    """The trip as it was with one of its former vehicles, from 0, as far as its seats and seat groups go."""
    seats, size, sections = trip.former[at]
    return replace(
        trip,
        seats=seats,
        seats_per_group=size,
        sections=sections,
        features=(),
        former=trip.former[:at],
        is_stored=True,
    )


def has_place(trip: Trip, hold: Hold) -> bool:
    """Whether its seats are in the trip's present vehicle: all are, or none."""
    return hold.groups[0] >= trip.first_group


def _place(seat: Seat) -> _Place:
    return seat.section, seat.row_label or str(seat.row), seat.number, seat.seat_class


def _by_place(seats: Iterable[Seat]) -> dict[_Place, list[Seat]]:
    found: dict[_Place, list[Seat]] = {}
    for seat in seats:
        found.setdefault(_place(seat), []).append(seat)
    return found


def _why(seat: Seat, found: Sequence[Seat], by_id: Mapping[str, Seat], free: Iterable[Seat]) -> Why:
    if found:
        return Why.SEVERAL
    is_there = seat.id in by_id or any(_place(seat)[:-1] == _place(other)[:-1] for other in free)
    return Why.OTHER_CLASS if is_there else Why.NOT_THERE
