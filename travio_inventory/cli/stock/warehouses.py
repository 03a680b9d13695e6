"""Commands about warehouses: list, add and change them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import NOT_THERE, Exit, Failed, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock.entries import Key, WarehouseCode
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import Site, StockWarehouse
from travio_inventory.stock.warehouse import PRIORITY_MAX

Text = Annotated[str | None, Parameter(help="As it is if left out.")]
Priority = Annotated[int | None, Parameter(help="1 is first.", validator=Number(gte=1, lte=PRIORITY_MAX))]
LATITUDES, LONGITUDES = Number(gte=-90, lte=90), Number(gte=-180, lte=180)
Latitude = Annotated[
    float | None, Parameter(help="Where it is, in degrees north.", allow_leading_hyphen=True, validator=LATITUDES)
]
Longitude = Annotated[
    float | None, Parameter(help="Where it is, in degrees east.", allow_leading_hyphen=True, validator=LONGITUDES)
]


def show_all(*, reach: ConnectionOptions = HERE) -> Exit:
    """List the warehouses, those first that are first in order."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.stock.warehouses()
        rows = [
            (each.code, each.site.name, each.site.region, each.site.city, each.site.priority, _state(each.site))
            for each in found
        ]

        def show() -> None:
            if rows:
                screen.table(("code", "name", "region", "city", "priority", "state"), rows)
            else:
                screen.say("no warehouses")

        screen.answer({"warehouses": list(map(_plain, found))}, show)

    return ask(reach, work)


def add(  # noqa: PLR0913 - two say which, the keyword-only ones what is said of it
    code: WarehouseCode,
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    region: Annotated[str, Parameter(help="The region, which reports and orders name.")] = "",
    address: str = "",
    city: str = "",
    state: str = "",
    country: str = "",
    postal_code: str = "",
    priority: Annotated[int, Parameter(help="1 is first.", validator=Number(gte=1, lte=PRIORITY_MAX))] = 1,
    latitude: Latitude = None,
    longitude: Longitude = None,
    key: Key = "",
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Add a warehouse. Its code never changes; the same again changes nothing."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        site = Site(
            name, address, city, state, country, postal_code, region, priority=priority, latitude=latitude,
            longitude=longitude,
        )  # fmt: skip
        _tell(screen, await client.stock.add_warehouse(code, site, key=key))

    return ask(reach, work, again=f"with --key {key}" if key else "")


def change(  # noqa: PLR0913 - as above
    code: WarehouseCode,
    /,
    *,
    name: Text = None,
    region: Text = None,
    address: Text = None,
    city: Text = None,
    state: Text = None,
    country: Text = None,
    postal_code: Text = None,
    priority: Priority = None,
    latitude: Latitude = None,
    longitude: Longitude = None,
    active: Annotated[bool | None, Parameter(negative="--inactive", help="Whether what lies there can be had.")] = None,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Say something else of a warehouse; what is left out stays."""
    said: Mapping[str, object] = {
        "name": name, "region": region, "address": address, "city": city, "state": state, "country": country,
        "postal_code": postal_code, "priority": priority, "latitude": latitude, "longitude": longitude,
        "is_active": active,
    }  # fmt: skip

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = next((each for each in await client.stock.warehouses() if each.code == code), None)
        if found is None:
            raise Failed(Failure(Exit.NO, "NOT_FOUND", "there is no such warehouse", NOT_THERE["warehouse"]))
        site = replace(found.site, **{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
        _tell(screen, await client.stock.change_warehouse(found.id, site, version=found.version))

    return ask(reach, work)


def _state(site: Site) -> str:
    return "active" if site.is_active else "inactive"


def _plain(warehouse: StockWarehouse) -> dict[str, object]:
    site = warehouse.site
    return {
        "code": warehouse.code, "name": site.name, "region": site.region, "address": site.address, "city": site.city,
        "state": site.state, "country": site.country, "postal_code": site.postal_code, "priority": site.priority,
        "latitude": site.latitude, "longitude": site.longitude, "is_active": site.is_active,
        "version": warehouse.version, "id": warehouse.id,
    }  # fmt: skip


def _tell(screen: Screen, warehouse: StockWarehouse) -> None:
    value = _plain(warehouse)
    shown = {name.replace("_", " "): said for name, said in value.items() if said not in ("", None)}
    screen.answer(value, lambda: screen.fields(shown))
