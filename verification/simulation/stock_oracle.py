"""Judges stock as each batch is applied, and every answer afterwards: nothing is oversold, lost, or moved untold."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.hold import base_id
from travio_inventory.protocol.rows import number, text
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records.reservation_rows import (
    COMMITTED,
    RESERVED,
    RETURNING,
    line_key,
    read_lines,
    sold_key,
)
from travio_inventory.stock.records.shards import WHY
from travio_inventory.stock.records.stock_rows import STOCK
from travio_inventory.store.memory import Change
from verification.simulation.late_judge import LateJudge
from verification.simulation.oracle import ORGANIZATION
from verification.simulation.sold_out_judge import Shelves, Told, judged_refusals

LIVE = ("held", "confirmed")
NEXT: Mapping[str, set[str]] = {
    "": {"held", "confirmed", "aborted"},
    "held": {"held", "confirmed", "released", "expired"},
    "confirmed": {"confirmed", "cancelled"},
    "expired": {"expired"},
}
BECOMES = {
    "reserve": LIVE,
    "commit": ("confirmed",),
    "cancel": ("released", "cancelled"),
    "commit some": ("confirmed",),
    "cancel some": ("held", "confirmed", "released", "cancelled"),
}
SOLD = (COMMITTED, RETURNING)
BY_ORDERS = (MovementType.OUTBOUND, MovementType.RETURN)


class StockOracle:
    """Sees all rows, and notes what was true when."""

    def __init__(self) -> None:
        self.rows: defaultdict[Partition, dict[RowKey, Row]] = defaultdict(dict)
        self.statuses: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self._shelves = Shelves()
        self._moved: defaultdict[Partition, int] = defaultdict(int)
        self._by_orders: defaultdict[Partition, int] = defaultdict(int)
        self.late = LateJudge()
        self.violations: list[str] = []

    def applied(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """A batch was applied."""
        if partition.table is not Table.STOCK:
            return
        rows = self.rows[partition]
        rows.update((key, after) for key, _, after in changes)
        self.late.applied(now_s, partition, changes, self.rows)
        self._judge_movements(now_s, partition, changes)
        if STOCK in rows:
            self._shelves.noted(now_s, partition, number(rows[STOCK], "available"))
            self._judge_quantities(now_s, partition, rows)
        for key, before, after in changes:
            if key.kind is Kind.HOLD and before != after:
                self._judge_step(now_s, partition, key.id, before, after)

    def _judge_movements(self, now_s: float, partition: Partition, changes: Sequence[Change]) -> None:
        """Each change of a total is in the batch of its movements and events, and they say what it is."""
        moved = told = movements = 0
        for key, before, after in changes:
            if key == STOCK:
                moved += _total(after) - _total(before)
            if key.kind is Kind.MOVEMENT and not before:
                movements += number(after, "quantity")
                self._moved[partition] += number(after, "quantity")
                self._by_orders[partition] += number(after, "quantity") if after.get("type") in BY_ORDERS else 0
                if number(after, "balance") != self._moved[partition]:
                    self._broken(
                        now_s, f"S3 {partition}: a balance of {after}, and all sum up to {self._moved[partition]}"
                    )
            if key.kind is Kind.EVENT and not before and after.get("type") == "inventory.stock_updated":
                told += 1
        if movements != moved:
            self._broken(now_s, f"S3 {partition}: the total moved by {moved}, movements say {movements}")
        made = [row for key, before, row in changes if key.kind is Kind.MOVEMENT and not before]
        if told != sum(1 for row in made if row.get("reason") != WHY):  # of those between shards nothing is told
            self._broken(now_s, f"S3 {partition}: {told} events of a batch with another number of movements")

    def _judge_quantities(self, now_s: float, partition: Partition, rows: Mapping[RowKey, Row]) -> None:
        """Units are conserved, even if batches are sent twice, late or by a process that died."""
        available, reserved = number(rows[STOCK], "available"), number(rows[STOCK], "reserved")
        kept = sum(number(row, "quantity") for row in _of(rows, Kind.LINE, (RESERVED,)))
        sold = sum(number(row, "quantity") for row in _of(rows, Kind.SOLD, SOLD))
        if available < 0 or reserved < 0:
            self._broken(now_s, f"S1 {partition} has {available} and {reserved}")
        if reserved != kept:
            self._broken(now_s, f"S2 {partition}: {reserved} are said to be reserved, lines have {kept}")
        if sold != -self._by_orders[partition]:
            self._broken(now_s, f"S4 {partition}: {sold} are committed, movements say {-self._by_orders[partition]}")
        if available + reserved != self._moved[partition]:
            self._broken(now_s, f"S3 {partition}: a replay of the movements is {self._moved[partition]}")

    def _judge_step(self, now_s: float, partition: Partition, hold_id: str, before: Row, after: Row) -> None:
        was, status = text(before, "status"), text(after, "status")
        if status not in NEXT.get(was, set()):
            self._broken(now_s, f"I4 {hold_id} goes from {was} to {status}")
        self.statuses[hold_id].append((now_s, status))
        if status not in LIVE:
            return
        for line in read_lines(after):
            rows = self.rows[Partition(Table.STOCK, partition.organization, line.sku, line.place)]
            kept, sold = rows.get(line_key(hold_id), {}), rows.get(sold_key(hold_id), {})
            has = kept if kept.get("status") in (RESERVED, RETURNING) else sold
            if has.get("status") not in (RESERVED, *SOLD) or number(has, "quantity") != line.quantity:
                self._broken(now_s, f"I2 {hold_id} is {status} without its {line}")
        live = [each for each in self._holds(partition.organization) if _is_live_of(each[1], text(after, "holder"))]
        if len(live) > 1:
            self._broken(now_s, f"I6 an order has {[each[0] for each in live]}")

    def _holds(self, organization: str) -> Iterator[tuple[str, Row]]:
        for partition, rows in self.rows.items():
            if partition.organization == organization:
                yield from ((key.id, row) for key, row in rows.items() if key.kind is Kind.HOLD)

    # ---- answers

    def judge(self, calls: Sequence[Told]) -> None:
        """An answer is true when it is given; a final one stays true."""
        for call in calls:
            of_it = base_id(call.reservation_id)
            known = [each for name, steps in self.statuses.items() if base_id(name) == of_it for each in steps]
            if call.answer == "ok" and not any(
                status in BECOMES[call.what] and at_s <= call.ended_s for at_s, status in known
            ):
                self._broken(call.ended_s, f"I3 {call.what} of {call.order} was answered ok, it is {known}")
        for call in calls:
            if call.answer == "ReservationExpired" and call.what == "commit":
                late = [status for name, steps in self.statuses.items() for _, status in steps
                        if base_id(name) == base_id(call.reservation_id)]  # fmt: skip
                if "confirmed" in late:
                    self._broken(call.ended_s, f"I5 {call.order} was said to be expired, and is committed")
        self.violations += judged_refusals(calls, self._shelves)
        self.violations += self.late.judged(calls, ORGANIZATION)

    def judge_leftovers(self) -> None:
        """After a night with sweepers each place is as the home rows say."""
        homes = {key.id: row for rows in self.rows.values() for key, row in rows.items() if key.kind is Kind.HOLD}
        for partition, rows in self.rows.items():
            for key, row in rows.items():
                if key.kind not in (Kind.LINE, Kind.SOLD):
                    continue
                home, status = homes.get(key.id, {}), row.get("status")
                here = any((line.sku, line.place) == (partition.name, partition.number) for line in read_lines(home))
                is_booked = here and home.get("status") == "confirmed"
                is_open = status == RESERVED or (status == RETURNING and not is_booked)
                if is_open or (key.kind is Kind.SOLD and (status in SOLD) is not is_booked):
                    self._broken(0.0, f"L2 {key} in {partition} is {status}, its home row {home.get('status')}")

    def _broken(self, now_s: float, said: str) -> None:
        self.violations.append(f"{said} (at {now_s:.2f})")


def _total(row: Row) -> int:
    return number(row, "available") + number(row, "reserved")


def _of(rows: Mapping[RowKey, Row], kind: Kind, statuses: Sequence[str]) -> Iterator[Row]:
    return (row for key, row in rows.items() if key.kind is kind and row.get("status") in statuses)


def _is_live_of(row: Row, order: str) -> bool:
    return row.get("holder") == order and row.get("status") in LIVE
