"""A history: the calls, their answers, and what was found in the end. The checker knows nothing else.

Plain values, so that a run on real processes can write one down and have it judged too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import NamedTuple

from travio_inventory.seats.hold import base_id, late_id
from travio_inventory.seats.ports import Cell

HOUSE = ""
"""The holder of blocked seats."""
LIVE = ("held", "confirmed")
CANCEL_TRIP = "cancel_trip"
"""The call that ends all that is held and booked of the trip."""


class CallOutcome(StrEnum):
    """The kind of answer that a caller got."""

    OK = "ok"
    NO = "no"
    """Refused for good."""
    ENDED = "ended"
    """The requested hold existed and is over: the key's, or without a key the caller's own."""
    SEEN = "seen"
    """The edge reported the state of the seats: nothing was done, and the key is undecided."""
    REUSED = "reused"
    """The key belongs to another request."""
    AGAIN = "again"
    """Nothing was done."""
    UNKNOWN = "unknown"


class Place(NamedTuple):
    """A place on a waiting list, as a user was told."""

    seat_class: str
    position: int
    seats: int
    joined_ms: int
    """When they joined: it distinguishes one wait of a holder from the next."""


class Seen(NamedTuple):
    """A cell, as a refused caller was told: held, sold or blocked, and by which hold ("" = not known)."""

    cell: Cell
    status: str
    hold: str


class AskedMove(NamedTuple):
    """What a move asks for: the seat that takes the place of each of these, and the first and last segment of another
    journey, if any.
    """

    onto: Mapping[str, str]
    journey: tuple[int, int] | None = None


class Told(NamedTuple):
    """What a hold has, as an answer tells it; `version` counts its changes."""

    cells: tuple[Cell, ...]
    price_minor: int
    version: int = 0


@dataclass(slots=True, eq=False)
class Call:
    """One call as its caller saw it; times in seconds on one clock that never goes back."""

    number: int
    op: str
    """hold, confirm, release, extend, cancel, move, find, block, unblock or map; of waiting lists join, leave and
    waits; of the trip CANCEL_TRIP.
    """
    subject: str
    """The claimant of a hold with a key, "" for one without; else the hold's base id, the seat of a group, or the class
    that a list is for.
    """
    invoked_s: float
    cells: tuple[Cell, ...] = ()
    order: str = ""
    until_ms: int = 0
    returned_s: float = inf
    """When the caller had the answer, or gave up waiting for it."""
    answer: CallOutcome = CallOutcome.UNKNOWN
    told: str = ""
    """The hold's id where the answer is ok, else the reason."""
    status: str = ""
    """The status of the returned hold."""
    holder: str = ""
    process: str = ""
    places: tuple[Place, ...] = ()
    """The places on waiting lists in the answer."""
    seen: tuple[Seen, ...] = ()
    """What a refusal says of the seats, and since when it can have been true, by any process's clock."""
    as_of_s: float = inf
    settles: bool = False
    parts: tuple[str, ...] = ()
    """The seats that a step is for, where it is not for all of the hold's."""
    move: AskedMove | None = None
    has: Told | None = None
    """What the hold has, as its caller was told."""

    @property
    def has_key(self) -> bool:
        """Whether it asks for a hold under an idempotency key."""
        return self.op == "hold" and bool(self.subject)

    def __str__(self) -> str:
        asked = " ".join((self.order, *self.parts)) or " ".join(f"{seat}/{segment}" for seat, segment in self.cells)
        asked = f"{dict(self.move.onto)} to {asked}" if self.move else asked
        window = f"{self.invoked_s:.2f}-{self.returned_s:.2f}"
        said = " ".join(filter(None, (self.answer, self.told, self.status, *map(str, self.places))))
        return f"#{self.number} {window} {self.op} {self.subject} {asked}: {said}"

    __repr__ = __str__


class FoundHold(NamedTuple):
    """A hold's own row, as a final serial read found it; an aborted hold has no cells."""

    status: str
    holder: str
    claimant: str
    cells: tuple[Cell, ...]
    order: str = ""
    expires_at_ms: int = 0
    now: tuple[Cell, ...] | None = None
    """Its cells if they were changed since it was made; `cells` are those that it was made with."""
    had: tuple[Cell, ...] = ()
    """The cells that it ever had, if they were changed."""


class Waits(NamedTuple):
    """A holder's row on a waiting list, as a final serial read found it."""

    is_waiting: bool
    sequence: int
    """Later holders have greater numbers."""
    seats: int
    joined_ms: int


class PublishedEvent(NamedTuple):
    """An event as it was handed over."""

    id: str
    type: str
    hold_id: str
    ordinal: int


@dataclass(slots=True)
class History:
    """The calls, and what was found when all was quiet."""

    calls: list[Call] = field(default_factory=list)
    holds: Mapping[str, FoundHold] = field(default_factory=dict)
    """Every hold's row by its id, late ones included."""
    owners: Mapping[Cell, str] = field(default_factory=dict)
    """The owner of every cell that has one."""
    events: Sequence[PublishedEvent] | None = None
    """In the order in which they were handed over, each time; None if there was no sink."""
    start_ms: int = 0
    """The time of day when the calls' clock showed 0."""
    clock_bound_ms: int = 0
    """How far apart any two clocks were at most."""
    holds_max: int = 0
    """How many live holds a holder may have; 0 = any number."""
    probes: frozenset[int] = frozenset()
    """The numbers of the calls that must have won, because nothing was in their way and all was well."""
    answer_s_max: float = inf
    """How long any call may take until it is answered, in seconds."""
    is_settled: bool = True
    """Whether leftovers were swept, so that cells and home rows must say the same."""
    waits: Mapping[tuple[str, str], Waits] = field(default_factory=dict)
    """Every row of a waiting list by its class and holder."""

    seen_s: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """When an observer of the store saw each status of a hold begin, by base id. It proves nothing: the answers must
    agree with it, else with any other order.
    """

    holds_kept_s: float = inf
    """How long at least a hold that has ended is known still."""
    keys_kept_s: float = inf
    """How long at least a key is known from when it was first used."""

    def statuses(self, base: str) -> list[str]:
        """The statuses of the hold, one after the other, as its rows say; [] if it never existed."""
        row, late = self.holds.get(base), self.holds.get(late_id(base))
        passed = _PASSED.get(row.status, []) if row else []
        return passed + (_PASSED_LATE.get(late.status, []) if late else [])

    def bases(self) -> list[str]:
        """The base ids of all holds that existed."""
        return [base for base in dict.fromkeys(map(base_id, self.holds)) if self.statuses(base)]


_PASSED = {
    "held": ["held"],
    "released": ["held", "released"],
    "expired": ["held", "expired"],
    "confirmed": ["held", "confirmed"],
    "cancelled": ["held", "confirmed", "cancelled"],
}
_PASSED_LATE = {"confirmed": ["confirmed"], "cancelled": ["confirmed", "cancelled"]}
