"""The calls that benches make: requests as bytes, replies read, outcomes told apart."""

from collections import Counter
from enum import StrEnum
from typing import Any, NamedTuple

from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.bench.lean_channel import Reply
from travio_inventory.seats.refusals import CONTENTION
from travio_inventory.seats.trip import Trip

PACKAGE = "inventory.v1"
SERVICE = f"/{PACKAGE}.InventoryService"
NOTHING = f"/{PACKAGE}.Noop/Nothing"
ORGANIZATION = "bench"
OK, FAILED_PRECONDITION, ABORTED = 0, 9, 10
FREE, HELD = 1, 2
"""Of SeatStatus."""
REFUSED = {b"SEAT_CONTENDED": ABORTED, b"SEAT_HELD": FAILED_PRECONDITION, b"SEAT_UNAVAILABLE": FAILED_PRECONDITION}
DECIDED_BY_EDGE = b"decided_by\x12\x04edge"
"""As an entry of ErrorInfo's metadata is written."""
HOLD_HELD = 1
"""Of HoldStatus."""


class Outcome(StrEnum):
    """How one attempt to hold a seat ended."""

    WON = "won"
    GATE = "contention at the gate"
    STORE = "contention in the store"
    """The seat is being taken, or is held: it may come back."""
    UNAVAILABLE = "unavailable"
    ERROR = "error"


Tally = Counter[Outcome]


def outcome_of(reply: Reply) -> Outcome:
    """The outcome that the reply to HoldSeats tells. A success without a hold id is an error."""
    if reply.status == OK:
        answer = read("HoldSeatsResponse", reply)
        return Outcome.WON if answer.success and answer.hold_id else Outcome.ERROR
    reason = next(
        (reason for reason, status in REFUSED.items() if status == reply.status and reason in reply.details), b""
    )
    if not reason:
        return Outcome.ERROR
    if not reply.message.startswith(CONTENTION):
        return Outcome.UNAVAILABLE if reason == b"SEAT_UNAVAILABLE" else Outcome.ERROR
    return Outcome.GATE if DECIDED_BY_EDGE in reply.details else Outcome.STORE


def write(message: str, **fields: Any) -> bytes:  # noqa: ANN401 - the message's own fields
    """The message of that name as bytes."""
    written: bytes = message_type(message)(**fields).SerializeToString()
    return written


def read(message: str, reply: Reply) -> Any:  # noqa: ANN401 - the message's own fields
    """The message of that name in the reply."""
    return parsed(message, reply.body)


def parsed(message: str, data: bytes) -> Any:  # noqa: ANN401 - the message's own fields
    """The message of that name."""
    return message_type(message).FromString(data)


class Contest(NamedTuple):
    """A seat of a journey that is asked for."""

    organization: str
    trip: str
    origin: str
    destination: str
    seat: str

    def hold(self, user: str) -> bytes:
        """HoldSeatsRequest of one seat, without an idempotency key."""
        return write(
            "HoldSeatsRequest",
            trip_id=self.trip,
            from_station_id=self.origin,
            to_station_id=self.destination,
            seat_ids=[self.seat],
            user_id=user,
            organization_id=self.organization,
        )

    def map(self) -> bytes:
        """GetSeatMapRequest of the journey."""
        return write(
            "GetSeatMapRequest",
            trip_id=self.trip,
            from_station_id=self.origin,
            to_station_id=self.destination,
            organization_id=self.organization,
        )

    def by_hold(self, message: str, hold_id: str, user: str) -> bytes:
        """A request that names a hold: GetHoldRequest or ReleaseSeatsRequest."""
        return write(message, hold_id=hold_id, user_id=user, organization_id=self.organization)

    def holds_of(self, user: str) -> bytes:
        """ListHoldsRequest of the user's live holds on the trip."""
        return write("ListHoldsRequest", user_id=user, organization_id=self.organization, trip_id=self.trip)

    def status_in(self, reply: Reply) -> int:
        """The seat's status in a map, 0 where the map does not have it or there is no map."""
        if reply.status != OK:
            return 0
        cells = (cell for row in read("GetSeatMapResponse", reply).rows for cell in row.seats)
        return next((int(cell.status) for cell in cells if cell.seat_id == self.seat), 0)


def contest_for(trip: Trip, seat: str = "") -> Contest:
    """The seat, or just the map, from the trip's first stop to its last."""
    return Contest(trip.key.organization, trip.key.trip, trip.stops[0], trip.stops[-1], seat)


def method(name: str) -> str:
    """The path of one of the service's methods."""
    return f"{SERVICE}/{name}"
