"""Commands about transfers: bring stock from one warehouse to another, in steps that are shown and kept apart."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import MANY, Key, Sku, codes_of
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockTransfer
from travio_inventory.stock.entry import QUANTITY_MAX
from travio_inventory.stock.transfer import OnTheWay

TransferId = Annotated[str, Parameter(help="The id of the transfer.")]
COLUMNS = ("transfer", "sku", "from", "to", "status", "shipped", "in transit", "received", "rejected", "lost", "back")


def draft(
    sku: Sku,
    source: Annotated[str, Parameter(help="The code of the warehouse that it leaves.")],
    target: Annotated[str, Parameter(help="The code of the warehouse that it goes to.")],
    quantity: Annotated[int, Parameter(help="How many.", validator=Number(gte=1, lte=QUANTITY_MAX))],
    /,
    *,
    ship: Annotated[bool, Parameter(negative="", help="It leaves at once.")] = False,
    reason: Annotated[str, Parameter(help="Why, in words.")] = "",
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Plan to bring so many from one warehouse to another: nothing moves until it is shipped."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        made = await client.stock.draft_transfer(sku, source, target, quantity, reason=reason, key=key)
        await _tell(client, screen, await client.stock.ship_transfer(made.id) if ship else made)

    return ask(reach, work, again=f"with --key {key}" if key else "")


def ship(transfer: TransferId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """All of it leaves the source, and is in transit. Repeated, it is answered alike."""
    return _step(reach, lambda client: client.stock.ship_transfer(transfer))


def receive(
    transfer: TransferId,
    received: Annotated[int, Parameter(help="How many came.", validator=MANY)],
    /,
    *,
    rejected: Annotated[int, Parameter(help="How many came and were rejected.", validator=MANY)] = 0,
    lost: Annotated[int, Parameter(help="How many will not come.", validator=MANY)] = 0,
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """A part of it came, or all; what is neither received, rejected nor lost stays in transit."""
    again = f"with --key {key}" if key else ""
    return _step(
        reach,
        lambda client: client.stock.receive_transfer(transfer, received, rejected=rejected, lost=lost, key=key),
        again=again,
    )


def cancel(
    transfer: TransferId,
    /,
    *,
    in_transit: Annotated[
        Literal["back", "lost"] | None, Parameter(help="What becomes of what is in transit: it must be said.")
    ] = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """End a transfer. Repeated, it is answered alike."""
    choice = None if in_transit is None else OnTheWay(in_transit.upper())
    return _step(reach, lambda client: client.stock.cancel_transfer(transfer, on_the_way=choice))


def show(transfer: TransferId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Show a transfer as it is now."""
    return _step(reach, lambda client: client.stock.transfer(transfer))


def show_list(
    *,
    sku: Annotated[str, Parameter(help="Only of this stock keeping unit.")] = "",
    in_transit: Annotated[bool, Parameter(negative="", help="Only those of which something is in transit.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List transfers, oldest first."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.transfers(sku=sku, only_in_transit=in_transit)

        def show_it() -> None:
            if found:
                screen.table(COLUMNS, [_row(each, codes) for each in found])
            else:
                screen.say("no transfers")

        screen.answer({"transfers": [_plain(each, codes) for each in found]}, show_it)

    return ask(reach, work)


def _step(
    reach: ConnectionOptions, step: Callable[[InventoryClient], Awaitable[StockTransfer]], *, again: str = ""
) -> Exit:
    async def work(client: InventoryClient, screen: Screen) -> None:
        await _tell(client, screen, await step(client))

    return ask(reach, work, again=again)


async def _tell(client: InventoryClient, screen: Screen, transfer: StockTransfer) -> None:
    plain = _plain(transfer, codes_of(await client.stock.warehouses()))
    screen.answer(plain, lambda: screen.fields({name.replace("_", " "): said for name, said in plain.items() if said}))


def _row(transfer: StockTransfer, codes: Mapping[str, str]) -> tuple[object, ...]:
    said = _plain(transfer, codes)
    return tuple(said["returned" if column == "back" else column.replace(" ", "_")] for column in COLUMNS)


def _plain(transfer: StockTransfer, codes: Mapping[str, str]) -> dict[str, object]:
    return {
        "transfer": transfer.id,
        "sku": transfer.sku,
        "from": codes.get(transfer.from_warehouse_id, transfer.from_warehouse_id),
        "to": codes.get(transfer.to_warehouse_id, transfer.to_warehouse_id),
        "status": transfer.status.value,
        "quantity": transfer.quantity,
        "shipped": transfer.shipped,
        "in_transit": transfer.in_transit,
        "received": transfer.received,
        "rejected": transfer.rejected,
        "lost": transfer.lost,
        "returned": transfer.returned,
        "reason": transfer.reason,
        "by": transfer.by,
        "written_off_by": transfer.written_off_by,
        "created_at": stamp(transfer.created_at),
        "updated_at": stamp(transfer.updated_at),
    }
