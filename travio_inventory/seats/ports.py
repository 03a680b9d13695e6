"""The ports of the use cases, in their own words: the store and the edge."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.events import RefundRequired
from travio_inventory.seats.explanation import CellNow, Trace
from travio_inventory.seats.hold import Confirmed, Hold, HoldPage, HoldRequest
from travio_inventory.seats.move import Move
from travio_inventory.seats.offer import Offer, TripPage
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.queries import ScanPlace, SeatPlace
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.waitlist import WaitlistEntry, WaitlistPage


class SeatGroupKey(NamedTuple):
    """Names a seat group: a fixed group of a trip's seats."""

    trip: TripKey
    group: int


class Cell(NamedTuple):
    """One seat on one segment."""

    seat: str
    segment: int


# ---- the edge: it may lose everything, so nothing that it says is final


class Attempt(NamedTuple):
    """An attempt at the gate: `token` is its own; `claimant` is the same for all attempts of a key.

    An attempt that settles, and one whose key was let in before, passes whatever the gate remembers: only the store can
    answer it.
    """

    token: str
    claimant: str
    has_key: bool = False
    settles: bool = False


class Passed(NamedTuple):
    """The cells that were free are locked for this attempt."""


class Locked(NamedTuple):
    """Another attempt is at these seats now."""

    seats: tuple[str, ...]


class Taken(NamedTuple):
    """The store said that others have these cells; the oldest of the batches that decided so was sent at `as_of_ms`."""

    cells: tuple[TakenCell, ...]
    as_of_ms: int


GateAnswer: TypeAlias = Passed | Locked | Taken


class Gate(Protocol):
    """Turns contenders away before they reach the store. Never raises: if the gate fails, everyone passes."""

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Lock all the cells for the attempt, or none. Cells that its claimant has already do not stop it.

        Taken cells are reported before locked ones.
        """
        ...

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks."""
        ...


class Occupancy(NamedTuple):
    """Why cells are taken: by which hold, whose ("" if unknown), and held until when, or sold, or blocked.

    `as_of_ms`, in Unix milliseconds, is when the batch was sent that decided it.
    """

    hold: str
    claimant: str
    status: str
    until_ms: int
    as_of_ms: int


class TakenSeats(Protocol):
    """Remembers for a moment what the store said is taken. Never raises."""

    async def mark(self, group: SeatGroupKey, cells: Sequence[Cell], occupancy: Occupancy) -> None:
        """Mark the cells as taken, for an entry's lifetime after `as_of_ms`. A mark that arrives late changes nothing:
        neither on a cell that was cleared of the hold, nor over a later mark.
        """
        ...

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """Remove the marks of this hold from the cells: it has ended, or has them no more."""
        ...


Lease: TypeAlias = str


class SeatMapCache(Protocol):
    """Caches snapshots of seat groups (`seats.seat_map`) for a moment. Never raises: a failure is a miss."""

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The seat groups that are cached and fresh."""
        ...

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease to fill each seat group: the same for all readers until an invalidation revokes it."""
        ...

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Store each seat group whose lease is still valid; drop the others."""
        ...

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Drop the groups and revoke their leases, so that no slow reader stores old data; returns whether that is
        certain.
        """
        ...


# ---- the store: the record, where a seat is won or lost


class Trips(Protocol):
    """Stores the definitions of trips, and creates their cells."""

    async def define(self, trip: Trip) -> tuple[Trip, Opening]:
        """Store the definition unless there is one; returns the stored one, and how far it is opened. Raises
        InvalidTrip for more text than is stored of a trip, TripDefinedOtherwise if the stored one differs from what was
        requested, TripBeingForgotten.
        """
        ...

    async def seed(self, trip: Trip, group: int, *, since_s: float) -> None:
        """Create the seat group's cells, all available, where they are absent. Never resets one. `since_s` is a time
        of the event loop before the definition was read: long after it none is created.
        """
        ...

    async def find(self, key: TripKey, known: Offer | None = None) -> Offer | None:
        """The trip as it is offered, None where there is none, or none any more. The definition of what is `known` is
        not read again unless it was changed. Raises TripOpening before it is on sale, BackendUnavailable.
        """
        ...

    async def opening(self, key: TripKey) -> Opening | None:
        """How far the trip is opened, None where there is none, or none any more."""
        ...


