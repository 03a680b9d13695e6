"""Brings the cells of a trip into a period of its sale (see `trip_sales`), those of its present vehicle.

A batch is refused by a cell of a later period, and a hold may have none in its home: it was moved elsewhere, or its key
was bound before the trip got another vehicle. What it took elsewhere before the period ended would be committed after
that. So when a seat group's cells are told, whatever has taken some of them is found there, and nothing more can come:
each of these attempts has committed by then, or is fenced.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Batches, Kind, Partition, Row, Rows, StoreUnavailable, Write
from travio_inventory.protocol.hold import read_title
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.judging import Judging
from travio_inventory.seats.hold import Hold, parse_hold_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.visits import Visit, portions
from travio_inventory.seats.trip import Journey, Trip

TRIES_MAX = 16
GROUPS_AT_ONCE = 16


async def begin_period(batches: Batches, trip: Trip, period: int) -> None:
    """Return when every cell of the trip's present vehicle is there and of that period, or of a later one. Raises
    BackendUnavailable, OutcomeUnknown.
    """
    visit = Visit(batches)
    await _in_each_group(trip, lambda group: tell_group(visit, trip, group, period))


async def end_period(holds: HoldProtocol[Hold], trip: Trip, period: int) -> None:
    """Bring the cells into the period that follows. What takes cells of the one before, in any process, has committed
    when this returns, or never will. Raises BackendUnavailable, OutcomeUnknown.
    """
    visit = Visit(holds.sender.batches)

    async def end(group: int) -> None:
        standing = await tell_group(visit, trip, group, period)
        await settle(holds.judging, seat_rows.group_partition(trip.key, group), standing)

    await _in_each_group(trip, end)


async def settle(judging: Judging[Hold], partition: Partition, standing: Rows) -> None:
    """End the attempts that took these cells and did not commit. Raises BackendUnavailable, OutcomeUnknown."""
    held = {rows.text(row, "owner") for row in standing.values() if row.get("status") == "held"}
    elsewhere = [owner for owner in sorted(held) if parse_hold_id(read_title(owner).hold_id).home != partition.number]
    try:
        for owner in elsewhere:
            await judging.settle(partition.organization, owner)
    except StoreUnavailable:
        raise BackendUnavailable from None


async def tell_group(visit: Visit, trip: Trip, group: int, period: int) -> Rows:
    """Bring the seat group's cells into the period, those too that are not made yet; none that is in a later one. The
    cells as they are then.
    """
    partition = seat_rows.group_partition(trip.key, group)
    for _ in range(TRIES_MAX):
        with suppress(StoreUnavailable, BackendUnavailable, OutcomeUnknown):
            standing = await visit.batches.read(partition, Kind.CELL)
            writes = behind(trip, group, standing, period)
            if not writes:
                return standing
            for portion in portions(writes):
                if not await visit.write(partition, portion):
                    for write in portion:  # some have changed since: the others first, those when they are read again
                        await visit.write(partition, [write])
    raise BackendUnavailable


async def _in_each_group(trip: Trip, work: Callable[[int], Awaitable[object]]) -> None:
    at_once = asyncio.Semaphore(GROUPS_AT_ONCE)

    async def limited(group: int) -> None:
        async with at_once:
            await work(group)

    for failed in await asyncio.gather(*map(limited, trip.groups), return_exceptions=True):
        if failed is not None:
            raise failed


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
