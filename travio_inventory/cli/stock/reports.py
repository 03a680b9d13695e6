"""The command that reports stock by region."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.manifests import csv_of
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import Region
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockRegion

Day = Annotated[datetime | None, Parameter(help="A day as 2027-06-01, in UTC.")]
COLUMNS = (
    "region", "warehouses", "entries", "low", "available", "reserved", "total", "day", "type", "moved", "movements",
    "in transit",
)  # fmt: skip


def report(
    *,
    region: Region = "",
    first: Annotated[
        Day, Parameter(name="--from", help="The first day of movements; else six before the last.")
    ] = None,
    last: Annotated[Day, Parameter(name="--to", help="The last day of movements; else today.")] = None,
    as_csv: Annotated[bool, Parameter(name="--csv", negative="", help="Print CSV.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show the stock of each region, and what moved there by day and type."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.stock.report(
            region=region, first=first.date() if first else None, last=last.date() if last else None
        )
        if as_csv and not screen.as_json:
            screen.raw(csv_of(COLUMNS, [row for each in found for row in _csv_rows(each)]))
            return
        screen.answer({"regions": list(map(_plain, found))}, lambda: _show(screen, found))

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def _show(screen: Screen, regions: Sequence[StockRegion]) -> None:
    if not regions:
        screen.say("no warehouses")
        return
    screen.table(
        (*COLUMNS[:7], "in transit"),
        [(each.region or "-", *_stock(each), each.in_transit) for each in regions],
    )
    moved = [
        (each.region or "-", one.day.isoformat(), one.type.value, f"{one.quantity:+}", one.movements)
        for each in regions
        for one in each.moved
    ]
    if moved:
        screen.say("")
        screen.table(("region", "day", "type", "moved", "movements"), moved)


def _csv_rows(region: StockRegion) -> list[Sequence[object]]:
    moved = [
        (region.region, *[""] * 6, each.day.isoformat(), each.type.value, each.quantity, each.movements, "")
        for each in region.moved
    ]
    return [(region.region, *_stock(region), *[""] * 4, region.in_transit), *moved]


def _stock(region: StockRegion) -> tuple[int, ...]:
    return region.warehouses, region.entries, region.low, region.available, region.reserved, region.total


def _plain(region: StockRegion) -> dict[str, object]:
    return {
        "region": region.region,
        "warehouses": region.warehouses,
        "entries": region.entries,
        "low": region.low,
        "available": region.available,
        "reserved": region.reserved,
        "total": region.total,
        "in_transit": region.in_transit,
        "moved": [
            {
                "day": each.day.isoformat(),
                "type": each.type.value,
                "quantity": each.quantity,
                "movements": each.movements,
            }
            for each in region.moved
        ],
    }
