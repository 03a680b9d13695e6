"""What the use cases need of the outside, in their own words: the store, the edge, the publisher."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.events import Event
from travio_inventory.seats.hold import Hold, HoldPage, HoldRequest, Passenger
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


# ---- the edge: it may forget everything, so nothing it says is final


class Attempt(NamedTuple):
    """Who asks at the gate: `token` is this attempt's own; `claimant` comes again where it has a key.

    One that settles, and a claimant with a key that was let in before, is known to the store: it passes whatever the
    gate remembers, for only the store can answer it.
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
    """The store said that others have these cells, by batches of which the oldest was sent at `as_of_ms`."""

    cells: tuple[TakenCell, ...]
    as_of_ms: int


GateAnswer: TypeAlias = Passed | Locked | Taken


class Gate(Protocol):
    """Turns contenders away before the store hears of them. Never raises: a broken gate lets everyone pass."""

    async def enter(self, group: SeatGroupKey, cells: Sequence[Cell], attempt: Attempt, *, ttl_ms: int) -> GateAnswer:
        """Lock all the cells for the attempt, or none of them. What its claimant has already lets it pass.

        What is taken is told before what is locked.
        """
        ...

    async def leave(self, group: SeatGroupKey, cells: Sequence[Cell], *, token: str) -> None:
        """Unlock the cells that `token` still locks."""
        ...


class Occupancy(NamedTuple):
    """Why cells are taken: by which hold, whose ("" where that is not known), and held until when, or sold, or blocked.

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
        """The cells are taken, until an entry's time from `as_of_ms` on is over. A word that comes late changes
        nothing: not of a hold that was cleared, nor over a later word.
        """
        ...

    async def clear(self, group: SeatGroupKey, cells: Sequence[Cell], *, hold: str) -> None:
        """The hold has ended: those of the cells that are marked as its own may be free again."""
        ...


Lease: TypeAlias = str


class SeatMapCache(Protocol):
    """Keeps packed seat groups (`domain.seat_map`) of trips for a moment. Never raises: what fails is a miss."""

    async def read(self, trip: TripKey) -> Mapping[int, bytes]:
        """The seat groups that are cached and fresh."""
        ...

    async def lease(self, trip: TripKey, groups: Collection[int]) -> Mapping[int, Lease]:
        """A lease to fill each seat group: the same for all who ask until an invalidation voids it."""
        ...

    async def fill(self, trip: TripKey, packed: Mapping[int, tuple[Lease, bytes]]) -> None:
        """Keep each seat group whose lease still holds; forget the others."""
        ...

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Drop the groups and void their leases, so that no slow reader puts old data back; whether that is certain."""
        ...


# ---- the store: the record, where a seat is won or lost


class Trips(Protocol):
    """Keeps the definitions of trips, and makes their cells."""

    async def define(self, trip: Trip) -> Trip:
        """Keep the definition, or find it kept already: the one that stands. Raises TripDefinedOtherwise where that
        is not what was asked for.
        """
        ...

    async def seed(self, trip: Trip, group: int) -> None:
        """Make the seat group's cells, all available, unless they were made before. Never resets one."""
        ...

    async def find(self, key: TripKey) -> Trip | None:
        """The definition, None where there is none."""
        ...


