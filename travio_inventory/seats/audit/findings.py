"""What the auditor finds: each kind of fault, what a person should do about it, and the seats of a trip in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.seats.trip import TripKey


class Fault(StrEnum):
    """What can be wrong with a seat, a hold, a list, or what the edge remembers."""

    TWO_OWNERS = "two owners"
    """Two live holds say that they have a cell."""
    WITHOUT_SEAT = "without its seat"
    """A live hold names a cell that is not its own."""
    LEFTOVER = "leftover"
    """A cell says an owner that has ended, or lives and does not have it."""
    ORPHAN = "orphan intent"
    """A cell says an owner whose attempt never committed, and the time of the attempt is over."""
    WRONG_STATUS = "wrong status"
    """A cell has its owner, and says of it what its home row does not say."""
    ODD_CELL = "odd cell"
    """A cell is in a state that no step leaves behind."""
    MISSING_CELL = "missing cell"
    OVERDUE = "overdue hold"
    """A hold's time is over, and it has not ended."""
    UNLISTED = "unlisted hold"
    """A list of holds or bookings lacks one."""
    UNLISTED_TRIP = "unlisted trip"
    """The list of trips by departure lacks one."""
    LASTING_LOCK = "lasting lock"
    """The gate has a lock that outlives every attempt."""
    LASTING_MARK = "lasting mark"
    """The gate remembers a taken seat for longer than it may."""
    UNPUBLISHED = "unpublished events"
    """A sink lacks events that were recorded long ago."""


ADVICE: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.TWO_OWNERS: "nobody can undo it without breaking a promise to one of them: freeze the trip, ask "
        "`travio-inventory explain` who was first, and give the other one another seat by hand",
        Fault.WITHOUT_SEAT: "another hold has the seat, or it is not for sale: see `travio-inventory explain`; give "
        "its holder another seat",
        Fault.LEFTOVER: "the store did not take the repair: run the audit again when it is well",
        Fault.ORPHAN: "the store did not take the repair: run the audit again when it is well",
        Fault.WRONG_STATUS: "the store did not take the repair: run the audit again when it is well",
        Fault.ODD_CELL: "no step writes this, so somebody else did: find out who writes to the keyspace, freeze the "
        "trip, and restore the row from a backup",
        Fault.MISSING_CELL: "no step removes a cell of a trip on sale: freeze the trip and restore the seat group from "
        "a backup",
        Fault.OVERDUE: "the store did not take the repair: run the audit again when it is well",
        Fault.UNLISTED: "the store did not take the repair: run the audit again when it is well",
        Fault.UNLISTED_TRIP: "the store did not take the repair: run the audit again when it is well",
        Fault.LASTING_LOCK: "delete the key in Redis: it does no harm, for the store decides",
        Fault.LASTING_MARK: "delete the key in Redis: it does no harm, for the store decides",
        Fault.UNPUBLISHED: "the relay has them again: run the audit again in some minutes; if they are still "
        "there, the sink is down or refuses them, which the log of the relay tells",
    }
)
"""What a person should do about a fault that is not repaired."""


class Finding(NamedTuple):
    """A fault, and where. Two looks that find the same have found equal findings: `seen` says of which state of the
    rows, so that a fault which comes and goes with the sale is not taken for one that stays.
    """

    fault: Fault
    trip: TripKey
    group: int
    seat: str = ""
    segment: int = 0
    owner: str = ""
    """The title, hold, event, or token that is concerned."""
    other: str = ""
    """The other owner of two, the list, or what the cell says."""
    seen: str = ""

    def __str__(self) -> str:
        at = f" seat {self.seat} segment {self.segment}" if self.seat else ""
        of = f" of {self.owner}" if self.owner else ""
        with_ = f" ({self.other})" if self.other else ""
        return f"{self.fault}: trip {self.trip.trip} of {self.trip.organization}, group {self.group}{at}{of}{with_}"


class Sums(NamedTuple):
    """The cells of a trip by what they say; `total` is the number that it must have."""

    free: int = 0
    held: int = 0
    sold: int = 0
    blocked: int = 0
    total: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(*(mine + its for mine, its in zip(self, other, strict=True)))

    @property
    def match(self) -> bool:
        """Whether every cell is in one state."""
        return self.free + self.held + self.sold + self.blocked == self.total


class Skipped(StrEnum):
    """Why a trip is not audited now."""

    NO = ""
    GONE = "there is no such trip any more"
    OPENING = "it is being opened"
    SWAPPING = "it is getting another vehicle"


@dataclass(slots=True)
class Audited:
    """What came of one trip. `left` is what was found and not repaired, or only told; `repaired` what was found and is
    not there any more. `unread` are the seat groups that could not be read, each with its reason.
    """

    trip: TripKey
    skipped: Skipped = Skipped.NO
    sums: Sums = field(default_factory=Sums)
    groups: int = 0
    left: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    unread: dict[int, str] = field(default_factory=dict)
    more: int = 0
    """Findings beyond those that are kept."""
    edge_unseen: int = 0
    """Seat groups of which the edge did not say what it remembers."""

    @property
    def found(self) -> Sequence[Finding]:
        """All that were found and are kept here."""
        return [*self.left, *self.repaired]
