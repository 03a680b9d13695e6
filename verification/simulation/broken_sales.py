"""Broken designs of freezing a trip: cells that do not know of it, or claims that do not ask them."""

import pytest

from travio_inventory.protocol.batches import Row, Rows, Write
from travio_inventory.seats.records import cell_periods, seat_rows
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.trip import Trip
from verification.simulation.broken import broken
from verification.simulation.plan import Plan

FREEZING = Plan(0, with_gate=True, honest_edge=True, freezes=True, kills=0.0)


@broken("a freeze by the row of the trip alone", "I14", FREEZING.with_seed(5))
def _row_alone(patch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    patch.setattr(cell_periods, "end_period", none)


@broken("a freeze forgets the last seat group", "I14", FREEZING.with_seed(78))
def _all_but_one(patch: pytest.MonkeyPatch) -> None:
    tell = cell_periods.tell_group

    async def all_but_one(visit: Visit, trip: Trip, group: int, period: int) -> Rows:
        return await tell(visit, trip, group, period) if group < trip.group_count - 1 else {}

    patch.setattr(cell_periods, "tell_group", all_but_one)


@broken("a freeze tells the cells that are free", "I5 I14 L2", FREEZING)
def _free_ones(patch: pytest.MonkeyPatch) -> None:
    behind = cell_periods.behind

    def free_ones(trip: Trip, group: int, standing: Rows, period: int) -> list[Write]:
        free = {cell: row for cell, row in standing.items() if row.get("status") == "available"}
        told = {write.key for write in behind(trip, group, standing, period)} & free.keys()
        return [write for write in behind(trip, group, standing, period) if write.key in told]

    patch.setattr(cell_periods, "behind", free_ones)


@broken("take a cell in whatever period it is", "I14", FREEZING.with_seed(6))
def _any_period(patch: pytest.MonkeyPatch) -> None:
    free: Row = {"status": "available"}
    patch.setattr(seat_rows, "if_available", lambda _period: free)