class Holds(Protocol):
    """The hold protocol: who has a seat is decided here and nowhere else.

    Every method raises BackendUnavailable (nothing was done) or OutcomeUnknown (ask again with the same ids).
    Those that name a hold raise HoldNotFound where it is not the caller's.
    """

    async def hold(self, request: HoldRequest) -> Hold:
        """Take every cell or none. Raises SeatHeld, SeatUnavailable, SeatContended, TripOpening,
        IdempotencyKeyReused, HoldLimitReached, or HoldEnded where the key's hold is over.
        """
        ...

    async def confirm(self, actor: Actor, hold_id: str, order: str, passengers: tuple[Passenger, ...] = ()) -> Hold:
        """Make it a booking of `order` for these passengers; an expired one too if its seats are still free. Again is
        the same booking, with the passengers that it has. Raises HoldEnded.
        """
        ...

    async def release(self, actor: Actor, hold_id: str) -> Hold:
        """Give the seats back; again is the same answer. Raises HoldEnded where it ended otherwise."""
        ...

    async def extend(self, actor: Actor, hold_id: str, *, expires_at_ms: int, total_ms_max: int) -> Hold:
        """Keep it until then at least. Raises HoldEnded, ExtensionTooLong."""
        ...

    async def cancel(self, actor: Actor, hold_id: str) -> Hold:
        """Give a booking back; again is the same answer. Raises HoldEnded where the hold ended otherwise, HoldNotFound
        where it is not a booking yet.
        """
        ...

    async def find(self, actor: Actor, hold_id: str) -> Hold:
        """The hold as it stands; the late booking in its place where there is one."""
        ...

    async def page(self, actor: Actor, *, trip: str, ended: bool, after: str, most: int) -> HoldPage:
        """At most so many of the caller's holds from behind `after` on, of one trip where it is named. With `ended`
        all, newest first; else bookings, then what is held. A page may have fewer, and be followed by others.
        """
        ...

    async def block(self, trip: Trip, reasons: Mapping[str, str]) -> None:
        """Take these seats off sale on all segments, each for its reason: all of them or none. One that is blocked
        already counts as blocked. Raises SeatHeld, SeatUnavailable, SeatContended, TripOpening.
        """
        ...

    async def unblock(self, trip: Trip, seat: str) -> bool:
        """Put a blocked seat back on sale; False where it is not blocked. Raises SeatContended while somebody blocks
        it, TripOpening.
        """
        ...

    async def snapshot(self, trip: Trip, group: int) -> bytes:
        """The seat group's cells as `domain.seat_map.pack_block` writes them, as the home rows say."""
        ...


class Lapses(Protocol):
    """Where holds may have run out, and how they end."""

    async def due_groups(self) -> Sequence[SeatGroupKey]:
        """Seat groups in which something may be due by now."""
        ...

    async def sweep(self, group: SeatGroupKey) -> None:
        """End every lapsed hold of the seat group and finish what others left half rolled forward there."""
        ...

    async def close_due(self, failed: Mapping[SeatGroupKey, Exception]) -> None:
        """The due seat groups were swept, but for these: forget the minutes that no late batch can reach any more."""
        ...


class Journal(Protocol):
    """The events that the steps recorded."""

    async def unpublished(self) -> Sequence[Event]:
        """Recorded events, in order per hold, that `mark_published` has not been told of."""
        ...

    async def mark_published(self, events: Sequence[Event]) -> None:
        """They were handed over; after a restart some may be told again, none is left out."""
        ...

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """These alone could not be handed over: they come again later, and hold up only what their holds do next.
        Raises BackendUnavailable.
        """
        ...


class Waitlists(Protocol):
    """Who waits for a class of a trip, in the order of joining."""

    async def join(self, actor: Actor, trip: TripKey, seat_class: str, seats: int) -> WaitlistEntry:
        """Join the end, at a place that is exact; who waits already keeps their place, and is told where it was less
        than a minute ago. Raises Overloaded, after which nothing was done.
        """
        ...

    async def leave(self, actor: Actor, trip: TripKey, seat_class: str) -> None:
        """Give the place up. Raises NotOnWaitlist, and Overloaded, after which nothing was done."""
        ...

    async def page(self, holder: str, *, organization: str, after: str, most: int) -> WaitlistPage:
        """At most so many places of the holder, of one organization where it is named, from behind `after` on. A page
        may have fewer, even none, and still be followed by others. Places may have moved up since.
        """
        ...


class HoldWatch(Protocol):
    """Is told, before anybody is answered, of what a batch decided that was sent at `as_of_ms`."""

    async def changed(self, hold: Hold, *, as_of_ms: int) -> None:
        """The hold is in `hold.state` now, whoever caused it."""
        ...

    async def refused(self, hold: Hold, taken: Sequence[TakenCell], *, as_of_ms: int) -> None:
        """The hold never came to be: others have these of its cells."""
        ...


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Hand the events over, in order; returns once they are safe there. Raises PublishFailed."""
        ...


class PublishFailed(Exception):
    """The events were not handed over, or perhaps only in part: hand them over again."""
