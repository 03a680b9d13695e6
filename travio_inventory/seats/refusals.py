"""Every refusal about seats, trips and holds, in the branches of the tree of `kernel.refusals`, which stand here too.

Refusal
├── WrongRequest            change the request
│   ├── InvalidRequest
│   │   ├── InvalidTrip
│   │   ├── InvalidJourney
│   │   └── InvalidSeats
│   ├── TripDefinedOtherwise
│   └── IdempotencyKeyReused
├── FinalNo                 give up
│   ├── SeatTaken
│   │   ├── SeatHeld
│   │   └── SeatUnavailable
│   ├── HoldEnded
│   │   ├── HoldExpired
│   │   ├── HoldReleased
│   │   ├── HoldConfirmed
│   │   └── BookingCancelled
│   ├── ExtensionTooLong
│   ├── HoldNotFound
│   ├── TripNotFound
│   ├── NotOnWaitlist
│   └── PermissionDenied
└── AskAgain                the same request may succeed later
    ├── SeatContended
    ├── TripOpening
    ├── HoldLimitReached
    ├── Overloaded
    ├── BackendUnavailable
    └── OutcomeUnknown
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.refusals import AskAgain, FinalNo, InvalidRequest, WrongRequest

CONTENTION: Final = "seat query contention - please retry"
"""How the message begins where a seat may come back. Load testers in the field count contention by these words."""


class TakenCell(NamedTuple):
    """A seat on one segment that another hold, booking or block has; `status` is held, sold or blocked.

    `claimant` is the digest of who has it ("" where that is not known), `hold` the id of what they have it by, and
    `until_ms` when that runs out, in Unix milliseconds, where it does.
    """

    seat: str
    segment: int
    status: str
    claimant: str = ""
    hold: str = ""
    until_ms: int = 0


class Decided(NamedTuple):
    """Who says what became of a seat. The store, for good; or the edge, of what the seat was when the batch was sent
    that decided it, at `as_of_ms`: then the call did nothing, and nothing is decided about its key.
    """

    by: str
    as_of_ms: int = 0


BY_STORE = Decided("store")


class InvalidTrip(InvalidRequest):
    """The definition of a trip does not hold together."""

    reason = "INVALID_TRIP"


class InvalidJourney(InvalidRequest):
    """The trip does not ride from there to there."""

    reason = "INVALID_JOURNEY"


class InvalidSeats(InvalidRequest):
    """None, too many, repeated or unknown seats."""

    reason = "INVALID_SEATS"


class TripDefinedOtherwise(WrongRequest):
    """The trip is already open with another definition."""

    reason = "TRIP_DEFINED_OTHERWISE"

    def __init__(self) -> None:
        super().__init__("this trip is already open with another definition; nothing was changed")


class SeatTaken(FinalNo):
    """Somebody has a cell. `seats.taken` says which of the two kinds it is."""

    def __init__(self, said: str, cells: Sequence[TakenCell], decided: Decided) -> None:
        super().__init__(said)
        self.cells = tuple(cells)
        self.decided = decided


class SeatHeld(SeatTaken):
    """A hold has a cell until `held_until_ms`, in Unix milliseconds, unless it is extended or booked.

    `own_hold` is its id where it is the caller's own, else "".
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
        super().__init__(f"{CONTENTION}: {_named(cell.seat for cell in cells)} held{own}", cells, decided)
        self.held_until_ms = held_until_ms
        self.own_hold = own_hold


class SeatUnavailable(SeatTaken):
    """A cell is sold or blocked."""

    reason = "SEAT_UNAVAILABLE"

    def __init__(self, cells: Sequence[TakenCell], *, decided: Decided = BY_STORE) -> None:
        super().__init__(f"{_named(cell.seat for cell in cells)} not available", cells, decided)


class HoldEnded(FinalNo):
    """The hold is over; `at_ms` is when it ended, or would have, in Unix milliseconds."""

    said = "the hold has ended"

    def __init__(self, at_ms: int = 0) -> None:
        super().__init__(self.said)
        self.at_ms = at_ms


class HoldExpired(HoldEnded):
    """The hold's time ran out and its seats went back."""

    reason = "HOLD_EXPIRED"
    said = "hold has expired"


class HoldReleased(HoldEnded):
    """The hold was given back."""

    reason = "HOLD_RELEASED"
    said = "hold was released"


class HoldConfirmed(HoldEnded):
    """The hold became a booking: of another order, or it can only be cancelled now."""

    reason = "HOLD_CONFIRMED"
    said = "hold is confirmed"


class BookingCancelled(HoldEnded):
    """The booking was cancelled."""

    reason = "BOOKING_CANCELLED"
    said = "booking was cancelled"


class ExtensionTooLong(FinalNo):
    """A hold may not be kept longer than the cap on its total time."""

    reason = "EXTENSION_TOO_LONG"

    def __init__(self, until_ms: int) -> None:
        super().__init__("the hold may not be extended any further")
        self.until_ms = until_ms


class HoldNotFound(FinalNo):
    """There is no such hold, or it is somebody else's: both are said alike."""

    reason = "HOLD_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("hold not found")


class TripNotFound(FinalNo):
    """The organization has no such trip."""

    reason = "TRIP_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("trip not found")


class NotOnWaitlist(FinalNo):
    """The holder does not wait for that class of that trip."""

    reason = "NOT_ON_WAITLIST"

    def __init__(self) -> None:
        super().__init__("not on this waiting list")


class SeatContended(AskAgain):
    """Another attempt is taking one of the seats now."""

    reason = "SEAT_CONTENDED"

    def __init__(self, seats: Sequence[str], *, retry_after_ms: int, decided: Decided = BY_STORE) -> None:
        super().__init__(f"{CONTENTION}: {_named(seats)} being taken", retry_after_ms=retry_after_ms)
        self.seats = tuple(seats)
        self.decided = decided


class TripOpening(AskAgain):
    """The trip's cells are still being seeded."""

    reason = "TRIP_OPENING"

    def __init__(self) -> None:
        super().__init__("the trip is still being opened", retry_after_ms=500)


class HoldLimitReached(AskAgain):
    """The holder has as many live holds as are allowed."""

    reason = "HOLD_LIMIT"

    def __init__(self, holds_max: int) -> None:
        super().__init__(f"maximum concurrent holds exceeded: {holds_max}", retry_after_ms=1_000)
        self.holds_max = holds_max


def _named(seats: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(seats)) or "a seat"
