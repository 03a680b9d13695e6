"""Compares what lies in one place: its quantities with its lines and movements, its reservations with their lines.

Quantities and lines are one batch, and so are totals and movements: they agree at every moment at which the entry was
read, so any difference is a fault at once. A line elsewhere than in the home of its reservation may be behind it, until
it is rolled forward: what is young there is no fault.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Kind, Partition, Row, RowKey, Rows
from travio_inventory.protocol.hold import NEVER_MS, base_id
from travio_inventory.protocol.judging import Judging
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.protocol.resource import home_of
from travio_inventory.stock.audit.findings import StockFault, StockFinding
from travio_inventory.stock.audit.moves import Seen, is_between
from travio_inventory.stock.audit.orders import OrdersLook, receipt_of, standing
from travio_inventory.stock.records import reservation_rows, stock_rows
from travio_inventory.stock.records.order_books import SLOT, OrderBooks
from travio_inventory.stock.records.purchase_rows import ON_ORDER
from travio_inventory.stock.records.reservation_rows import RESERVED, RETURNING, line_key, sold_key
from travio_inventory.stock.records.stock_rows import MOVEMENTS_KEPT_S, STOCK
from travio_inventory.stock.records.stock_units import StockUnits, still
from travio_inventory.stock.reservation import Reservation, ReservedLine, holder_of

HOLDS_PER_READ = 200
MOVEMENTS_PER_READ = 1_000
SLACK_MS = 86_400_000
"""What is kept for so long as movements are may be forgotten a day earlier by another clock."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How old something must be to be a fault: an attempt without its home row, and what was to be rolled forward; and
    what is not looked at: reservations that nothing has changed for so long (0 = all are), movements that were followed
    by so many changes. In milliseconds, and in versions.
    """

    grace_ms: int
    late_ms: int
    unchanged_ms: int = 0
    versions: int = 0


class Look:
    """One look at a place."""

    def __init__(
        self, batches: Batches, units: StockUnits, judging: Judging[Reservation], at: Partition, bounds: Bounds
    ) -> None:
        self._batches = batches
        self._units = units
        self._judging = judging
        self._at = at
        self._bounds = bounds
        self._homes: dict[str, Row | None] = {}
        self._came: dict[str, int] = {}
        """What movements brought, by purchase order."""
        self.seen: Seen | None = None
        """Of a shard, what others are compared with."""
        self._between: list[Row] = []
        self.rows = 1
        """Of the entry, as far as it was seen."""

    async def findings(self, now_ms: int) -> list[StockFinding]:
        """All faults that are seen at that moment. Raises StoreUnavailable."""
        seen = await still(self._batches, self._at)
        if STOCK not in seen:
            return []
        on_order = (await self._batches.get(self._at, [ON_ORDER])).get(ON_ORDER)
        entry = stock_rows.read_entry(self._at, seen[STOCK])
        sharing = entry.sharing
        self.rows = 1 if sharing is None else max(sharing.rows, 1)
        found = self._of_reserved(seen) + await self._of_movements(seen[STOCK], now_ms)
        self.seen = Seen(self._at, entry, self._between, self._is_whole(seen[STOCK], now_ms, now_ms))
        found += await self._of_orders(seen[STOCK], on_order, now_ms)
        for key, line in seen.items():
            if key.kind is Kind.LINE and (fault := await self._of_line(key.id, line)) is not None:
                found.append(fault)
        async for reservation, row in self._reservations(now_ms):
            found += await self._of_reservation(reservation, row, now_ms)
        return found

    def _finding(self, fault: StockFault, owner: str = "", other: object = "", seen: object = "") -> StockFinding:
        return StockFinding(fault, self._at, owner, str(other), str(seen))

    # ---- quantities

    def _of_reserved(self, seen: Rows) -> list[StockFinding]:
        reserved, lines = rows.number(seen[STOCK], "reserved"), reserved_in(seen)
        if reserved == lines:
            return []
        other = f"{reserved}, its reservations have {lines}"
        return [self._finding(StockFault.RESERVED, "", other, reserved - lines)]

    async def _of_movements(self, entry: Row, now_ms: int) -> list[StockFinding]:
        """What the balances say; those that led to a later version are of another moment."""
        found: list[StockFinding] = []
        balance: int | None = None
        async for key, movement in movements(self._batches, self._at, entry, self._bounds.versions):
            before = rows.number(movement, "balance") - rows.number(movement, "quantity")
            if balance is None and self._is_whole(entry, rows.number(movement, "at_ms"), now_ms):
                balance = 0
            if balance is not None and before != balance:
                other = f"{before} before it, and {balance} after the one before"
                found.append(self._finding(StockFault.MISSING_MOVEMENT, key.id, other, other))
            balance = rows.number(movement, "balance")
            if is_between(movement):
                self._between.append(movement)
            if order := receipt_of(movement):
                self._came[order] = self._came.get(order, 0) + rows.number(movement, "quantity")
        if balance is None:
            balance = 0 if self._is_whole(entry, now_ms, now_ms) else None
        total = total_of(entry)
        if balance is not None and balance != total:
            other = f"{total}, its movements say {balance}"
            found.append(self._finding(StockFault.TOTAL, "", other, total - balance))
        return found

    async def _of_orders(self, entry: Row, on_order: Row | None, now_ms: int) -> list[StockFinding]:
        """What is on order is looked at if nothing of it has changed since its movements were read."""
        are_read = not self._bounds.versions or rows.number(entry, "version") <= self._bounds.versions
        seen = await standing(self._batches, self._at, self._came if are_read else None, on_order, now_ms)
        if seen is None:
            return []
        return await OrdersLook(self._batches, self._at, late_ms=self._bounds.late_ms).findings(seen)

    def _is_whole(self, entry: Row, first_ms: int, now_ms: int) -> bool:
        """Whether all movements of the entry are kept and read, if that is the moment of the first."""
        created_ms = rows.number(entry, "created_at_ms")
        is_read = not self._bounds.versions or rows.number(entry, "version") <= self._bounds.versions
        return is_read and created_ms <= first_ms and now_ms - created_ms < MOVEMENTS_KEPT_S * 1_000 - SLACK_MS

    # ---- lines

    async def _of_line(self, owner: str, line: Row) -> StockFinding | None:
        """What is wrong with a line of this place, as its reservation's home says."""
        status = line.get("status")
        if status not in (RESERVED, RETURNING):
            return None
        since_ms = rows.number(line, "since_ms")
        try:
            home = await self._home(owner)
        except HoldNotFound:
            return self._finding(StockFault.ORPHAN, owner, "no reservation has such an id", since_ms)
        if home is None:
            is_over = self._judging.ages.of(owner, since_ms) >= self._bounds.grace_ms
            return self._finding(StockFault.ORPHAN, owner, status, since_ms) if is_over else None
        if home.get("status") == "held" and status == RESERVED and self._names(home, line):
            return None
        if home.get("status") == "confirmed" and status == RETURNING:
            return None  # a return that was begun and given up: the line is closed by the next one
        changed_ms = max(rows.number(home, "event_at_ms"), since_ms)
        if not self._is_at_home(owner) and self._judging.ages.of(owner, changed_ms) < self._bounds.late_ms:
            return None
        seen = f"{since_ms} {_state_of(home)}"
        return self._finding(StockFault.LEFTOVER, owner, f"{status}, it is {home.get('status')}", seen)

    def _names(self, home: Row, line: Row) -> bool:
        named = _line_at(reservation_rows.read_lines(home), self._at)
        return named is not None and named.quantity == rows.number(line, "quantity")

    def _is_at_home(self, owner: str) -> bool:
        return home_of(self._units, self._at.organization, owner) == self._at

    async def _home(self, owner: str) -> Row | None:
        if owner not in self._homes:
            self._homes[owner] = await self._judging.home(self._at.organization, owner)
        return self._homes[owner]

    # ---- reservations whose home is here

    async def _reservations(self, now_ms: int) -> AsyncIterator[tuple[Reservation, Row]]:
        """Those that live, or were committed and can still be returned."""
        start = ""
        while True:
            found = await self._batches.read(self._at, Kind.HOLD, start=start, most=HOLDS_PER_READ)
            for key, row in found.items():
                unchanged_ms = now_ms - rows.number(row, "event_at_ms")
                is_old = bool(self._bounds.unchanged_ms) and unchanged_ms > self._bounds.unchanged_ms
                is_kept = now_ms - rows.number(row, "created_at_ms") < MOVEMENTS_KEPT_S * 1_000 - SLACK_MS
                if row.get("status") == "held" or (row.get("status") == "confirmed" and is_kept and not is_old):
                    yield self._units.read(self._at.organization, key.id, row), row
            if len(found) < HOLDS_PER_READ:
                return
            start = f"{next(reversed(list(found))).id}\0"

    async def _of_reservation(self, reservation: Reservation, row: Row, now_ms: int) -> list[StockFinding]:
        state = _state_of(row)
        found = [
            self._finding(StockFault.WITHOUT_UNITS, reservation.id, f"{line.sku}, place {line.place}", state)
            for line in reservation.lines
            if not await self._has(reservation, line)
        ]
        is_held = row.get("status") == "held" and reservation.expires_at_ms != NEVER_MS
        if is_held and self._judging.left_ms(reservation.id, row) <= -self._bounds.late_ms:
            found.append(self._finding(StockFault.OVERDUE, reservation.id, "", state))
        return found + await self._of_book(reservation, state)

    async def _has(self, reservation: Reservation, line: ReservedLine) -> bool:
        """Whether the line is there: reserved until it is committed, and for a moment after it elsewhere."""
        at = Partition(self._at.table, self._at.organization, line.sku, line.place)
        kept, sold = line_key(reservation.id), sold_key(reservation.id)
        there = await self._batches.get(at, [kept, sold])
        status = there.get(kept, {}).get("status")
        return sold in there or (status == RESERVED and rows.number(there[kept], "quantity") == line.quantity)

    async def _of_book(self, reservation: Reservation, state: str) -> list[StockFinding]:
        """The order's slot names this reservation, unless another one came first: then both must not live."""
        ledger = OrderBooks().ledger(holder_of(reservation.organization, reservation.order_id))
        booked = rows.text((await self._batches.get(ledger, [SLOT])).get(SLOT, {}), "hold")
        if booked and base_id(booked) == base_id(reservation.id):
            return []
        home = await self._judging.home(self._at.organization, booked) if booked else None
        is_live = home is not None and home.get("status") in rows.LIVE
        fault = StockFault.TWO_RESERVATIONS if is_live else StockFault.UNBOOKED
        return [self._finding(fault, reservation.id, booked, state)]


