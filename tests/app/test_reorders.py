"""Automatic orders as a background job: it orders at intervals where that is set, and goes on after an error."""

import logging
from random import Random

import anyio
import pytest

from travio_inventory.app.background import ReorderJob
from travio_inventory.app.service import running
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.stock.commands import AddEntry, AddWarehouse
from travio_inventory.stock.purchase import Ordered, PlaceOrder, PurchasesQuery
from travio_inventory.stock.refusals import StockFull
from travio_inventory.stock.supplier import AddSupplier, Contact
from travio_inventory.stock.use_cases.reorder_stock import Reordered
from travio_inventory.stock.warehouse import Site
from verification.kit.in_process import settings_of
from verification.simulation.virtual_loop import run_virtually

FULL = StockFull()


class Reorders:
    """Is away first, then cannot order one entry."""

    def __init__(self) -> None:
        self.rounds = 0

    async def __call__(self, _actor: Actor) -> Reordered:
        self.rounds += 1
        if self.rounds == 1:
            raise BackendUnavailable
        return Reordered(2, {"e1": FULL, "e2": BackendUnavailable()})


def test_what_could_not_be_ordered_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reorder, waits = Reorders(), StoreWaits()

    async def some_rounds() -> None:
        with anyio.move_on_after(40):
            await ReorderJob(reorder, every_seconds=2, waits=waits, jitter=Random(1)).run()  # type: ignore[arg-type]

    run_virtually(1, some_rounds())
    assert reorder.rounds > 3
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "placed 2 automatic orders of stock"
    assert [each for each in said if "entry" in each] == [f"cannot order for entry e1, retrying: {FULL}"]
    assert waits.take() == "order stock: BackendUnavailable: the store is unavailable; retry"


async def test_a_service_orders_what_is_low_where_that_is_set() -> None:
    settings = settings_of(None, http_port=0, stock_automatic_orders_seconds="1")
    ann = Actor("acme", "ann")
    async with running(settings) as app:
        stock = app.stock
        assert stock is not None
        north = await stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        await stock.keep.add(ann, AddEntry("cup", north.id, "cup"))
        supplier = await stock.suppliers.add(ann, AddSupplier("acme", Contact("Acme")))
        first = await stock.purchases.place(ann, PlaceOrder(supplier.id, [Ordered("cup", north.id, 1)]))
        with anyio.fail_after(60):
            while len((await stock.purchases.page(house_of("acme"), PurchasesQuery())).orders) < 2:  # noqa: ASYNC110 - the store tells of nothing
                await anyio.sleep(0.1)
        orders = (await stock.purchases.page(ann, PurchasesQuery())).orders
    assert {order.automatic for order in orders} == {0, 1}
    assert [order.lines[0].quantity for order in orders if order.id != first.id] == [50]
