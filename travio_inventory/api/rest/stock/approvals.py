"""Adjustments that wait for another person over HTTP: listed, approved, rejected."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import StockApproving, StockReading
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import models
from travio_inventory.api.rest.stock.inventory import PageSize
from travio_inventory.api.rest.stock.routing import PREFIX, StockRoute
from travio_inventory.stock.approval import ApprovalsQuery, DecideAdjustment
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.use_cases import Stock

ApprovalId = Annotated[str, Path(alias="approvalId", min_length=1, examples=["2f1d1a53-9a0e-5d3c-8a74-1f6b7a0c5e11"])]
Which = Annotated[Literal["pending", "all"], Query(description="Those that wait, or all.")]


class ApprovalRoutes:
    """Each is a use case of adjustments that wait."""

    def __init__(self, stock: Stock) -> None:
        self._approvals = stock.approvals

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/approvals", tags=["stock"], route_class=StockRoute)
        of_one = "/{approvalId:id}"
        router.add_api_route("", self.page, summary="Adjustments that wait, oldest first.", responses=problems_of())
        router.add_api_route(of_one, self.one, summary="An adjustment that was asked for.", responses=problems_of(404))
        for path, call, summary in (
            ("approve", self.approve, "Do what another person asked for."),
            ("reject", self.reject, "Refuse what another person asked for."),
        ):
            router.add_api_route(
                f"{of_one}/{path}", call, methods=["POST"], summary=summary, responses=problems_of(404, 409)
            )
        return router

    async def page(
        self, caller: StockReading, status: Which = "pending", page_size: PageSize = PAGE_MAX, page_token: str = ""
    ) -> models.ApprovalPage:
        query = paged(page_token, lambda after: ApprovalsQuery(status == "pending", after, page_size))
        found = await self._approvals.page(caller.as_member(), query)
        items = list(map(models.approval_shown, found.approvals))
        return models.ApprovalPage(items=items, next_page_token=token_of(found.after) if found.after else "")

    async def one(self, approval_id: ApprovalId, caller: StockReading) -> models.ApprovalShown:
        return models.approval_shown(await self._approvals.one(caller.as_member(), approval_id))

    async def approve(
        self, approval_id: ApprovalId, caller: StockApproving, body: models.Decision | None = None
    ) -> models.ApprovalShown:
        command = DecideAdjustment(approval_id, True, (body or models.Decision()).note)
        return models.approval_shown(await self._approvals.decide(caller.as_member(), command))

    async def reject(
        self, approval_id: ApprovalId, caller: StockApproving, body: models.Decision | None = None
    ) -> models.ApprovalShown:
        command = DecideAdjustment(approval_id, False, (body or models.Decision()).note)
        return models.approval_shown(await self._approvals.decide(caller.as_member(), command))
