"""Requests and answers about showtimes."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import FailFast, Field, SkipValidation

from travio_inventory.api.events import SoldSeat, hall
from travio_inventory.api.rest.camel import CamelAnswer, CamelBody, CamelNamingBody
from travio_inventory.api.rest.errors import ErrorProblem
from travio_inventory.api.rest.halls import AS_MUCH_AS, SEATS_MAX, Price, Row, minor
from travio_inventory.api.rest.json_types import Shown
from travio_inventory.api.rest.large_forms import read_forms
from travio_inventory.kernel.answer_deadline import read_off_loop
from travio_inventory.seats.trip import Trip, TripKey

ShowtimeId = Annotated[str, Field(examples=["friday-20h"])]
HoldId = Annotated[str, Field(examples=["friday-20h~0~0123456789abcdef0123456789abcdef"])]
OrderId = Annotated[str, Field(examples=["order-1"])]
SeatIds = Annotated[list[str], FailFast(), Field(examples=[["A1", "A2"]])]
SEATS_EXAMPLE: Final = ["A1", {"seatId": "A2", "row": "A", "price": 12.5}]


class ShowtimeHoldRequest(CamelNamingBody):
    """Seats to hold, all of them or none."""

    showtime_id: ShowtimeId
    seat_ids: SeatIds
    idempotency_key: Annotated[str, Field(description="The header Idempotency-Key wins.")] = ""


class ShowtimeHeld(CamelAnswer):
    """The seats are held, or purchased if the key was used before; then the hold does not expire."""

    hold_id: HoldId
    expires_at: Shown | None
    seat_ids: SeatIds


class SeatsNotHeld(ErrorProblem):
    """No seat is held; these cannot be had."""

    seatIds: SeatIds = Field(default_factory=list)  # noqa: N815 - as its clients write it


class ReleaseRequest(CamelNamingBody):
    """A hold to release."""

    hold_id: HoldId


class Released(CamelAnswer):
    """The seats are free."""

    hold_id: HoldId
    released: Literal[True]


class PurchaseRequest(CamelNamingBody):
    """A hold whose seats are purchased under an order."""

    hold_id: HoldId
    order_id: OrderId


class Purchased(CamelAnswer):
    """The seats are sold."""

    hold_id: HoldId
    order_id: OrderId
    seat_ids: SeatIds


class SeatState(CamelAnswer):
    """A seat as it is now."""

    seat_id: str
    state: Literal["available", "held", "purchased", "blocked"]
    hold_expires_at: Shown = ""


class ShowtimeAvailability(CamelAnswer):
    """All seats of the showtime, in layout order."""

    showtime_id: ShowtimeId
    availability: list[SeatState]


class ShowtimeSeatRequest(CamelBody):
    """A seat to put on sale."""

    seat_id: Annotated[str, Field(examples=["A1"])]
    section: str = ""
    row: Row = ""
    seat_type: str = ""
    price: Price = Decimal(0)

    def sold(self) -> SoldSeat:
        """As it is put on sale."""
        return SoldSeat(self.seat_id, self.section, str(self.row), self.seat_type, minor(self.price))


class ShowtimeRequest(CamelNamingBody):
    """A showtime to open: its seats, or their ids alone."""

    showtime_id: ShowtimeId
    seats: Annotated[
        list[SkipValidation[ShowtimeSeatRequest | str]], Field(max_length=SEATS_MAX, examples=[SEATS_EXAMPLE])
    ]

    async def trip(self, organization: str) -> Trip:
        """The trip that the showtime is. Raises RequestValidationError, InvalidRequest."""
        said = ({"seatId": seat} if isinstance(seat, str) else seat for seat in self.seats)
        seats = await read_forms(ShowtimeSeatRequest, said, ShowtimeSeatRequest.sold, "seats")
        return await read_off_loop(len(seats) * AS_MUCH_AS, hall, TripKey(organization, self.showtime_id), seats)


class ShowtimeOpened(CamelAnswer):
    """The showtime, and whether it is on sale yet: a large one is put on sale in the background."""

    showtime_id: ShowtimeId
    seat_count: int
    is_on_sale: bool
