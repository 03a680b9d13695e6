"""Stock is served beside the seats, unless an operator leaves it out; what is done with it is on record."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from travio_inventory.app.service import open_assembly, running
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.deed import ended
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.stock.bulk import StockLine, UpdateMany
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, DeleteEntry, SetStock, Why
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.refusals import StockLeft
from travio_inventory.stock.reservation import Item, Reserve
from travio_inventory.stock.transfer import DraftTransfer, ReceiveTransfer
from travio_inventory.stock.warehouse import Site
from verification.kit.in_process import settings_of


@pytest.mark.once
@pytest.mark.parametrize(("stock", "status"), [("on", 200), ("off", 404)])
async def test_stock_is_served_unless_it_is_off(stock: str, status: int) -> None:
    settings = settings_of(None, stock=stock, http_host="127.0.0.1", http_port=0)
    async with running(settings, only="http") as app, httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{app.http_port}/api/v1/inventory")).status_code == status


async def test_what_the_house_does_with_stock_is_on_record(tmp_path: Path) -> None:
    ann = Actor("default", "ann")
    async with open_assembly(settings_of(tmp_path)) as assembly:
        assert assembly.stock is not None
        north = await assembly.stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        entry = await assembly.stock.keep.add(ann, AddEntry("cup", north.id, "p", 2))
        with suppress(StockLeft):
            await assembly.stock.keep.delete(ann, DeleteEntry(entry.id, 1))
        await assembly.stock.adjust.by(ann, AdjustStock(entry.id, 5, MovementType.INBOUND, Why("delivery")))
        await assembly.stock.adjust.to(ann, SetStock(entry.id, 6, 2, Why("counted")))
        line = StockLine(inventory_id=entry.id, quantity=-1, type=MovementType.DAMAGE, reason="fell")
        await assembly.stock.update_many(ann, UpdateMany([line], "bulk-1"), within_s=10)
        await assembly.stock.reserve.reserve(ann, Reserve("o1", [Item("cup", 1)]))
        south = await assembly.stock.warehouses.add(ann, AddWarehouse("south", Site("South")))
        await assembly.stock.keep.add(ann, AddEntry("cup", south.id, "p"))
        moved = await assembly.stock.transfers.draft(ann, DraftTransfer("cup", north.id, south.id, 3))
        await assembly.stock.transfers.ship(ann, moved.id)
        await assembly.stock.transfers.receive(ann, ReceiveTransfer(moved.id, 2, lost=1))
        deeds = Deeds(assembly.sender.batches, assembly.sender.clock)
        now_ms = int(datetime.now(UTC).timestamp() * 1_000)
        found, _ = await deeds.of_month("default", now_ms, after="", most=100)
    assert [(each.who, each.verb, each.about, each.outcome) for each in ended(found)] == [
        ("user ann", "add warehouse", "north", "done"),
        ("user ann", "add stock entry", f"cup {north.id} quantity 2", "done"),
        ("user ann", "delete stock entry", entry.id, "STOCK_LEFT"),
        ("user ann", "adjust stock", f"{entry.id} quantity 5", "done"),
        ("user ann", "count stock", f"{entry.id} total 6", "done"),
        ("user ann", "update stock", "1 lines", "done"),
        ("user ann", "add warehouse", "south", "done"),
        ("user ann", "add stock entry", f"cup {south.id}", "done"),
        ("user ann", "draft transfer", "cup quantity 3", "done"),
        ("user ann", "ship transfer", moved.id, "done"),
        ("user ann", "receive transfer", f"{moved.id} received 2 lost 1", "done"),
    ]


async def test_events_of_stock_are_published_beside_those_of_seats_and_stop_none() -> None:
    ann = Actor("default", "ann")
    async with open_assembly(settings_of()) as assembly:
        assert assembly.stock is not None
        north = await assembly.stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        await assembly.stock.keep.add(ann, AddEntry("cup", north.id, "p", 2))
        (relay,) = assembly.relays.values()
        assert await relay.round() == 1
