"""How many can be had, over HTTP: of one stock keeping unit, or of many."""

from fastapi import APIRouter

from travio_inventory.api.rest.callers import StockReading
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import models
from travio_inventory.api.rest.stock.routing import PREFIX, StockRoute
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.availability import StockQuestions
from travio_inventory.stock.use_cases import Stock


class AvailabilityRoutes:
    """What they say may be gone a moment later."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/availability", tags=["stock"], route_class=StockRoute)
        for path, call, summary in (
            ("/check", self.check, "How many of a stock keeping unit can be had, and where."),
            ("/bulk", self.bulk, "The same of many at once."),
        ):
            router.add_api_route(path, call, methods=["POST"], summary=summary, responses=problems_of())
        return router

    async def check(self, caller: StockReading, body: models.AvailabilityRequest) -> models.AvailabilityShown:
        (answer,) = await self._stock.check(caller.as_member(), [body.question()])
        return models.availability_shown(answer)

    async def bulk(self, caller: StockReading, body: models.AvailabilityRequests) -> models.AvailabilityResults:
        found = Faults()
        questions = []
        for index, each in enumerate(body.items):
            with found.at(f"items[{index}]."):
                questions.append(each.question())
        found.finish()
        answers = await self._stock.check(caller.as_member(), StockQuestions(questions).items)
        return models.AvailabilityResults(results=list(map(models.availability_shown, answers)))
