"""Seats that the house takes off sale."""

import asyncio

import pytest

from travio_inventory.kernel.actor import service_of
from travio_inventory.kernel.limits import SEATS_BLOCKED_AT_ONCE_MAX
from travio_inventory.kernel.refusals import BackendUnavailable, InvalidRequest, OutcomeUnknown
from travio_inventory.seats.commands import BlockSeatsCommand, SeatUpdate
from travio_inventory.seats.refusals import InvalidSeats, SeatContended, SeatTaken, TripNotFound
from travio_inventory.seats.use_cases.block_seats import SeatsUpdated
from verification.kit.faulty_batches import Spoil, any_batch, cells_alone, commits, everything_after
from verification.kit.sale import Market, Sale
from verification.kit.trips import SEATS


async def test_a_blocked_seat_is_off_sale_on_every_journey(sale: Sale) -> None:
    assert await sale.block("A1 A18") == 2
    for ends in ("A-B", "B-C", "C-D", "A-D"):
        assert await sale.seats("blocked", ends) == "A1 A18"
        with pytest.raises(SeatTaken):
            await sale.elsewhere().hold("A18", ends)


async def test_an_unblocked_seat_is_on_sale_again(sale: Sale) -> None:
    await sale.block("A1 A18")
    assert (await sale.unblock("A1 A18")).unblocked == 2
    assert len((await sale.seats("available")).split()) == SEATS
    await sale.hold("A1 A18")


async def test_blocking_and_unblocking_again_change_nothing(sale: Sale) -> None:
    for _ in range(2):
        assert await sale.block("A1 A2") == 2
    assert await sale.elsewhere().block("A2 A3") == 2
    assert await sale.elsewhere().seats("blocked") == "A1 A2 A3"
    assert await sale.unblock("A1 A2 A3") == SeatsUpdated(0, 3, ())
    assert await sale.unblock("A1 A2 A3") == SeatsUpdated(0, 0, ("A1", "A2", "A3"))
    assert await sale.elsewhere().seats("blocked") == ""
    await sale.assert_legal()


async def test_a_seat_is_free_at_once_for_the_caller_who_unblocks_it_however_often_it_was_blocked(sale: Sale) -> None:
    for _ in range(2):
        await sale.block("A1 A18")
    await sale.unblock("A1 A18")
    await sale.hold("A1 A18")


async def test_a_block_never_runs_out(sale: Sale) -> None:
    await sale.block("A1")
    sale.clock.pass_s(10 * 365 * 86_400)
    await sale.sweep()
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A1")


@pytest.mark.parametrize("is_sold", [False, True])
async def test_a_held_or_booked_seat_is_never_blocked(sale: Sale, is_sold: bool) -> None:
    hold = await sale.hold("A18", "B-C")
    if is_sold:
        hold = await sale.confirm(hold)
    with pytest.raises(SeatTaken) as refused:
        await sale.block("A17 A18")
    assert [cell[:3] for cell in refused.value.cells] == [("A18", 1, "sold" if is_sold else "held")]
    assert await sale.find(hold) == hold
    assert await sale.seats("blocked") == ""


async def test_a_seat_blocked_before_stays_blocked_if_another_cannot_be_blocked(sale: Sale) -> None:
    await sale.block("A1")
    await sale.hold("A18")
    with pytest.raises(SeatTaken):
        await sale.block("A1 A2 A18")
    assert await sale.seats("blocked") == "A1"


async def test_a_lapsed_hold_does_not_keep_its_seat_from_being_blocked(sale: Sale) -> None:
    await sale.hold("A1 A18", ttl_s=1)
    sale.clock.pass_s(2)
    await sale.block("A1 A18")
    assert await sale.seats("blocked") == "A1 A18"
    await sale.assert_legal()


async def test_unblocking_leaves_holds_and_bookings_alone(sale: Sale) -> None:
    hold, booking = await sale.hold("A1"), await sale.confirm(await sale.hold("A18"))
    await sale.block("A2")
    assert await sale.unblock("A1 A2 A3 A18") == SeatsUpdated(0, 1, ("A1", "A3", "A18"))
    assert await sale.find(hold) == hold
    assert await sale.find(booking) == booking


async def test_seats_that_the_trip_does_not_have_are_refused(single_seats: Sale) -> None:
    for seats in ("A1 Z9", "A1 A1"):
        with pytest.raises(InvalidSeats):
            await single_seats.block(seats)
        with pytest.raises(InvalidSeats):
            await single_seats.unblock(seats)
    assert await single_seats.seats("blocked") == ""
    command = BlockSeatsCommand(trip_id="t1", updates=(SeatUpdate("A1", is_blocked=False),))
    with pytest.raises(TripNotFound):
        await single_seats.inventory.block_seats(service_of("another"), command)


