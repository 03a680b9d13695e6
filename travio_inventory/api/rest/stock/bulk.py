"""Many changes of stock over HTTP: each line's outcome is told, and the same key goes on where it was."""

from typing import Final

from fastapi import APIRouter, Request, Response

from travio_inventory.api.rest.callers import StockAdjusting
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.routes import DEADLINE_S, problems_of
from travio_inventory.api.rest.stock import bulk_models as models
from travio_inventory.api.rest.stock.routing import PREFIX, LargeStockRoute
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.stock.bulk import UpdateMany
from travio_inventory.stock.use_cases import Stock

SHARE_OF_DEADLINE: Final = 0.7
"""In which lines are begun, and a report is counted: an answer that says what is left is better than none."""


class BulkRoutes:
    """One use case."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/inventory", tags=["stock"], route_class=LargeStockRoute)
        router.add_api_route(
            "/bulk",
            self.update,
            methods=["POST"],
            summary="Change many quantities; needs an Idempotency-Key.",
            responses={200: {"model": models.BulkResult}, **problems_of()},
        )
        return router

    async def update(
        self, caller: StockAdjusting, body: models.BulkRequest, key: IdempotencyKey, request: Request
    ) -> Response:
        lines = await body.read()
        within_s = getattr(request.app.state, DEADLINE_S) * SHARE_OF_DEADLINE
        outcomes = await self._stock.update_many(caller.as_member(), UpdateMany(lines, key), within_s=within_s)
        return Response(
            await off_loop(len(lines) * models.AS_MUCH_AS, models.bulk_written, outcomes), media_type="application/json"
        )
