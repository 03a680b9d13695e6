"""A trip as it is offered: its definition, and whether anybody may hold seats of it now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import VIOLATIONS_MAX, Faults
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.refusals import Departed, InvalidTrip, SalesClosed
from travio_inventory.seats.trip import Journey, Trip


class SalesState(StrEnum):
    """Whether a trip is sold. Only OPEN takes new holds; live holds go on unless it is cancelled."""

    OPEN = "open"
    CLOSED = "closed"
    FREEZING = "freezing"
    """Closed; the cells are being told."""
    FROZEN = "frozen"
    """Closed for every process, whatever it knows of the trip."""
    CANCELLING = "cancelling"
    """As frozen; holds are being released and bookings cancelled."""
    CANCELLED = "cancelled"
    SWAPPING = "swapping"
    """As frozen; the trip gets another vehicle."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A trip, its state, and the period of its sale: a freeze begins the next one. `version` counts the changes of the
    trip from 1, and `defined` is the one that gave it this definition.
    """

    trip: Trip
    state: SalesState
    period: int
    version: int
    defined: int
    opened_at_ms: int

    def check_sale(self, journey: Journey, now_ms: int, *, sells_departed: bool) -> None:
        """See `check_sale`."""
        check_sale(self.state, self.trip.segments[journey.first].departs_at_s, now_ms, sells_departed=sells_departed)

    def has_departed(self, journey: Journey, now_ms: int, *, sells_departed: bool) -> bool:
        """Whether the journey is not sold since the trip has left its first stop."""
        return _has_departed(self.trip.segments[journey.first].departs_at_s, now_ms, sells_departed=sells_departed)


class Cancellation(NamedTuple):
    """How far a trip is cancelled: so many of its seat groups are done, in which so many holds were released and so
    many bookings cancelled since.
    """

    offer: Offer
    released: int
    cancelled: int
    groups_done: int


class Swap(NamedTuple):
    """How far the vehicle of a trip is swapped: so many of the seat groups that it had are done, in which so many holds
    and bookings have seats of the new vehicle, and so many have none.
    """

    offer: Offer
    groups_done: int
    moved: int
    left: int

    @property
    def is_over(self) -> bool:
        """Whether it is done: the trip is as it was, with the new vehicle."""
        return self.offer.state is not SalesState.SWAPPING


class TripLine(NamedTuple):
    """A trip as it is listed; times in Unix seconds, 0 if unknown. `opening` is None once it is opened."""

    trip: str
    state: SalesState
    version: int
    opened_at_ms: int
    origin: str
    destination: str
    departs_at_s: int
    arrives_at_s: int
    seats: int
    opening: Opening | None = None


class TripPage(NamedTuple):
    """Some of an organization's trips, and the position of the next page ("" if there is none)."""

    lines: Sequence[TripLine]
    next: str


class TripChange(NamedTuple):
    """What is changed of a trip: the prices of classes and of single seats, in minor units, and the times of segments,
    each as (departs, arrives) in Unix seconds, 0 where unknown.
    """

    class_prices: Mapping[str, int]
    seat_prices: Mapping[str, int]
    times: Mapping[int, tuple[int, int]]

    def of(self, trip: Trip) -> Trip:
        """The trip as it is then. Raises InvalidTrip for what the trip has not, and for times that go back."""
        if wrong := list(islice(self._unknown(trip), VIOLATIONS_MAX)):
            raise InvalidTrip(wrong)
        seats = tuple(replace(seat, price_minor=self._price(seat)) for seat in trip.seats)
        segments = tuple(
            replace(segment, departs_at_s=times[0], arrives_at_s=times[1]) if (times := self.times.get(at)) else segment
            for at, segment in enumerate(trip.segments)
        )
        try:
            return replace(trip, seats=seats, segments=segments)
        except InvalidTrip as refusal:
            raise InvalidTrip([self._as_asked(each) for each in refusal.violations]) from None

    def _as_asked(self, wrong: Violation) -> Violation:
        """Named by the field of the change, where it is a time of the trip that would be wrong."""
        segment, _, name = wrong.field.partition("].")
        if name not in ("departure_time", "arrival_time"):
            return wrong
        at = int(segment.removeprefix("segments["))
        asked = [*self.times]
        return Violation(f"times[{asked.index(at)}].{name}" if at in asked else "times", wrong.description)

    def check(self, found: Faults) -> None:
        """Each field by itself."""
        if not any(self):
            found.wrong("class_prices", "name a price or a time to change")
        classes = filter(None, self.class_prices)  # seats may have none
        for field, prices, ids in (
            ("class_prices", self.class_prices, classes),
            ("seat_prices", self.seat_prices, self.seat_prices),
        ):
            if found.count(field, prices, 0, limits.SEATS_MAX):
                found.ids_of(field, ids)
                for of, price in prices.items():
                    found.number(f"{field}[{of}]", price, 0, limits.PRICE_MINOR_MAX)
        for index, (departs_at_s, arrives_at_s) in enumerate(self.times.values()):
            found.number(f"times[{index}].departure_time", departs_at_s, 0, limits.TIME_S_MAX)
            found.number(f"times[{index}].arrival_time", arrives_at_s, 0, limits.TIME_S_MAX)

    def _unknown(self, trip: Trip) -> Iterator[Violation]:
        for name in {*self.class_prices} - trip.seat_classes:
            yield Violation("class_prices", f"no seat is of class {name!r}")
        for seat in self.seat_prices:
            if not trip.has_seat(seat):
                yield Violation("seat_prices", f"there is no seat {seat!r}")
        for index, at in enumerate(self.times):
            if not 0 <= at < len(trip.segments):
                yield Violation(f"times[{index}].segment_index", f"there is no segment {at}")

    def _price(self, seat: Seat) -> int:
        return self.seat_prices.get(seat.id, self.class_prices.get(seat.seat_class, seat.price_minor))


def check_sale(state: SalesState, departs_at_s: int, now_ms: int, *, sells_departed: bool) -> None:
    """Raises SalesClosed, and Departed once the trip has left the journey's first stop, where its time is known (0 if
    it is not).
    """
    if state is not SalesState.OPEN:
        raise SalesClosed(state.value)
    if _has_departed(departs_at_s, now_ms, sells_departed=sells_departed):
        raise Departed(departs_at_s)


def _has_departed(departs_at_s: int, now_ms: int, *, sells_departed: bool) -> bool:
    return bool(departs_at_s) and not sells_departed and now_ms >= departs_at_s * 1_000
