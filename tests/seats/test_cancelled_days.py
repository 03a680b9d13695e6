"""Days on which a trip is cancelled while it is sold, over a store that fails, by processes that know it of old."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from tests.seats.long_after import KEY, WHOLE, Shop, Store, a_trip, run
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Row, Table
from travio_inventory.protocol.hold_protocol import HoldProtocol
from travio_inventory.seats.commands import trip_id
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Hold, HoldRequest
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.records import cell_periods, mass_release, trip_sales
from travio_inventory.seats.trip import TripKey
from travio_inventory.store.memory import Faults
from verification.kit.asking import open_trip

SEEDS = 12
DAY_S = 60
QUIET_S = 700
"""Long enough for what is under way to land, and for holds to lapse."""


class Day:
    """A trip that is sold by three processes, one of which never reads it again, until it is cancelled."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = Store()
        self.shops = [Shop(self.store, seed=number) for number in range(3)]
        self.trip = a_trip()
        self.is_cancelled = False
        self.late: list[Hold] = []
        """Held by calls that began when the cancellation had been answered."""

    async def play(self) -> None:
        """The day; raises AssertionError where the cancellation did not hold."""
        await open_trip(self.shops[0].inventory, self.trip)
        self.store.faults = replace(Faults.share(0.2), queued_s_max=20.0)
        holders = [asyncio.ensure_future(self._live(f"u{number}")) for number in range(6)]
        await asyncio.sleep(self.random.uniform(5, DAY_S))
        cancelling = [asyncio.ensure_future(self._cancel(shop)) for shop in self.shops[:2]]
        await asyncio.wait(cancelling)
        for cancelled in cancelling:
            cancelled.result()
        await asyncio.wait(holders)
        self.store.faults = Faults.none()
        await asyncio.sleep(QUIET_S)
        assert self.late == []
        found = self._rows()
        assert not [row for kind, row in found if kind is Kind.HOLD and row["status"] in rows.LIVE]
        told = [row["type"] for kind, row in found if kind is Kind.EVENT]
        assert told.count(EventType.TRIP_CANCELLED) == 1
        ended = [row["status"] for kind, row in found if kind is Kind.HOLD]
        assert (told.count(EventType.HOLD_RELEASED), told.count(EventType.BOOKING_CANCELLED)) == (
            ended.count("released"), ended.count("cancelled"),
        )  # fmt: skip

    def _rows(self) -> list[tuple[Kind, Row]]:
        groups = [each for each in self.store.partitions() if each.table is Table.SEAT_GROUPS]
        return [(key.kind, row) for group in groups for key, row in self.store.snapshot(group).items()]

    async def _cancel(self, shop: Shop) -> None:
        """Until it is answered."""
        while True:
            with suppress(Refusal):
                found = await shop.inventory.cancel_trip(house_of("acme"), trip_id(KEY.trip))
                assert found.offer.state is SalesState.CANCELLED
                self.is_cancelled = True
                return
            await asyncio.sleep(1)

    async def _live(self, who: str) -> None:
        """Hold, and confirm, release or leave it."""
        while asyncio.get_running_loop().time() < DAY_S + 30:
            await asyncio.sleep(self.random.uniform(0.1, 3))
            shop, was_cancelled = self.random.choice(self.shops), self.is_cancelled
            with suppress(Refusal):
                hold = await self._hold(shop, who)
                if was_cancelled:
                    self.late.append(hold)
                await asyncio.sleep(self.random.uniform(0, 4))
                if self.random.random() < 0.6:
                    await shop.confirm(hold)

    async def _hold(self, shop: Shop, who: str) -> Hold:
        seats = self.trip.in_layout_order([f"A{at}" for at in self.random.sample(range(1, 7), 2)])
        if shop is not self.shops[2]:
            return await shop.hold(" ".join(seats), by=who)
        request = HoldRequest(Actor("acme", who), self.trip, self.trip.journey(WHOLE), seats, 600_000, None)
        return await shop.holds.hold(request)


async def played(seed: int) -> None:
    """Such a day."""
    await Day(seed).play()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_trip_that_is_cancelled_while_it_is_sold_ends_without_a_live_hold(seed: int) -> None:
    run(played(seed))


def _forgets_a_seat_group(monkeypatch: pytest.MonkeyPatch) -> None:
    end_group = mass_release.end_group

    async def all_but_one(holds: HoldProtocol[Hold], key: TripKey, group: int, since_ms: int) -> tuple[int, int]:
        return await end_group(holds, key, group, since_ms) if group else (0, 0)

    monkeypatch.setattr(trip_sales, "end_group", all_but_one)


def _tells_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(cell_periods, "end_period", none)


def _announces_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    announce = mass_release.announce_cancelled

    async def twice(*args: object) -> None:
        await announce(*args)  # type: ignore[arg-type]
        sender, offer = args
        await announce(sender, replace(offer, period=offer.period + 1))  # type: ignore[arg-type,type-var,attr-defined]

    monkeypatch.setattr(trip_sales, "announce_cancelled", twice)


@pytest.mark.parametrize("broken", [_forgets_a_seat_group, _tells_no_cell, _announces_each_time])
def test_a_broken_way_to_cancel_is_caught(monkeypatch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        _ = [run(played(seed)) for seed in range(SEEDS)]