class Departures(Protocol):
    """The list of an organization's trips."""

    async def page(self, organization: str, *, from_s: int, before_s: int, after: str, most: int) -> TripPage:
        """At most so many of the trips that depart from `from_s` on and before `before_s`, in Unix seconds, in this
        order; those without times for a `from_s` of 0. A page may have fewer, even none, although more follow. Raises
        BackendUnavailable.
        """
        ...


class Holds(Protocol):
    """The hold protocol: who has a seat is decided here and nowhere else.

    Every method may raise BackendUnavailable (nothing was done) or OutcomeUnknown (retry with the same ids). Methods
    that take a hold raise HoldNotFound if it is not the caller's.
    """

    async def hold(self, request: HoldRequest) -> Hold:
        """Take every cell or none. Raises SeatHeld, SeatUnavailable, SeatContended, TripOpening, IdempotencyKeyReused,
        HoldLimitReached, or HoldEnded if the key's hold is over.
        """
        ...

    async def held_before(self, request: HoldRequest, *, settles: bool) -> Hold | None:
        """The hold that the request's key has made, as it is now; None if none, and no attempt that was known can make
        one any more; with `settles` none at all. Raises what `hold` does of a key.
        """
        ...

    async def confirm(
        self, actor: Actor, hold_id: str, booking: Confirmed, parts: Collection[str] | None = None
    ) -> Hold:
        """Make it a booking of that order for those passengers, even an expired one if its seats are still free; of
        these seats alone if they are named, the others are given back by the same step. A repeated call returns the
        same booking, with the passengers that it has. Raises HoldEnded, InvalidSeats.
        """
        ...

    async def release(self, actor: Actor, hold_id: str, parts: Collection[str] | None = None) -> Hold:
        """Return the seats, or these of them; a repeated call has the same answer. Raises HoldEnded if the hold ended
        in another way, InvalidSeats for seats that it never had.
        """
        ...

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """Extend the hold at least until then. Raises HoldEnded, ExtensionTooLong."""
        ...

    async def cancel(self, actor: Actor, hold_id: str, parts: Collection[str] | None = None) -> Hold:
        """Return a booking, or these of its seats; a repeated call has the same answer. Raises HoldEnded if the hold
        ended in another way, HoldNotFound if it is not a booking yet, InvalidSeats for seats that it never had.
        """
        ...

    async def erase(self, actor: Actor, hold_id: str) -> Hold:
        """Forget the passengers of a booking; a repeated call has the same answer. Raises HoldEnded, HoldNotFound."""
        ...

    async def move(self, actor: Actor, hold_id: str, to: Move) -> Hold:
        """Give the hold, or the booking, other seats or another journey: all or none, and what it had is free only if
        the new ones are won. A repeated call has the same answer, also if the hold has ended since. Raises SeatHeld,
        SeatUnavailable, SeatContended, TripOpening, InvalidSeats, HoldChanged, HoldEnded.
        """
        ...

    async def find(self, actor: Actor, hold_id: str) -> Hold:
        """The hold as it is now; its late booking if there is one."""
        ...

    async def holder(self, organization: str, hold_id: str) -> str:
        """Whose hold it is, whether it lives or has ended; HoldNotFound if it is nobody's."""
        ...

    async def fence(self, organization: str, hold_id: str) -> bool:
        """Make sure that no hold ever comes to be under this id that nobody has found; False if one is there."""
        ...

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """At most so many of the caller's holds after `after`, of one trip if it is named. With `ended` all, newest
        first; else bookings, then live holds. A page may have fewer although more follow.
        """
        ...

    async def block(self, trip: Trip, reasons: Mapping[str, str], *, period: int = 0) -> None:
        """Take these seats off sale on all segments, each for its reason, in that period of the trip's sale: all or
        none. A seat that is already blocked counts as blocked. Raises SeatHeld, SeatUnavailable, SeatContended,
        TripOpening.
        """
        ...

    async def unblock(self, trip: Trip, seat: str, *, period: int | None = None) -> bool:
        """Put a blocked seat back on sale; False if it is not blocked. Raises SeatContended while another call blocks
        it, TripOpening, also where its trip is in a later period of its sale than that.
        """
        ...

    async def snapshot(self, trip: Trip, group: int) -> bytes:
        """The seat group's cells as `seat_map.encode_states` writes them, in the states of the home rows."""
        ...


