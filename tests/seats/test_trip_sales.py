"""Sales are closed, opened again and frozen; what is held goes on, and the house's own blocks stay."""

from dataclasses import replace

import pytest

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Refusal
from travio_inventory.protocol.batches import Applied
from travio_inventory.seats.hold import Confirmed, Held, HoldRequest, Released
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.refusals import (
    Departed,
    HoldExpired,
    HoldReleased,
    NotOnSale,
    SalesClosed,
    SeatHeld,
    TripNotFound,
    TripOpening,
)
from travio_inventory.seats.trip import Journey
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, any_batch, cells_alone, commits, seeds
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip

DEPARTS_S = START_MS // 1_000 + 100


async def test_closed_sales_take_no_new_holds_until_they_are_open_again(sale: Sale) -> None:
    assert (await sale.close()).state is SalesState.CLOSED
    with pytest.raises(SalesClosed):
        await sale.hold("A1")
    assert (await sale.close()).version == 2, "a repeated call changes nothing"
    assert (await sale.reopen()).state is SalesState.OPEN
    await sale.hold("A1")


async def test_what_is_held_goes_on_while_sales_are_closed_or_frozen(sale: Sale) -> None:
    first, second, third = [await sale.hold(seat) for seat in ("A1", "A2", "A3")]
    booking = await sale.confirm(await sale.hold("A4"))
    await sale.close()
    await sale.freeze()
    assert isinstance((await sale.extend(first, ttl_s=2 * TTL_S)).state, Held)
    assert isinstance((await sale.confirm(first)).state, Confirmed)
    assert isinstance((await sale.release(second)).state, Released)
    await sale.cancel(booking)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    assert await sale.seats("available") == "", "nobody can buy them now"
    with pytest.raises(HoldExpired):
        await sale.confirm(third)
    with pytest.raises(HoldExpired):
        await sale.confirm(third)
    await sale.assert_legal()


async def test_a_key_finds_the_hold_that_it_made_before(sale: Sale) -> None:
    hold = await sale.hold("A1", key="k")
    await sale.close()
    assert await sale.hold("A1", key="k") == hold
    assert await sale.hold("A1", key="k", settles=True) == hold
    await sale.release(hold)
    with pytest.raises(HoldReleased):
        await sale.hold("A1", key="k")
    with pytest.raises(SalesClosed):
        await sale.hold("A1", key="new")
    await sale.reopen()
    await sale.hold("A1", key="new")


async def test_a_key_that_was_refused_for_good_while_sales_were_closed_never_commits(sale: Sale) -> None:
    """Its home batch is under way when the sales are closed, and arrives after the refusal."""
    doomed = sale.elsewhere()
    doomed.store.spoil(Spoil.LATE, commits, times=1)
    doomed.store.spoil(Spoil.LOST, any_batch)
    with pytest.raises((OutcomeUnknown, BackendUnavailable)):
        await doomed.hold("A1 A2", key="k")
    await sale.close()
    with pytest.raises(SalesClosed):
        await sale.hold("A1 A2", key="k", settles=True)
    assert not any(isinstance(outcome, Applied) for outcome in await doomed.store.deliver_late())
    await sale.reopen()
    await sale.hold("A1 A2", key="k")


async def test_a_freeze_is_for_every_process_whatever_it_knows(sale: Sale) -> None:
    other = sale.elsewhere()
    await other.map()
    held = await other.hold("A2", by="bob")
    assert (await sale.freeze()).state is SalesState.FROZEN
    for seats in ("A1", "A1 A3", "A18 A1"):
        with pytest.raises(SalesClosed):
            await other.hold(seats, by="bob")
    await other.release(held)
    with pytest.raises(SalesClosed):
        await sale.elsewhere().hold("A2")
    assert (await sale.unfreeze()).state is SalesState.OPEN
    await other.hold("A1 A2", by="bob")
    await sale.elsewhere().hold("A3 A18")
    await sale.assert_legal()


async def test_what_a_frozen_trip_gets_back_is_not_sold_by_who_knows_it_from_before(sale: Sale) -> None:
    knows_it = sale.elsewhere()
    hold = await knows_it.hold("A2")
    await sale.freeze()
    await knows_it.release(hold)
    await sale.settled()
    with pytest.raises((SalesClosed, TripOpening)):
        await knows_it.process.holds.hold(an_old_request(knows_it))
    assert await sale.statuses("A2") == ["available"] * 3


def an_old_request(sale: Sale) -> HoldRequest:
    """A request of a process that still believes in the first period."""
    return HoldRequest(sale.actor("eve"), sale.trip, Journey(0, 2), ("A2",), 60_000, None)


