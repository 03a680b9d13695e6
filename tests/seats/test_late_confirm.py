"""Confirming a hold that has expired: it succeeds as long as all its seats are free, and a refusal is final."""

import asyncio

import pytest

from travio_inventory.seats.hold import Cancelled, Confirmed, Expired, Hold, late_id
from travio_inventory.seats.refusals import BookingCancelled, HoldConfirmed, HoldExpired, SeatTaken
from verification.kit.faulty_batches import commits
from verification.kit.sale import GRACE_S, TTL_S, Sale

SEATS = "A1 A2 A18"


async def expired_hold(sale: Sale, seats: str = SEATS, ends: str = "A-C") -> Hold:
    """A hold that ran out and was ended."""
    hold = await sale.hold(seats, ends)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    assert isinstance((await sale.find(hold)).state, Expired)
    await sale.settled()
    return hold


async def test_a_late_confirm_books_seats_that_are_free(sale: Sale) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold, "order-7")
    assert (booking.id, booking.state) == (late_id(hold.id), Confirmed("order-7"))
    assert (booking.seats, booking.journey, booking.holder) == (hold.seats, hold.journey, hold.holder)
    assert await sale.seats("sold", "A-C") == SEATS
    await sale.assert_legal()


async def test_a_late_booking_is_found_by_either_id_and_listed_once(sale: Sale) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold)
    assert await sale.find(hold) == booking
    assert await sale.find(booking) == booking
    assert list(await sale.holds(include_ended=False)) == [booking]


async def test_a_late_confirm_again_is_the_same_answer(sale: Sale) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold)
    assert await sale.confirm(hold) == booking
    assert await sale.confirm(booking) == booking
    assert await sale.elsewhere().confirm(hold) == booking


async def test_twenty_late_confirms_at_once_make_one_booking(sale: Sale) -> None:
    hold = await expired_hold(sale)
    processes = [sale, sale.elsewhere()]
    answers = await asyncio.gather(*(processes[n % 2].confirm(hold) for n in range(20)))
    assert {answer.id for answer in answers} == {late_id(hold.id)}
    await sale.assert_legal()


async def test_two_orders_at_once_get_one_booking(sale: Sale) -> None:
    hold = await expired_hold(sale)
    answers = await asyncio.gather(
        sale.confirm(hold, "order-1"), sale.elsewhere().confirm(hold, "order-2"), return_exceptions=True
    )
    booked = [answer for answer in answers if isinstance(answer, Hold)]
    assert [type(answer) for answer in answers if answer not in booked] == [HoldConfirmed]
    assert [await sale.find(hold)] == booked


@pytest.mark.parametrize("taken", SEATS.split())
async def test_a_late_confirm_is_refused_if_a_seat_was_taken_meanwhile(sale: Sale, taken: str) -> None:
    hold = await expired_hold(sale)
    thief = await sale.hold(taken, "B-D", by="bob")
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    assert await sale.find(thief) == thief
    assert await sale.seats("available", "A-B") == " ".join(seat.id for seat in sale.trip.seats)
    await sale.assert_legal()


async def test_a_refused_late_confirm_is_refused_for_good(sale: Sale) -> None:
    """Even after the seat is free again: a refused order is never booked without being told."""
    hold = await expired_hold(sale)
    thief = await sale.hold("A18", by="bob")
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    await sale.release(thief)
    for process in (sale, sale.elsewhere()):
        with pytest.raises(HoldExpired):
            await process.confirm(hold)
        with pytest.raises(HoldExpired):
            await process.cancel(hold)
    assert isinstance((await sale.find(hold)).state, Expired)
    await sale.hold(SEATS, by="cid")


async def test_a_late_confirm_that_meets_a_running_attempt_is_refused_for_good(single_seats: Sale) -> None:
    sale, rival = single_seats, single_seats.elsewhere()
    hold = await expired_hold(sale)
    at_commit = rival.store.stall(commits)
    attempt = asyncio.ensure_future(rival.hold("A17 A18", by="bob"))
    await at_commit.reached.wait()
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    at_commit.go.set()
    await rival.release(await attempt)
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    await sale.assert_legal()


async def test_a_late_confirm_ends_a_lapsed_hold_that_is_in_its_way(sale: Sale) -> None:
    hold = await expired_hold(sale)
    rival = await sale.hold("A18", by="bob", ttl_s=1)
    sale.clock.pass_s(2)
    assert (await sale.confirm(hold)).state == Confirmed("order-1")
    assert isinstance((await sale.find(rival)).state, Expired)
    await sale.assert_legal()


async def test_a_late_booking_is_sold_for_good(sale: Sale) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold)
    sale.clock.pass_s(GRACE_S + 10 * TTL_S)
    await sale.elsewhere().sweep()
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A18", "A-B")
    assert await sale.find(hold) == booking


@pytest.mark.parametrize("by_late_id", [False, True])
async def test_a_late_booking_is_cancelled_by_either_id(sale: Sale, by_late_id: bool) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold, "order-7")
    named, other = (booking, hold) if by_late_id else (hold, booking)
    cancelled = await sale.cancel(named)
    assert (cancelled.id, cancelled.state) == (booking.id, Cancelled("order-7"))
    assert await sale.cancel(other) == await sale.cancel(named) == cancelled
    assert await sale.find(hold) == cancelled
    with pytest.raises(BookingCancelled):
        await sale.confirm(hold, "order-7")
    await sale.hold(SEATS, by="bob")
    await sale.assert_legal()


async def test_a_late_booking_of_another_order_is_not_shown(sale: Sale) -> None:
    hold = await expired_hold(sale)
    booking = await sale.confirm(hold, "order-1")
    with pytest.raises(HoldConfirmed):
        await sale.confirm(hold, "order-2")
    assert await sale.find(hold) == booking


async def test_a_hold_that_was_booked_late_says_that_it_is_confirmed(sale: Sale) -> None:
    """It expired, but its seats are sold to its holder, so they are not free."""
    hold = await expired_hold(sale)
    await sale.confirm(hold)
    with pytest.raises(HoldConfirmed):
        await sale.release(hold)
    with pytest.raises(HoldConfirmed):
        await sale.extend(hold)
