"""Turns the messages about events into an actor and a request."""

from collections.abc import Sequence

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.events import ReservationRef, reservation_ref
from travio_inventory.api.field_names import told_as
from travio_inventory.api.grpc.decoding import reservation_ids, some_of
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.api.reservations import FIELDS, cancelling, confirming, reserving, seats_query
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import (
    ConfirmHoldCommand,
    GiveBackCommand,
    HoldRef,
    HoldSeatsCommand,
    SeatMapQuery,
)


def event_named(caller: Identity, message: Fields) -> tuple[Actor, SeatMapQuery]:
    """Read GetAvailableSeatsRequest."""
    return caller.as_organization(""), seats_query(message.event_id)


def reserve_asked(caller: Identity, message: Fields) -> tuple[Actor, HoldSeatsCommand]:
    """Read ReserveSeatsRequest. Raises InvalidSeats if only the number of seats is wrong."""
    with told_as(FIELDS):
        return asked(caller, message, _user_of, lambda message: reserving(message.event_id, message.seat_numbers))


def reservation_named(message: Fields) -> HoldRef:
    """Read GetReservationRequest. Raises HoldNotFound, as all that read ids of reservations."""
    (named,) = reservation_ids("reservation_id", [message.reservation_id])
    return HoldRef(reservation_ref(named).hold)


def confirm_asked(message: Fields) -> list[ConfirmHoldCommand]:
    """Read ConfirmReservationsRequest."""
    with told_as(FIELDS):
        return confirming(_refs(message), message.booking_id)


def cancel_asked(message: Fields) -> list[GiveBackCommand]:
    """Read CancelReservationsRequest."""
    with told_as(FIELDS):
        return cancelling(_refs(message))


def _user_of(caller: Identity, message: Fields) -> Actor:
    return caller.as_user("", message.user_id)


def _refs(message: Fields) -> Sequence[ReservationRef]:
    named = some_of("reservation_ids", message.reservation_ids)
    return list(map(reservation_ref, reservation_ids("reservation_ids", named)))
