"""What the service answers, as plain frozen values; times are aware datetimes, prices in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.route import Direction
from travio_inventory.seats.trip import Journey
from travio_inventory.wire.inventory.v1 import HoldStatus, SeatStatus, TripState


@dataclass(frozen=True, slots=True)
class SeatPlanRecord:
    """A stored seat plan as it is listed; `revision` is a digest of what it says."""

    plan: str
    revision: str
    seats: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """A hold as it was when it was read; `order` and `booking` are "" until it is confirmed. `prices` are those of the
    seats, in their order, as the hold was made, and `price_minor` is what they cost together.
    """

    id: str
    trip: str
    user: str
    status: HoldStatus
    seats: tuple[str, ...]
    origin: str
    destination: str
    journey: Journey
    created_at: datetime
    expires_at: datetime | None
    order: str
    booking: str
    passengers: tuple[Passenger, ...] = ()
    prices: tuple[int, ...] = ()
    price_minor: int = 0
    currency: str = ""
    version: int = 0
    """How often it was extended, moved, or gave seats back."""
    numbers: tuple[str, ...] = ()
    """What is printed on each of `seats`."""
    labels: tuple[str, ...] = ()
    """How people name each of `seats`; "" for one that has only a number."""
    without_place: bool = False
    """Whether the trip's vehicle was swapped, and these are seats of an older one."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One seat of a booking; `number` is what is printed on the seat."""

    id: str
    seat: str
    number: str
    price_minor: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """A confirmed hold, at the price at which the hold was made."""

    id: str
    tickets: tuple[Ticket, ...]
    price_minor: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Unblocked:
    """How many seats are back on sale, and which were not blocked: free, held or sold, and unchanged."""

    count: int
    not_blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TripSale:
    """Whether a trip is sold; `version` counts the changes that it had, from 1."""

    state: TripState
    version: int


@dataclass(frozen=True, slots=True)
class TripCancellation:
    """A trip that is cancelled: how many holds and bookings ended since that began."""

    sale: TripSale
    released: int
    cancelled: int


class LeftHold(NamedTuple):
    """A hold or booking without a place in the new vehicle, and why each of its seats has none there."""

    hold: HoldRecord
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VehicleSwap:
    """How far the vehicle of a trip is swapped: so many of the seat groups that it had are done, in which so many holds
    and bookings have seats of the new vehicle, and so many were left without; `left_holds` are the first of these.
    """

    sale: TripSale
    is_over: bool
    groups_done: int
    groups: int
    moved: int
    left: int
    left_holds: tuple[LeftHold, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedTrip:
    """A trip of a list; times are None if unknown. `opening` says how far it is opened, None once it is: until then it
    has no state.
    """

    trip: str
    sale: TripSale
    opened_at: datetime
    origin: str
    destination: str
    departs_at: datetime | None
    arrives_at: datetime | None
    seats: int
    opening: Opening | None = None


class MapSeat(NamedTuple):
    """A seat on a journey: its layout, whether it is free, and until when it is held."""

    seat: Seat
    status: SeatStatus
    held_until: datetime | None


class MapStop(NamedTuple):
    """A stop of the journey, and which end of the vehicle is ahead from there on."""

    station: str
    name: str
    arrives_at: datetime | None
    departs_at: datetime | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class SeatMap:
    """The seats in layout order with their states on one journey, of a section or of all: it has
    everything that was decided until `as_of`. Colours as #RRGGBB.
    """

    vehicle: str
    vehicle_type: str
    rows: int
    columns: int
    seats: tuple[MapSeat, ...]
    status_colors: Mapping[str, str]
    class_colors: Mapping[str, str]
    sections: tuple[Section, ...] = ()
    features: tuple[Feature, ...] = ()
    currency: str = ""
    stops: tuple[MapStop, ...] = ()
    time_zone: str = ""
    journey: Journey | None = None
    as_of: datetime | None = None
    state: TripState = TripState.OPEN
    departed: bool = False
    """Unless the trip is open, and has not left the first stop, the seats that nobody has are BLOCKED."""


class SeatNow(NamedTuple):
    """A seat of a live map: its status on the journey, until when it is held, and a version that grows with each of its
    changes until an update has all seats.
    """

    seat: str
    status: SeatStatus
    held_until: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class MapUpdate:
    """What a live map tells: all seats in layout order if it `is_whole`, else those that have changed, as they are now.

    If the `trip_changed`, its layout and prices are to be read again. Everything is told that was decided until
    `as_of`; `position` is where to go on from.
    """

    seats: tuple[SeatNow, ...]
    is_whole: bool
    trip_changed: bool
    position: str
    as_of: datetime | None


class SeatOnSegment(NamedTuple):
    """A seat on one segment as the store had it: the cell's status and owner, and what the owner's record says, which
    decides; `hold_status` is "" if it has none.
    """

    segment: int
    status: str
    hold: str
    since: datetime | None
    until: datetime | None
    hold_status: str
    user: str
    order: str
    hold_expires_at: datetime | None


class SeatTaker(NamedTuple):
    """Who had a seat on a segment when it was refused."""

    segment: int
    status: str
    hold: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SeatTrace:
    """Something that is kept about a seat: `source` is hold, refusal or event; `what` the hold's status, the reason of
    the refusal, the event's type.
    """

    at: datetime | None
    source: str
    what: str
    hold: str
    user: str
    order: str
    seats: tuple[str, ...]
    journey: Journey | None
    until: datetime | None
    changed_at: datetime | None
    reason: str
    actor: str
    takers: tuple[SeatTaker, ...]


@dataclass(frozen=True, slots=True)
class SeatExplanation:
    """What is known of a seat: now, and from before, oldest first; `left_out` says what that cannot tell."""

    segments: tuple[SeatOnSegment, ...]
    traces: tuple[SeatTrace, ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """The seats of one class in one section. So many free ones are next to one another at most; there is no lowest
    price where none is free.
    """

    section: Section | None
    seat_class: str
    free: int
    held: int
    booked: int
    blocked: int
    largest_run: int
    lowest_price_minor: int | None


@dataclass(frozen=True, slots=True)
class TripSummary:
    """The seats of a trip on one journey in numbers: it has everything that was decided until `as_of`."""

    lines: tuple[SummaryLine, ...]
    currency: str
    journey: Journey
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class AvailabilityQuestion:
    """Are there seats for so many passengers? `seat_class` and `section` "" are any. `segments` names the journey if a
    route visits a station twice.
    """

    trip: str
    origin: str
    destination: str
    passengers: int = 1
    seat_class: str = ""
    segments: Journey | None = None
    section: str = ""


@dataclass(frozen=True, slots=True)
class AvailableSeat:
    """A seat of the requested class that is free on the journey."""

    id: str
    number: str
    seat_class: str
    seat_type: str
    section: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether the party finds seats, and the total price; a moment old, only a hold decides."""

    is_available: bool
    free: int
    price_minor: int
    seats: tuple[AvailableSeat, ...]
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class WaitlistEntry:
    """The user's place on a waiting list, and since when; it is never further back than `position`."""

    organization: str
    trip: str
    seat_class: str
    seats: int
    status: str
    joined_at: datetime
    position: int
