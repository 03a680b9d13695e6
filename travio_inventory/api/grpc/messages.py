"""Requests as the use cases want them: every field checked, all that is wrong said at once."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from travio_inventory.api.grpc.actor import actor_of, holder_of, trip_of
from travio_inventory.api.grpc.fields import Fields
from travio_inventory.api.grpc.pages import PageAsked, page_asked
from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import DIGEST_CHARS, LATE_SUFFIX, Passenger
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, Ends, Seat, Segment, Trip, TripKey
from travio_inventory.wire.inventory.v1 import SeatStatus

HOLD_ID_BYTES_MAX = limits.ID_BYTES_MAX + len("~999999~") + DIGEST_CHARS + len(LATE_SUFFIX)
"""A hold id is the trip's id, a seat group's number, a digest, and perhaps the mark of a late booking."""

_CURRENCY = re.compile("[A-Z]{3}|")


class CheckAsked(NamedTuple):
    """How many seats of a class ("" = any) are free for a journey."""

    trip: TripKey
    ends: Ends
    passengers: int
    seat_class: str


class HoldAsked(NamedTuple):
    """Seats to be held for `ttl_s` seconds, 0 or less for the default; `settles` where the outcome of the key is to be
    settled.
    """

    actor: Actor
    trip_id: str
    ends: Ends
    seat_ids: Sequence[str]
    ttl_s: int
    key: str | None
    settles: bool


class ConfirmAsked(NamedTuple):
    """A hold to be booked under an order, and its passengers, if they are named."""

    actor: Actor
    hold_id: str
    order: str
    passengers: Sequence[Passenger]


class UpdateAsked(NamedTuple):
    """Seats to be blocked, each with the reason, and seats to be put back on sale."""

    trip: TripKey
    blocked: Sequence[tuple[str, str]]
    unblocked: Sequence[str]


class WaitAsked(NamedTuple):
    """Seats of a class ("" = any) that somebody waits for."""

    actor: Actor
    trip_id: str
    seat_class: str
    seats: int


def check_asked(message: Message) -> CheckAsked:
    """Read CheckAvailabilityRequest. Raises InvalidRequest, as all of these do."""
    request = Fields(message)
    asked = _check(request)
    request.finish()
    return asked


def checks_asked(message: Message) -> Sequence[CheckAsked]:
    """Read BatchCheckRequest."""
    request = Fields(message)
    asked = [_check(check) for check in request.parts("requests", 0, limits.CHECKS_PER_BATCH_MAX)]
    request.finish()
    return asked


def _check(request: Fields) -> CheckAsked:
    passengers = request.number("passengers", 0, limits.SEATS_MAX)
    return CheckAsked(trip_of(request), _ends(request), passengers, request.optional_id("seat_class"))


def hold_asked(message: Message) -> HoldAsked:
    """Read HoldSeatsRequest. Raises InvalidSeats for none or too many, whatever else is wrong."""
    request = Fields(message)
    request.count("seat_ids", 1, limits.SEATS_PER_HOLD_MAX)
    if request.violations:
        raise InvalidSeats(request.violations)
    request.text("session_id")
    asked = HoldAsked(
        actor_of(request),
        request.id("trip_id"),
        _ends(request),
        request.ids("seat_ids"),
        request.number("hold_duration_seconds"),
        request.optional_id("idempotency_key") or None,
        request.flag("settle"),
    )
    request.finish()
    return asked


def hold_named(message: Message) -> tuple[Actor, str]:
    """Read ReleaseSeatsRequest or GetHoldRequest: who asks, and the hold's id."""
    request = Fields(message)
    named = (actor_of(request), request.text("hold_id", HOLD_ID_BYTES_MAX, required=True))
    request.finish()
    return named


def booking_named(message: Message) -> tuple[Actor, str]:
    """Read CancelBookingRequest: who asks, and the booking's id."""
    request = Fields(message)
    named = (actor_of(request), request.text("booking_id", HOLD_ID_BYTES_MAX, required=True))
    request.finish()
    return named


def extend_asked(message: Message) -> tuple[Actor, str, int]:
    """Read ExtendHoldRequest: who asks, the hold's id, seconds from now (0 or less for the default)."""
    request = Fields(message)
    hold_id = request.text("hold_id", HOLD_ID_BYTES_MAX, required=True)
    asked = (actor_of(request), hold_id, request.number("hold_duration_seconds"))
    request.finish()
    return asked


def holds_asked(message: Message) -> tuple[Actor, str, bool, PageAsked]:
    """Read ListHoldsRequest: whose, of which trip ("" = any), whether those that ended too, and which page."""
    request = Fields(message)
    page = page_asked(request, most_default=limits.HOLDS_LISTED_MAX, most_max=limits.HOLDS_LISTED_MAX)
    asked = (actor_of(request), request.optional_id("trip_id"), request.flag("include_ended"), page)
    request.finish()
    return asked


def confirm_asked(message: Message) -> ConfirmAsked:
    """Read ConfirmBookingRequest."""
    request = Fields(message)
    passengers = [
        Passenger(
            seat=passenger.id("seat_id"),
            name=passenger.text("passenger_name", limits.NAME_BYTES_MAX),
            national_id=passenger.text("passenger_nid", limits.NAME_BYTES_MAX),
        )
        for passenger in request.parts("passengers", 0, limits.SEATS_PER_HOLD_MAX)
    ]
    hold_id = request.text("hold_id", HOLD_ID_BYTES_MAX, required=True)
    asked = ConfirmAsked(actor_of(request), hold_id, request.id("order_id"), passengers)
    request.finish()
    return asked


