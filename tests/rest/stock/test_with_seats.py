"""Stock is served beside the seats, unless an operator leaves it out; what is done with it is on record."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from travio_inventory.app.service import open_assembly, running
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.records.deeds import Deeds, ended
from travio_inventory.stock.commands import AddEntry, AddWarehouse, DeleteEntry
from travio_inventory.stock.refusals import StockLeft
from travio_inventory.stock.warehouse import Site
from verification.kit.in_process import settings_of


@pytest.mark.once
@pytest.mark.parametrize(("stock", "status"), [("on", 200), ("off", 404)])
async def test_stock_is_served_unless_it_is_off(stock: str, status: int) -> None:
    settings = settings_of(None, stock=stock, http_host="127.0.0.1", http_port=0)
    async with running(settings, only="http") as app, httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{app.http_port}/api/v1/inventory")).status_code == status


async def test_entries_and_warehouses_are_deeds_and_quantities_are_movements(tmp_path: Path) -> None:
    ann = Actor("default", "ann")
    async with open_assembly(settings_of(tmp_path)) as assembly:
        assert assembly.stock is not None
        north = await assembly.stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        entry = await assembly.stock.keep.add(ann, AddEntry("cup", north.id, "p", 2))
        with suppress(StockLeft):
            await assembly.stock.keep.delete(ann, DeleteEntry(entry.id, 1))
        deeds = Deeds(assembly.sender.batches, assembly.sender.clock)
        now_ms = int(datetime.now(UTC).timestamp() * 1_000)
        found, _ = await deeds.of_month("default", now_ms, after="", most=10)
    assert [(each.who, each.verb, each.about, each.outcome) for each in ended(found)] == [
        ("user ann", "add warehouse", "north", "done"),
        ("user ann", "add stock entry", f"cup {north.id}", "done"),
        ("user ann", "delete stock entry", entry.id, "STOCK_LEFT"),
    ]


async def test_events_of_stock_are_published_beside_those_of_seats_and_stop_none() -> None:
    ann = Actor("default", "ann")
    async with open_assembly(settings_of()) as assembly:
        assert assembly.stock is not None
        north = await assembly.stock.warehouses.add(ann, AddWarehouse("north", Site("North")))
        await assembly.stock.keep.add(ann, AddEntry("cup", north.id, "p", 2))
        (relay,) = assembly.relays.values()
        assert await relay.round() == 1
