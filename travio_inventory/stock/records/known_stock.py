"""Remembers the rows of entries as this process saw or left them last, and where a stock keeping unit has entries.

A batch on an entry is conditional on the version that it was computed from, and versions never begin again. So one that
is computed from a row that others have changed since is refused and brings the present one: what is remembered saves a
read, and decides nothing. Nobody is refused by it either: who finds too little here reads first.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Partition, Row, Rows, Write
from travio_inventory.stock.records.stock_rows import STOCK

KNOWN_MS: Final = 30_000
SHORT_MS: Final = 250
"""For so long an entry is passed over that has too little for an order: what others bring there is found then."""
PLACES_MAX: Final = 20_000


class _Seen(NamedTuple):
    at_ms: int
    row: Row


class _Listed(NamedTuple):
    until_ms: int
    places: Sequence[Partition]


class KnownStock:
    """The entries that were seen of late. `elapsed_ms` is monotonic."""

    def __init__(self, elapsed_ms: Callable[[], int]) -> None:
        self._elapsed_ms = elapsed_ms
        self._rows: OrderedDict[Partition, _Seen] = OrderedDict()
        self._listed: OrderedDict[tuple[str, str], _Listed] = OrderedDict()
        self.begun = 0
        """How many entries this process has begun: what was listed before the last one may lack it."""

    def row(self, at: Partition, *, within_ms: int = KNOWN_MS) -> Row | None:
        """The row of the entry there, if it was seen so lately."""
        found = self._rows.get(at)
        return None if found is None or found.at_ms + within_ms <= self._elapsed_ms() else found.row

    def for_order(self, organization: str, sku: str, count: int) -> dict[Partition, Row] | None:
        """The rows of all entries of the stock keeping unit, if an order for so many can be planned by them."""
        listed = self._listed.get((organization, sku))
        if listed is None or listed.until_ms <= self._elapsed_ms():
            return None
        found, is_enough = dict[Partition, Row](), False
        for at in listed.places:
            row = self.row(at)
            if row is None or row.get("definition"):
                return None
            has_enough = row["status"] == "active" and rows.number(row, "available") >= count
            if not has_enough and self.row(at, within_ms=SHORT_MS) is None:
                return None
            is_enough = is_enough or has_enough
            found[at] = row
        return found if is_enough else None

    def seen(self, at: Partition, found: Rows) -> None:
        """These rows are there."""
        if STOCK in found:
            self._note(at, found[STOCK])

    def written(self, at: Partition, write: Write, *, is_known: bool) -> None:
        """The row of an entry was written, or may have been."""
        if write.condition is None:
            self.begun += 1
            self._listed.pop((at.organization, at.name), None)
        before = self._before(at, write)
        if is_known and before is not None:
            self._note(at, {name: value for name, value in {**before, **write.values}.items() if value is not None})
        else:
            self._rows.pop(at, None)

    def listed(self, organization: str, sku: str, places: Sequence[Partition], *, begun: int) -> None:
        """These are all places with entries of it, by a list that was read when so many had been begun."""
        if begun != self.begun:
            return
        self._listed[organization, sku] = _Listed(self._elapsed_ms() + KNOWN_MS, places)
        self._listed.move_to_end((organization, sku))
        if len(self._listed) > PLACES_MAX:
            self._listed.popitem(last=False)

    def _before(self, at: Partition, write: Write) -> Row | None:
        """The row that the write changed; None if it is not known."""
        if write.condition is None:
            return {}
        known = self.row(at)
        return known if known is not None and known["version"] == write.condition.get("version") else None

    def _note(self, at: Partition, row: Row) -> None:
        known = self.row(at)
        if known is not None and rows.number(known, "version") > rows.number(row, "version"):
            return
        self._rows[at] = _Seen(self._elapsed_ms(), row)
        self._rows.move_to_end(at)
        if len(self._rows) > PLACES_MAX:
            self._rows.popitem(last=False)
