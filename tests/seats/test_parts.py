"""Some seats of a hold: released, booked or cancelled, the others not; each by one step."""

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.events import BookingChanged, HoldChanged, OfHold, SeatsPurchased, data_of
from travio_inventory.seats.hold import Cancelled, Confirmed, Held, Passenger, Released
from travio_inventory.seats.refusals import BookingCancelled, HoldConfirmed, HoldNotFound, HoldReleased, InvalidSeats
from verification.kit.faulty_batches import cells_alone
from verification.kit.sale import FIRST_ROUNDS, GRACE_S, TTL_S, Sale

SEATS = "A1 A2 A18"


async def test_some_seats_are_released_and_the_others_stay(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    for _ in range(2):
        left = await sale.release(hold, "A1 A18")
        assert (left.seats, left.given_up, left.state) == (("A2",), ("A1", "A18"), hold.state)
    assert left.extensions == 1, "it is done once"
    assert await sale.find(hold) == left
    await sale.settled()
    assert await sale.seats("held", "A-C") == "A2"
    await sale.assert_legal()
    await sale.hold("A1 A18", by="bob")
    assert (await sale.confirm(left)).seats == ("A2",)


async def test_who_releases_the_last_seats_releases_the_hold(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.release(hold, "A1")
    assert isinstance((await sale.release(hold, "A2 A18")).state, Released)
    assert isinstance((await sale.release(hold, "A1")).state, Released), "it was done before"
    await sale.settled()
    assert await sale.seats("held") == ""


async def test_seats_that_it_never_had_change_nothing(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    for seats in ("A3", "A1 A3"):
        for step in (sale.release, sale.cancel):
            with pytest.raises(InvalidSeats, match="A1, A2, A18, not A3"):
                await step(hold, seats)
        with pytest.raises(InvalidSeats, match="A1, A2, A18, not A3"):
            await sale.confirm(hold, seats=seats)
    for step in (sale.release, sale.cancel):
        with pytest.raises(InvalidSeats, match="seat 'A1' is named twice"):
            await step(hold, "A1 A2 A1")
    assert await sale.find(hold) == hold


async def test_some_seats_are_booked_and_the_others_given_back(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    named = (Passenger("A2", "Ann", "1"),)
    booking = await sale.confirm(hold, seats="A2", passengers=named)
    assert (booking.seats, booking.passengers, booking.state) == (("A2",), named, Confirmed("order-1"))
    assert await sale.confirm(hold, seats="A2") == booking
    assert await sale.confirm(hold) == booking
    await sale.settled()
    assert (await sale.seats("sold"), await sale.seats("held")) == ("A2", "")
    await sale.assert_legal()
    await sale.hold("A1 A18", by="bob")


async def test_a_booking_of_more_seats_is_not_what_was_asked(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.confirm(hold)
    with pytest.raises(HoldConfirmed):
        await sale.confirm(hold, seats="A2")


async def test_a_seat_that_was_given_back_cannot_be_booked(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.release(hold, "A2")
    with pytest.raises(InvalidSeats):
        await sale.confirm(hold, seats="A1 A2")
    assert isinstance((await sale.find(hold)).state, Held)


async def test_some_seats_of_a_booking_are_cancelled_with_their_passengers(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    named = tuple(Passenger(seat, f"who sits in {seat}", "1") for seat in SEATS.split())
    booking = await sale.confirm(hold, passengers=named)
    for _ in range(2):
        left = await sale.cancel(booking, "A1 A18")
        assert (left.seats, left.passengers, left.state) == (("A2",), named[1:2], Confirmed("order-1"))
    (row,) = (await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)).values()
    assert "A18" not in str(row["passengers"])
    await sale.settled()
    assert await sale.seats("sold") == "A2"
    assert isinstance((await sale.cancel(booking, "A2")).state, Cancelled)
    assert isinstance((await sale.cancel(booking, "A1")).state, Cancelled)
    await sale.assert_legal()
    assert await sale.seats("sold") == ""


async def test_the_last_passengers_go_with_their_seats(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A2", by="bob"), passengers=(Passenger("A1"), Passenger("A2")))
    await sale.cancel(booking, "A1")
    await sale.cancel(booking, "A2")
    (row,) = (await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)).values()
    assert row.get("passengers") is None


async def test_some_seats_of_an_expired_hold_are_booked_late(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    assert (await sale.sweep()).failures == {}
    await sale.hold("A1", by="bob")
    booking = await sale.confirm(hold, seats="A2 A18")
    assert (booking.seats, await sale.confirm(hold, seats="A2 A18")) == (("A2", "A18"), booking)
    with pytest.raises(HoldConfirmed):
        await sale.confirm(hold, seats="A2")
    left = await sale.cancel(booking, "A18")
    assert left.seats == ("A2",)
    await sale.assert_legal()


async def test_a_step_for_some_seats_of_what_is_over_says_how_it_ended(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.release(hold)
    with pytest.raises(HoldReleased):
        await sale.confirm(hold, seats="A1")
    booking = await sale.confirm(await sale.hold(SEATS))
    with pytest.raises(HoldConfirmed):
        await sale.release(booking, "A1")
    await sale.cancel(booking)
    with pytest.raises(BookingCancelled):
        await sale.confirm(booking, seats="A1")
    held = await sale.hold(SEATS)
    await sale.release(held, "A1")
    with pytest.raises(HoldNotFound):
        await sale.cancel(held, "A1")


async def test_each_change_is_told_with_what_was_before(sale: Sale) -> None:
    hold = await sale.hold("A1 A2 A3", "A-C")
    await sale.release(hold, "A1")
    booking = await sale.confirm(hold, seats="A2 A3")
    await sale.cancel(booking, "A3")
    other = await sale.confirm(await sale.hold("A4 A18", by="bob"), seats="A18")
    told = await sale.relay()
    data = [data_of(event) for event in told if event.subject == hold.id]
    assert [event.ordinal for event in told if event.subject == hold.id] == [0, 1, 2, 3]
    seats = [each.seats for each in data if isinstance(each, OfHold)]
    assert seats == [("A1", "A2", "A3"), ("A2", "A3"), ("A2", "A3"), ("A2",)]
    _, released, bought, cancelled = data
    assert isinstance(released, HoldChanged)
    assert (released.seats_before, released.prices_before) == (("A1", "A2", "A3"), (0, 0, 0))
    assert (released.first_segment_before, released.last_segment_before) == (0, 1)
    assert isinstance(bought, SeatsPurchased)
    assert bought.given_back == ()
    assert isinstance(cancelled, BookingChanged)
    assert (cancelled.seats_before, cancelled.order) == (("A2", "A3"), "order-1")
    (purchase,) = [data_of(event) for event in told if (event.subject, event.ordinal) == (other.id, 1)]
    assert isinstance(purchase, SeatsPurchased)
    assert (purchase.seats, purchase.given_back) == (("A18",), ("A4",))


async def test_a_lapsed_hold_ends_with_the_seats_that_it_still_has(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.release(hold, "A1")
    await sale.settled()
    other = await sale.confirm(await sale.hold("A1", by="bob"))
    sale.clock.pass_s(TTL_S + 1)
    for _ in range(FIRST_ROUNDS):
        await sale.elsewhere().sweep()
    assert (await sale.find(hold)).seats == ("A2", "A18")
    assert await sale.find(other) == other
    await sale.assert_legal()


@pytest.mark.parametrize("is_swept", [True, False])
async def test_what_was_given_up_is_free_though_the_process_died(single_seats: Sale, *, is_swept: bool) -> None:
    """The home says so; the other seat group still names the hold, which lives."""
    hold = await single_seats.hold("A1 A2")
    doomed, sale = single_seats.elsewhere(), single_seats.elsewhere()
    stall = doomed.store.stall(cells_alone)
    assert (await doomed.release(hold, "A2")).seats == ("A1",)
    await stall.reached.wait()
    await doomed.process.steps.drain(0)
    assert await sale.statuses("A2") == ["held"] * 3
    assert await sale.seats("held") == "A1"
    if is_swept:
        sale.clock.pass_s(GRACE_S)
        for _ in range(FIRST_ROUNDS):
            assert (await sale.sweep()).failures == {}
        assert await sale.statuses("A2") == ["available"] * 3
    await sale.hold("A2", by="bob")
    assert await sale.find(hold) == await doomed.find(hold)
    await sale.assert_legal()


async def test_some_seats_that_were_booked_and_moved_before_the_answer_are_booked(sale: Sale) -> None:
    """The answer was lost, and the booking has other seats when its confirm is repeated."""
    hold = await sale.hold("A1 A2")
    booking = await sale.confirm(hold, seats="A1")
    moved = await sale.move(booking, "A1>A3")
    again = await sale.confirm(hold, seats="A1")
    assert (again.seats, again.state) == (("A3",), booking.state)
    assert again == moved
