"""Commands that change an entry: by so many, as counted, when to order more; and that delete it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.approvals import plain_approval
from travio_inventory.cli.stock.entries import MANY, Key, Sku, WarehouseCode, plain_entry, plain_movement, tell_entry
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockEntry, StockLine, StockUpdate, VersionConflict
from travio_inventory.stock.commands import VERSION_MAX
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.warehouse import SHARDS_MAX

BUSY_ATTEMPTS_MAX: Final = 20
SHARDS = Number(gte=1, lte=SHARDS_MAX)
SEEN = Number(gte=0, lte=VERSION_MAX)
MORE_OR_FEWER = Number(gte=-QUANTITY_MAX, lte=QUANTITY_MAX)
Kind = Literal["inbound", "outbound", "adjustment", "return", "damage"]
Reason = Annotated[str, Parameter(help="Why, in words.")]
Reference = Annotated[str, Parameter(help="What it refers to, for example a delivery note.")]
Version = Annotated[int, Parameter(help="The version that was seen; 0 = whatever it is now.", validator=SEEN)]


def adjust(
    sku: Sku,
    warehouse: WarehouseCode,
    quantity: Annotated[
        int,
        Parameter(
            help="How many more, or fewer if it begins with a minus.",
            allow_leading_hyphen=True,
            validator=MORE_OR_FEWER,
        ),
    ],
    /,
    *,
    reason: Reason,
    kind: Annotated[Kind, Parameter(name="--type", help="What kind of change it is.")] = "adjustment",
    reference: Reference = "",
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Change how many there are by so many. Each change is one movement, which nothing changes afterwards."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        line = StockLine(
            sku=sku,
            warehouse_code=warehouse,
            quantity=quantity,
            type=kind.upper(),
            reason=reason,
            reference=reference,
        )
        _tell(screen, await client.stock.update(line, key=key), warehouse)

    return ask(reach, work, again=f"with --key {key}" if key else "")


def count(
    sku: Sku,
    warehouse: WarehouseCode,
    total: Annotated[int, Parameter(help="How many were counted, reserved ones included.", validator=MANY)],
    /,
    *,
    version: Annotated[
        int, Parameter(help="The version of the entry when it was counted: `stock show` tells it.", validator=SEEN)
    ],
    reason: Reason,
    reference: Reference = "",
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Set how many there are, as they were counted. If the entry was changed since that version, nothing is done."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        line = StockLine(
            sku=sku, warehouse_code=warehouse, total=total, version=version, reason=reason, reference=reference
        )
        _tell(screen, await client.stock.update(line, key=key), warehouse)

    return ask(reach, work, again=f"with --key {key}" if key else "")


def reorder(
    sku: Sku,
    warehouse: WarehouseCode,
    /,
    *,
    point: Annotated[
        int | None, Parameter(help="At how many available ones it is time to order more.", validator=MANY)
    ] = None,
    quantity: Annotated[int | None, Parameter(help="How many to order then.", validator=MANY)] = None,
    version: Version = 0,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Set at how many to order more, and how many; what is left out stays."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        def change(entry: str, version: int) -> Awaitable[StockEntry]:
            return client.stock.change(entry, version=version, reorder_point=point, reorder_quantity=quantity)

        tell_entry(screen, await as_it_stands(client, sku, warehouse, change, version=version), warehouse)

    return ask(reach, work)


def shards(
    sku: Sku,
    warehouse: WarehouseCode,
    number: Annotated[int, Parameter(help="How many of them take orders at once.", validator=SHARDS)],
    /,
    *,
    version: Version = 0,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Have what lies there in so many shards, so that many can be sold at once; with 1 it comes together again."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        def change(entry: str, version: int) -> Awaitable[StockEntry]:
            return client.stock.change(entry, version=version, shards=number)

        tell_entry(screen, await as_it_stands(client, sku, warehouse, change, version=version), warehouse)

    return ask(reach, work)


def delete(sku: Sku, warehouse: WarehouseCode, /, *, version: Version = 0, reach: ConnectionOptions = HERE) -> Exit:
    """Keep no more of a stock keeping unit in a warehouse. Nothing may be left of it; its movements stay."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        def change(entry: str, version: int) -> Awaitable[StockEntry]:
            return client.stock.delete(entry, version=version)

        tell_entry(screen, await as_it_stands(client, sku, warehouse, change, version=version), warehouse)

    return ask(reach, work)


async def as_it_stands(
    client: InventoryClient,
    sku: str,
    warehouse: str,
    change: Callable[[str, int], Awaitable[StockEntry]],
    *,
    version: int,
) -> StockEntry:
    """Change the entry at the version that was seen, or whichever it is at: each sale and each move between its shards
    makes a new one. Raises VersionConflict if it is never still for so long, and as `change`.
    """
    for _ in range(0 if version else BUSY_ATTEMPTS_MAX):
        entry = await client.stock.entry(sku, warehouse)
        with suppress(VersionConflict):
            return await change(entry.id, entry.version)
    entry = await client.stock.entry(sku, warehouse)
    return await change(entry.id, version or entry.version)


def _tell(screen: Screen, update: StockUpdate, warehouse: str) -> None:
    entry, movement = update.entry, update.movement
    value = plain_entry(entry, {entry.warehouse_id: warehouse})
    value["movement"] = None if movement is None else plain_movement(movement)

    waits = update.approval
    value["approval"] = None if waits is None else plain_approval(waits)

    def show() -> None:
        if waits is not None:
            screen.say(f"{entry.sku} in {warehouse}: {waits.quantity:+} wait for another person", "bold")
            screen.say(f"who may approve it types: travio-inventory stock approve {waits.id}")
            return
        moved = "as many as before" if movement is None else f"{movement.quantity:+}, {movement.balance} afterwards"
        screen.say(f"{entry.sku} in {warehouse}: {moved}", "bold")
        screen.say(f"now {entry.available} available, {entry.reserved} reserved, version {entry.version}")

    screen.answer(value, show)