def map_asked(message: Message) -> tuple[TripKey, Ends]:
    """Read GetSeatMapRequest: which trip, which journey."""
    request = Fields(message)
    asked = (trip_of(request), _ends(request))
    request.finish()
    return asked


def trip_named(message: Message) -> TripKey:
    """Read GetTripRequest."""
    request = Fields(message)
    key = trip_of(request)
    request.finish()
    return key


def trip_asked(message: Message) -> Trip:
    """Read InitializeTripInventoryRequest. Raises InvalidTrip where only the whole is wrong."""
    request = Fields(message)
    key = trip_of(request)
    segments = _segments(request)
    seats = _seats(request.part("seat_config"))
    per_group = request.number("seats_per_group", ALL_IN_ONE_GROUP, limits.SEATS_MAX)
    currency = request.text("currency")
    if not _CURRENCY.fullmatch(currency):
        request.wrong("currency", "must be three capital letters (ISO 4217) or empty")
    vehicle, vehicle_type = request.text("vehicle_id"), request.text("vehicle_type")
    request.finish()
    return Trip(
        key,
        segments,
        seats,
        seats_per_group=per_group,
        vehicle=vehicle,
        vehicle_type=vehicle_type,
        currency=currency,
    )


def _segments(request: Fields) -> tuple[Segment, ...]:
    """The segments in the order of their numbers, which must be 0, 1, 2 and so on."""
    numbered = {}
    parts = request.parts("segments", 1, limits.SEGMENTS_MAX)
    for part in parts:
        index = part.number("segment_index", 0, len(parts) - 1)
        if index in numbered:
            part.wrong("segment_index", f"{index} is used twice")
        numbered[index] = Segment(
            part.id("from_station_id"),
            part.id("to_station_id"),
            part.number("departure_time", 0, limits.TIME_S_MAX),
            part.number("arrival_time", 0, limits.TIME_S_MAX),
        )
    return tuple(segment for _, segment in sorted(numbered.items()))


def _seats(config: Fields) -> tuple[Seat, ...]:
    seats = tuple(_seat(seat) for seat in config.parts("seats", 1, limits.SEATS_MAX))
    total = config.number("total_seats", 0, limits.SEATS_MAX)
    if total and seats and total != len(seats):
        config.wrong("total_seats", f"is {total}, but {len(seats)} seats are listed")
    return seats


def _seat(seat: Fields) -> Seat:
    return Seat(
        id=seat.id("seat_id"),
        number=seat.text("seat_number"),
        row=seat.number("row", 0, limits.ROW_MAX),
        column=seat.number("column", 0, limits.ROW_MAX),
        seat_class=seat.optional_id("seat_class"),
        seat_type=seat.text("seat_type"),
        price_minor=seat.number("price_paisa", 0, limits.PRICE_MINOR_MAX),
        is_accessible=seat.flag("is_accessible"),
        has_power=seat.flag("has_power"),
        is_exit_row=seat.flag("is_exit_row"),
    )


def update_asked(message: Message) -> UpdateAsked:
    """Read UpdateInventoryRequest."""
    request = Fields(message)
    blocked, unblocked = [], []
    for update in request.parts("updates", 1, limits.SEATS_MAX):
        seat, reason = update.id("seat_id"), update.text("reason", limits.NAME_BYTES_MAX)
        match update.number("new_status"):
            case SeatStatus.BLOCKED:
                blocked.append((seat, reason))
            case SeatStatus.AVAILABLE:
                unblocked.append(seat)
            case _:
                update.wrong("new_status", "must be SEAT_STATUS_BLOCKED or SEAT_STATUS_AVAILABLE")
    asked = UpdateAsked(trip_of(request), blocked, unblocked)
    request.finish()
    return asked


def join_asked(message: Message) -> WaitAsked:
    """Read JoinWaitlistRequest."""
    request = Fields(message)
    seats = request.number("requested_seats", 1, limits.SEATS_PER_HOLD_MAX)
    asked = WaitAsked(actor_of(request), request.id("trip_id"), request.optional_id("seat_class"), seats)
    request.finish()
    return asked


def leave_asked(message: Message) -> tuple[Actor, str, str]:
    """Read LeaveWaitlistRequest: who leaves, which trip, which class."""
    request = Fields(message)
    asked = (actor_of(request), request.id("trip_id"), request.optional_id("seat_class"))
    request.finish()
    return asked


def waitlist_asked(message: Message) -> tuple[str, str, PageAsked]:
    """Read GetUserWaitlistRequest: whose places, of which organization ("" = any), which page."""
    request = Fields(message)
    page = page_asked(request, most_default=limits.WAITS_LISTED_MAX, most_max=limits.WAITS_LISTED_MAX)
    asked = (holder_of(request), request.optional_id("organization_id"), page)
    request.finish()
    return asked


def _ends(request: Fields) -> Ends:
    return Ends(
        request.id("from_station_id"),
        request.id("to_station_id"),
        request.optional_number("from_segment_index", 0, limits.SEGMENTS_MAX - 1),
        request.optional_number("to_segment_index", 0, limits.SEGMENTS_MAX - 1),
    )
