"""What the auditor of stock finds: each kind of fault, and what a person should do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.protocol.batches import Partition


class StockFault(StrEnum):
    """What can be wrong with an entry, a reservation, or the book of an order."""

    RESERVED = "wrong reserved"
    """The units that an entry calls reserved are not those of the reservations that live."""
    TOTAL = "wrong total"
    """The total of an entry is not the sum of its movements."""
    MISSING_MOVEMENT = "missing movement"
    """The balance of a movement is not that of the one before it and its own quantity."""
    ORPHAN = "orphan line"
    """A line of a reservation that never committed, and the time of the attempt is over."""
    LEFTOVER = "leftover line"
    """A line of a reservation that has ended, or does not name it, or is committed and was not taken out here."""
    WITHOUT_UNITS = "without its units"
    """A reservation that lives, or was committed, lacks a line."""
    OVERDUE = "overdue reservation"
    """A reservation's time is over, and it has not ended."""
    TWO_RESERVATIONS = "two reservations"
    """An order has two that live, or were committed."""
    UNBOOKED = "unbooked reservation"
    """The book of the order does not name its reservation."""
    ON_ORDER = "wrong on order"
    """What is on order for an entry is not what is outstanding of a purchase order's line."""
    RECEIVED = "wrong received"
    """What was received of a purchase order's line is not what its movements brought."""
    LOST_LINE = "lost line of an order"
    """A purchase order has no line beside its entry, where it is on order."""
    STRAY_LINE = "line of no order"
    """A line is open of a purchase order that is not there, or did not order that."""
    UNFINISHED = "unfinished order"
    """A purchase order was cancelled long ago, and its line is open."""
    UNFINISHED_MOVE = "unfinished move"
    """A shard of an entry announced long ago that units go to another one, and has not forgotten that."""
    LOST_IN_MOVE = "units lost in a move"
    """Fewer units came to a shard of an entry than left another one."""
    DOUBLED_BY_MOVE = "units doubled by a move"
    """More units came to a shard of an entry than left another one."""
    UNTOLD = "untold crossing"
    """An entry in shards is low, or out of stock, and nobody was told; or it is so no more, and counts as told."""
    UNPUBLISHED = "unpublished stock events"
    """A sink lacks events that were recorded long ago."""


_AGAIN = "the store did not take the repair: run the audit again when it is well"

ADVICE: Mapping[StockFault, str] = MappingProxyType(
    {
        StockFault.RESERVED: _AGAIN,
        StockFault.TOTAL: _AGAIN,
        StockFault.MISSING_MOVEMENT: "no step removes a movement: restore it from a backup, or count what lies there "
        "(`travio-inventory stock count`)",
        StockFault.ORPHAN: _AGAIN,
        StockFault.LEFTOVER: _AGAIN,
        StockFault.WITHOUT_UNITS: "its units may be another's: cancel the reservation, or count what lies there "
        "(`travio-inventory stock count`)",
        StockFault.OVERDUE: _AGAIN,
        StockFault.TWO_RESERVATIONS: "ask the customer which of them is meant, and cancel the other by its id",
        StockFault.UNBOOKED: _AGAIN,
        StockFault.ON_ORDER: _AGAIN,
        StockFault.RECEIVED: "more came than was ordered: count what lies there (`travio-inventory stock count`)",
        StockFault.LOST_LINE: _AGAIN,
        StockFault.STRAY_LINE: "more came than was ordered: count what lies there (`travio-inventory stock count`)",
        StockFault.UNFINISHED: _AGAIN,
        StockFault.UNFINISHED_MOVE: _AGAIN,
        StockFault.LOST_IN_MOVE: _AGAIN,
        StockFault.DOUBLED_BY_MOVE: "the units are reserved or sold: bring the entry to one shard (`travio-inventory "
        "stock shards SKU WAREHOUSE 1`), and count what lies there (`travio-inventory stock count`)",
        StockFault.UNTOLD: _AGAIN,
        StockFault.UNPUBLISHED: "the relay has them again: run the audit again in some minutes; if they are still "
        "there, the sink is down or refuses them, which the log of the relay tells",
    }
)
"""What a person should do about a fault that is not repaired."""


class StockFinding(NamedTuple):
    """A fault, and where. Two looks that find the same have found equal findings: `seen` says of which state."""

    fault: StockFault
    at: Partition
    owner: str = ""
    """The reservation, the order, the movement or the event that is concerned."""
    other: str = ""
    """What it should be, or with whom it is at odds."""
    seen: str = ""

    def __str__(self) -> str:
        of = f" of {self.owner}" if self.owner else ""
        with_ = f" ({self.other})" if self.other else ""
        return f"{self.fault}: {self.at.name} of {self.at.organization}, place {self.at.number}{of}{with_}"

    @property
    def place(self) -> "StockFinding":
        """The finding, in whatever state the rows are."""
        return self._replace(seen="", other=self.other if self.fault is StockFault.UNPUBLISHED else "")


@dataclass(slots=True)
class AuditedStock:
    """What came of one entry. `left` is what was found and not repaired, or only told; `repaired` what was found and is
    not there any more; `unread` why it could not be read, "" if it was.
    """

    at: Partition
    left: list[StockFinding] = field(default_factory=list)
    repaired: list[StockFinding] = field(default_factory=list)
    more: int = 0
    """Findings beyond those that are kept."""
    unread: str = ""
