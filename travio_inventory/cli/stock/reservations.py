"""Commands about reservations: reserve stock for an order, show, commit and cancel a reservation."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.arguments import stamp
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import Key, codes_of
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import ShipTo, StockReservation
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.stock.allocation import Rule, rules_named
from travio_inventory.stock.reservation import TTL_S_DEFAULT, TTL_S_MAX

ReservationId = Annotated[str, Parameter(help="The id of the reservation, or of its order with --order.")]
ByOrder = Annotated[bool, Parameter(name="--order", negative="", help="It is the id of an order: its last one.")]


def _told_apart(_kind: type[str], said: str) -> None:
    line_of(said)


Lines = Annotated[str, Parameter(help="SKU@WAREHOUSE; all lines if none is named.", validator=_told_apart)]


def line_of(said: str) -> tuple[str, str]:
    """The sku and the code of the warehouse. Raises ValueError."""
    sku, _, warehouse = said.rpartition("@")
    if not (sku and warehouse):
        raise ValueError(f"Must be SKU@WAREHOUSE, as in cup-blue@north, not {said!r}.")
    return sku, warehouse


def _counted(_kind: type[str], said: str) -> None:
    item_of(said)


Items = Annotated[str, Parameter(help="SKU=QUANTITY; a sku alone is one.", required=True, validator=_counted)]


def item_of(said: str) -> tuple[str, int]:
    """The sku and how many. Raises ValueError."""
    sku, sign, many = said.rpartition("=")
    if not sign:
        return said, 1
    if not (many.isascii() and many.isdigit()):
        raise ValueError(f"Must be SKU=QUANTITY, as in cup-blue=2, not {said!r}.")
    return sku, int(many)


def _placed(_kind: type[str], said: str) -> None:
    place_of(said)


def place_of(said: str) -> ShipTo:
    """Where it goes. Raises ValueError."""
    latitude, comma, rest = said.partition(",")
    if not comma:
        return ShipTo(region=said)
    longitude, _, region = rest.partition(",")
    try:
        return ShipTo(float(latitude), float(longitude), region)
    except InvalidRequest as refusal:
        raise ValueError(str(refusal)) from None
    except ValueError:
        raise ValueError("Must be REGION, or LATITUDE,LONGITUDE,REGION, as in 48.1,11.6,eu.") from None


FromWarehouse = Annotated[str, Parameter(help="The code of the warehouse that it is to come from.")]
To = Annotated[str, Parameter(help="Where the order goes: REGION, or LATITUDE,LONGITUDE,REGION.", validator=_placed)]
Whole = Annotated[bool, Parameter(negative="", help="Each item from one warehouse.")]


def rules_of(said: str) -> Sequence[Rule]:
    """The rules, in their order. Raises ValueError."""
    try:
        return rules_named([each.strip() for each in said.split(",")] if said else ())
    except InvalidRequest as refusal:
        raise ValueError(str(refusal)) from None


def _ruled(_kind: type[str], said: str) -> None:
    rules_of(said)


Rules = Annotated[
    str,
    Parameter(help="What puts a warehouse before others, as cost,nearest; else by its settings.", validator=_ruled),
]


def reserve(
    order: Annotated[str, Parameter(help="The order that it is for.")],
    /,
    *items: Items,
    warehouse: FromWarehouse = "",
    seconds: Annotated[
        int, Parameter(help="How long it lasts.", validator=Number(gte=1, lte=TTL_S_MAX))
    ] = TTL_S_DEFAULT,
    to: To = "",
    whole: Whole = False,
    rules: Rules = "",
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Reserve every item for an order, or nothing. An order has one reservation that lives."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        made = await client.stock.reserve(
            order,
            [item_of(item) for item in items],
            warehouse=warehouse,
            seconds=seconds,
            allow_split=not whole,
            ship_to=place_of(to) if to else None,
            rules=rules_of(rules),
            key=key,
        )
        await _tell(client, screen, made)

    return ask(reach, work, again=f"with --key {key}" if key else "")


def preview(
    *items: Items,
    warehouse: FromWarehouse = "",
    to: To = "",
    whole: Whole = False,
    rules: Rules = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Show from which warehouses an order would come, and why. Nothing is reserved."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        codes = codes_of(await client.stock.warehouses())
        found = await client.stock.preview(
            [item_of(item) for item in items],
            warehouse=warehouse,
            allow_split=not whole,
            ship_to=place_of(to) if to else None,
            rules=rules_of(rules),
        )
        lines = [
            {"sku": sku, "warehouse": codes.get(there, there), "quantity": quantity}
            for sku, there, quantity in found.lines
        ]

        def show_it() -> None:
            screen.table(("sku", "warehouse", "quantity"), [list(line.values()) for line in lines])
            screen.table(("why",), [(reason,) for reason in found.reasons])

        value = {"lines": lines, "parcels": found.parcels, "is_fewest": found.is_fewest, "reasons": found.reasons}
        screen.answer(value, show_it)

    return ask(reach, work)


def show(reservation: ReservationId, /, *, order: ByOrder = False, reach: ConnectionOptions = HERE) -> Exit:
    """Show a reservation as it is now."""
    return _step(reservation, order, reach, lambda client, named: client.stock.reservation(**named))


def commit(
    reservation: ReservationId, /, *lines: Lines, order: ByOrder = False, reach: ConnectionOptions = HERE
) -> Exit:
    """What was reserved leaves the stock; of some lines, where they are named: the others are given back. Repeated, it
    is answered alike.
    """

    async def step(client: InventoryClient, named: Mapping[str, str]) -> StockReservation:
        return await client.stock.commit(**named, entries=await _entries(client, lines))

    return _step(reservation, order, reach, step)


def cancel(
    reservation: ReservationId, /, *lines: Lines, order: ByOrder = False, reach: ConnectionOptions = HERE
) -> Exit:
    """Give back what was reserved, or return what was committed; some lines of it, where they are named. Repeated, it
    is answered alike.
    """

    async def step(client: InventoryClient, named: Mapping[str, str]) -> StockReservation:
        return await client.stock.cancel(**named, entries=await _entries(client, lines))

    return _step(reservation, order, reach, step)


async def _entries(client: InventoryClient, lines: Sequence[str]) -> Sequence[str]:
    """The ids of the entries that the lines are of."""
    return [(await client.stock.entry(*line_of(line))).id for line in lines]


def _step(
    reservation: str,
    by_order: bool,
    reach: ConnectionOptions,
    step: Callable[[InventoryClient, Mapping[str, str]], Awaitable[StockReservation]],
) -> Exit:
    named = {"order" if by_order else "reservation": reservation}

    async def work(client: InventoryClient, screen: Screen) -> None:
        await _tell(client, screen, await step(client, named))

    return ask(reach, work)


async def _tell(client: InventoryClient, screen: Screen, reservation: StockReservation) -> None:
    codes = codes_of(await client.stock.warehouses())
    lines = [
        {"sku": line.sku, "warehouse": codes.get(line.warehouse_id, line.warehouse_id), "quantity": line.quantity}
        for line in reservation.lines
    ]
    value = {
        "reservation": reservation.id,
        "order": reservation.order,
        "status": reservation.status,
        "expires_at": stamp(reservation.expires_at),
        "committed_at": stamp(reservation.committed_at),
        "cancelled_at": stamp(reservation.cancelled_at),
    }

    def show_it() -> None:
        screen.fields({name.replace("_", " "): said for name, said in value.items() if said})
        screen.table(("sku", "warehouse", "quantity"), [list(line.values()) for line in lines])

    screen.answer({**value, "lines": lines}, show_it)
