"""Broken designs of a shop that buys: of receipts, of what is on order, and of what is ordered by itself."""

from dataclasses import replace
from uuid import uuid4

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Partition
from travio_inventory.stock.purchase import PurchaseLine, PurchaseOrder
from travio_inventory.stock.records import purchases as records
from travio_inventory.stock.records.changing import Change, Changed, Changing
from travio_inventory.stock.records.purchase_rows import OnOrder
from travio_inventory.stock.records.purchases import Purchases
from travio_inventory.stock.use_cases import reorder_stock
from verification.simulation.broken_shop import CALM_SHOP, SMALL_SHOP
from verification.simulation.broken_units import BrokenUnits


def _received_again(patch: pytest.MonkeyPatch) -> None:
    """A receipt that is repeated is another one."""
    change = Changing.change

    async def anew(self: Changing, at: Partition, wanted: Change) -> Changed:
        is_receipt = wanted.reason == "purchase order received"
        return await change(self, at, replace(wanted, cause=self.cause_of("")) if is_receipt else wanted)

    patch.setattr(Changing, "change", anew)


def _forgotten(patch: pytest.MonkeyPatch) -> None:
    """What is on order for an entry is replaced by the line of the next order."""
    after = OnOrder.after

    def alone(self: OnOrder, order: PurchaseOrder, line: PurchaseLine, now_ms: int) -> OnOrder:
        return after(replace(self, orders={}), order, line, now_ms)

    patch.setattr(OnOrder, "after", alone)


def _kept_on_order(patch: pytest.MonkeyPatch) -> None:
    """What came is on order as before, until all of it has come."""
    after = OnOrder.after

    def whole(self: OnOrder, order: PurchaseOrder, line: PurchaseLine, now_ms: int) -> OnOrder:
        return after(self, order, replace(line, received=0) if line.outstanding else line, now_ms)

    patch.setattr(OnOrder, "after", whole)


def _more_than_ordered(patch: pytest.MonkeyPatch) -> None:
    """Whatever comes is received."""

    def trusting(_order: PurchaseOrder, line: PurchaseLine, quantity: int) -> PurchaseLine:
        return replace(line, received=line.received + quantity, version=line.version + 1)

    patch.setattr(records, "received", trusting)


def _half_done(patch: pytest.MonkeyPatch) -> None:
    """Nobody goes on with an order whose process stopped before all its lines were placed, or closed."""
    gone_on = Purchases._gone_on

    async def one_line(self: Purchases, actor: Actor, order: PurchaseOrder) -> PurchaseOrder:
        lines = await self._standing(order)
        is_begun = any(line.version for line in lines) if not order.is_cancelled else any(x.is_cancelled for x in lines)
        return replace(order, lines=lines) if is_begun else await gone_on(self, actor, order)

    patch.setattr(Purchases, "_gone_on", one_line)


def _ordered_by_each(patch: pytest.MonkeyPatch) -> None:
    """Each process that finds an entry low makes an order of its own."""
    patch.setattr(reorder_stock, "automatic_id", lambda *_: str(uuid4()))


def _against_a_no(patch: pytest.MonkeyPatch) -> None:
    """An automatic order that somebody cancelled is made again."""
    after = OnOrder.after

    def never_paused(self: OnOrder, order: PurchaseOrder, line: PurchaseLine, now_ms: int) -> OnOrder:
        return replace(after(self, order, line, now_ms), is_paused=False)

    patch.setattr(OnOrder, "after", never_paused)


BROKEN_PURCHASES = {
    "a receipt counted twice": BrokenUnits("P4", SMALL_SHOP, _received_again),
    "a line on order lost": BrokenUnits("P2", CALM_SHOP, _forgotten),
    "what came is still on order": BrokenUnits("P2", CALM_SHOP, _kept_on_order),
    "more received than was ordered": BrokenUnits("P1", CALM_SHOP, _more_than_ordered),
    "an order left half done": BrokenUnits("P5", SMALL_SHOP, _half_done),
    "an automatic order of each process": BrokenUnits("P6", CALM_SHOP, _ordered_by_each),
    "ordered again after it was cancelled": BrokenUnits("P6", CALM_SHOP, _against_a_no),
}