def reserved_in(seen: Rows) -> int:
    """The units of the lines that are reserved."""
    return sum(
        rows.number(row, "quantity")
        for key, row in seen.items()
        if key.kind is Kind.LINE and row.get("status") == RESERVED
    )


def total_of(entry: Row) -> int:
    """All units of an entry."""
    return rows.number(entry, "available") + rows.number(entry, "reserved")


async def movements(batches: Batches, at: Partition, entry: Row, versions: int) -> AsyncIterator[tuple[RowKey, Row]]:
    """The movements that led to the entry as it was seen, in their order; of so many last versions, if some are given.
    Raises StoreUnavailable.
    """
    version = rows.number(entry, "version")
    start = stock_rows.movement_key(max(version - versions, 0) + 1 if versions else 0).id
    end = stock_rows.movement_key(version + 1).id
    while True:
        found: Mapping[RowKey, Row] = await batches.read(
            at, Kind.MOVEMENT, start=start, end=end, most=MOVEMENTS_PER_READ
        )
        for each in found.items():
            yield each
        if len(found) < MOVEMENTS_PER_READ:
            return
        start = f"{next(reversed(list(found))).id}\0"


def _line_at(lines: Sequence[ReservedLine], at: Partition) -> ReservedLine | None:
    return next((line for line in lines if (line.sku, line.place) == (at.name, at.number)), None)


def _state_of(home: Row) -> str:
    return f"{home.get('status')} {rows.number(home, 'extensions')} {rows.number(home, 'expires_at_ms')}"
