"""Events: trips of one segment, and their seats and reservations as callers of every face are told of them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    Hold,
    Released,
    base_id,
    parse_hold_id,
)
from travio_inventory.seats.layout import Seat, Section
from travio_inventory.seats.refusals import HoldNotFound
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Trip, TripKey

ROUTE: Final = (Segment("start", "end"),)
"""The only segment of an event, and of a showtime."""
MINOR_PER_MAJOR: Final = 100
_EVENT: Final = "event-"
_NUMBERS: Final = range(-(2**63), 2**63)
_DIGITS_MAX: Final = 20
_OF_SEAT: Final = "."
"""Between a hold's id and the seat, in the id of a reservation of one seat."""
RESERVATION_ID_BYTES_MAX: Final = 244
"""Of a hold's id: 26 of its trip, 8 of its seat group, 32 of its digest, 5 of a late booking; then 173 of the seat."""


class SeatType(StrEnum):
    """What an event's seats are sold as: their classes."""

    REGULAR = "REGULAR"
    VIP = "VIP"
    PREMIUM = "PREMIUM"


class SeatStatus(StrEnum):
    """Whether a seat of an event is free."""

    AVAILABLE = "AVAILABLE"
    RESERVED = "RESERVED"
    BOOKED = "BOOKED"
    BLOCKED = "BLOCKED"


class ReservationStatus(StrEnum):
    """The state of a reservation."""

    ACTIVE = "ACTIVE"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class EventSeat:
    """A seat of an event. `version` grows with every change of the seat; times are in Unix milliseconds, 0 if there is
    none. Who reserved it, until when, and the booking are known only to whoever may read the reservation.
    """

    event: int
    seat: Seat
    status: SeatStatus
    version: int
    reserved_by: str = ""
    reserved_until_ms: int = 0
    booking: str = ""

    @property
    def type(self) -> SeatType:
        """Seats of any other class are regular ones."""
        known = self.seat.seat_class in SeatType.__members__
        return SeatType(self.seat.seat_class) if known else SeatType.REGULAR

    @property
    def row(self) -> str:
        """What is printed at its row, else the number of the row."""
        return self.seat.row_label or str(self.seat.row)


class ReservationRef(NamedTuple):
    """A reservation that a caller names: a hold of an event's seats, or one of them; `seat` is "" for all."""

    hold: str
    seat: str = ""

    def __str__(self) -> str:
        """Safe in the path of an address."""
        seat = urlsafe_b64encode(self.seat.encode()).decode().rstrip("=")
        return f"{base_id(self.hold)}{_OF_SEAT}{seat}" if seat else base_id(self.hold)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold of an event's seats, as it was at that moment."""

    hold: Hold
    event: int
    status: ReservationStatus
    seats: tuple[EventSeat, ...]
    """All that it has; of one that has ended, all that it had at its end, as it left them: free."""

    def status_of(self, seat: str) -> ReservationStatus:
        """The state of one of its seats. Raises HoldNotFound for one that it never had."""
        if seat in self.hold.seats:
            return self.status
        if seat in self.hold.given_up:
            return ReservationStatus.CANCELLED
        raise HoldNotFound

    @property
    def id(self) -> ReservationRef:
        """It names all its seats."""
        return ReservationRef(self.hold.id)

    @property
    def expires_at_ms(self) -> int:
        """When it runs out or did, in Unix milliseconds; 0 if never."""
        return self.hold.state.expires_at_ms if isinstance(self.hold.state, Held | Expired) else 0


def reservation_ref(text: str) -> ReservationRef:
    """Read the id of a reservation. Raises HoldNotFound for one that no reservation of an event can have."""
    hold, mark, encoded = text.partition(_OF_SEAT)
    event_of(parse_hold_id(hold).name)
    try:
        seat = urlsafe_b64decode(f"{encoded}{'=' * (-len(encoded) % 4)}".encode()).decode()
    except (Error, ValueError):
        raise HoldNotFound from None
    if mark and not seat:
        raise HoldNotFound
    return ReservationRef(hold, seat)


def trip_of(event: int) -> str:
    """The id of the event's trip."""
    return f"{_EVENT}{event}"


def event_of(trip: str) -> int:
    """The event that the trip is. Raises HoldNotFound if it is none: holds of other trips are no reservations."""
    is_short = len(trip) <= len(_EVENT) + _DIGITS_MAX
    number = trip.removeprefix(_EVENT) if is_short else ""
    event = int(number) if number.removeprefix("-").isdecimal() else 0
    if trip_of(event) != trip or event not in _NUMBERS:
        raise HoldNotFound
    return event


class SoldSeat(NamedTuple):
    """A seat of a hall, as it is put on sale."""

    id: str
    section: str = ""
    row: str = ""
    seat_class: str = ""
    price_minor: int = 0


def hall(key: TripKey, sold: Iterable[SoldSeat]) -> Trip:
    """The trip of an event or a showtime with these seats: rows and their seats in the order in which they come first.
    Raises InvalidRequest, InvalidTrip.
    """
    rows: dict[tuple[str, str], int] = {}
    columns: Counter[tuple[str, str]] = Counter()
    seats = []
    for seat in sold:
        place = seat.section, seat.row
        row = rows.setdefault(place, len(rows) + 1)
        columns[place] += 1
        seats.append(
            Seat(
                id=seat.id,
                number=seat.id,
                row=row,
                column=columns[place],
                seat_class=seat.seat_class,
                price_minor=seat.price_minor,
                section=seat.section,
                row_label=seat.row,
            )
        )
    sections = tuple(Section(section, section) for section in dict.fromkeys(seat.section for seat in seats) if section)
    return Trip(key, ROUTE, tuple(seats), sections=sections)


def status_of(hold: Hold, now_ms: int) -> ReservationStatus:
    """The state of the reservation; one whose time is over has expired, whether or not anybody wants its seats.
    Raises HoldNotFound for a hold that nobody is told of.
    """
    match hold.state:
        case Held(expires_at_ms=expires_at_ms):
            return ReservationStatus.ACTIVE if now_ms < expires_at_ms else ReservationStatus.EXPIRED
        case Confirmed():
            return ReservationStatus.CONFIRMED
        case Expired():
            return ReservationStatus.EXPIRED
        case Released() | Cancelled():
            return ReservationStatus.CANCELLED
        case Aborted() | Forgotten():
            raise HoldNotFound
        case _:
            assert_never(hold.state)


def reservation_of(hold: Hold, trip: Trip, *, now_ms: int, changed_at_ms: int) -> Reservation:
    """The hold, which was changed last at that time, as a reservation. Raises HoldNotFound for one that is none."""
    event, until_ms, booking, status = event_of(trip.key.trip), 0, "", SeatStatus.AVAILABLE
    match hold.state:
        case Held(expires_at_ms=expires_at_ms):
            until_ms, status = expires_at_ms, SeatStatus.RESERVED
        case Confirmed(order=order):
            booking, status = order, SeatStatus.BOOKED
        case _:  # it has given its seats back
            pass
    seats = [
        EventSeat(event, trip.seat_in(group, seat), status, changed_at_ms, hold.holder, until_ms, booking)
        for seat, group in zip(hold.seats, hold.groups, strict=True)
    ]
    return Reservation(hold, event, status_of(hold, now_ms), tuple(seats))


def price_of(minor: int) -> float:
    """A price in major units; exact for every price that a seat can have."""
    return minor / MINOR_PER_MAJOR
