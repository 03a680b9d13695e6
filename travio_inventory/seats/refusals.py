"""Every refusal about seats, trips and holds; the tree also has those of `kernel.refusals` and `protocol.refusals`.

Refusal
├── WrongRequest         change the request
│   ├── InvalidRequest
│   │   ├── InvalidTrip
│   │   ├── InvalidJourney
│   │   ├── InvalidSeats
│   │   └── ReplyTooLarge
│   ├── TripDefinedOtherwise
│   └── IdempotencyKeyReused
├── FinalRefusal         give up
│   ├── SeatTaken
│   │   ├── SeatHeld
│   │   └── SeatUnavailable
│   ├── HoldEnded
│   │   ├── HoldExpired
│   │   ├── HoldReleased
│   │   ├── HoldConfirmed
│   │   └── BookingCancelled
│   ├── ExtensionTooLong
│   ├── HoldChanged
│   ├── HoldNotFound
│   ├── NotOnSale
│   │   ├── SalesClosed
│   │   └── Departed
│   ├── TripCancelled
│   ├── TripChanged
│   ├── TripNotFound
│   ├── SeatPlanNotFound
│   ├── NotOnWaitlist
│   ├── Unauthenticated
│   └── PermissionDenied
└── RetryableRefusal     the same request may succeed later
    ├── SeatContended
    ├── TripOpening
    ├── TripBeingForgotten
    ├── HoldLimitReached
    ├── Overloaded
    ├── RateLimited
    ├── BackendUnavailable
    └── OutcomeUnknown
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.refusals import FinalRefusal, InvalidRequest, RetryableRefusal, Violation, WrongRequest
from travio_inventory.protocol.refusals import (
    BookingCancelled,
    ExtensionTooLong,
    HoldChanged,
    HoldConfirmed,
    HoldEnded,
    HoldExpired,
    HoldLimitReached,
    HoldNotFound,
    HoldReleased,
)

__all__ = [
    "BY_STORE",
    "CONTENTION",
    "BookingCancelled",
    "Decided",
    "Departed",
    "ExtensionTooLong",
    "HoldChanged",
    "HoldConfirmed",
    "HoldEnded",
    "HoldExpired",
    "HoldLimitReached",
    "HoldNotFound",
    "HoldReleased",
    "InvalidJourney",
    "InvalidSeats",
    "InvalidTrip",
    "NotOnSale",
    "NotOnWaitlist",
    "ReplyTooLarge",
    "SalesClosed",
    "SeatContended",
    "SeatHeld",
    "SeatPlanNotFound",
    "SeatTaken",
    "SeatUnavailable",
    "TakenCell",
    "TripBeingForgotten",
    "TripCancelled",
    "TripChanged",
    "TripDefinedOtherwise",
    "TripNotFound",
    "TripOpening",
]

CONTENTION: Final = "seat query contention - please retry"
"""The beginning of the message if a seat may come back. Load testers in use count contention by these words."""


class TakenCell(NamedTuple):
    """A seat on one segment that another hold, booking or block has; `status` is held, sold or blocked.

    `claimant` is the digest of its owner ("" if unknown), `hold` the id of the hold, and `until_ms` its expiry in Unix
    milliseconds, if it has one.
    """

    seat: str
    segment: int
    status: str
    claimant: str = ""
    hold: str = ""
    until_ms: int = 0


class Decided(NamedTuple):
    """Which part refused the seat. The store decides for good. The edge reports what the seat was at `as_of_ms`, when
    the batch that decided it was sent: then the call did nothing, and its key is not decided.
    """

    by: str
    as_of_ms: int = 0


BY_STORE = Decided("store")


class InvalidTrip(InvalidRequest):
    """The definition of a trip contradicts itself."""

    reason = "INVALID_TRIP"


class InvalidJourney(InvalidRequest):
    """The trip has no such journey, or more than one: then `candidates` are the first and last segments of each."""

    reason = "INVALID_JOURNEY"

    def __init__(self, violations: Sequence[Violation], candidates: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(violations)
        self.candidates = tuple(candidates)


class InvalidSeats(InvalidRequest):
    """None, too many, repeated or unknown seats."""

    reason = "INVALID_SEATS"


class ReplyTooLarge(InvalidRequest):
    """The answer would be larger than clients accept; `sections` are those that may be asked for instead."""

    reason = "REPLY_TOO_LARGE"

    def __init__(self, violations: Sequence[Violation], sections: Sequence[str] = ()) -> None:
        super().__init__(violations)
        self.sections = tuple(sections)


SWAPPED = "vehicle (swapped)"
"""What differs where the trip got another vehicle after it was opened."""


class TripDefinedOtherwise(WrongRequest):
    """The trip is already open with another definition: these `differences`, as "stops", "seats", "prices", SWAPPED;
    and whether the standing definition was changed since the trip was opened.
    """

    reason = "TRIP_DEFINED_OTHERWISE"

    def __init__(self, differences: Sequence[str] = (), *, was_changed: bool = False) -> None:
        what = f"other {', '.join(differences)}" if differences else "another definition"
        since = " (it was changed since it was opened)" if was_changed else ""
        super().__init__(f"this trip is already open with {what}{since}; nothing was changed")
        self.differences = tuple(differences)
        self.was_changed = was_changed

    @property
    def is_later_change(self) -> bool:
        """Whether it is the trip that was meant: its prices, times or vehicle were changed since it was opened."""
        return self.was_changed and bool(self.differences) and {*self.differences} <= {"prices", "times", SWAPPED}


class SeatTaken(FinalRefusal):
    """Somebody has a cell; `seats.taken` chooses between the two kinds."""

    def __init__(self, said: str, cells: Sequence[TakenCell], decided: Decided) -> None:
        super().__init__(said)
        self.cells = tuple(cells)
        self.decided = decided


class SeatHeld(SeatTaken):
    """A hold has a cell until `held_until_ms`, in Unix milliseconds, unless it is extended or booked.

    `own_hold` is its id if it is the caller's own, else "".
    """

    reason = "SEAT_HELD"

    def __init__(
        self,
        cells: Sequence[TakenCell],
        *,
        held_until_ms: int = 0,
        own_hold: str = "",
        decided: Decided = BY_STORE,
    ) -> None:
        own = f" in your own hold {own_hold}" if own_hold else ""
        super().__init__(f"{CONTENTION}: {_named([cell.seat for cell in cells])} held{own}", cells, decided)
        self.held_until_ms = held_until_ms
        self.own_hold = own_hold


class SeatUnavailable(SeatTaken):
    """A cell is sold or blocked."""

    reason = "SEAT_UNAVAILABLE"

    def __init__(self, cells: Sequence[TakenCell], *, decided: Decided = BY_STORE) -> None:
        super().__init__(f"{_named([cell.seat for cell in cells])} not available", cells, decided)


class NotOnSale(FinalRefusal):
    """Nothing new of the trip can be held or booked; what is held already goes on."""


class SalesClosed(NotOnSale):
    """The sales of the trip are in this `state`: closed, freezing, frozen, swapping, cancelling or cancelled."""

    reason = "SALES_CLOSED"

    def __init__(self, state: str) -> None:
        super().__init__(f"the sales of this trip are {state}: no new holds, and no booking of an expired one")
        self.state = state


class Departed(NotOnSale):
    """The trip has left the first stop of the journey, at this time in Unix seconds."""

    reason = "DEPARTED"

    def __init__(self, departed_at_s: int) -> None:
        super().__init__("the trip has left the first stop of this journey: nothing of it is sold any more")
        self.departed_at_s = departed_at_s


class TripCancelled(FinalRefusal):
    """A trip that is cancelled stays so."""

    reason = "TRIP_CANCELLED"

    def __init__(self) -> None:
        super().__init__("the trip is cancelled, and stays so; open another one under another id")


class TripChanged(FinalRefusal):
    """The trip is not of the version any more that the change was made for; it is of this one."""

    reason = "TRIP_CHANGED"

    def __init__(self, version: int) -> None:
        super().__init__(f"the trip has changed and is of version {version} now: read it, and decide again")
        self.version = version


class TripNotFound(FinalRefusal):
    """The organization has no such trip."""

    reason = "TRIP_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("trip not found")


class SeatPlanNotFound(FinalRefusal):
    """The organization has no such seat plan."""

    reason = "SEAT_PLAN_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("seat plan not found")


class NotOnWaitlist(FinalRefusal):
    """The holder does not wait for that class of that trip."""

    reason = "NOT_ON_WAITLIST"

    def __init__(self) -> None:
        super().__init__("not on this waiting list")


class SeatContended(RetryableRefusal):
    """Another attempt is taking one of the seats now."""

    reason = "SEAT_CONTENDED"

    def __init__(self, seats: Sequence[str], *, retry_after_ms: int, decided: Decided = BY_STORE) -> None:
        super().__init__(f"{CONTENTION}: {_named(seats)} being taken", retry_after_ms=retry_after_ms)
        self.seats = tuple(seats)
        self.decided = decided


class TripOpening(RetryableRefusal):
    """The trip's cells are still being seeded."""

    reason = "TRIP_OPENING"

    def __init__(self) -> None:
        super().__init__("the trip is still being opened", retry_after_ms=500)


class TripBeingForgotten(RetryableRefusal):
    """The id stood for a trip that is over, and does until nothing is left of that one."""

    reason = "TRIP_BEING_FORGOTTEN"

    def __init__(self) -> None:
        super().__init__(
            "the trip of this id is over and is being forgotten; open it again in a few hours, or under another id",
            retry_after_ms=3_600_000,
        )


def _named(seats: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(seats)) or "a seat"
