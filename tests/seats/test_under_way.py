"""A sale ends while a step waits for its commit, and has no cell in its home: it does not commit after that."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.records import cell_periods
from travio_inventory.seats.refusals import HoldExpired, SalesClosed, TripCancelled
from verification.kit.faulty_batches import commits
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats in seat groups of four."""
    return await market.open(seats_per_group=4)


class Waiting:
    """A step of another process, which waits before its commit."""

    def __init__(self, process: Sale, step: Coroutine[Any, Any, Hold]) -> None:
        self._stall = process.store.stall(commits)
        self._running = asyncio.ensure_future(step)

    async def reached(self) -> "Waiting":
        """Its intents are there."""
        async with asyncio.timeout(60):
            await self._stall.reached.wait()
        return self

    async def goes_on(self) -> Hold:
        """What it comes to."""
        self._stall.go.set()
        return await self._running


async def moved_and_expired(sale: Sale) -> Hold:
    """Its home is the first seat group, its seat is in the third."""
    hold = await sale.move(await sale.hold("A1"), "A1>A9")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.settled()
    return hold


async def confirming_late(sale: Sale, hold: Hold) -> Waiting:
    slow = sale.elsewhere()
    return await Waiting(slow, slow.confirm(hold)).reached()


async def test_a_key_from_before_a_swap_makes_no_hold_after_a_freeze(sale: Sale) -> None:
    doomed, slow = sale.elsewhere(), sale.elsewhere()
    await doomed.dies(doomed.hold("A1 A2", key="k"), at=doomed.store.stall(commits))
    await sale.swap(seats=a_trip(seats_per_group=4))
    waiting = await Waiting(slow, slow.hold("A1 A2", key="k")).reached()
    await sale.freeze()
    with pytest.raises(SalesClosed):
        await waiting.goes_on()
    assert not await sale.holds()
    await sale.unfreeze()
    assert (await sale.hold("A1 A2", key="k")).home >= sale.trip.first_group
    await sale.assert_legal()


async def test_a_moved_hold_is_not_booked_late_after_a_freeze(sale: Sale) -> None:
    hold = await moved_and_expired(sale)
    waiting = await confirming_late(sale, hold)
    await sale.freeze()
    with pytest.raises(HoldExpired):
        await waiting.goes_on()
    await sale.unfreeze()
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    await sale.hold("A9", by="bob")
    await sale.assert_legal()


async def test_a_freeze_that_leaves_alone_what_is_under_way_is_no_freeze(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other tests of this file would find."""

    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(cell_periods, "settle", none)
    waiting = await confirming_late(sale, await moved_and_expired(sale))
    assert (await sale.freeze()).state is SalesState.FROZEN
    assert (await waiting.goes_on()).is_live


async def test_a_moved_hold_is_not_booked_late_after_a_cancellation(sale: Sale) -> None:
    waiting = await confirming_late(sale, await moved_and_expired(sale))
    await sale.cancel_trip()
    with pytest.raises((HoldExpired, TripCancelled)):
        await waiting.goes_on()
    assert not [hold for hold in await sale.holds() if hold.is_live]
    await sale.assert_legal()


async def test_a_hold_is_not_moved_after_a_freeze(sale: Sale) -> None:
    slow, hold = sale.elsewhere(), await sale.hold("A1")
    waiting = await Waiting(slow, slow.move(hold, "A1>A9")).reached()
    await sale.freeze()
    with pytest.raises(SalesClosed):
        await waiting.goes_on()
    assert (await sale.find(hold)).seats == ("A1",)
    await sale.unfreeze()
    await sale.hold("A9", by="bob")
    await sale.assert_legal()


async def test_a_hold_without_a_place_in_the_new_vehicle_gets_no_other_seat_of_the_old_one(sale: Sale) -> None:
    slow, hold = sale.elsewhere(), await sale.hold("A18")
    waiting = await Waiting(slow, slow.move(hold, "A18>A9")).reached()
    shorter = a_trip(seats_per_group=4)
    report = await sale.swap(seats=replace(shorter, seats=shorter.seats[:10]))
    assert report.swap.left == 1
    moved = await waiting.goes_on()
    assert (moved.seats, min(moved.groups) >= sale.trip.first_group) == (("A9",), True)
    await sale.assert_legal()


async def test_what_committed_before_the_freeze_stays(sale: Sale) -> None:
    """Its cells elsewhere say no more than those of an attempt that is under way."""
    several, other = await sale.hold("A1 A9"), await sale.move(await sale.hold("A2", by="bob"), "A2>A10")
    await sale.freeze()
    assert (await sale.confirm(several)).seats == ("A1", "A9")
    assert (await sale.confirm(other)).seats == ("A10",)
    await sale.assert_legal()
