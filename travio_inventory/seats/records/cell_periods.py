"""Brings the cells of a trip into a period of its sale (see `trip_sales`), those of its present vehicle."""

import asyncio
from contextlib import suppress

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Batches, Kind, Row, Rows, StoreUnavailable, Write
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.trip import Journey, Trip

TRIES_MAX = 16
GROUPS_AT_ONCE = 16


async def tell_cells(batches: Batches, trip: Trip, period: int) -> None:
    """Return when every cell of the trip's present vehicle is there and of that period, or of a later one. Raises
    BackendUnavailable, OutcomeUnknown.
    """
    visit, at_once = Visit(batches), asyncio.Semaphore(GROUPS_AT_ONCE)

    async def tell(group: int) -> None:
        async with at_once:
            await tell_group(visit, trip, group, period)

    for failed in await asyncio.gather(*map(tell, trip.groups), return_exceptions=True):
        if failed is not None:
            raise failed


async def tell_group(visit: Visit, trip: Trip, group: int, period: int) -> None:
    """Bring the seat group's cells into the period, those too that are not made yet; none that is in a later one."""
    partition = seat_rows.group_partition(trip.key, group)
    for _ in range(TRIES_MAX):
        with suppress(StoreUnavailable, BackendUnavailable, OutcomeUnknown):
            writes = behind(trip, group, await visit.batches.read(partition, Kind.CELL), period)
            if not writes:
                return
            for portion in portions(writes):
                if not await visit.write(partition, portion):
                    for write in portion:  # some have changed since: the others first, those when they are read again
                        await visit.write(partition, [write])
    raise BackendUnavailable


def behind(trip: Trip, group: int, standing: Rows, period: int) -> list[Write]:
    """What brings each cell of the seat group into the period that is not."""
    cells = seat_rows.cell_keys((seat.id for seat in trip.seats_in(group)), Journey(0, len(trip.segments) - 1))
    values: Row = {"period": period}
    missing = [Write(cell, ABSENT, {**seat_rows.NEW_CELL, **values}) for cell in cells if cell not in standing]
    return missing + [
        Write(cell, {"status": row.get("status"), "period": row.get("period")}, values)
        for cell, row in standing.items()
        if rows.number(row, "period") < period and row.get("status") not in seat_rows.OFF_SALE
    ]
