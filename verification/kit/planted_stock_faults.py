"""Writes to a shop's store what no step ever writes: for each kind of fault that the auditor of stock is to find."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, Batches, Kind, Partition, Row, RowKey, Write
from travio_inventory.stock.audit.findings import StockFault
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.order_books import SLOT, OrderBooks
from travio_inventory.stock.records.reservation_rows import line_key, sold_key
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.stock.reservation import Reservation, holder_of

NOBODY = f"cup~64~{'0' * 32}"
"""The id of a reservation that nobody made."""
GONE_S = 1


@dataclass(frozen=True, slots=True)
class Shelves:
    """A store in which an order has three of twelve cups in the north, and two of nine jugs in the south."""

    store: Batches
    reservation: Reservation
    now_ms: int

    @property
    def cups(self) -> Partition:
        """The home of the reservation."""
        return self._place(0)

    @property
    def jugs(self) -> Partition:
        """The other place."""
        return self._place(1)

    def _place(self, line: int) -> Partition:
        each = self.reservation.lines[line]
        return stock_rows.place(self.reservation.organization, each.sku, each.place // 64)

    async def write(self, at: Partition, key: RowKey, values: Row, keep_s: int | None = None) -> None:
        """Write the values to a row, whatever is there."""
        outcome = await self.store.apply(at, [Write(key, {}, values, keep_s)])
        assert isinstance(outcome, Applied), outcome

    async def add(self, at: Partition, key: RowKey, **by: int) -> None:
        """Change numbers of a row."""
        row = (await self.store.get(at, [key]))[key]
        await self.write(at, key, {name: rows.number(row, name) + more for name, more in by.items()})

    def line(self, owner: str, **values: str | int) -> Row:
        """A line of another one."""
        said: Row = {"status": "reserved", "owner": owner, "quantity": 2, "order_id": "o9", "until_ms": 1}
        return {**said, "since_ms": 1, **values}


@dataclass(frozen=True, slots=True)
class PlantedInStock:
    """A planted fault: what the auditor must find of it, and whether it can be repaired."""

    faults: frozenset[StockFault]
    is_repaired: bool
    plant: Callable[[Shelves], Awaitable[None]]


async def _reserved_more(shelves: Shelves) -> None:
    await shelves.add(shelves.cups, STOCK, available=-1, reserved=1)


async def _available_more(shelves: Shelves) -> None:
    await shelves.add(shelves.cups, STOCK, available=4)


async def _available_fewer(shelves: Shelves) -> None:
    await shelves.add(shelves.cups, STOCK, available=-4)


async def _both(shelves: Shelves) -> None:
    """The units that are reserved alone were changed: the total is as the movements say once they are put right."""
    await shelves.add(shelves.cups, STOCK, reserved=4)


async def _movement(shelves: Shelves) -> None:
    found = await shelves.store.read(shelves.cups, Kind.MOVEMENT)
    await shelves.add(shelves.cups, next(iter(found)), balance=5)


async def _orphan(shelves: Shelves) -> None:
    """An attempt took two cups long ago, and never committed."""
    await shelves.add(shelves.cups, STOCK, available=-2, reserved=2)
    await shelves.write(shelves.cups, line_key(NOBODY), shelves.line(NOBODY))


async def _leftover(shelves: Shelves) -> None:
    """The reservation has ended, and its line elsewhere was not given back."""
    said: Row = {"status": "released", "event_at_ms": 1}
    await shelves.write(shelves.cups, rows.hold_key(shelves.reservation.id), said)
    await shelves.add(shelves.cups, STOCK, available=3, reserved=-3)
    await shelves.write(shelves.cups, line_key(shelves.reservation.id), {"status": "ended", "until_ms": None})
    await shelves.write(shelves.jugs, line_key(shelves.reservation.id), {"since_ms": 1})


async def _not_taken_out(shelves: Shelves) -> None:
    """It was committed long ago, and not in the other place."""
    said: Row = {"status": "confirmed", "event_at_ms": 1}
    await shelves.write(shelves.cups, rows.hold_key(shelves.reservation.id), said)
    line, sold = line_key(shelves.reservation.id), sold_key(shelves.reservation.id)
    await shelves.write(shelves.cups, line, {"status": "ended", "until_ms": None})
    row = (await shelves.store.get(shelves.cups, [line]))[line]
    kept = {name: row[name] for name in ("owner", "quantity", "order_id")}
    await shelves.write(shelves.cups, sold, {**kept, "status": "committed"}, 86_400)
    entry = (await shelves.store.get(shelves.cups, [STOCK]))[STOCK]
    version, reserved = rows.number(entry, "version") + 1, rows.number(entry, "reserved") - 3
    await shelves.write(shelves.cups, STOCK, {"version": version, "reserved": reserved})
    balance = rows.number(entry, "available") + reserved
    moved: Row = {"type": "OUTBOUND", "quantity": -3, "balance": balance, "reason": "by hand", "cause": "by hand"}
    await shelves.write(shelves.cups, stock_rows.movement_key(version), {**moved, "at_ms": shelves.now_ms}, 86_400)
    await shelves.write(shelves.jugs, line, {"since_ms": 1})


async def _without_units(shelves: Shelves) -> None:
    """Its units elsewhere were given back, and it lives."""
    await shelves.add(shelves.jugs, STOCK, available=2, reserved=-2)
    await shelves.write(shelves.jugs, line_key(shelves.reservation.id), {"status": "ended", "until_ms": None})


async def _overdue(shelves: Shelves) -> None:
    """No index leads to it."""
    said: Row = {"created_at_ms": 1, "expires_at_ms": 2}
    await shelves.write(shelves.cups, rows.hold_key(shelves.reservation.id), said)


async def _two(shelves: Shelves) -> None:
    """The book of its order names another one, which lives too."""
    found = await shelves.store.read(shelves.cups, Kind.HOLD)
    other = next(key.id for key in found if key.id != shelves.reservation.id)
    await shelves.write(_ledger(shelves), SLOT, {"hold": other, "since_ms": 1}, 86_400)


async def _unbooked(shelves: Shelves) -> None:
    """The book of its order names one that never was."""
    await shelves.write(_ledger(shelves), SLOT, {"hold": NOBODY, "since_ms": 1}, 86_400)


def _ledger(shelves: Shelves) -> Partition:
    of = shelves.reservation
    return OrderBooks().ledger(holder_of(of.organization, of.order_id))


PLANTED_IN_STOCK: Mapping[str, PlantedInStock] = MappingProxyType(
    {
        name: PlantedInStock(frozenset(faults), is_repaired, plant)
        for name, faults, is_repaired, plant in (
            ("more are reserved than lines say", {StockFault.RESERVED}, True, _reserved_more),
            ("more lie there than movements say", {StockFault.TOTAL}, True, _available_more),
            ("fewer lie there than movements say", {StockFault.TOTAL}, True, _available_fewer),
            ("more are reserved than there can be", {StockFault.RESERVED, StockFault.TOTAL}, True, _both),
            ("a movement was changed", {StockFault.MISSING_MOVEMENT}, False, _movement),
            ("an attempt left its line", {StockFault.ORPHAN}, True, _orphan),
            ("an ended reservation has a line", {StockFault.LEFTOVER}, True, _leftover),
            ("a committed reservation has a line elsewhere", {StockFault.LEFTOVER}, True, _not_taken_out),
            ("a reservation lacks its units", {StockFault.WITHOUT_UNITS}, True, _without_units),
            ("a reservation's time is long over", {StockFault.OVERDUE}, True, _overdue),
            ("an order has two reservations", {StockFault.TWO_RESERVATIONS}, False, _two),
            ("an order's book names nobody", {StockFault.UNBOOKED}, True, _unbooked),
        )
    }
)
"""By what is wrong."""
