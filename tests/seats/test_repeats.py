"""A call that is repeated since its answer was lost gets it, whatever became of the trip meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random

import pytest

from travio_inventory.kernel.refusals import IdempotencyKeyReused
from travio_inventory.seats.hold import Confirmed, Held, Passenger
from travio_inventory.seats.refusals import (
    BookingCancelled,
    HoldReleased,
    InvalidSeats,
    SalesClosed,
)
from travio_inventory.seats.trip import Trip
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import commits
from verification.kit.sale import FIRST_ROUNDS, GRACE_S, Market, Sale
from verification.kit.trips import a_trip

DEPARTS_S = START_MS // 1_000 + 30

Happens = Callable[[Sale], Awaitable[object]]


def named_anew(trip: Trip) -> Trip:
    """A vehicle with seats of other names, which stand for those of the trip; in an order that is not theirs."""
    seats = tuple(replace(seat, id=f"N{seat.row}", row=100 - seat.row) for seat in trip.seats)
    return replace(trip, seats=seats, seats_per_group=4)


def onto_new(trip: Trip, *, left: str = "") -> Mapping[str, str]:
    """Which of its seats stands for which seat of the trip."""
    return {seat.id: f"N{seat.row}" for seat in trip.seats if seat.id not in left.split()}


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    """Ten seats, in seat groups of three, of a trip that leaves soon."""
    trip = a_trip(seats=10, seats_per_group=3)
    times = [(DEPARTS_S + at * 50, DEPARTS_S + at * 50 + 40) for at in range(len(trip.segments))]
    segments = [
        replace(each, departs_at_s=at[0], arrives_at_s=at[1]) for each, at in zip(trip.segments, times, strict=True)
    ]
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        sale = market.prepare(replace(trip, segments=tuple(segments)))
        await sale.open_trip()
        yield sale


async def swap(sale: Sale, *, left: str = "") -> None:
    """To the vehicle that is named anew."""
    trip = sale.trip
    await sale.swap(seats=named_anew(trip), chosen=onto_new(trip, left=left))


async def swap_in_another_order(sale: Sale) -> None:
    """To a vehicle with the same seats the other way round."""
    seats = tuple(replace(seat, row=100 - seat.row) for seat in sale.trip.seats)
    await sale.swap(seats=replace(sale.trip, seats=seats))


async def depart(sale: Sale) -> None:
    """The trip leaves the first stop."""
    sale.clock.pass_s(31)


async def leave_earlier(sale: Sale) -> None:
    """It left the first stop a while ago, as is known now."""
    await sale.change(times={0: (DEPARTS_S - 60, DEPARTS_S - 50)})


async def swap_twice(sale: Sale) -> None:
    """There, and to the old seats again."""
    old = sale.trip
    await swap(sale)
    await sale.swap(seats=old, chosen={new: seat for seat, new in onto_new(old).items()})


async def close_and_swap(sale: Sale) -> None:
    """Sales are closed, then the vehicle is swapped."""
    await sale.close()
    await swap(sale)


HAPPENS: Mapping[str, Happens] = {
    "swap": swap,
    "in another order": swap_in_another_order,
    "left without a place": lambda sale: swap(sale, left="A1"),
    "two swaps": swap_twice,
    "prices": lambda sale: sale.change(classes={"second": 5}, seats={"A1": 7}),
    "times": leave_earlier,
    "close": lambda sale: sale.close(),
    "freeze": lambda sale: sale.freeze(),
    "closed and swapped": close_and_swap,
    "departure": depart,
}


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS.keys())
async def test_a_hold_whose_answer_was_lost_is_answered_as_it_stands_now(sale: Sale, happens: Happens) -> None:
    hold = await sale.hold("A1 A9", key="k", ttl_s=120)
    stale, other = sale.elsewhere(), await sale.hold("A2", "A-B", by="bob", key="k", ttl_s=120)
    await stale.hold("A5", by="cid")
    await happens(sale)
    now = await sale.find(hold)
    assert (now.id, now.prices, now.state) == (hold.id, hold.prices, hold.state)
    for process in (sale, stale, sale.elsewhere()):
        assert await process.hold("A9 A1", key="k", ttl_s=120) == now
        assert await process.hold("A1 A9", key="k", ttl_s=120, settles=True) == now
        with pytest.raises(IdempotencyKeyReused):
            await process.hold("A1 A8", key="k", ttl_s=120)
    assert (await sale.hold("A2", "A-B", by="bob", key="k", ttl_s=120)).id == other.id
    await sale.assert_legal()


async def test_a_booking_a_release_and_a_cancelled_trip_are_what_a_repeated_hold_says(sale: Sale) -> None:
    booked, released = await sale.hold("A1", key="k"), await sale.hold("A2", key="r")
    await sale.release(released)
    booking = await sale.confirm(booked)
    await swap(sale)
    assert (await sale.hold("A1", key="k")).state == booking.state
    with pytest.raises(HoldReleased):
        await sale.hold("A2", key="r")
    held = await sale.hold("N3", key="n")
    await sale.cancel_trip()
    for key, seat, ended in (("k", "A1", BookingCancelled), ("n", "N3", HoldReleased)):
        for settles in (False, True):
            with pytest.raises(ended):
                await sale.hold(seat, key=key, settles=settles)
    with pytest.raises(SalesClosed):
        await sale.hold("N4", key="new")
    assert held.is_live


async def test_a_key_that_made_nothing_is_told_that_the_seat_is_not_there(sale: Sale) -> None:
    """Also one whose attempt was cut short, and one that nobody used."""
    doomed = sale.elsewhere()
    await doomed.dies(doomed.hold("A1 A9", key="k"), at=doomed.store.stall(commits))
    await swap(sale)
    for _ in range(2):
        for process in (sale, sale.elsewhere()):
            for key in ("k", "unused", None):
                with pytest.raises(InvalidSeats, match="this trip has no seat 'A"):
                    await process.hold("A1 A9", key=key)
        sale.clock.pass_s(GRACE_S + 1)
    for _ in range(FIRST_ROUNDS):
        await sale.sweep()
    await sale.assert_legal()


async def test_a_process_that_does_not_know_of_the_swap_sells_the_new_seats(sale: Sale) -> None:
    stale = sale.elsewhere()
    own = await stale.hold("A4", by="eve")
    await swap(sale)
    hold = await sale.hold("N1", key="k")
    assert await stale.hold("N1", key="k") == hold
    assert (await stale.move(own, "N4>N5")).seats == ("N5",)


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS.keys())
async def test_a_move_whose_answer_was_lost_is_answered_as_it_stands_now(sale: Sale, happens: Happens) -> None:
    moves = "A1>A3 A9>A10"
    hold = await sale.hold("A1 A9", ttl_s=120)
    await sale.move(hold, moves, version=0)
    await happens(sale)
    now = await sale.find(hold)
    for process in (sale, sale.elsewhere()):
        for version in (None, 0):
            assert await process.move(hold, moves, version=version) == now
    await sale.assert_legal()


async def test_a_move_to_another_journey_is_repeated_without_a_place(sale: Sale) -> None:
    hold = await sale.hold("A1", "A-B", ttl_s=120)
    await sale.move(hold, ends="A-C")
    await swap(sale, left="A1")
    now = await sale.find(hold)
    assert now.seats == ("A1",)
    assert await sale.move(hold, ends="A-C") == now


async def test_only_what_was_done_counts_as_a_repeated_move(sale: Sale) -> None:
    hold = await sale.hold("A1 A9")
    await sale.move(hold, "A1>A3 A9>A10")
    now = await sale.move(hold, "A3>A4")
    assert await sale.move(hold, "A1>A3 A9>A10") == now
    assert await sale.move(hold, "A3>A4") == now
    for never in ("A9>A3", "A1>A2"):
        with pytest.raises(InvalidSeats):
            await sale.move(hold, never)
    back = await sale.move(hold, "A4>A1")
    assert back.seats == ("A1", "A10")
    assert (await sale.move(hold, "A1>A3")).seats == ("A3", "A10"), "it can be done, so it is"


async def test_parts_that_were_given_back_are_done_and_parts_that_got_other_seats_are_not(sale: Sale) -> None:
    """Whoever names a seat by the name that it had before does not know what the hold has: nothing is given back."""
    hold = await sale.hold("A1 A2 A9", ttl_s=120)
    booking = await sale.confirm(await sale.hold("A4 A5", by="bob"))
    await sale.release(hold, "A1")
    await sale.cancel(booking, "A4")
    await swap(sale)
    assert (await sale.release(hold, "A1")).seats == ("N9", "N2")
    assert (await sale.cancel(booking, "A4")).seats == ("N5",)
    with pytest.raises(InvalidSeats, match="the hold has the seats N9, N2, not A2"):
        await sale.release(hold, "A1 A2")
    with pytest.raises(InvalidSeats, match="the hold has the seats N5, not A5"):
        await sale.cancel(booking, "A5")
    assert (await sale.release(hold, "N2")).seats == ("N9",)
    await sale.assert_legal()


async def test_a_confirm_whose_answer_was_lost_is_answered_with_the_seats_that_it_has_now(sale: Sale) -> None:
    named = [Passenger("A1", "Ann", "1"), Passenger("A2", "Bob", "2")]
    hold = await sale.hold("A1 A2 A9")
    await sale.confirm(hold, passengers=named, seats="A1 A2")
    await swap(sale)
    for process in (sale, sale.elsewhere()):
        booking = await process.confirm(hold, passengers=named, seats="A1 A2")
        assert booking.state == Confirmed("order-1")
        assert {each.seat: each.name for each in booking.passengers} == {"N1": "Ann", "N2": "Bob"}
        assert await process.confirm(hold, passengers=named) == booking
    held = await sale.hold("N4", by="bob")
    assert isinstance(held.state, Held)
    await sale.assert_legal()
