"""Suppliers and purchase orders over HTTP, and what is to be ordered."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from travio_inventory.api.page_tokens import place, token_of
from travio_inventory.api.rest.callers import StockAdjusting, StockAdministering, StockReading
from travio_inventory.api.rest.json_types import InDigits
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import purchase_models as models
from travio_inventory.api.rest.stock.inventory import PageSize
from travio_inventory.api.rest.stock.routing import PREFIX, Seen, StockRoute, tag_of, version_seen
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.purchase import PurchasesQuery
from travio_inventory.stock.restocking import SuggestionsQuery
from travio_inventory.stock.supplier import DeleteSupplier, Supplier, SuppliersQuery
from travio_inventory.stock.use_cases import Stock

SupplierId = Annotated[str, Path(alias="supplierId", min_length=1, examples=["3b0c5f0e-7a4e-5f25-8d0a-6a1d7d7f3e21"])]
OrderId = Annotated[str, Path(alias="orderId", min_length=1, examples=["5f0a3c1e-9b4e-5d25-8d0a-1a1d7d7f3e99"])]


class SupplierRoutes:
    """Each is a use case of suppliers."""

    def __init__(self, stock: Stock) -> None:
        self._suppliers = stock.suppliers

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/suppliers", tags=["stock"], route_class=StockRoute)
        of_one = "/{supplierId:id}"
        router.add_api_route("", self.page, summary="Suppliers, by code.", responses=problems_of())
        router.add_api_route(of_one, self.one, summary="A supplier as it is now.", responses=problems_of(404))
        router.add_api_route(
            "", self.add, methods=["POST"], status_code=201, summary="Add a supplier.", responses=problems_of(409)
        )
        for method, call, summary in (
            ("PUT", self.change, "Say something else of a supplier."),
            ("DELETE", self.delete, "Order nothing there any more."),
        ):
            router.add_api_route(of_one, call, methods=[method], summary=summary, responses=problems_of(404, 412))
        return router

    async def page(
        self, caller: StockReading, page_size: PageSize = PAGE_MAX, page_token: str = ""
    ) -> models.SupplierPage:
        found = Faults()
        start = place(found, page_token)
        with found:
            query = SuppliersQuery(start, page_size)
        found.finish()
        suppliers = await self._suppliers.all(caller.as_member())
        end = query.start + query.page_size
        items = list(map(models.supplier_shown, suppliers[query.start : end]))
        return models.SupplierPage(items=items, next_page_token=token_of(str(end)) if end < len(suppliers) else "")

    async def one(self, supplier_id: SupplierId, caller: StockReading, response: Response) -> models.SupplierShown:
        return _told(await self._suppliers.one(caller.as_member(), supplier_id), response)

    async def add(
        self, caller: StockAdministering, body: models.SupplierRequest, key: IdempotencyKey, response: Response
    ) -> models.SupplierShown:
        supplier = await self._suppliers.add(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/suppliers/{part_of_path(supplier.id)}"
        return _told(supplier, response)

    async def change(
        self,
        supplier_id: SupplierId,
        caller: StockAdministering,
        body: models.SupplierChange,
        seen: Seen,
        response: Response,
    ) -> models.SupplierShown:
        return _told(await self._suppliers.change(caller.as_member(), body.command(supplier_id, seen)), response)

    async def delete(
        self,
        supplier_id: SupplierId,
        caller: StockAdministering,
        seen: Seen,
        response: Response,
        version: Annotated[
            int, InDigits, Query(description="The version that was seen, where there is no If-Match.")
        ] = 0,
    ) -> models.SupplierShown:
        command = DeleteSupplier(supplier_id, version_seen(seen, version))
        return _told(await self._suppliers.delete(caller.as_member(), command), response)


class PurchaseRoutes:
    """Each is a step of a purchase order, which happens once."""

    def __init__(self, stock: Stock) -> None:
        self._purchases = stock.purchases
        self._suggest = stock.suggest

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PREFIX, tags=["stock"], route_class=StockRoute)
        of_one = "/purchase-orders/{orderId:id}"
        router.add_api_route(
            "/purchase-orders",
            self.place,
            methods=["POST"],
            status_code=201,
            summary="Order stock from a supplier.",
            responses=problems_of(404, 409),
        )
        router.add_api_route(
            "/purchase-orders", self.page, summary="Purchase orders, oldest first.", responses=problems_of()
        )
        router.add_api_route(of_one, self.one, summary="A purchase order as it is now.", responses=problems_of(404))
        for path, call, summary in (
            ("receive", self.receive, "So many came of some of its lines."),
            ("cancel", self.cancel, "What has not come will not come any more."),
        ):
            router.add_api_route(
                f"{of_one}/{path}", call, methods=["POST"], summary=summary, responses=problems_of(404, 409)
            )
        router.add_api_route(
            "/reorder-suggestions", self.suggestions, summary="What is to be ordered.", responses=problems_of()
        )
        return router

    async def place(
        self, caller: StockAdjusting, body: models.PurchaseRequest, key: IdempotencyKey, response: Response
    ) -> models.PurchaseShown:
        order = await self._purchases.place(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/purchase-orders/{part_of_path(order.id)}"
        return models.purchase_shown(order)

    async def page(
        self,
        caller: StockReading,
        supplier_id: Annotated[str, Query(alias="supplierId")] = "",
        is_open: Annotated[bool, Query(alias="open", description="Only those of which more may come.")] = False,
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.PurchasePage:
        query = paged(page_token, lambda after: PurchasesQuery(supplier_id, is_open, after, page_size))
        found = await self._purchases.page(caller.as_member(), query)
        items = list(map(models.purchase_shown, found.orders))
        return models.PurchasePage(items=items, next_page_token=token_of(found.after) if found.after else "")

    async def one(self, order_id: OrderId, caller: StockReading) -> models.PurchaseShown:
        return models.purchase_shown(await self._purchases.one(caller.as_member(), order_id))

    async def receive(
        self, order_id: OrderId, caller: StockAdjusting, body: models.PurchaseReceipt, key: IdempotencyKey
    ) -> models.PurchaseShown:
        command = body.command(order_id, key)
        return models.purchase_shown(await self._purchases.receive(caller.as_member(), command))

    async def cancel(self, order_id: OrderId, caller: StockAdjusting) -> models.PurchaseShown:
        return models.purchase_shown(await self._purchases.cancel(caller.as_member(), order_id))

    async def suggestions(
        self,
        caller: StockReading,
        sku: str = "",
        warehouse_id: Annotated[str, Query(alias="warehouseId")] = "",
        region: str = "",
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.SuggestionPage:
        query = paged(page_token, lambda after: SuggestionsQuery(sku, warehouse_id, region, after, page_size))
        found = await self._suggest(caller.as_member(), query)
        items = list(map(models.suggestion_shown, found.suggestions))
        return models.SuggestionPage(items=items, next_page_token=token_of(found.after) if found.after else "")


def _told(supplier: Supplier, response: Response) -> models.SupplierShown:
    response.headers["etag"] = tag_of(supplier.version)
    return models.supplier_shown(supplier)
