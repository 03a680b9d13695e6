"""Commands about suppliers: list, add, change and delete them."""

from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import NOT_THERE, Exit, Failed, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import Key
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import Contact, StockSupplier
from travio_inventory.stock.supplier import LEAD_DAYS_MAX

SupplierCode = Annotated[str, Parameter(help="The code of the supplier.")]
Text = Annotated[str | None, Parameter(help="As it is if left out.")]
LEAD = Number(gte=0, lte=LEAD_DAYS_MAX)


def show_all(*, reach: ConnectionOptions = HERE) -> Exit:
    """List the suppliers, by code."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.stock.suppliers()
        rows = [
            (each.code, each.contact.name, each.contact.email, each.contact.phone, each.contact.lead_days)
            for each in found
        ]

        def show() -> None:
            if rows:
                screen.table(("code", "name", "email", "phone", "days"), rows)
            else:
                screen.say("no suppliers")

        screen.answer({"suppliers": list(map(_plain, found))}, show)

    return ask(reach, work)


def add(
    code: SupplierCode,
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    email: str = "",
    phone: str = "",
    address: str = "",
    lead_days: Annotated[int, Parameter(help="How many days a delivery takes.", validator=LEAD)] = 0,
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Add a supplier. Its code never changes; the same again changes nothing."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        contact = Contact(name, email, phone, address, lead_days)
        _tell(screen, await client.stock.add_supplier(code, contact, key=key))

    return ask(reach, work, again=f"with --key {key}" if key else "")


def change(
    code: SupplierCode,
    /,
    *,
    name: Text = None,
    email: Text = None,
    phone: Text = None,
    address: Text = None,
    lead_days: Annotated[int | None, Parameter(help="How many days a delivery takes.", validator=LEAD)] = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Say something else of a supplier; what is left out stays."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        said = {"name": name, "email": email, "phone": phone, "address": address, "lead_days": lead_days}
        found = await _found(client, code)
        contact = replace(found.contact, **{key: value for key, value in said.items() if value is not None})  # type: ignore[arg-type]
        _tell(screen, await client.stock.change_supplier(code, contact, version=found.version))

    return ask(reach, work)


def delete(code: SupplierCode, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Order nothing there any more; what is on order may still be received."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await _found(client, code)
        _tell(screen, await client.stock.delete_supplier(code, version=found.version))

    return ask(reach, work)


async def _found(client: InventoryClient, code: str) -> StockSupplier:
    for each in await client.stock.suppliers():
        if each.code == code:
            return each
    raise Failed(Failure(Exit.NO, "NOT_FOUND", "there is no such supplier", NOT_THERE["supplier"]))


def _tell(screen: Screen, supplier: StockSupplier) -> None:
    plain = _plain(supplier)
    screen.answer(plain, lambda: screen.fields({name.replace("_", " "): said for name, said in plain.items() if said}))


def _plain(supplier: StockSupplier) -> dict[str, object]:
    contact = supplier.contact
    return {
        "code": supplier.code,
        "supplier": supplier.id,
        "name": contact.name,
        "email": contact.email,
        "phone": contact.phone,
        "address": contact.address,
        "lead_days": contact.lead_days,
        "deleted": supplier.is_deleted,
        "version": supplier.version,
    }
