"""Requests to use cases, as values that check themselves: each names all that is wrong, by the fields of the wire."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import NewType

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.ids import is_plain
from travio_inventory.kernel.quick import quick
from travio_inventory.seats.command_parts import are_usual, check_ends, check_parts
from travio_inventory.seats.hold import DIGEST_CHARS, LATE_SUFFIX, Passenger
from travio_inventory.seats.layout import check_layout
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Ends

HOLD_ID_BYTES_MAX = limits.ID_BYTES_MAX + len("~999999~") + DIGEST_CHARS + len(LATE_SUFFIX)
"""A hold id is the trip's id, a seat group's number, a digest, and perhaps the mark of a late booking."""

TripId = NewType("TripId", str)
"""The id of a trip, checked by `trip_id`."""
HoldRef = NewType("HoldRef", str)
"""What may be the id of a hold or a booking, checked by `hold_ref`. Only the store knows whether it exists."""


def trip_id(text: str) -> TripId:
    """Raises InvalidRequest."""
    found = Faults()
    found.id("trip_id", text)
    found.finish()
    return TripId(text)


def hold_ref(text: str, field: str = "hold_id") -> HoldRef:
    """Raises InvalidRequest, which names the field."""
    found = Faults()
    found.text(field, text, HOLD_ID_BYTES_MAX, required=True)
    found.finish()
    return HoldRef(text)


class SalesAction(StrEnum):
    """What is done with the sales of a trip."""

    CLOSE = "close"
    REOPEN = "reopen"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSalesCommand:
    """Do that with the sales of the trip; `action` names a SalesAction. Raises InvalidRequest, as all of these do."""

    trip_id: str
    action: str

    def __post_init__(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        if self.action not in SalesAction.__members__:
            found.wrong("action", f"must be one of {', '.join(SalesAction.__members__)}")
        found.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTripCommand:
    """Change prices and times of the trip, if it is of that version; 0: of any."""

    trip_id: str
    change: TripChange
    version: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        found.number("version", self.version, 0, limits.TIME_S_MAX)
        self.change.check(found)
        found.finish()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SeatMapQuery:
    """The seats of a trip for a journey, of one section or of all (""). Raises InvalidRequest, as all of these do."""

    trip_id: str
    ends: Ends
    section: str = ""

    def __post_init__(self) -> None:
        if not (are_usual(self.trip_id, self.ends) and (not self.section or is_plain(self.section))):
            self._check()

    def _check(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        check_ends(found, self.ends)
        found.id("section_id", self.section, required=False)
        found.finish()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityQuery:
    """How many seats of a class and a section ("" = any) are free for a journey of so many passengers, 0 for one."""

    trip_id: str
    ends: Ends
    passengers: int = 0
    seat_class: str = ""
    section: str = ""

    def __post_init__(self) -> None:
        is_plain_or_any = all(map(is_plain, filter(None, (self.seat_class, self.section))))
        if not (is_plain_or_any and 0 <= self.passengers <= limits.SEATS_MAX and are_usual(self.trip_id, self.ends)):
            self._check()

    def _check(self) -> None:
        found = Faults()
        found.number("passengers", self.passengers, 0, limits.SEATS_MAX)
        found.id("trip_id", self.trip_id)
        check_ends(found, self.ends)
        found.id("seat_class", self.seat_class, required=False)
        found.id("section_id", self.section, required=False)
        found.finish()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSeatsCommand:
    """Seats to hold for `ttl_s` seconds, 0 or less for the default. With `settles` the outcome of the key is unknown
    and the store must decide it. `session_id` changes nothing. Raises InvalidSeats for a wrong number of them.
    """

    trip_id: str
    ends: Ends
    seat_ids: tuple[str, ...]
    ttl_s: int = 0
    key: str | None = None
    settles: bool = False
    session_id: str = ""

    def __post_init__(self) -> None:
        if not self._is_usual():
            self._check()

    def _is_usual(self) -> bool:
        """Whether nothing can be wrong with it, as is seen at once of most: seats are asked for all the time."""
        return (
            are_usual(self.trip_id, self.ends)
            and all(map(is_plain, self.seat_ids))
            and 0 < len(self.seat_ids) <= limits.SEATS_PER_HOLD_MAX
            and (not self.settles if self.key is None else is_plain(self.key) is not None)
            and not self.session_id
        )

    def _check(self) -> None:
        found = Faults()
        found.text("session_id", self.session_id)
        found.id("trip_id", self.trip_id)
        check_ends(found, self.ends)
        if found.count("seat_ids", self.seat_ids, 1, limits.SEATS_PER_HOLD_MAX, InvalidSeats):
            found.ids("seat_ids", self.seat_ids)
        if self.key is not None:
            found.id("idempotency_key", self.key)
        elif self.settles:
            found.wrong("settle", "needs an idempotency_key: the one whose outcome is unknown")
        found.finish()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBackCommand:
    """A hold to release, or a booking to cancel: all of its seats, or these alone. `field` is what the wire calls the
    id.
    """

    hold_id: str
    seat_ids: tuple[str, ...] = ()
    field: str = "hold_id"

    def __post_init__(self) -> None:
        if self.seat_ids or not is_plain(self.hold_id):
            self._check()

    def _check(self) -> None:
        found = Faults()
        found.text(self.field, self.hold_id, HOLD_ID_BYTES_MAX, required=True)
        check_parts(found, self.seat_ids)
        found.finish()

    @property
    def parts(self) -> tuple[str, ...] | None:
        """The seats that are named, None if all are meant."""
        return self.seat_ids or None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmHoldCommand:
    """A hold to book under an order, with its passengers if they are named; these of its seats alone if they are named:
    the others are given back.
    """

    hold_id: str
    order_id: str
    passengers: tuple[Passenger, ...] = ()
    seat_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.passengers or self.seat_ids or not (is_plain(self.hold_id) and is_plain(self.order_id)):
            self._check()

    def _check(self) -> None:
        found = Faults()
        check_parts(found, self.seat_ids)
        if found.count("passengers", self.passengers, 0, limits.SEATS_PER_HOLD_MAX):
            for index, passenger in enumerate(self.passengers):
                each = found.at(f"passengers[{index}].")
                each.id("seat_id", passenger.seat)
                each.text("passenger_name", passenger.name, limits.NAME_BYTES_MAX)
                each.text("passenger_nid", passenger.national_id, limits.NAME_BYTES_MAX)
        found.text("hold_id", self.hold_id, HOLD_ID_BYTES_MAX, required=True)
        found.id("order_id", self.order_id)
        found.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveHoldCommand:
    """A hold or booking to move: its seats, each with the one that takes its place, and another journey if named. Of a
    version it must be as its caller saw it; with `settles` the store decides.
    """

    hold_id: str
    moves: tuple[tuple[str, str], ...] = ()
    ends: Ends | None = None
    version: int | None = None
    settles: bool = False

    def __post_init__(self) -> None:
        found = Faults()
        found.text("hold_id", self.hold_id, HOLD_ID_BYTES_MAX, required=True)
        if found.count("moves", self.moves, 0, limits.SEATS_PER_HOLD_MAX, InvalidSeats):
            old, new = [[move[side] for move in self.moves] for side in (0, 1)]
            for side, seats in (("from_seat_id", old), ("to_seat_id", new)):
                for index, seat in enumerate(seats):
                    found.at(f"moves[{index}].").id(side, seat)
                if len({*seats}) < len(seats):
                    found.wrong("moves", f"each {side} must be another seat")
            if self.moves and {*old} == {*new}:
                found.wrong("moves", "the seats stay the same: name the ones that take their places")
        if self.ends is not None:
            check_ends(found, self.ends)
        elif not self.moves:
            found.wrong("moves", "name the seats to move, or another journey")
        found.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHoldCommand:
    """A hold to extend to `ttl_s` seconds from now, 0 or less for the default."""

    hold_id: str
    ttl_s: int = 0

    def __post_init__(self) -> None:
        hold_ref(self.hold_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsQuery:
    """A page of the actor's holds after `after`: of one trip if it is named, with `include_ended` also those that
    ended. A `page_size` of 0 means the most allowed.
    """

    trip_id: str = ""
    include_ended: bool = False
    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.HOLDS_LISTED_MAX)
        found.id("trip_id", self.trip_id, required=False)
        found.finish()

    @property
    def most(self) -> int:
        """How many holds the page has at most."""
        return self.page_size or limits.HOLDS_LISTED_MAX


@dataclass(frozen=True, slots=True)
class SeatUpdate:
    """A seat to block, for a reason, or to unblock."""

    seat_id: str
    is_blocked: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapVehicleCommand:
    """The vehicle that a trip gets, with the seats of a stored plan where one is named; if it is of that version, 0 for
    any.
    """

    trip_id: str
    vehicle: NewVehicle
    plan: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        found.id("seat_plan", self.plan, required=False)
        if not self.plan:
            vehicle = self.vehicle
            check_layout(found.at("seat_config."), vehicle.seats, vehicle.sections, vehicle.features)
        if found.count("seat_mapping", self.vehicle.chosen, 0, limits.SEATS_MAX):
            found.ids_of("seat_mapping", chain.from_iterable(self.vehicle.chosen.items()))
        found.number("version", self.version, 0, limits.TIME_S_MAX)
        found.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSeatsCommand:
    """Seats of a trip to block, and seats to unblock."""

    trip_id: str
    updates: tuple[SeatUpdate, ...]

    def __post_init__(self) -> None:
        found = Faults()
        found.id("trip_id", self.trip_id)
        if found.count("updates", self.updates, 1, limits.UPDATES_MAX):
            for index, update in enumerate(self.updates):
                each = found.at(f"updates[{index}].")
                each.id("seat_id", update.seat_id)
                each.text("reason", update.reason, limits.NAME_BYTES_MAX)
        found.finish()

    @property
    def blocked(self) -> dict[str, str]:
        """Why each seat is taken off sale."""
        return {update.seat_id: update.reason for update in self.updates if update.is_blocked}

    @property
    def unblocked(self) -> tuple[str, ...]:
        """The seats to unblock."""
        return tuple(update.seat_id for update in self.updates if not update.is_blocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistPlace:
    """A place on the waiting list for a class ("" = any) of a trip, for so many seats."""

    trip_id: str
    seat_class: str = ""
    seats: int = 1

    def __post_init__(self) -> None:
        found = Faults()
        found.number("requested_seats", self.seats, 1, limits.SEATS_PER_HOLD_MAX)
        found.id("trip_id", self.trip_id)
        found.id("seat_class", self.seat_class, required=False)
        found.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitsQuery:
    """A page of the actor's places on waiting lists after `after`. A `page_size` of 0 means the most allowed."""

    after: str = ""
    page_size: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_size", self.page_size, 0, limits.WAITS_LISTED_MAX)
        found.finish()

    @property
    def most(self) -> int:
        """How many places the page has at most."""
        return self.page_size or limits.WAITS_LISTED_MAX