async def test_an_unfreeze_gives_back_nothing_that_the_house_blocked(sale: Sale) -> None:
    await sale.block("A1")
    await sale.freeze()
    await sale.block("A2")
    await sale.unfreeze()
    assert await sale.seats("blocked") == "A1 A2"
    with pytest.raises(Refusal):
        await sale.hold("A1")
    await sale.unblock("A1 A2")
    await sale.hold("A1 A2")
    await sale.assert_legal()


async def test_a_trip_that_was_closed_and_frozen_is_closed_after_the_freeze(sale: Sale) -> None:
    await sale.close()
    await sale.freeze()
    assert (await sale.unfreeze()).state is SalesState.CLOSED
    assert (await sale.freeze()).state is SalesState.FROZEN
    assert (await sale.reopen()).state is SalesState.FROZEN
    assert (await sale.unfreeze()).state is SalesState.OPEN


async def test_frozen_twice_it_is_sold_in_the_third_period_only(sale: Sale) -> None:
    old = sale.elsewhere()
    await old.map()
    for _ in range(2):
        await sale.freeze()
        await sale.unfreeze()
    assert {row.get("period") for row in await sale.cells("A1")} == {2}
    await old.hold("A1 A2")
    with pytest.raises(SeatHeld):
        await sale.hold("A1", by="bob")


async def test_a_freeze_goes_on_where_another_process_died(sale: Sale) -> None:
    doomed = sale.elsewhere()
    await doomed.dies(doomed.freeze(), at=doomed.store.stall(cells_alone))
    with pytest.raises(SalesClosed, match="freezing"):
        await sale.elsewhere().hold("A1")
    assert (await sale.freeze()).state is SalesState.FROZEN
    assert {row.get("period") for seat in ("A1", "A18") for row in await sale.cells(seat)} == {1}
    await sale.unfreeze()
    await sale.hold("A1 A18")


async def test_a_freeze_that_cannot_be_completed_is_not_told_to_be_nothing(sale: Sale) -> None:
    doomed = sale.elsewhere()
    doomed.store.spoil(Spoil.NOT_DONE, cells_alone)
    with pytest.raises(OutcomeUnknown):
        await doomed.freeze()
    with pytest.raises(SalesClosed, match="freezing"):
        await sale.elsewhere().hold("A1")
    assert (await sale.freeze()).state is SalesState.FROZEN


async def test_cells_that_are_not_made_yet_are_frozen_too(market: Market) -> None:
    sale = market.prepare(a_trip(seats_per_group=1))
    doomed = sale.elsewhere()
    doomed.store.spoil(Spoil.NOT_DONE, seeds)
    with pytest.raises(BackendUnavailable):
        await doomed.open_trip()
    await sale.freeze()
    await sale.elsewhere().open_trip()
    for seat in ("A1", "A18"):
        assert {row.get("period") for row in await sale.cells(seat)} == {1}
    with pytest.raises(SalesClosed):
        await sale.hold("A1")
    await sale.unfreeze()
    await sale.hold("A1 A18")


async def test_a_late_copy_of_a_freeze_changes_nothing_after_it(sale: Sale) -> None:
    stalled = sale.elsewhere()
    stalled.store.spoil(Spoil.LATE, cells_alone, times=sale.trip.group_count)
    assert (await stalled.freeze()).state is SalesState.FROZEN
    await sale.unfreeze()
    assert not any(isinstance(outcome, Applied) for outcome in await stalled.store.deliver_late())
    await sale.hold("A1 A18")


async def test_a_trip_that_is_not_there_has_no_sales(sale: Sale) -> None:
    other = sale.market.prepare(replace(a_trip(), key=sale.trip.key._replace(trip="another")))
    for call in (other.close, other.reopen, other.freeze, other.unfreeze):
        with pytest.raises(TripNotFound):
            await call()


async def test_sales_end_when_the_trip_leaves_the_first_stop_of_the_journey(market: Market) -> None:
    trip = a_trip()
    segments = tuple(
        replace(segment, departs_at_s=DEPARTS_S + at * 50, arrives_at_s=DEPARTS_S + at * 50 + 40)
        for at, segment in enumerate(trip.segments)
    )
    sale = market.prepare(replace(trip, segments=segments))
    await sale.open_trip()
    await sale.hold("A2", "A-B", key="k")
    lapsing = await sale.hold("A3", "A-B")
    sale.clock.pass_s(99)
    await sale.sweep()
    sale.clock.pass_s(1)
    with pytest.raises(Departed):
        await sale.hold("A1", "A-C")
    with pytest.raises(NotOnSale):
        await sale.hold("A1", "A-C", key="new")
    with pytest.raises(HoldExpired):
        await sale.confirm(lapsing)
    with pytest.raises(HoldExpired):
        await sale.hold("A2", "A-B", key="k")
    assert isinstance((await sale.hold("A1", "B-D")).state, Held)
