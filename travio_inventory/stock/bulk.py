"""Many changes of stock that come together: each line is done or refused alone, and its outcome told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.kernel.checking import Faults
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.approval import Approval
from travio_inventory.stock.commands import AdjustStock, SetStock, Why
from travio_inventory.stock.entry import InventoryEntry, inventory_id
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.warehouse import warehouse_id, warehouse_named

LINES_MAX = 10_000


class StockLine(NamedTuple):
    """A change: of an entry named by its id, or by its stock keeping unit and warehouse; by so many, at any version
    where that is 0, or to as many as were counted at a version. Nothing is checked before it is its turn.
    """

    inventory_id: str = ""
    sku: str = ""
    warehouse_id: str = ""
    warehouse_code: str = ""
    quantity: int | None = None
    total: int | None = None
    version: int = 0
    type: str = MovementType.ADJUSTMENT
    reason: str = ""
    reference: str = ""

    def entry_id(self, organization: str) -> str:
        """The id of the entry, "" if the line names none."""
        return self.inventory_id or self._id_there(organization)

    def named(self, organization: str) -> str:
        """The id of the entry. Raises InvalidRequest if the line names none, or two."""
        found = Faults()
        with found:
            warehouse_named(organization, self.warehouse_id, self.warehouse_code)
        named, is_there = self.entry_id(organization), self.sku or self.warehouse_id or self.warehouse_code
        if not named:
            found.wrong("inventory_id", "must be named, or a sku with its warehouse")
        elif is_there and named != self._id_there(organization):
            found.wrong("inventory_id", "must be that of the sku and the warehouse beside it, or be alone")
        found.finish()
        return named

    def _id_there(self, organization: str) -> str:
        there = self.warehouse_id or (warehouse_id(organization, self.warehouse_code) if self.warehouse_code else "")
        return inventory_id(organization, self.sku, there) if self.sku and there else ""

    def command(self, organization: str, cause: str) -> AdjustStock | SetStock:
        """What is to be done. Raises InvalidRequest."""
        found = Faults()
        with found:
            named = self.named(organization)
        if (self.quantity is None) == (self.total is None):
            found.wrong("quantity", "must be there, or a total, and not both")
        if self.total is not None and not self.version:
            found.wrong("version", "must be the one at which the total was counted")
        if self.type not in set(MovementType):
            found.wrong("type", f"must be one of {', '.join(MovementType)}")
        found.finish()
        why = Why(self.reason, self.reference, cause)
        if self.total is not None:
            return SetStock(named, self.total, self.version, why)
        return AdjustStock(named, self.quantity or 0, MovementType(self.type), why, self.version)


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """Lines that are done once for the key, however often they come. Raises InvalidRequest."""

    lines: Sequence[StockLine]
    key: str

    def __post_init__(self) -> None:
        found = Faults()
        found.id("idempotency_key", self.key)
        if not 1 <= len(self.lines) <= LINES_MAX:
            found.wrong("lines", f"must have 1 to {LINES_MAX} items, not {len(self.lines)}")
        found.finish()

    def causes(self, organization: str) -> Iterator[tuple[str, str]]:
        """Of each line the id of its entry, and its cause: the same for the same line, wherever in a request it is; the
        second of two equal lines has another one.
        """
        seen: Counter[tuple[object, ...]] = Counter()
        for line in self.lines:
            named = line.entry_id(organization)
            said = (named, line.quantity, line.total, line.version, line.type, line.reason, line.reference)
            seen[said] += 1
            yield named, digest_of("bulk", self.key, *map(str, said), str(seen[said]))


class LineState(StrEnum):
    """What came of a line."""

    DONE = "DONE"
    WAITING = "WAITING"
    """Another person has to approve it."""
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    """It may be done, or be done later: the same key tells."""
    NOT_DONE = "NOT_DONE"
    """Not in this call: it may be done, or was by an earlier one, with the same key."""


class LineOutcome(NamedTuple):
    """What came of a line: the entry and the movement, or what it waits for, or why not."""

    state: LineState
    reason: str = ""
    detail: str = ""
    entry: InventoryEntry | None = None
    movement: Movement | None = None
    waits: Approval | None = None


def counted(outcomes: Sequence[LineOutcome]) -> dict[LineState, int]:
    """How many lines there are of each outcome."""
    found = Counter(each.state for each in outcomes)
    return {state: found[state] for state in LineState}
