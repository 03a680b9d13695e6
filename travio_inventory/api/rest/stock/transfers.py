"""Transfers over HTTP: drafted, shipped, received, cancelled; and which warehouses would serve an order."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import StockAdjusting, StockReading
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import transfer_models as models
from travio_inventory.api.rest.stock.inventory import PageSize
from travio_inventory.api.rest.stock.routing import PREFIX, StockRoute
from travio_inventory.stock.allocation import rules_named
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.transfer import TransfersQuery
from travio_inventory.stock.use_cases import Stock

TransferId = Annotated[str, Path(alias="transferId", min_length=1, examples=["88336785-f2ac-d573-8a9f-6a5fece1fda1"])]


class TransferRoutes:
    """Each is a step of a transfer, which happens once."""

    def __init__(self, stock: Stock) -> None:
        self._transfers = stock.transfers
        self._preview = stock.preview

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PREFIX, tags=["stock"], route_class=StockRoute)
        of_one = "/transfers/{transferId:id}"
        router.add_api_route(
            "/transfers",
            self.draft,
            methods=["POST"],
            status_code=201,
            summary="Plan to bring stock from one warehouse to another.",
            responses=problems_of(404, 409),
        )
        router.add_api_route("/transfers", self.page, summary="Transfers, oldest first.", responses=problems_of())
        router.add_api_route(of_one, self.one, summary="A transfer as it is now.", responses=problems_of(404))
        for path, call, summary in (
            ("ship", self.ship, "All of it leaves the source."),
            ("receive", self.receive, "A part came, was rejected or is lost."),
            ("cancel", self.cancel, "Cancel it; what is on the way goes back or is lost, as is said."),
        ):
            router.add_api_route(
                f"{of_one}/{path}", call, methods=["POST"], summary=summary, responses=problems_of(404, 409)
            )
        router.add_api_route(
            "/allocations/preview",
            self.preview,
            methods=["POST"],
            summary="Which warehouses would serve an order, and why.",
            responses=problems_of(404, 409),
        )
        return router

    async def draft(
        self, caller: StockAdjusting, body: models.TransferRequest, key: IdempotencyKey, response: Response
    ) -> models.TransferShown:
        transfer = await self._transfers.draft(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/transfers/{part_of_path(transfer.id)}"
        return models.transfer_shown(transfer)

    async def page(
        self,
        caller: StockReading,
        sku: str = "",
        in_transit: Annotated[
            bool, Query(alias="inTransit", description="Only those of which something is in transit.")
        ] = False,
        page_size: PageSize = PAGE_MAX,
        page_token: str = "",
    ) -> models.TransferPage:
        query = paged(page_token, lambda after: TransfersQuery(sku, after, page_size, in_transit))
        found = await self._transfers.page(caller.as_member(), query)
        items = list(map(models.transfer_shown, found.transfers))
        return models.TransferPage(items=items, next_page_token=token_of(found.after) if found.after else "")

    async def one(self, transfer_id: TransferId, caller: StockReading) -> models.TransferShown:
        return models.transfer_shown(await self._transfers.one(caller.as_member(), transfer_id))

    async def ship(self, transfer_id: TransferId, caller: StockAdjusting) -> models.TransferShown:
        return models.transfer_shown(await self._transfers.ship(caller.as_member(), transfer_id))

    async def receive(
        self, transfer_id: TransferId, caller: StockAdjusting, body: models.ReceiptRequest, key: IdempotencyKey
    ) -> models.TransferShown:
        command = body.command(transfer_id, key)
        return models.transfer_shown(await self._transfers.receive(caller.as_member(), command))

    async def cancel(
        self, transfer_id: TransferId, caller: StockAdjusting, body: models.CancelRequest | None = None
    ) -> models.TransferShown:
        command = (body or models.CancelRequest()).command(transfer_id)
        return models.transfer_shown(await self._transfers.cancel(caller.as_member(), command))

    async def preview(self, caller: StockReading, body: models.AllocationRequest) -> models.AllocationShown:
        return models.allocation_shown(
            *await self._preview(caller.as_member(), body.asked(), order=rules_named(body.rules))
        )
