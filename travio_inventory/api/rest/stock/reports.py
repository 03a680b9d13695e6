"""Reports of stock over HTTP, as JSON or CSV."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import WithJsonSchema

from travio_inventory.api.rest.callers import StockReading
from travio_inventory.api.rest.routes import DEADLINE_S, problems_of
from travio_inventory.api.rest.stock.bulk import SHARE_OF_DEADLINE
from travio_inventory.api.rest.stock.csv_told import report_csv
from travio_inventory.api.rest.stock.models import StockTold, Type
from travio_inventory.api.rest.stock.routing import PREFIX, StockRoute
from travio_inventory.kernel.clock import Clock
from travio_inventory.stock.records.movement_days import day_of
from travio_inventory.stock.reports import RegionReport, StockReportQuery, report_query
from travio_inventory.stock.use_cases import Stock

ShownDay = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]


class MovedShown(StockTold):
    """What moved on a day, of one type."""

    day: ShownDay
    type: Type
    quantity: int
    movements: int


class RegionShown(StockTold):
    """The stock of a region, and what moved there."""

    region: str
    warehouses: int
    entries: int
    low_stock_entries: int
    quantity_available: int
    quantity_reserved: int
    quantity_total: int
    quantity_in_transit: int
    movements: list[MovedShown]


class StockReport(StockTold):
    """The stock of each region."""

    from_day: ShownDay
    to_day: ShownDay
    regions: list[RegionShown]


AS_CSV = {"text/csv": {"example": report_csv([])}}


class ReportRoutes:
    """One use case."""

    def __init__(self, stock: Stock, clock: Clock) -> None:
        self._stock = stock
        self._clock = clock

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/reports", tags=["stock"], route_class=StockRoute)
        router.add_api_route(
            "/stock",
            self.stock,
            summary="The stock of each region, and its movements by day and type.",
            responses={200: {"model": StockReport, "content": AS_CSV}, **problems_of()},
        )
        return router

    async def stock(
        self,
        caller: StockReading,
        request: Request,
        region: str = "",
        from_: Annotated[
            str, Query(alias="from", description="The first day, in UTC; else the week that ends with the last one.")
        ] = "",
        to: Annotated[str, Query(description="The last day, as 2027-06-01, in UTC; else today.")] = "",
        format_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response:
        query = report_query(region, from_, to, day_of(self._clock.now_ms()))
        within_s = getattr(request.app.state, DEADLINE_S) * SHARE_OF_DEADLINE
        reports = await self._stock.report(caller.as_member(), query, within_s=within_s)
        if format_ == "csv":
            return Response(report_csv(reports), media_type="text/csv; charset=utf-8")
        told = _told(query, reports).model_dump_json(by_alias=True)
        return Response(told, media_type="application/json")


def _told(query: StockReportQuery, reports: Sequence[RegionReport]) -> StockReport:
    regions = [
        RegionShown(
            region=each.region,
            warehouses=each.warehouses,
            entries=each.entries,
            low_stock_entries=each.low,
            quantity_available=each.available,
            quantity_reserved=each.reserved,
            quantity_total=each.total,
            quantity_in_transit=each.in_transit,
            movements=[
                MovedShown(day=day.isoformat(), type=kind.value, quantity=quantity, movements=movements)
                for day, kind, quantity, movements in each.moved
            ],
        )
        for each in reports
    ]
    return StockReport(from_day=query.first.isoformat(), to_day=query.last.isoformat(), regions=regions)
