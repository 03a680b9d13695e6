"""Broken designs of blocking seats: seats that are not all blocked at one moment, or by a hold that is not there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from travio_inventory.protocol.batches import Row
from travio_inventory.protocol.claims import Claims
from travio_inventory.protocol.resource import Findings, Obstacle, Taken
from travio_inventory.seats import events
from travio_inventory.seats.hold import NEVER_MS, Hold
from travio_inventory.seats.records.holds import SeatHolds
from travio_inventory.seats.records.seat_blocks import SeatBlocks
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from verification.simulation.broken import broken
from verification.simulation.plan import Plan

HOUSES = Plan(0, seats_per_group=1, seats=4, popular=4, holders=3)
AT_THE_GATE = replace(HOUSES.with_seed(1), with_gate=True, honest_edge=True)


@broken("block seats one by one, and unblock them if one fails", "I2 I3 I5", HOUSES.with_seed(1))
def _one_by_one(patch: pytest.MonkeyPatch) -> None:
    block = SeatHolds.block

    async def one_by_one(self: SeatHolds, trip: Trip, reasons: Mapping[str, str], *, period: int = 0) -> None:
        done: list[str] = []
        try:
            for seat, reason in reasons.items():
                await block(self, trip, {seat: reason}, period=period)
                done.append(seat)
        except SeatTaken:
            for seat in done:
                await self.unblock(trip, seat)
            raise

    patch.setattr(SeatHolds, "block", one_by_one)


@broken("blocked seats are published as a hold of nobody", "I8", HOUSES)
def _as_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "_by_house", events._by_user)


@broken("a seat that another call is about to block counts as blocked", "I3 I5", HOUSES.with_seed(27))
def _believe_intents(patch: pytest.MonkeyPatch) -> None:
    judge = Claims._judge

    async def believe(self: Claims[Hold], findings: Findings[Hold], obstacle: Obstacle) -> None:
        if findings.met.rows[obstacle.key].get("status") == "blocked":
            house: Row = {"status": "held", "expires_at_ms": NEVER_MS}
            findings.taken.append(Taken(obstacle.key, obstacle.owner, house))
        else:
            await judge(self, findings, obstacle)

    patch.setattr(Claims, "_judge", believe)


@broken("a seat that is already blocked is remembered under an unused id", "I5 I7", AT_THE_GATE)
def _made_up_house_hold(patch: pytest.MonkeyPatch) -> None:
    async def made_up(self: SeatBlocks, holds: Iterable[Hold]) -> None:
        for hold in holds:
            await self._rolling.watch.changed(hold, as_of_ms=hold.created_at_ms)

    patch.setattr(SeatBlocks, "_told_again", made_up)


@broken("a cache that is trusted although an own invalidation was lost", "I7", Plan(12, viewers=20, kills=0.0))
def _trust_the_cache(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OwnMaps, "_doubt", lambda _self, _names, _slow_s: 0.0)
