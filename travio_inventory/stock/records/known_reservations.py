"""Remembers what this process reserved and knows of no step on since: a step on that needs no read before its batch.

The batch is conditional on the reservation's row, its line and the entry as they are remembered, and none of them ever
is again what it was. So if somebody else was there it is refused: what is remembered saves reads, decides nothing and
answers nobody. An order's slot need not be read either: it goes to another reservation only when this one is over, and
then the batch is refused. What is not remembered is looked at by a majority, which sees all that anybody was answered.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Reads, Row, RowKey, Rows, StoreUnavailable, Write
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.reservation_rows import line_key, sold_key
from travio_inventory.stock.records.stock_rows import STOCK

RESERVATIONS_MAX: Final = 65_536
"""Each takes about a kilobyte, so 64 MB where as many live."""


class _Made(NamedTuple):
    order: str
    text: str
    """Its row and that of its line in its home, as JSON: rows are several times as large."""


class KnownReservations:
    """The reservations that live, as far as is known. `views` read by a majority, where that costs less."""

    def __init__(self, entries: KnownStock, views: Reads | None) -> None:
        self.views = views
        self._entries = entries
        self._made: OrderedDict[tuple[str, str], _Made] = OrderedDict()
        self._of_order: dict[tuple[str, str], str] = {}

    def of_order(self, organization: str, order: str) -> str:
        """The reservation of the order, "" if none is remembered."""
        return self._of_order.get((organization, order), "")

    async def order(self, home: Partition, reservation_id: str) -> str:
        """The order that has it, "" if a glance does not tell."""
        made = self._made.get((home.organization, reservation_id))
        if made is not None:
            return made.order
        try:
            found = await self._look(home, reservation_id)
        except StoreUnavailable:
            return ""
        row = (found or {}).get(rows.hold_key(reservation_id), {})
        return "" if row.get("status") == rows.CLOSED else rows.text(row, "holder")

    async def glance(self, home: Partition, reservation_id: str) -> Rows | None:
        """See Resource."""
        made, entry = self._made.get((home.organization, reservation_id)), self._entries.row(home)
        if made is None or entry is None:
            return await self._look(home, reservation_id)
        return {**_read(reservation_id, made), STOCK: entry}

    def written(self, at: Partition, writes: Sequence[Write], *, is_known: bool) -> None:
        """The batch was applied, or may have been."""
        for key, condition, values, _ in writes:
            if key.kind is Kind.HOLD:
                self._forget(at.organization, key.id)
                if is_known and condition is ABSENT and values.get("status") == "held":
                    line = next((each.values for each in writes if each.key == line_key(key.id)), None)
                    self._remember(at, key.id, values, line)

    def refused(self, at: Partition, writes: Sequence[Write], standing: Rows) -> None:
        """The batch was refused; these of its rows are there."""
        for key in (write.key for write in writes if write.key.kind is Kind.HOLD):
            made = self._made.get((at.organization, key.id))
            if made is not None and standing.get(key) != _read(key.id, made)[key]:
                self._forget(at.organization, key.id)

    async def _look(self, home: Partition, reservation_id: str) -> Rows | None:
        """By a majority, and remembered. Raises StoreUnavailable."""
        if self.views is None:
            return None
        key, line = rows.hold_key(reservation_id), line_key(reservation_id)
        found = await self.views.get(home, [key, *beside(reservation_id)])
        self._entries.seen(home, found)
        if found.get(key, {}).get("status") == "held":
            self._remember(home, reservation_id, found[key], found.get(line))
        return found

    def _remember(self, at: Partition, reservation_id: str, row: Row, line: Row | None) -> None:
        order, name = rows.text(row, "holder"), (at.organization, reservation_id)
        self._made[name] = _Made(order, encode([_present(row), None if line is None else _present(line)]))
        self._made.move_to_end(name)
        self._of_order[at.organization, order] = reservation_id
        if len(self._made) > RESERVATIONS_MAX:
            self._forget(*next(iter(self._made)))

    def _forget(self, organization: str, reservation_id: str) -> None:
        made = self._made.pop((organization, reservation_id), None)
        if made is not None and self._of_order.get((organization, made.order)) == reservation_id:
            del self._of_order[organization, made.order]


def beside(reservation_id: str) -> Sequence[RowKey]:
    """The rows in its home that a step on the reservation is computed from."""
    return [STOCK, line_key(reservation_id), sold_key(reservation_id)]


def _read(reservation_id: str, made: _Made) -> Rows:
    row, line = json.loads(made.text)
    lines = {} if line is None else {line_key(reservation_id): line}
    return {rows.hold_key(reservation_id): row, **lines}


def _present(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
