"""Judges purchase orders as each batch is applied: what is on order is what was ordered, less what came or will not."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.rows import number, text
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.purchase import PurchaseLine, PurchaseOrder, automatic_id
from travio_inventory.stock.records.purchase_rows import ON_ORDER, place_of, read_line, read_on_order, read_order
from travio_inventory.stock.records.stock_rows import STOCK, read_entry
from travio_inventory.store.memory import Change

AllRows = Mapping[Partition, Mapping[RowKey, Row]]
FINAL = {"OverReceived", "PurchaseEnded", "StockFull", "StockNotFound"}
SOON_MS = 1
"""A moment at which every order of a day is open."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A step of an order that was asked for, and its answer. A receipt has a key, and so many of each line."""

    what: str
    order: str
    key: str
    counts: tuple[tuple[str, str, int], ...]
    """Stock keeping unit, warehouse, and quantity."""
    answer: str
    ended_s: float


class PurchaseJudge:
    """Knows every order, and each of its lines as it was at any moment."""

    def __init__(self) -> None:
        self.orders: dict[str, PurchaseOrder] = {}
        self._lines: defaultdict[tuple[str, Partition], list[tuple[float, PurchaseLine]]] = defaultdict(list)
        self._came: defaultdict[tuple[str, Partition], int] = defaultdict(int)
        self._cancelled: dict[str, float] = {}
        self._by_hand: defaultdict[Partition, int] = defaultdict(int)
        """How many lines that somebody asked for were placed there."""
        self._paused: dict[str, int] = {}
        """How many there were when a line of that automatic order was cancelled."""

    @property
    def open_ones(self) -> Sequence[PurchaseOrder]:
        """The orders of which something is to come, as they were placed."""
        return [
            order for named, order in self.orders.items()
            if any(line.outstanding for line in self._standing(order)) and named not in self._cancelled
        ]  # fmt: skip

    def applied(self, now_s: float, at: Partition, changes: Sequence[Change], rows: AllRows) -> Iterator[str]:
        """What is wrong since a batch was applied."""
        for key, before, after in changes:
            if key.kind is Kind.PURCHASE_ORDER and after:
                yield from self._judge_order(now_s, at, before, after, rows)
        if at.table is not Table.STOCK:
            return
        came = {key.id: 0 for key, before, after in changes if key.kind is Kind.PURCHASE and after and before != after}
        for key, before, row in changes:
            if key.kind is Kind.MOVEMENT and not before and text(row, "reference") in self.orders:
                came[text(row, "reference")] = came.get(text(row, "reference"), 0) + number(row, "quantity")
        for named, count in came.items():
            yield from self._judge_line(now_s, at, named, count, rows)
        if came or any(key == ON_ORDER for key, *_ in changes):
            yield from self._judge_standing(at, rows)

    def _judge_order(self, now_s: float, at: Partition, before: Row, after: Row, rows: AllRows) -> Iterator[str]:
        named = at.name.removeprefix("order ")
        is_now = read_order(at.organization, named, after, SOON_MS)
        if before:
            was = read_order(at.organization, named, before, SOON_MS)
            if was.lines != is_now.lines or was.is_cancelled:
                yield f"P3 {named} was {was}, and is {is_now}"
        self.orders.setdefault(named, is_now)
        if is_now.is_cancelled:
            self._cancelled.setdefault(named, now_s)
        if not before and is_now.automatic:
            yield from self._judge_automatic(is_now, rows)

    def _judge_automatic(self, order: PurchaseOrder, rows: AllRows) -> Iterator[str]:
        """One at a time for an entry; and none after one that somebody cancelled, until somebody orders by hand."""
        (line,) = order.lines
        at = place_of(order, line)
        last, number_of_it = automatic_id(_entry(at, rows).id, order.automatic - 1), order.automatic
        if order.id != automatic_id(_entry(at, rows).id, number_of_it):
            yield f"P6 {order.id} is the automatic order {number_of_it} of {at}, and has another id"
        if number_of_it == 1:
            return
        known = self._lines.get((last, at), [])
        if not known or known[-1][1].outstanding:
            yield f"P6 {at} has the automatic order {number_of_it} while the last one has {known[-1:]}"
        elif known[-1][1].is_cancelled and self._by_hand[at] == self._paused[last]:
            yield f"P6 {at} has the automatic order {number_of_it}, and somebody cancelled the last one"

    def _judge_line(self, now_s: float, at: Partition, named: str, came: int, rows: AllRows) -> Iterator[str]:
        if named not in self.orders:
            yield f"P1 a line of {named} is in {at}, and there is no such order"
            return
        order = self.orders[named]
        known = self._lines[named, at]
        was = known[-1][1] if known else next(each for each in order.lines if place_of(order, each) == at)
        row = rows[at].get(RowKey(Kind.PURCHASE, named))
        line = read_line(was, row)
        self._came[named, at] += came
        if not 0 <= line.received <= line.quantity or line.received != self._came[named, at]:
            yield f"P1 {line} of {named}, its movements brought {self._came[named, at]}"
        if row is not None and number(row, "quantity") != line.quantity:
            yield f"P1 {line} of {named} has {row}"
        is_other = (line.received, line.is_cancelled) != (was.received, was.is_cancelled)
        if line.received < was.received or (was.is_cancelled and is_other):
            yield f"P3 a line of {named} was {was}, and is {line}"
        if line.is_cancelled and named not in self._cancelled:
            yield f"P3 {line} of {named}, which nobody cancelled"
        if not known and not order.automatic:
            self._by_hand[at] += 1
        if line.is_cancelled and order.automatic:
            self._paused.setdefault(named, self._by_hand[at])
        known.append((now_s, line))

    def _judge_standing(self, at: Partition, rows: AllRows) -> Iterator[str]:
        """What is on order for an entry is ordered - received - cancelled, of each order."""
        outstanding = {
            named: known[-1][1].outstanding
            for (named, place), known in self._lines.items()
            if place == at and known[-1][1].outstanding
        }
        on_order = read_on_order(rows[at].get(ON_ORDER))
        if {named: count for named, (count, _) in on_order.orders.items()} != outstanding:
            yield f"P2 {at} has {on_order} on order, its lines have {outstanding}"

    # ---- at the end

    def judge(self, asked: Sequence[Asked], rows: AllRows, on_the_way: Callable[[Partition], int]) -> Iterator[str]:
        """After somebody has looked at every order in a calm night, and ordered what was low."""
        for order in self.orders.values():
            for line in self._standing(order):
                if not line.version:
                    yield f"P5 {line} of {order.id} is not placed"
                if line.outstanding and order.id in self._cancelled:
                    yield f"P5 {line} of {order.id} is open, and the order is cancelled"
        yield from self._judge_receipts(asked)
        for each in asked:
            if each.answer == "ok" and not self._is_done(each):
                yield f"I3 {each} was answered ok"
        for at, there in rows.items():
            if STOCK in there:
                yield from self._judge_low(at, rows, on_the_way(at))

    def _judge_receipts(self, asked: Sequence[Asked]) -> Iterator[str]:
        """Each receipt counts once, whoever repeats it; what was told to have come came, what was refused did not."""
        least: defaultdict[tuple[str, Partition], int] = defaultdict(int)
        most: defaultdict[tuple[str, Partition], int] = defaultdict(int)
        receipts: defaultdict[tuple[str, str], list[Asked]] = defaultdict(list)
        for each in asked:
            if each.what == "receive order":
                receipts[each.order, each.key].append(each)
        for (named, _), tries in receipts.items():
            answers = {each.answer for each in tries}
            for sku, warehouse, count in tries[0].counts:
                line = next(each for each in self.orders[named].lines if each.entry == (sku, warehouse))
                at = place_of(self.orders[named], line)
                least[named, at] += count if "ok" in answers else 0
                most[named, at] += 0 if answers <= FINAL else count
        for of in self._came.keys() | most.keys():
            if not least[of] <= self._came[of] <= most[of]:
                yield f"P4 of {of} came {self._came[of]}, receipts of {least[of]} to {most[of]} were asked for"

    def _is_done(self, asked: Asked) -> bool:
        order = self.orders.get(asked.order)
        if order is None:
            return False
        if asked.what == "cancel order":
            return self._cancelled.get(asked.order, asked.ended_s + 1) <= asked.ended_s
        return all(
            any(at_s <= asked.ended_s for at_s, _ in self._lines[order.id, place_of(order, line)])
            for line in order.lines
        )

    def _standing(self, order: PurchaseOrder) -> Sequence[PurchaseLine]:
        known = [self._lines.get((order.id, place_of(order, line)), []) for line in order.lines]
        return [each[-1][1] if each else line for line, each in zip(order.lines, known, strict=True)]

    def _judge_low(self, at: Partition, rows: AllRows, on_the_way: int) -> Iterator[str]:
        """What is low, with what is on order, was ordered, unless nobody knows from whom, or somebody said no."""
        entry, on_order = _entry(at, rows), read_on_order(rows[at].get(ON_ORDER))
        coming = on_the_way + sum(count for count, _ in on_order.orders.values())
        is_asked = any(self.orders[named].automatic for named in on_order.orders)
        is_due = bool(on_order.supplier_id) and not on_order.is_paused and not is_asked
        if is_due and entry.quantities.available + coming <= entry.reorder_point and not entry.is_deleted:
            yield f"P7 {at} has {entry.quantities}, {coming} are to come, and nobody orders more"


def _entry(at: Partition, rows: AllRows) -> InventoryEntry:
    return read_entry(at, rows[at][STOCK])
