"""Remembers for a moment how little is left of stock keeping units, so that a crowd does not go to the store for it.

What was read of every warehouse is remembered for REMEMBERED_MS from when it began to be read, and forgotten as soon as
a batch of this process puts more there, before anybody is told of that batch. What other processes do is known when the
moment is over.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import (
    ANY_TIME,
    Applied,
    Batches,
    IndexEntry,
    NotDone,
    Outcome,
    Partition,
    Refused,
    RowKey,
    Rows,
    Table,
    Write,
)
from travio_inventory.protocol.passed_on import PassedOn
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.records.known_reservations import KnownReservations
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.known_warehouses import KnownWarehouses
from travio_inventory.stock.records.shard_marks import ShardMarks
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.warehouse import SHARDS_MAX

REMEMBERED_MS = 250
SKUS_MAX = 10_000
_COUNTERS = 4_096
"""Stock keeping units share them: one that is counted for another is only remembered a little later."""


class Look(NamedTuple):
    """When somebody began to read what is left, and how many batches there had been."""

    at_ms: int
    batches: int


class _Left(NamedTuple):
    until_ms: int
    places: Mapping[int, int]


class SoldOut:
    """How many are left where, of stock keeping units of which somebody wanted more. `elapsed_ms` is monotonic."""

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self._elapsed_ms = elapsed_ms
        self._left: OrderedDict[tuple[str, str], _Left] = OrderedDict()
        self._batches = [0] * _COUNTERS

    def look(self, organization: str, sku: str) -> Look:
        """To be taken before what is left is read."""
        return Look(self._elapsed_ms(), self._batches[_counter(organization, sku)])

    def remember(self, organization: str, sku: str, places: Mapping[int, int], look: Look) -> None:
        """All that can be had, by the number of the place; nothing is remembered if a batch came meanwhile."""
        if self._batches[_counter(organization, sku)] != look.batches:
            return
        self._left[organization, sku] = _Left(look.at_ms + REMEMBERED_MS, places)
        self._left.move_to_end((organization, sku))
        if len(self._left) > SKUS_MAX:
            self._left.popitem(last=False)

    def left(self, organization: str, sku: str, *, allow_split: bool) -> int | None:
        """How many can be had, in one place if it may not be split; None if it is not remembered."""
        found = self._left.get((organization, sku))
        if found is None or found.until_ms <= self._elapsed_ms():
            return None
        return left_in(found.places, allow_split=allow_split)

    def has_now(self, organization: str, sku: str, place: int, available: int) -> None:
        """A batch left so many in a place."""
        self._batches[_counter(organization, sku)] += 1
        found = self._left.get((organization, sku))
        if found is not None and available > found.places.get(place, 0):
            del self._left[organization, sku]

    def forget(self, organization: str) -> None:
        """Warehouses of the organization have changed."""
        for counter in range(_COUNTERS):
            self._batches[counter] += 1
        for key in [key for key in self._left if key[0] == organization]:
            del self._left[key]


class NotedBatches(PassedOn):
    """Batches, whose effects on stock are noted before anybody is told."""

    def __init__(
        self,
        batches: Batches,
        sold_out: SoldOut,
        known: KnownWarehouses,
        entries: KnownStock,
        marks: ShardMarks | None = None,
        made: KnownReservations | None = None,
    ) -> None:
        super().__init__(batches)
        self._sold_out = sold_out
        self._known = known
        self._entries = entries
        self._marks = marks
        self._made = made

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Reads."""
        found = await self._batches.get(partition, keys)
        if partition.table is Table.STOCK:
            self._entries.seen(partition, found)
        return found

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        outcome: Outcome | None = None
        marks, sent_ms = self._marks, 0 if self._marks is None else self._marks.elapsed_ms()
        leading = () if marks is None else marks.leading_to(partition, writes)
        try:
            outcome = await self._batches.apply(partition, writes, [*entries, *leading], send_by=send_by)
            if marks is not None and leading and isinstance(outcome, Applied | Refused):
                marks.durable(leading, sent_ms=sent_ms)
        finally:
            if not isinstance(outcome, Refused | NotDone):
                self._note(partition, writes, is_known=isinstance(outcome, Applied))
        if isinstance(outcome, Refused) and partition.table is Table.STOCK:
            self._entries.seen(partition, outcome.rows)
            if self._made is not None:
                self._made.refused(partition, writes, outcome.rows)
        return outcome

    def _note(self, partition: Partition, writes: Sequence[Write], *, is_known: bool) -> None:
        """What may be there is there, if it is not known."""
        if partition.table is Table.WAREHOUSES:
            self._sold_out.forget(partition.organization)
            self._known.forget(partition.organization)
        elif partition.table is Table.STOCK:
            if self._made is not None:
                self._made.written(partition, writes, is_known=is_known)
            for write in writes:
                key, _, values, _ = write
                if key == STOCK:
                    self._entries.written(partition, write, is_known=is_known)
                    count = rows.number(values, "available") if is_known else QUANTITY_MAX  # 0: no more than there were
                    self._sold_out.has_now(partition.organization, partition.name, partition.number, count)
                    if self._marks is not None and values.get("definition"):
                        self._marks.changed(partition)


def left_in(places: Mapping[int, int], *, allow_split: bool) -> int:
    """How many can be had of these places, each a shard of a warehouse; in one warehouse if it may not be split."""
    there: Counter[int] = Counter()
    for place, count in places.items():
        there[place // SHARDS_MAX] += max(count, 0)
    return there.total() if allow_split else max(there.values(), default=0)


def _counter(organization: str, sku: str) -> int:
    return hash((organization, sku)) % _COUNTERS
