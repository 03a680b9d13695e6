"""Broken designs of swapping the vehicle of a trip: the old seats go on being sold, or holds are left half way."""

import pytest

from travio_inventory.seats.former import FormerSeats
from travio_inventory.seats.records import cell_periods
from travio_inventory.seats.records.trip_changes import Found
from travio_inventory.seats.records.trip_swaps import TripSwaps
from travio_inventory.seats.use_cases import block_seats
from verification.simulation.broken import broken
from verification.simulation.plan import Plan

SWAPPING = Plan(0, with_gate=True, swaps=True, changes=0.3)


@broken("a swap leaves the old cells in their period", "I14", SWAPPING.with_seed(32))
def _old_cells(patch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    patch.setattr(cell_periods, "end_period", none)


@broken("a swap that nobody goes on with", "L7", SWAPPING)
def _left_alone(patch: pytest.MonkeyPatch) -> None:
    async def none(_self: TripSwaps, _found: Found) -> None:
        return None

    patch.setattr(TripSwaps, "_move_all", none)


@broken("seats are blocked while the vehicle is swapped", "I14", SWAPPING.with_seed(158))
def _block_old_ones(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(block_seats, "SalesState", type("Never", (), {"SWAPPING": None}))


@broken("a repeated hold is told that its seats are not there any more", "I6", SWAPPING.with_seed(4))
def _no_such_seat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FormerSeats, "last_with", lambda _self, _seats: None)
