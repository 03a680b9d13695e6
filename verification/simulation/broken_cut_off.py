"""Broken designs of late commits that were cut off: of their next ids."""

import pytest

from travio_inventory.protocol import judging, rows
from travio_inventory.protocol.fencing import REFUSED
from travio_inventory.protocol.hold import base_id, late_id
from travio_inventory.protocol.judging import Judging
from travio_inventory.stock.reservation import Reservation
from verification.simulation.broken_units import BrokenUnits
from verification.simulation.plan import Plan

CUT_OFF_DAY = Plan(0, seats=16, seats_per_group=8, holders=4, day_s=240.0, faults=0.0, kills=0.0, changes=0.4)
ROUGH_CUT_OFF = Plan(0, seats=16, seats_per_group=8, holders=4, day_s=240.0, faults=0.2, kills=0.1, changes=0.4)


def _one_late_id(patch: pytest.MonkeyPatch) -> None:
    """An attempt that was cut off, and given up by others, is a no."""
    patch.setattr(judging, "LATE_MAX", 1)


def _two_late_ids(patch: pytest.MonkeyPatch) -> None:
    """So is the second one."""
    patch.setattr(judging, "LATE_MAX", 2)


def _first_one_only(patch: pytest.MonkeyPatch) -> None:
    """Who makes sure that it is never booked late thinks of its first late id."""

    async def never_late(self: Judging[Reservation], organization: str, hold_id: str) -> bool:
        row = await self._fencing.fence(organization, late_id(base_id(hold_id)), REFUSED)
        return row.get("status") not in rows.LIVE

    patch.setattr(Judging, "never_late", never_late)


BROKEN_CUT_OFF = {
    "a late id that was given up has no next one": BrokenUnits("S8", CUT_OFF_DAY, _one_late_id),
    "a late id that was given up has one next one only": BrokenUnits("S8", CUT_OFF_DAY, _two_late_ids),
    "only the first late id is given up for another reservation": BrokenUnits("I6", ROUGH_CUT_OFF, _first_one_only),
}
