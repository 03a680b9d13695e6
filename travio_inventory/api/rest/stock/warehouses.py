"""Warehouses over HTTP: listed, read, added and changed; and what lies in each."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from travio_inventory.api.page_tokens import place, token_of
from travio_inventory.api.rest.callers import StockAdministering, StockReading
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import models
from travio_inventory.api.rest.stock.inventory import PageSize, listed
from travio_inventory.api.rest.stock.routing import PREFIX, Seen, StockRoute, tag_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX, EntriesQuery, WarehousesQuery
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.warehouse import Warehouse

WarehouseId = Annotated[str, Path(alias="warehouseId", min_length=1, examples=[models.WAREHOUSE])]


class WarehouseRoutes:
    """Each is a use case of warehouses."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/warehouses", tags=["stock"], route_class=StockRoute)
        of_one = "/{warehouseId:id}"
        router.add_api_route("", self.page, summary="Warehouses, by priority.", responses=problems_of())
        router.add_api_route(of_one, self.one, summary="A warehouse as it is now.", responses=problems_of(404))
        router.add_api_route(
            f"{of_one}/inventory", self.inventory, summary="The entries of a warehouse.", responses=problems_of(404)
        )
        router.add_api_route(
            "", self.add, methods=["POST"], status_code=201, summary="Add a warehouse.", responses=problems_of(409)
        )
        router.add_api_route(
            of_one, self.change, methods=["PUT"], summary="Change a warehouse.", responses=problems_of(404, 405, 412)
        )
        return router

    async def page(
        self, caller: StockReading, page_size: PageSize = PAGE_MAX, page_token: str = ""
    ) -> models.WarehousePage:
        found = Faults()
        start = place(found, page_token)
        with found:
            query = WarehousesQuery(start, page_size)
        found.finish()
        warehouses = await self._stock.warehouses.all(caller.as_member())
        end = query.start + query.page_size
        items = list(map(models.warehouse_shown, warehouses[query.start : end]))
        return models.WarehousePage(items=items, next_page_token=token_of(str(end)) if end < len(warehouses) else "")

    async def one(self, warehouse_id: WarehouseId, caller: StockReading, response: Response) -> models.WarehouseShown:
        return _told(await self._stock.warehouses.one(caller.as_member(), warehouse_id), response)

    async def inventory(
        self, warehouse_id: WarehouseId, caller: StockReading, page_size: PageSize = PAGE_MAX, page_token: str = ""
    ) -> models.InventoryPage:
        actor = caller.as_member()
        query = paged(
            page_token, lambda after: EntriesQuery(warehouse_id=warehouse_id, after=after, page_size=page_size)
        )
        await self._stock.warehouses.one(actor, warehouse_id)
        return await listed(self._stock, actor, query)

    async def add(
        self, caller: StockAdministering, body: models.WarehouseRequest, key: IdempotencyKey, response: Response
    ) -> models.WarehouseShown:
        warehouse = await self._stock.warehouses.add(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/warehouses/{part_of_path(warehouse.id)}"
        return _told(warehouse, response)

    async def change(
        self,
        warehouse_id: WarehouseId,
        caller: StockAdministering,
        body: models.WarehouseChange,
        seen: Seen,
        response: Response,
    ) -> models.WarehouseShown:
        command = body.command(warehouse_id, seen)
        return _told(await self._stock.warehouses.change(caller.as_member(), command), response)


def _told(warehouse: Warehouse, response: Response) -> models.WarehouseShown:
    response.headers["etag"] = tag_of(warehouse.version)
    return models.warehouse_shown(warehouse)
