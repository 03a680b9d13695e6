"""Broken designs of cancelling a trip: what is held and booked ends by steps that are not those of its holder."""

from contextvars import ContextVar
from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.protocol.steps import deciding
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.records.mass_release import end_group
from travio_inventory.seats.trip import TripKey
from verification.simulation.broken import broken
from verification.simulation.plan import Plan

CANCELLING = Plan(0, with_gate=True, cancels=True, holders=9, faults=0.3)


@broken("a cancellation ends what the first seat group has", "I14", CANCELLING)
def _first_group(patch: pytest.MonkeyPatch) -> None:
    async def end(holds: HoldProtocol[Hold], key: TripKey, group: int, since_ms: int) -> tuple[int, int]:
        return (0, 0) if group else await end_group(holds, key, group, since_ms)

    patch.setattr("travio_inventory.seats.records.trip_sales.end_group", end)


@broken(
    "a cancelled trip's hold is released without looking at its status",
    "I4",
    replace(CANCELLING, seed=192, seats_per_group=1, seats=4, popular=4),
)
def _whatever_it_is(patch: pytest.MonkeyPatch) -> None:
    as_seen = deciding.as_seen
    is_ending = ContextVar("is_ending", default=False)

    async def end(holds: HoldProtocol[Hold], key: TripKey, group: int, since_ms: int) -> tuple[int, int]:
        is_ending.set(True)
        return await end_group(holds, key, group, since_ms)

    def seen(hold: Hold) -> Row:
        return {"extensions": hold.extensions} if is_ending.get() else as_seen(hold)

    patch.setattr("travio_inventory.seats.records.trip_sales.end_group", end)
    patch.setattr(deciding, "as_seen", seen)
