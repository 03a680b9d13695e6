"""Requests and answers about holds and bookings."""

from typing import Annotated, Literal

from pydantic import BaseModel, FailFast, Field

from travio_inventory.api.rest.json_types import Body, Int32, Int64, NamingBody, Shown
from travio_inventory.api.rest.routes import Problem
from travio_inventory.seats.commands import ConfirmHoldCommand, HoldSeatsCommand, MoveHoldCommand
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.trip import Ends

HoldStatus = Literal[
    "HOLD_STATUS_HELD",
    "HOLD_STATUS_CONFIRMED",
    "HOLD_STATUS_RELEASED",
    "HOLD_STATUS_EXPIRED",
    "HOLD_STATUS_CANCELLED",
    "HOLD_STATUS_UNSPECIFIED",
]
SeatIds = Annotated[list[str], FailFast(), Field(examples=[["seat-A1"]])]


class HoldRequest(NamingBody):
    """Seats to hold, all of them or none."""

    trip_id: Annotated[str, Field(examples=["dhaka-chattogram-0605"])]
    from_station_id: Annotated[str, Field(examples=["dhaka"])] = ""
    to_station_id: Annotated[str, Field(examples=["chattogram"])] = ""
    seat_ids: SeatIds
    session_id: str = ""
    hold_duration_seconds: Annotated[Int32, Field(description="0 or less: the default.", examples=[300])] = 0
    idempotency_key: Annotated[str, Field(description="The header Idempotency-Key wins.")] = ""
    settle: Annotated[bool, Field(description="The outcome of the key is unknown: the store decides it.")] = False
    from_segment_index: Int32 | None = None
    to_segment_index: Int32 | None = None

    def command(self, key: str) -> HoldSeatsCommand:
        """What it asks for, under that key or its own. Raises InvalidRequest."""
        return HoldSeatsCommand(
            trip_id=self.trip_id,
            ends=Ends(self.from_station_id, self.to_station_id, self.from_segment_index, self.to_segment_index),
            seat_ids=tuple(self.seat_ids),
            ttl_s=self.hold_duration_seconds,
            key=key or self.idempotency_key or None,
            settles=self.settle,
            session_id=self.session_id,
        )


class Held(BaseModel):
    """The seats are held, or booked if the key was used before. Prices are in the minor unit of the currency."""

    hold_id: str
    success: Literal[True]
    held_seat_ids: SeatIds
    failed_seat_ids: list[str]
    expires_at: Shown | None
    failure_reason: Literal[""]
    seat_prices_minor: list[int]
    price_minor: int
    currency: str


class NotHeld(Problem):
    """No seat is held: a problem, and beside it what old clients read, unless nobody looked at the seats (429)."""

    hold_id: Literal[""] = ""
    success: Literal[False] = False
    held_seat_ids: list[str] = Field(default_factory=list)
    failed_seat_ids: list[str] = Field(default_factory=list)
    expires_at: None = None
    failure_reason: str = ""


class ExtendRequest(Body):
    """How long the hold is to last, from now."""

    hold_duration_seconds: Annotated[Int32, Field(description="0 or less: the default.", examples=[300])] = 0


class Extended(BaseModel):
    """Until when the hold lasts."""

    hold_id: str
    expires_at: Shown | None


class PassengerSeat(Body):
    """Who sits where."""

    seat_id: Annotated[str, Field(examples=["seat-A1"])]
    passenger_name: Annotated[str, Field(examples=["Rahima Akter"])] = ""
    passenger_nid: Annotated[str, Field(description="National identity number.", examples=["19904712345678901"])] = ""


class ConfirmRequest(Body):
    """The order under which the hold is booked, with passengers for exactly its seats or none."""

    order_id: Annotated[str, Field(examples=["order-1"])]
    passengers: Annotated[list[PassengerSeat], FailFast()] = Field(
        default_factory=list, examples=[[{"seat_id": "seat-A1", "passenger_name": "Rahima Akter"}]]
    )
    seat_ids: Annotated[list[str], FailFast()] = Field(
        default_factory=list, description="Only these; the others are given back. None: all."
    )

    def command(self, hold_id: str) -> ConfirmHoldCommand:
        """Raises InvalidRequest."""
        named = tuple(Passenger(each.seat_id, each.passenger_name, each.passenger_nid) for each in self.passengers)
        return ConfirmHoldCommand(
            hold_id=hold_id, order_id=self.order_id, passengers=named, seat_ids=tuple(self.seat_ids)
        )


class Ticket(BaseModel):
    """A seat of a booking, with its ticket."""

    seat_id: str
    seat_number: str
    ticket_id: str
    price_minor: int


class Booked(BaseModel):
    """The booking; repeated, the same one."""

    success: Literal[True] = True
    booking_id: str
    confirmed_seats: list[Ticket]
    price_minor: int
    currency: str


class SeatMove(Body):
    """A seat, and the one that takes its place."""

    from_seat_id: Annotated[str, Field(examples=["seat-A1"])]
    to_seat_id: Annotated[str, Field(examples=["seat-B1"])]


class MoveRequest(Body):
    """Other seats, another journey, or both."""

    moves: Annotated[list[SeatMove], FailFast()] = Field(
        default_factory=list, examples=[[{"from_seat_id": "seat-A1", "to_seat_id": "seat-B1"}]]
    )
    from_station_id: str = ""
    to_station_id: str = ""
    from_segment_index: Int32 | None = None
    to_segment_index: Int32 | None = None
    expected_version: Annotated[Int64 | None, Field(description="The version that the caller saw.")] = None
    settle: bool = False

    def command(self, hold_id: str) -> MoveHoldCommand:
        """Raises InvalidRequest."""
        ends = Ends(self.from_station_id, self.to_station_id, self.from_segment_index, self.to_segment_index)
        return MoveHoldCommand(
            hold_id=hold_id,
            moves=tuple((move.from_seat_id, move.to_seat_id) for move in self.moves),
            ends=None if ends == Ends("", "") else ends,
            version=self.expected_version,
            settles=self.settle,
        )


class SeatsRequest(Body):
    """Seats of a hold or a booking to give back."""

    seat_ids: Annotated[list[str], FailFast()] = Field(
        default_factory=list, description="Only these; none: all.", examples=[["seat-A1"]]
    )


class GivenBack(BaseModel):
    """How many seats were given back, and which are left."""

    given_back_count: int
    remaining_seat_ids: list[str]


class Named(BaseModel):
    """A passenger of a booking."""

    seat_id: str
    passenger_name: str
    passenger_nid: str


class Hold(BaseModel):
    """A hold or a booking as it is now. Lists are in the order of `seat_ids`."""

    hold_id: str
    trip_id: str
    user_id: str
    status: HoldStatus
    seat_ids: list[str]
    seat_numbers: list[str]
    seat_labels: list[str]
    from_station_id: str
    to_station_id: str
    from_segment_index: int
    to_segment_index: int
    created_at: Shown | None
    expires_at: Shown | None
    order_id: str
    booking_id: str
    passengers: list[Named]
    seat_prices_minor: list[int]
    price_minor: int
    currency: str
    version: int
    without_place: bool


class Moved(BaseModel):
    """The hold or booking after the move, with the tickets of a booking."""

    hold: Hold
    confirmed_seats: list[Ticket]


class HoldPage(BaseModel):
    """Some holds, even none; the token of the next page, empty after the last."""

    holds: list[Hold]
    next_page_token: str
