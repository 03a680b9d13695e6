"""Purchase orders: the order in a partition of its own, each line beside the entry that it brings stock to.

    step      order                 line                            entry IF version=seen   movement
    place     IF absent             open, IF absent                 noted
    receive                         received + n, IF version=seen   available + n           INBOUND +n
    cancel    cancelled, IF not yet cancelled, IF version=seen      noted

What is written to the line, to its entry and to what is on order for that entry is one batch, whose cause is written IF
there is none: so never more is received than was ordered, and a receipt that is repeated brings nothing twice. It is
decided by the order that lines are placed or cancelled, and whoever meets one that is not goes on with it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    FinalRefusal,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Overloaded,
    RetryableRefusal,
)
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Index, Kind, RowKey, Rows, StoreUnavailable, Write
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.until_known import until_known
from travio_inventory.stock import changes
from travio_inventory.stock.counts import PLACED, StockCounts
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.events import Said, StockEvent
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.purchase import (
    OPEN_ORDERS_MAX,
    PurchaseLine,
    PurchaseOrder,
    PurchasesQuery,
    PurchaseStatus,
    ReceiveOrder,
    purchase_id,
    received,
)
from travio_inventory.stock.records import purchase_rows
from travio_inventory.stock.records.changing import Beside, Change, Changed, Changing
from travio_inventory.stock.records.purchase_rows import (
    ON_ORDER,
    ORDER,
    line_key,
    line_write,
    partition_of,
    place_of,
    read_line,
    read_on_order,
)
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.records.stock_rows import STOCK, read_entry
from travio_inventory.stock.refusals import PartlyReceived, PurchaseEnded, StockNotFound, TooManyOrders

READS_AT_ONCE: Final = 16
LINES_READ_MAX: Final = 1_000
"""For one page of a list."""
TRIES_MAX: Final = 8


class PurchasePage(NamedTuple):
    """Some orders of a list; `after` leads to the next ones, "" if there are none."""

    orders: Sequence[PurchaseOrder]
    after: str


class _Stands(Exception):
    """Nothing is left to be done of the line."""


class Purchases:
    """The purchase orders of every organization."""

    def __init__(self, sender: Sender, counts: StockCounts) -> None:
        self._sender = sender
        self._changing = Changing(sender)
        self._shards = Shards(sender)
        self._counts = counts

    def named(self, organization: str, key: str) -> str:
        """The id of the order with that key; of one that never repeats, if there is none."""
        return purchase_id(organization, key or self._sender.new_digest())

    async def placed(self, actor: Actor, named: str) -> PurchaseOrder | None:
        """As `find`, None where there is none."""
        found = await self._read(actor.organization, named)
        return None if found is None else await self._gone_on(actor, found)

    async def place(self, actor: Actor, order: PurchaseOrder) -> PurchaseOrder:
        """The order as it stands. Raises StockNotFound and TooManyOrders where an entry takes none, BackendUnavailable,
        OutcomeUnknown, Overloaded.
        """
        organization = order.organization
        before = await self._read(organization, order.id)
        if before is None:
            await self._check(order)
            write = Write(ORDER, ABSENT, purchase_rows.order_row(order), purchase_rows.kept_s(order, self._now_ms))
            at, listed = partition_of(organization, order.id), purchase_rows.listed(order)
            standing = await until_known(self._sender.batches, at, [write], listed)
            if standing is not None:
                before = purchase_rows.read_order(organization, order.id, standing[ORDER], self._now_ms)
            elif order.automatic:
                self._counts.ordered(PLACED)
        return await self._gone_on(actor, before or order)

    async def receive(self, actor: Actor, command: ReceiveOrder) -> PurchaseOrder:
        """See PurchasesStock."""
        order = await self.find(actor, command.order_id)
        lines = _lines(order, command)
        key = command.key or self._sender.new_digest()
        causes = {line.entry: RowKey(Kind.CAUSE, f"receipt {order.id} {key}") for line, _ in lines}
        for line, quantity in lines:  # what is refused for sure is refused before anything is done
            if not await self._is_known(order, line, causes[line.entry], quantity):
                received(order, line, quantity)
        for done, (line, quantity) in enumerate(lines):
            try:
                await self._receive_line(actor, order, line, quantity, causes[line.entry])
            except FinalRefusal as refusal:
                if done:
                    raise PartlyReceived(done, refusal.reason, str(refusal)) from None
                raise
            except RetryableRefusal:
                if done:
                    raise OutcomeUnknown from None
                raise
        return await self.find(actor, order.id)

    async def cancel(self, actor: Actor, named: str) -> PurchaseOrder:
        """See PurchasesStock."""
        order = await self.find(actor, named)
        if not order.is_cancelled:
            if order.status in (PurchaseStatus.RECEIVED, PurchaseStatus.EXPIRED):
                raise PurchaseEnded(order.status)
            now_ms = self._now_ms
            after = replace(
                order, is_cancelled=True, cancelled_by=actor.user, version=order.version + 1, updated_at_ms=now_ms
            )
            kept_s = purchase_rows.kept_s(order, now_ms)
            write = Write(ORDER, {"version": order.version}, purchase_rows.order_row(after), kept_s)
            standing = await until_known(self._sender.batches, partition_of(order.organization, named), [write])
            if standing is not None:  # only a cancellation changes an order
                after = purchase_rows.read_order(order.organization, named, standing[ORDER], now_ms)
            order = await self._gone_on(actor, after)
        return order

    async def find(self, actor: Actor, named: str) -> PurchaseOrder:
        """As it is once what was begun of it is gone on with. Raises StockNotFound, and what a step raises."""
        found = await self.placed(actor, named)
        if found is None:
            raise StockNotFound("purchase order")
        return found

    async def page(self, actor: Actor, query: PurchasesQuery) -> PurchasePage:
        """Raises BackendUnavailable, and the like. Fewer than a page where LINES_READ_MAX lines were read."""
        bucket = purchase_rows.bucket_of(actor.organization, query.supplier_id)
        try:
            named = await self._sender.batches.read_index(Index.STOCK, bucket, after=query.after, most=query.page_size)
        except StoreUnavailable:
            raise BackendUnavailable from None
        found: list[PurchaseOrder] = []
        lines = 0
        for start in range(0, len(named), READS_AT_ONCE):
            some = named[start : start + READS_AT_ONCE]
            orders = [each for each in await asyncio.gather(*(self._listed(actor, each) for each in some)) if each]
            found += [each for each in orders if not query.is_open or each.is_open]
            lines += sum(len(each.lines) for each in orders)
            if lines >= LINES_READ_MAX and some[-1] != named[-1]:
                return PurchasePage(found, some[-1])
        return PurchasePage(found, named[-1] if len(named) == query.page_size else "")

    @property
    def _now_ms(self) -> int:
        return self._sender.clock.now_ms()

    async def _listed(self, actor: Actor, entry: str) -> PurchaseOrder | None:
        """None for one that was never placed, or is listed by a repetition too."""
        created_at_ms, _, named = entry.partition(rows.SEPARATOR)
        try:
            found = await self.find(actor, named)
        except StockNotFound:
            return None
        return found if found.created_at_ms == int(created_at_ms) else None

    async def _read(self, organization: str, named: str) -> PurchaseOrder | None:
        try:
            found = await self._sender.batches.get(partition_of(organization, named), [ORDER])
        except StoreUnavailable:
            raise BackendUnavailable from None
        return purchase_rows.read_order(organization, named, found[ORDER], self._now_ms) if ORDER in found else None

    async def _check(self, order: PurchaseOrder) -> None:
        """Whether there is an entry for each line, with room for one more order."""
        for start in range(0, len(order.lines), READS_AT_ONCE):
            some = order.lines[start : start + READS_AT_ONCE]
            for line, found in zip(some, await self._rows(order, some, [STOCK, ON_ORDER]), strict=True):
                if STOCK not in found or read_entry(place_of(order, line), found[STOCK]).is_deleted:
                    raise StockNotFound(f"entry of {line.sku} in that warehouse")
                orders = len(list(read_on_order(found.get(ON_ORDER)).open(self._now_ms)))
                if orders >= OPEN_ORDERS_MAX:
                    raise TooManyOrders(orders)

    async def _rows(
        self, order: PurchaseOrder, lines: Sequence[PurchaseLine], keys: Sequence[RowKey]
    ) -> Sequence[Rows]:
        """These rows of the place of each line."""
        try:
            return await asyncio.gather(*(self._sender.batches.get(place_of(order, line), keys) for line in lines))
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def _gone_on(self, actor: Actor, order: PurchaseOrder) -> PurchaseOrder:
        """With its lines as they stand, once each of them is placed, or closed where the order is cancelled."""
        user = order.cancelled_by if order.is_cancelled else order.ordered_by
        actor = replace(actor, user=user) if user else house_of(order.organization)
        for _ in range(TRIES_MAX):
            lines = await self._standing(order)
            late = [line for line in lines if (line.outstanding if order.is_cancelled else not line.version)]
            if not late or order.is_expired:
                return replace(order, lines=lines)
            for line in late:
                step = self._close_line if order.is_cancelled else self._place_line
                with suppress(_Stands):
                    await step(actor, order, line)
        raise Overloaded

    async def _standing(self, order: PurchaseOrder) -> Sequence[PurchaseLine]:
        key = line_key(order)
        lines: list[PurchaseLine] = []
        for start in range(0, len(order.lines), READS_AT_ONCE):
            some = order.lines[start : start + READS_AT_ONCE]
            found = await self._rows(order, some, [key])
            lines += [read_line(line, each.get(key)) for line, each in zip(some, found, strict=True)]
        return lines

    async def _is_known(self, order: PurchaseOrder, line: PurchaseLine, cause: RowKey, quantity: int) -> bool:
        """Whether that receipt of the line is there already. Raises IdempotencyKeyReused."""
        ((standing),) = await self._rows(order, [line], [cause])
        if cause not in standing:
            return False
        if standing[cause].get("fingerprint") != str(quantity):
            raise IdempotencyKeyReused
        return True

    async def _place_line(self, actor: Actor, order: PurchaseOrder, line: PurchaseLine) -> None:
        def placed(now: PurchaseLine) -> PurchaseLine:
            if now.version:
                raise _Stands
            return replace(now, version=1)

        said = _said(StockEvent.PURCHASE_ORDERED, order, line.quantity)
        change = Change(actor, _noted, RowKey(Kind.CAUSE, f"ordered {order.id}"), "", said=said)
        await self._step(order, line, change, placed)

    async def _close_line(self, actor: Actor, order: PurchaseOrder, line: PurchaseLine) -> None:
        def closed(now: PurchaseLine) -> PurchaseLine:
            if now.outstanding != line.outstanding:
                raise _Stands
            return replace(now, is_cancelled=True, version=now.version + 1)

        said = _said(StockEvent.PURCHASE_CANCELLED, order, line.outstanding)
        change = Change(actor, _noted, RowKey(Kind.CAUSE, f"closed {order.id}"), "", said=said)
        await self._step(order, line, change, closed)

    async def _receive_line(
        self, actor: Actor, order: PurchaseOrder, line: PurchaseLine, quantity: int, cause: RowKey
    ) -> None:
        said = _said(StockEvent.PURCHASE_RECEIVED, order, quantity)
        change = Change(
            actor, partial(_came, quantity=quantity), cause, str(quantity), MovementType.INBOUND,
            "purchase order received", order.id, said=said,
        )  # fmt: skip
        if not (await self._step(order, line, change, lambda now: received(order, now, quantity))).is_repeated:
            self._counts.received(quantity)

    async def _step(
        self, order: PurchaseOrder, line: PurchaseLine, change: Change, make: Callable[[PurchaseLine], PurchaseLine]
    ) -> Changed:
        """One batch on the line, its entry and what is on order for it. Raises what `make` raises, and the like."""
        key, ordered = line_key(order), replace(line, received=0, is_cancelled=False, version=0)

        def beside(standing: Rows, entry: InventoryEntry, now_ms: int) -> tuple[InventoryEntry, Sequence[Write]]:
            before = read_line(ordered, standing.get(key))
            after = make(before)
            had = read_on_order(standing.get(ON_ORDER))
            writes = [line_write(order, before, after, now_ms), had.after(order, after, now_ms).write(had, now_ms)]
            return entry, writes

        kept_s = purchase_rows.kept_s(order, self._now_ms)
        change = replace(change, beside=Beside([key, ON_ORDER], beside), kept_s=kept_s)
        at = place_of(order, line)
        return await self._shards.having(at, lambda: self._changing.change(at, change))


def _lines(order: PurchaseOrder, command: ReceiveOrder) -> Sequence[tuple[PurchaseLine, int]]:
    """The lines of the order of which something came, and how many. Raises InvalidRequest."""
    lines = {line.entry: line for line in order.lines}
    found = Faults()
    for number, asked in enumerate(command.lines):
        if asked[:2] not in lines:
            found.wrong(f"lines[{number}].sku", "must be of a line of the order, with its warehouse")
    found.finish()
    return [(lines[asked[:2]], asked.quantity) for asked in command.lines]


def _noted(entry: InventoryEntry | None, now_ms: int) -> InventoryEntry:
    if entry is None:
        raise StockNotFound
    return changes.noted(entry, now_ms)


def _came(entry: InventoryEntry | None, now_ms: int, *, quantity: int) -> InventoryEntry:
    if entry is None or entry.is_deleted:
        raise StockNotFound
    return changes.moved(entry, quantity, now_ms)


def _said(kind: StockEvent, order: PurchaseOrder, quantity: int) -> Said:
    return kind, {"purchaseOrderId": order.id, "supplierId": order.supplier_id, "quantity": quantity}
