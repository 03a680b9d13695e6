"""Reports the stock of each region, and what moved there by day and type."""

import asyncio
from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.stock.records.counted_entries import CountedEntries
from travio_inventory.stock.records.movement_days import MovementDays
from travio_inventory.stock.records.transfers import Transfers
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.reports import MOVEMENTS_MAX, RegionReport, Regions, StockReportQuery
from travio_inventory.stock.transfer import TransfersQuery


class ReportStock:
    """A sum of reads: while stock moves, what is told of two entries may be of two moments."""

    def __init__(
        self, entries: CountedEntries, days: MovementDays, warehouses: Warehouses, transfers: Transfers
    ) -> None:
        self._entries = entries
        self._transfers = transfers
        self._days = days
        self._warehouses = warehouses

    async def __call__(
        self, actor: Actor, query: StockReportQuery, *, within_s: float | None = None
    ) -> Sequence[RegionReport]:
        """By the name of the region. What cannot be counted in so many seconds is refused: it never could. Raises
        PermissionDenied, InvalidRequest, BackendUnavailable.
        """
        actor.needs(Scope.STOCK_READ)
        try:
            async with asyncio.timeout(within_s) as limit:
                return await self._count(actor.organization, query)
        except TimeoutError:
            if not limit.expired():
                raise
            said = f"has more than can be counted in {within_s:g} s: ask for one region and fewer days, or by gRPC"
            raise InvalidRequest([Violation("region", said)]) from None

    async def _count(self, organization: str, query: StockReportQuery) -> Sequence[RegionReport]:
        regions = Regions(await self._warehouses.all(organization), query.region)
        await self._entries.count(organization, regions.by_number, regions.count)
        await self._count_in_transit(organization, regions)
        counted = 0
        for day in query.days:
            async for number, movement in self._days.of(organization, day, warehouses=regions.by_number):
                regions.by_number[number].count_movement(day, movement)
                counted += 1
                if counted > MOVEMENTS_MAX:
                    said = f"these days have more than {MOVEMENTS_MAX} movements, the most: ask for fewer"
                    raise InvalidRequest([Violation("to_day", said)])
        return regions.in_order

    async def _count_in_transit(self, organization: str, regions: Regions) -> None:
        after, is_more = "", True
        while is_more:
            page = await self._transfers.in_transit(organization, TransfersQuery(after=after))
            for transfer in page.transfers:
                if transfer.to_number in regions.by_number:
                    regions.by_number[transfer.to_number].in_transit += transfer.counts.in_transit
            after, is_more = page.after, bool(page.after)