async def test_seats_blocked_together_are_unblocked_one_by_one(sale: Sale) -> None:
    await sale.block("A1 A2 A9 A18")
    assert (await sale.elsewhere().unblock("A1")).unblocked == 1
    await sale.settled()
    assert await sale.seats("blocked") == "A2 A9 A18"
    assert (await sale.elsewhere().unblock("A18 A9")).unblocked == 2
    assert await sale.elsewhere().seats("blocked") == "A2"
    await sale.elsewhere().hold("A1 A9 A18")
    with pytest.raises(SeatTaken):
        await sale.elsewhere().hold("A2")
    await sale.assert_legal()


async def test_a_call_that_cannot_block_all_has_never_blocked_any(single_seats: Sale) -> None:
    """A call that fails frees only seats that nobody was told are blocked."""
    another = single_seats.elsewhere()
    stall = single_seats.store.stall(commits)
    blocking = asyncio.create_task(single_seats.block("A1 A2"))
    await stall.reached.wait()
    with pytest.raises(SeatContended):
        await another.block("A2")
    assert await another.seats("blocked") == ""
    await another.hold("A1")
    single_seats.store.mend()
    stall.go.set()
    with pytest.raises(SeatTaken):
        await blocking
    assert await another.block("A2") == 1
    assert await another.seats("blocked") == "A2"
    await single_seats.assert_legal()


async def test_the_answer_to_one_of_two_calls_stays_true_when_the_other_fails(sale: Sale) -> None:
    await sale.hold("A18")
    both = (sale.block("A1 A2 A18"), sale.elsewhere().block("A1 A2"))
    failed, blocked = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(failed, SeatTaken | SeatContended)
    if not isinstance(blocked, SeatContended):
        assert blocked == 2
        assert await sale.seats("blocked") == "A1 A2"
    await sale.assert_legal()


async def test_many_who_block_overlapping_seats_all_find_them_blocked(sale: Sale) -> None:
    """Or are told to try again; no answer is false."""
    told = await asyncio.gather(
        *(sale.elsewhere().block(f"A{first} A{first + 1} A18") for first in range(1, 9)), return_exceptions=True
    )
    blocked = await sale.elsewhere().seats("blocked")
    for first, answer in zip(range(1, 9), told, strict=True):
        assert answer == 3 or isinstance(answer, SeatContended)
        if answer == 3:
            assert {f"A{first}", f"A{first + 1}", "A18"} <= set(blocked.split())
    await sale.assert_legal()


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.UNANSWERED, Spoil.LATE])
@pytest.mark.parametrize("which", [commits, cells_alone])
async def test_seats_are_blocked_together_even_if_answers_are_lost(
    single_seats: Sale, how: Spoil, which: object
) -> None:
    single_seats.store.spoil(how, commits if which is commits else cells_alone, times=1)
    assert await single_seats.block("A1 A2 A3") == 3
    await single_seats.store.deliver_late()
    assert await single_seats.elsewhere().seats("blocked") == "A1 A2 A3"
    await single_seats.assert_legal()


async def test_a_call_that_dies_before_its_commit_leaves_nothing_blocked(single_seats: Sale) -> None:
    stall = single_seats.store.stall(commits)
    await single_seats.dies(single_seats.block("A1 A2"), stall)
    another = single_seats.elsewhere()
    with pytest.raises(SeatContended):
        await another.unblock("A2")
    another.clock.pass_s(11)
    assert await another.unblock("A2") == SeatsUpdated(0, 0, ("A2",))
    await another.hold("A1 A2")
    await another.assert_legal()


async def test_the_sweeper_frees_what_a_dead_call_left(single_seats: Sale) -> None:
    stall = single_seats.store.stall(commits)
    await single_seats.dies(single_seats.block("A1 A2"), stall)
    another = single_seats.elsewhere()
    another.clock.pass_s(11)
    await another.sweep()
    assert await another.statuses("A2") == ["available"] * 3


async def test_an_answer_that_nothing_was_done_is_always_true(sale: Sale) -> None:
    await sale.block("A1 A2")
    sale.store.spoil(Spoil.NOT_DONE, everything_after(1, commits))
    with pytest.raises(OutcomeUnknown):
        await sale.unblock("A1 A2")
    sale.store.mend()
    sale.store.spoil(Spoil.NOT_DONE, any_batch)
    with pytest.raises(BackendUnavailable):
        await sale.unblock("A2")


async def test_a_call_without_seats_is_refused(sale: Sale) -> None:
    for update in (sale.block, sale.unblock):
        with pytest.raises(InvalidRequest, match="updates: must have 1 to 5000 items, not 0"):
            await update("")


async def test_more_seats_than_one_commit_takes_are_refused(market: Market) -> None:
    large = await market.open(seats=SEATS_BLOCKED_AT_ONCE_MAX + 1)
    seats = [seat.id for seat in large.trip.seats]
    with pytest.raises(InvalidSeats, match=f"at most {SEATS_BLOCKED_AT_ONCE_MAX} seats"):
        await large.block(" ".join(seats))
    assert await large.block(" ".join(seats[1:])) == SEATS_BLOCKED_AT_ONCE_MAX
    assert await large.seats("available") == "A1"
    assert (await large.unblock(" ".join(seats))).not_blocked == ("A1",)
