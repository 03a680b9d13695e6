"""Commands about purchase orders: what is to be ordered, order it, receive it in parts, cancel the rest."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import Key, Region, codes_of
from travio_inventory.cli.stock.suppliers import SupplierCode
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import StockOrdered, StockPurchase

OrderId = Annotated[str, Parameter(help="The id of the purchase order.")]
COLUMNS = ("order", "supplier", "status", "sku", "warehouse", "ordered", "received", "outstanding", "placed")
SUGGESTED = ("sku", "warehouse", "available", "reorder at", "on order", "in transit", "to order", "supplier")


def _counted(_kind: type[str], said: str) -> None:
    line_of(said)


Lines = Annotated[str, Parameter(help="SKU@WAREHOUSE=QUANTITY.", required=True, validator=_counted)]


def line_of(said: str) -> StockOrdered:
    """The sku, the code of the warehouse, and how many. Raises ValueError."""
    which, _, many = said.rpartition("=")
    sku, _, warehouse = which.rpartition("@")
    if not (sku and warehouse and many.isascii() and many.isdigit()):
        raise ValueError(f"Must be SKU@WAREHOUSE=QUANTITY, as in cup-blue@north=50, not {said!r}.")
    return StockOrdered(sku, warehouse, int(many))


def suggest(
    *,
    sku: Annotated[str, Parameter(help="Only of this stock keeping unit.")] = "",
    warehouse: Annotated[str, Parameter(help="Only in the warehouse with this code.")] = "",
    region: Region = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List what is to be ordered: what is not above its reorder point, with what is on order and in transit."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        suppliers = await _suppliers(client)
        plain = [
            {
                "sku": each.sku,
                "warehouse": codes.get(each.warehouse_id, each.warehouse_id),
                "available": each.available,
                "reorder_at": each.reorder_point,
                "on_order": each.on_order,
                "in_transit": each.in_transit,
                "to_order": each.quantity,
                "supplier": suppliers.get(each.supplier_id, each.supplier_id),
            }
            for each in await client.stock.suggestions(sku=sku, warehouse=warehouse, region=region)
        ]
        _list(screen, "suggestions", "nothing is to be ordered", SUGGESTED, plain)

    return ask(reach, work)


def place(
    supplier: SupplierCode,
    /,
    *lines: Lines,
    reference: Annotated[str, Parameter(help="What it refers to, for example an offer.")] = "",
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Order so many of each from a supplier. Nothing is there before it is received."""
    wanted = [line_of(each) for each in lines]
    again = f"with --key {key}" if key else ""
    return _step(
        reach,
        lambda client: client.stock.place_purchase(supplier, wanted, reference=reference, key=key),
        again=again,
    )


def receive(order: OrderId, /, *lines: Lines, key: Key = "", reach: ConnectionOptions = HERE) -> Exit:
    """So many came of each of these lines; more than is outstanding is refused."""
    came = [line_of(each) for each in lines]
    again = f"with --key {key}" if key else ""
    return _step(reach, lambda client: client.stock.receive_purchase(order, came, key=key), again=again)


def cancel(order: OrderId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """What has not come will not come any more. Repeated, it is answered alike."""
    return _step(reach, lambda client: client.stock.cancel_purchase(order))


def show(order: OrderId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Show a purchase order as it is now."""
    return _step(reach, lambda client: client.stock.purchase(order))


def show_list(
    *,
    supplier: Annotated[str, Parameter(help="Only those of the supplier with this code.")] = "",
    only_open: Annotated[
        bool, Parameter(name="--open", negative="", help="Only those of which more may come.")
    ] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List purchase orders, oldest first."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        _tell(screen, await client.stock.purchases(supplier=supplier, only_open=only_open), *await _codes(client))

    return ask(reach, work)


def _step(
    reach: ConnectionOptions, step: Callable[[InventoryClient], Awaitable[StockPurchase]], *, again: str = ""
) -> Exit:
    async def work(client: InventoryClient, screen: Screen) -> None:
        _tell(screen, [await step(client)], *await _codes(client))

    return ask(reach, work, again=again)


async def _codes(client: InventoryClient) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return codes_of(await client.stock.warehouses()), await _suppliers(client)


async def _suppliers(client: InventoryClient) -> Mapping[str, str]:
    return {each.id: each.code for each in await client.stock.suppliers()}


def _tell(
    screen: Screen, orders: Sequence[StockPurchase], codes: Mapping[str, str], suppliers: Mapping[str, str]
) -> None:
    """Each line of each order."""
    plain: list[dict[str, object]] = [
        {
            "order": order.id,
            "supplier": suppliers.get(order.supplier_id, order.supplier_id),
            "status": order.status.value,
            "sku": line.sku,
            "warehouse": codes.get(line.warehouse_id, line.warehouse_id),
            "ordered": line.ordered,
            "received": line.received,
            "outstanding": line.outstanding,
            "placed": stamp(order.created_at),
            "by": order.ordered_by,
            "automatic": order.is_automatic,
            "reference": order.reference,
        }
        for order in orders
        for line in order.lines
    ]
    _list(screen, "lines", "no purchase orders", COLUMNS, plain)


def _list(
    screen: Screen, name: str, nothing: str, columns: Sequence[str], plain: Sequence[Mapping[str, object]]
) -> None:
    def show() -> None:
        if plain:
            rows = [tuple(each[column.replace(" ", "_")] for column in columns) for each in plain]
            screen.table(columns, rows)
        else:
            screen.say(nothing)

    screen.answer({name: list(plain)}, show)
