"""The data of each type of event, of holds and of seats that the house blocks."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from json import loads
from operator import attrgetter
from typing import Any, ClassVar, TypeAlias, assert_never

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, Step
from travio_inventory.kernel.json_text import encode
from travio_inventory.kernel.quick import quick
from travio_inventory.seats.hold import Aborted, Cancelled, Confirmed, Expired, Forgotten, Held, Hold, Released

VERSION = 1
"""The version of every type's data. A new field does not change it."""


class EventType(StrEnum):
    """The steps that publish an event."""

    HOLD_CREATED = "hold.created"
    HOLD_EXTENDED = "hold.extended"
    HOLD_CHANGED = "hold.changed"
    SEATS_PURCHASED = "seats.purchased"
    HOLD_RELEASED = "hold.released"
    HOLD_EXPIRED = "hold.expired"
    BOOKING_CHANGED = "booking.changed"
    BOOKING_CANCELLED = "booking.cancelled"
    PASSENGERS_ERASED = "passengers.erased"
    SEATS_BLOCKED = "seats.blocked"
    SEATS_UNBLOCKED = "seats.unblocked"
    TRIP_CANCELLED = "trip.cancelled"
    VEHICLE_SWAPPED = "trip.vehicle_swapped"
    REFUND_REQUIRED = "payment.refund_required"


@dataclass(frozen=True, slots=True)
class OfHold:
    """The fields of every event of a hold. Segments are numbered from 0. A late booking has its own hold id. `prices`
    are those of the seats, in their order, in minor units of the currency, as they were when the hold was made.
    """

    type: ClassVar[EventType]
    hold_id: str
    trip: str
    user_id: str
    seats: tuple[str, ...]
    first_segment: int
    last_segment: int
    prices: tuple[int, ...] = field(default=(), kw_only=True)
    currency: str = field(default="", kw_only=True)


@quick
@dataclass(frozen=True, slots=True)
class HoldCreated(OfHold):
    """The seats are held for the user until then, in Unix milliseconds."""

    type: ClassVar = EventType.HOLD_CREATED
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class HoldExtended(OfHold):
    """The hold was extended until then."""

    type: ClassVar = EventType.HOLD_EXTENDED
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class OfChange(OfHold):
    """The fields of a change of seats or journey: the others say what is now, these what was before."""

    seats_before: tuple[str, ...]
    first_segment_before: int
    last_segment_before: int
    prices_before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HoldChanged(OfChange):
    """The hold, until then, has other seats or another journey than before."""

    type: ClassVar = EventType.HOLD_CHANGED
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class BookingChanged(OfChange):
    """The booking of that order, whose hold was created at that moment, has other seats or another journey."""

    type: ClassVar = EventType.BOOKING_CHANGED
    order: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class SeatsPurchased(OfHold):
    """The hold, which was created at that moment, became a booking of that order. The seats that are given back were
    the hold's, and are free by the same step.
    """

    type: ClassVar = EventType.SEATS_PURCHASED
    order: str
    created_at_ms: int
    given_back: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class HoldReleased(OfHold):
    """The user released the hold."""

    type: ClassVar = EventType.HOLD_RELEASED


@dataclass(frozen=True, slots=True)
class HoldExpired(OfHold):
    """The hold's time ran out: its seats are free."""

    type: ClassVar = EventType.HOLD_EXPIRED


@dataclass(frozen=True, slots=True)
class BookingCancelled(OfHold):
    """The booking of that order, whose hold was created at that moment, was cancelled."""

    type: ClassVar = EventType.BOOKING_CANCELLED
    order: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class PassengersErased(OfHold):
    """The booking of that order names nobody any more: whoever was told of its passengers is to forget them."""

    type: ClassVar = EventType.PASSENGERS_ERASED
    order: str


@dataclass(frozen=True, slots=True)
class OfBlock:
    """The fields of both events of blocked seats. `block_id` is the same in both."""

    type: ClassVar[EventType]
    block_id: str
    trip: str
    seats: tuple[str, ...]
    first_segment: int
    last_segment: int


@dataclass(frozen=True, slots=True)
class SeatsBlocked(OfBlock):
    """The house took the seats off sale, for that reason."""

    type: ClassVar = EventType.SEATS_BLOCKED
    reason: str


@dataclass(frozen=True, slots=True)
class SeatsUnblocked(OfBlock):
    """The house put the seats back on sale."""

    type: ClassVar = EventType.SEATS_UNBLOCKED


@dataclass(frozen=True, slots=True)
class TripCancelled:
    """The house cancelled the trip. Its holds are released and its bookings cancelled, each with its own event."""

    type: ClassVar = EventType.TRIP_CANCELLED
    cancellation_id: str
    trip: str


@dataclass(frozen=True, slots=True)
class VehicleSwapped:
    """The house gave the trip another vehicle. What is held and booked moves to it, each with its own event."""

    type: ClassVar = EventType.VEHICLE_SWAPPED
    swap_id: str
    trip: str
    vehicle: str
    vehicle_type: str
    seat_count: int