class Refunds(Protocol):
    """Tells who takes payments what is to be refunded."""

    async def tell(self, organization: str, refund: RefundRequired) -> None:
        """Tell it, as one event however often it is told. Raises BackendUnavailable, OutcomeUnknown."""
        ...


class Manifests(Protocol):
    """Lists a trip's bookings."""

    async def page(
        self,
        trip: Trip,
        wanted: Callable[[Hold], bool],
        *,
        after: SeatPlace,
        most: int,
        without_place: bool = False,
    ) -> HoldPage:
        """At most so many of the wanted bookings and live holds behind that place, in the order of their first seats
        and segments, or of those alone whose seats the trip has no more. What is booked all the while is on one page; a
        page may have fewer although more follow. Raises TripOpening, BackendUnavailable.
        """
        ...


class Orders(Protocol):
    """Lists the bookings of an order."""

    async def page(self, organization: str, order: str, *, cancelled: bool, after: str, most: int) -> HoldPage:
        """At most so many of the order's bookings after `after`, the newest first, whoever made them; with `cancelled`
        also those that were cancelled and are kept. A page may have fewer although more follow. Raises
        BackendUnavailable.
        """
        ...


class Explanations(Protocol):
    """Tells all that is kept about a seat. Raises BackendUnavailable."""

    async def cells(self, trip: Trip, seat: str) -> Sequence[CellNow]:
        """What the seat is on each segment, in order of travel."""
        ...

    async def traces(
        self, trip: Trip, seat: str, after: ScanPlace, *, rows_max: int
    ) -> tuple[Sequence[Trace], ScanPlace | None]:
        """The traces in the next `rows_max` rows, and how far they were scanned, None if to the end. There may be none
        although more follow.
        """
        ...


class Waitlists(Protocol):
    """Who waits for a class of a trip, in the order of joining."""

    async def join(self, actor: Actor, trip: TripKey, seat_class: str, seats: int) -> WaitlistEntry:
        """Join the end, at an exact position; a holder who waits already keeps the place, and gets a position less than
        a minute old. Raises TripNotFound; Overloaded; then nothing was done.
        """
        ...

    async def leave(self, actor: Actor, trip: TripKey, seat_class: str) -> None:
        """Leave the list. Raises NotOnWaitlist, and Overloaded; then nothing was done."""
        ...

    async def page(self, holder: str, *, organization: str, after: str, most: int) -> WaitlistPage:
        """At most so many places of the holder after `after`, of one organization if it is named. A page may have
        fewer, even none, although more follow. Positions may have moved up since.
        """
        ...


# ---- the end of a trip


class EndedTrip(NamedTuple):
    """A trip that is over, as it was when nothing of it could change any more: its bookings, and the seats that were
    blocked (holds without a holder).
    """

    trip: Trip
    opened_at_ms: int
    ended_at_ms: int
    holds: Sequence[Hold]


class ArchiveFailed(OSError):
    """A trip could not be archived; nothing of it is forgotten."""


class TripArchive(Protocol):
    """Keeps what is forgotten."""

    async def keep(self, ended: EndedTrip) -> None:
        """Keep it durably, in place of what was kept of the same life of the trip. Raises ArchiveFailed."""
        ...


class ListedTrip(NamedTuple):
    """A trip as it is listed. `ends_s` is its last arrival, 0 where it has no times."""

    key: TripKey
    group_count: int
    ends_s: int
    opened_at_ms: int


class TripEnds(Protocol):
    """Forgets trips, a step at a time."""

    async def due(self) -> Sequence[ListedTrip]:
        """Some of the trips that may be over for long enough. Raises BackendUnavailable."""
        ...

    async def visit(self, listed: ListedTrip) -> bool:
        """Bring the trip as near to being forgotten as it can be brought now; whether it was forgotten now. Raises
        BackendUnavailable, OutcomeUnknown, ArchiveFailed.
        """
        ...
