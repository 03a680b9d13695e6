"""Turns messages about what becomes of holds and bookings later into an actor and a request."""

from travio_inventory.api.auth.identity import Identity
from travio_inventory.api.grpc import decoding
from travio_inventory.api.grpc.actor import user_of
from travio_inventory.api.grpc.messages import Fields, asked, read_ends
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.commands import GiveBackCommand, HoldRef, MoveHoldCommand, hold_ref
from travio_inventory.seats.trip import Ends

_NO_ENDS = Ends("", "")


def release_asked(caller: Identity, message: Fields) -> tuple[Actor, GiveBackCommand]:
    """Read ReleaseSeatsRequest."""
    return asked(
        caller,
        message,
        user_of,
        lambda message: GiveBackCommand(hold_id=message.hold_id, seat_ids=tuple(message.seat_ids)),
    )


def cancel_asked(caller: Identity, message: Fields) -> tuple[Actor, GiveBackCommand]:
    """Read CancelBookingRequest."""
    return asked(
        caller,
        message,
        user_of,
        lambda message: GiveBackCommand(
            hold_id=message.booking_id, seat_ids=tuple(message.seat_ids), field="booking_id"
        ),
    )


def move_asked(caller: Identity, message: Fields) -> tuple[Actor, MoveHoldCommand]:
    """Read MoveHoldRequest."""
    return asked(caller, message, user_of, _move)


def booking_named(caller: Identity, message: Fields) -> tuple[Actor, HoldRef]:
    """Read ErasePassengersRequest: the actor and the booking."""
    return asked(caller, message, user_of, lambda message: hold_ref(message.booking_id, "booking_id"))


def _move(message: Fields) -> MoveHoldCommand:
    ends = read_ends(message)
    moves = decoding.limited("moves", message.moves)
    return MoveHoldCommand(
        hold_id=message.hold_id,
        moves=tuple((move.from_seat_id, move.to_seat_id) for move in moves),
        ends=None if ends == _NO_ENDS else ends,
        version=decoding.optional(message, "expected_version"),
        settles=message.settle,
    )