@dataclass(frozen=True, slots=True)
class RefundRequired:
    """The payment for that hold and order books nothing, for that reason: the name of a refusal, or AMOUNT_DIFFERS.
    `payment_event` is the id of the event that told of the payment; the amount is in minor units, None where it said
    none.
    """

    type: ClassVar = EventType.REFUND_REQUIRED
    refund_id: str
    hold_id: str
    trip: str
    order: str
    reason: str
    payment_event: str
    amount_minor: int | None = None
    currency: str = ""


Data: TypeAlias = (
    HoldCreated
    | HoldExtended
    | HoldChanged
    | SeatsPurchased
    | HoldReleased
    | HoldExpired
    | BookingChanged
    | BookingCancelled
    | PassengersErased
    | SeatsBlocked
    | SeatsUnblocked
    | TripCancelled
    | VehicleSwapped
    | RefundRequired
)

_About: TypeAlias = tuple[str, str, str, tuple[str, ...], int, int]
"""The hold, its trip, its holder, its seats, and its first and last segment."""

_BY_TYPE: dict[str, type[Data]] = {data.type: data for data in Data.__args__}
_FIELDS = {data: tuple(field.name for field in fields(data)) for data in Data.__args__}
_VALUES = {data: attrgetter(*names) for data, names in _FIELDS.items()}
_LISTS = ("seats", "prices", "given_back", "seats_before", "prices_before")


def step_to(hold: Hold) -> Step:
    """The event of the step that brought the hold to its state. Its ordinal counts the steps of the hold and of its
    late booking together.
    """
    ordinal, data = _by_user(hold) if hold.holder else _by_house(hold)
    return Step(ordinal, str(data.type), VERSION, _actor(hold), data_text(data))


def _actor(hold: Hold) -> ActorKind:
    if isinstance(hold.state, Expired):
        return ActorKind.SYSTEM
    return ActorKind.USER if hold.holder and not hold.is_by_house else ActorKind.HOUSE


def _by_user(hold: Hold) -> tuple[int, Data]:
    about = (hold.id, hold.trip.trip, hold.holder, hold.seats, *hold.journey)
    costs: dict[str, Any] = {"prices": hold.prices, "currency": hold.currency}
    match hold.state:
        case Held(expires_at_ms=until_ms):
            return hold.extensions, _of_held(hold, about, until_ms, costs)
        case Confirmed(order=order):
            return hold.extensions + 1, _of_booking(hold, about, order, costs)
        case Released():
            return hold.extensions + 1, HoldReleased(*about, **costs)
        case Expired():
            return hold.extensions + 1, HoldExpired(*about, **costs)
        case Cancelled(order=order):
            return hold.extensions + 2, BookingCancelled(*about, order, hold.created_at_ms, **costs)
        case Aborted() | Forgotten():
            raise ValueError("an aborted attempt has no event, nor has a hold that is forgotten")
        case _:
            assert_never(hold.state)


def _of_held(hold: Hold, about: _About, until_ms: int, costs: dict[str, Any]) -> Data:
    if hold.before is not None:
        return HoldChanged(*about, *_was(hold.before), until_ms, **costs)
    kind = HoldExtended if hold.extensions else HoldCreated
    return kind(*about, until_ms, **costs)


def _of_booking(hold: Hold, about: _About, order: str, costs: dict[str, Any]) -> Data:
    before = hold.before
    if before is None or not isinstance(before.state, Confirmed):
        return SeatsPurchased(*about, order, hold.created_at_ms, given_back=_given_back(hold), **costs)
    if hold.is_unnamed_since(before):
        return PassengersErased(*about, order, **costs)
    return BookingChanged(*about, *_was(before), order, hold.created_at_ms, **costs)


def _was(before: Hold) -> tuple[tuple[str, ...], int, int, tuple[int, ...]]:
    """What the hold was before the change."""
    return before.seats, *before.journey, before.prices


def _given_back(hold: Hold) -> tuple[str, ...]:
    """The seats of a hold that were not booked with the others; an expired one had none any more."""
    if hold.before is None or not hold.before.is_live:
        return ()
    return tuple(seat for seat in hold.before.seats if seat not in hold.seats)


def _by_house(hold: Hold) -> tuple[int, Data]:
    about = (hold.id, hold.trip.trip, hold.seats, *hold.journey)
    if isinstance(hold.state, Held):
        return hold.extensions, SeatsBlocked(*about, hold.reason)
    return hold.extensions + 1, SeatsUnblocked(*about)


def data_text(data: Data) -> str:
    """The data as a JSON object."""
    kind = type(data)
    return encode(dict(zip(_FIELDS[kind], _VALUES[kind](data), strict=True)))


def data_of(event: Event) -> Data:
    """The event's data, without fields newer than this release. Raises ValueError for an unknown type or version."""
    kind = _BY_TYPE.get(event.type)
    if kind is None or event.version != VERSION:
        raise ValueError(f"event {event.type} of version {event.version} is not known here")
    found: dict[str, Any] = loads(event.data)
    found |= {name: tuple(found[name]) for name in _LISTS if name in found}
    return kind(**{name: found[name] for name in _FIELDS[kind]})
