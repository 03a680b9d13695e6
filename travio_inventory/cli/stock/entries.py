"""Commands about entries: list, show and add them, list their movements, and how many can be had."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockEntry, StockMovement, StockShard, StockWarehouse
from travio_inventory.stock.entry import QUANTITY_MAX

Sku = Annotated[str, Parameter(help="The stock keeping unit.")]
WarehouseCode = Annotated[str, Parameter(help="The code of the warehouse.")]
Region = Annotated[str, Parameter(help="Only the warehouses of this region.")]
Key = Annotated[
    str, Parameter(help="Makes a repetition the same: the same command with the same key takes effect once.")
]
MANY = Number(gte=0, lte=QUANTITY_MAX)
SHARD_COLUMNS = ("shard", "available", "reserved", "on the way", "")
COLUMNS = ("sku", "warehouse", "available", "reserved", "total", "reorder at", "version", "")


def show_list(
    *,
    sku: Annotated[str, Parameter(help="Only of this stock keeping unit.")] = "",
    product: Annotated[str, Parameter(help="Only of this product.")] = "",
    warehouse: Annotated[str, Parameter(help="Only in the warehouse with this code.")] = "",
    region: Region = "",
    low: Annotated[bool, Parameter(negative="", help="Only those of which it is time to order more.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List entries of which all of this is so: what lies of a stock keeping unit in a warehouse."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.entries(sku=sku, product=product, warehouse=warehouse, region=region, low=low)
        lines = [plain_entry(each, codes) for each in found]

        def show() -> None:
            if found:
                screen.table(COLUMNS, [_row(each, codes) for each in found])
            else:
                screen.say("no entries")

        screen.answer({"entries": lines}, show)

    return ask(reach, work)


def show(sku: Sku, warehouse: WarehouseCode, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Show what lies of a stock keeping unit in a warehouse, and in each of its shards if there are several."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        entry = await client.stock.entry(sku, warehouse)
        value = plain_entry(entry, {entry.warehouse_id: warehouse})

        def show() -> None:
            _show_fields(screen, value)
            if len(entry.in_shards) > 1:
                screen.table(SHARD_COLUMNS, [_shard_row(each) for each in entry.in_shards])

        in_shards = [_plain_shard(each) for each in entry.in_shards]
        screen.answer({**value, "in_shards": in_shards}, show)

    return ask(reach, work)


def add(  # noqa: PLR0913 - two say which, the keyword-only ones what it is
    sku: Sku,
    warehouse: WarehouseCode,
    /,
    *,
    product: Annotated[str, Parameter(help="The product that it is; the stock keeping unit if left out.")] = "",
    variant: Annotated[str, Parameter(help="The variant of the product.")] = "",
    quantity: Annotated[int, Parameter(help="The opening stock.", validator=MANY)] = 0,
    reorder_point: Annotated[
        int | None, Parameter(help="At how many to order more; 10 if left out.", validator=MANY)
    ] = None,
    reorder_quantity: Annotated[
        int | None, Parameter(help="How many to order then; 50 if left out.", validator=MANY)
    ] = None,
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Begin to keep a stock keeping unit in a warehouse, with its opening stock."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        entry = await client.stock.add(
            sku,
            warehouse,
            product or sku,
            quantity=quantity,
            variant=variant,
            reorder_point=reorder_point,
            reorder_quantity=reorder_quantity,
            key=key,
        )
        tell_entry(screen, entry, warehouse)

    return ask(reach, work, again=f"with --key {key}" if key else "")


def movements(sku: Sku, warehouse: WarehouseCode, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """List what moved of a stock keeping unit in a warehouse, oldest first."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        entry = await client.stock.entry(sku, warehouse)
        found = await client.stock.movements(entry.id)
        rows = [
            (stamp(each.at), each.type.value, f"{each.quantity:+}", each.balance, each.reason, each.reference, each.by)
            for each in found
        ]
        columns = ("when", "type", "quantity", "balance", "reason", "reference", "by")
        screen.answer({"movements": list(map(plain_movement, found))}, lambda: screen.table(columns, rows))

    return ask(reach, work)


def available(
    sku: Sku,
    quantity: Annotated[int, Parameter(help="How many are wanted.", validator=MANY)] = 1,
    /,
    *,
    region: Region = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show how many of a stock keeping unit can be had, and in which warehouses. It may be gone a moment later."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.availability(sku, quantity, region=region)
        there = [(codes.get(each, each), count) for each, count in found.warehouses]

        def show() -> None:
            word = "yes" if found.is_available else "no"
            screen.say(f"{word}: {found.available} of {sku} can be had, {quantity} wanted", "bold")
            if there:
                screen.table(("warehouse", "available"), there)

        value: dict[str, object] = {
            "sku": sku,
            "requested": quantity,
            "available": found.available,
            "is_available": found.is_available,
            "warehouses": [{"warehouse": code, "available": count} for code, count in there],
        }
        screen.answer(value, show)

    return ask(reach, work)


def codes_of(warehouses: Sequence[StockWarehouse]) -> Mapping[str, str]:
    """The code of each warehouse, by its id."""
    return {each.id: each.code for each in warehouses}


def tell_entry(screen: Screen, entry: StockEntry, warehouse: str) -> None:
    """What lies there."""
    value = plain_entry(entry, {entry.warehouse_id: warehouse})
    screen.answer(value, lambda: _show_fields(screen, value))


def _show_fields(screen: Screen, value: Mapping[str, object]) -> None:
    screen.fields({name.replace("_", " "): said for name, said in value.items()})


def _plain_shard(shard: StockShard) -> dict[str, object]:
    return {
        "shard": shard.number, "takes_orders": shard.takes_orders, "available": shard.available,
        "reserved": shard.reserved, "on_the_way": shard.on_the_way,
    }  # fmt: skip


def _shard_row(shard: StockShard) -> Sequence[object]:
    mark = "" if shard.takes_orders else "takes no orders"
    return shard.number, shard.available, shard.reserved, shard.on_the_way, mark


def plain_entry(entry: StockEntry, codes: Mapping[str, str]) -> dict[str, object]:
    """The entry for --json."""
    return {
        "sku": entry.sku,
        "warehouse": codes.get(entry.warehouse_id, entry.warehouse_id),
        "available": entry.available,
        "reserved": entry.reserved,
        "total": entry.total,
        "product": entry.product,
        "variant": entry.variant,
        "reorder_point": entry.reorder_point,
        "reorder_quantity": entry.reorder_quantity,
        "shards": entry.shards,
        "version": entry.version,
        "changed_at": stamp(entry.updated_at),
        "is_deleted": entry.is_deleted,
        "id": entry.id,
    }


def plain_movement(movement: StockMovement) -> dict[str, object]:
    """The movement for --json."""
    return {
        "at": stamp(movement.at),
        "type": movement.type.value,
        "quantity": movement.quantity,
        "balance": movement.balance,
        "reason": movement.reason,
        "reference": movement.reference,
        "by": movement.by,
        "id": movement.id,
    }


def _row(entry: StockEntry, codes: Mapping[str, str]) -> Sequence[object]:
    where = codes.get(entry.warehouse_id, entry.warehouse_id)
    marks = "out" if not entry.available else "low" if entry.is_low else ""
    return (
        entry.sku, where, entry.available, entry.reserved, entry.total, entry.reorder_point, entry.version, marks,
    )  # fmt: skip
