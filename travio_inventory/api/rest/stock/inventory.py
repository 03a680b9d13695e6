"""Entries over HTTP: listed, read, added, changed, adjusted and counted; and their movements."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from travio_inventory.api.page_tokens import place, token_of
from travio_inventory.api.rest.callers import StockAdjusting, StockAdministering, StockReading
from travio_inventory.api.rest.json_types import InDigits
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import models
from travio_inventory.api.rest.stock.routing import ENTRY, PREFIX, Seen, StockRoute, tag_of, version_seen
from travio_inventory.api.rest.stock.shard_models import ShardsShown, shards_shown
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX, ChangeEntry, DeleteEntry, EntriesQuery, MovementsQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.changing import Changed
from travio_inventory.stock.use_cases import Stock

InventoryId = Annotated[str, Path(alias="inventoryId", min_length=1, examples=["0f5cf0f8-4e52-5c7c-93f0-3f6d4f1f0a11"])]
WAITS: Final = "Another person has to approve it: nothing has moved yet."
PageSize = Annotated[int, InDigits, Query(description=f"At most {PAGE_MAX}.")]


class InventoryRoutes:
    """Each is a use case of entries."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/inventory", tags=["stock"], route_class=StockRoute)
        of_entry = f"/{{inventoryId:{ENTRY}}}"
        for path, call, summary in (
            ("", self.page, "Entries of the inventory."),
            ("/product/{productId:id}", self.of_product, "The entries of a product."),
            ("/sku/{sku:id}", self.of_sku, "The entries of a stock keeping unit: one in each warehouse."),
            (of_entry, self.one, "An entry as it is now."),
            (f"{of_entry}/shards", self.shards, "What each shard of an entry has."),
            (f"{of_entry}/movements", self.movements, "The movements of an entry, oldest first."),
        ):
            router.add_api_route(path, call, summary=summary, responses=problems_of(404))
        router.add_api_route(
            "",
            self.add,
            methods=["POST"],
            status_code=201,
            summary="Add an entry, with its opening stock.",
            responses=problems_of(404, 409),
        )
        router.add_api_route(
            of_entry,
            self.change,
            methods=["PUT"],
            summary="Change when and how much to order, in how many shards it lies, or delete the entry.",
            responses=problems_of(404, 405, 409, 412),
        )
        for path, act, summary, others in (
            ("adjust", self.adjust, "Change how many there are by so many.", (404, 409, 412)),
            ("count", self.count, "Set how many there are, as they were counted.", (404, 409, 412)),
        ):
            router.add_api_route(
                f"{of_entry}/{path}",
                act,
                methods=["POST"],
                summary=summary,
                responses={202: {"model": models.Adjusted, "description": WAITS}, **problems_of(405, *others)},
            )
        return router

    async def page(
        self,
        caller: StockReading,
        sku: str = "",
        product_id: Annotated[str, Query(alias="productId")] = "",
        warehouse_id: Annotated[str, Query(alias="warehouseId")] = "",
        region: str = "",
        low_stock: Annotated[
            bool, Query(alias="lowStock", description="Only those of which it is time to order more.")
        ] = False,
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.InventoryPage:
        query = paged(
            page_token,
            lambda after: EntriesQuery(sku, product_id, warehouse_id, region, low_stock, after, page_size),
        )
        return await listed(self._stock, caller.as_member(), query)

    async def of_product(
        self,
        product_id: Annotated[str, Path(alias="productId", examples=["cup"])],
        caller: StockReading,
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.InventoryPage:
        query = paged(page_token, lambda after: EntriesQuery(product_id=product_id, after=after, page_size=page_size))
        return await listed(self._stock, caller.as_member(), query)

    async def of_sku(
        self,
        sku: Annotated[str, Path(examples=["cup-blue"])],
        caller: StockReading,
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.InventoryPage:
        query = paged(page_token, lambda after: EntriesQuery(sku=sku, after=after, page_size=page_size))
        return await listed(self._stock, caller.as_member(), query)

    async def one(self, inventory_id: InventoryId, caller: StockReading, response: Response) -> models.Inventory:
        return _told(await self._stock.read.one(caller.as_member(), inventory_id), response)

    async def shards(self, inventory_id: InventoryId, caller: StockReading) -> ShardsShown:
        _, shards = await self._stock.read.in_shards(caller.as_member(), inventory_id)
        return shards_shown(shards)

    async def movements(
        self, inventory_id: InventoryId, caller: StockReading, page_size: PageSize = PAGE_MAX, page_token: str = ""
    ) -> models.MovementPage:
        found = Faults()
        after = place(found, page_token)
        with found:
            query = MovementsQuery(inventory_id, after, page_size)
        found.finish()
        movements = await self._stock.read.movements(caller.as_member(), query)
        more = token_of(str(movements[-1].version)) if len(movements) == page_size else ""
        return models.MovementPage(items=list(map(models.movement_shown, movements)), next_page_token=more)

    async def add(
        self, caller: StockAdministering, body: models.EntryRequest, key: IdempotencyKey, response: Response
    ) -> models.Inventory:
        entry = await self._stock.keep.add(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/inventory/{part_of_path(entry.id)}"
        return _told(entry, response)

    async def change(
        self,
        inventory_id: InventoryId,
        caller: StockAdministering,
        body: models.EntryChange,
        seen: Seen,
        response: Response,
    ) -> models.Inventory:
        """What is left out stays as it is at the version that was seen."""
        actor, version = caller.as_member(), version_seen(seen, body.version)
        if body.is_deleted:
            return _told(await self._stock.keep.delete(actor, DeleteEntry(inventory_id, version)), response)
        command = ChangeEntry(inventory_id, body.reorder_point, body.reorder_quantity, version, body.shards)
        return _told(await self._stock.keep.change(actor, command), response)

    async def adjust(
        self,
        inventory_id: InventoryId,
        caller: StockAdjusting,
        body: models.Adjustment,
        seen: Seen,
        key: IdempotencyKey,
        response: Response,
    ) -> models.Adjusted:
        changed = await self._stock.adjust.by(caller.as_member(), body.command(inventory_id, seen, key))
        return _adjusted(changed, response)

    async def count(
        self,
        inventory_id: InventoryId,
        caller: StockAdjusting,
        body: models.Count,
        seen: Seen,
        key: IdempotencyKey,
        response: Response,
    ) -> models.Adjusted:
        changed = await self._stock.adjust.to(caller.as_member(), body.command(inventory_id, seen, key))
        return _adjusted(changed, response)


async def listed(stock: Stock, actor: Actor, query: EntriesQuery) -> models.InventoryPage:
    """A page of entries."""
    found = await stock.read.page(actor, query)
    items = list(map(models.entry_shown, found.entries))
    return models.InventoryPage(items=items, next_page_token=token_of(found.after))


def _told(entry: InventoryEntry, response: Response) -> models.Inventory:
    response.headers["etag"] = tag_of(entry.version)
    return models.entry_shown(entry)


def _adjusted(changed: Changed, response: Response) -> models.Adjusted:
    response.headers["etag"] = tag_of(changed.entry.version)
    movement = None if changed.movement is None else models.movement_shown(changed.movement)
    approval = None if changed.waits is None else models.approval_shown(changed.waits)
    if approval is not None:
        response.status_code = 202
        response.headers["location"] = f"{PREFIX}/approvals/{part_of_path(approval.approval_id)}"
    told = {**models.entry_members(changed.entry), "movement": movement, "approval": approval}
    return models.Adjusted.model_validate(told)
