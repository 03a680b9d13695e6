"""A hold or a booking gets other seats, or another journey: all or none, by one commit."""

import asyncio
from random import Random

import pytest

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.events import BookingChanged, HoldChanged, data_of
from travio_inventory.seats.hold import Confirmed, Held, Hold, Passenger, late_id
from travio_inventory.seats.refusals import (
    BookingCancelled,
    HoldExpired,
    HoldReleased,
    SeatContended,
    SeatTaken,
)
from travio_inventory.seats.refusals import HoldChanged as HoldHasChanged
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.kit.faulty_batches import Spoil, cells_alone, commits
from verification.kit.sale import FIRST_ROUNDS, GRACE_S, TTL_S, Market, Sale
from verification.simulation.virtual_loop import run_virtually

SEATS = "A1 A2"
ONTO = "A1>A3 A2>A18"


async def test_a_hold_moves_to_other_seats(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    for version in (0, None, 0):
        moved = await sale.move(hold, ONTO, version=version)
        assert (moved.id, moved.seats, moved.journey, moved.state) == (hold.id, ("A3", "A18"), hold.journey, hold.state)
    assert (moved.extensions, moved.moves) == (1, 1), "it is done once"
    assert await sale.find(hold) == moved
    await sale.settled()
    assert await sale.seats("held", "A-C") == "A3 A18"
    await sale.assert_legal()
    await sale.hold(SEATS, by="bob")


async def test_a_hold_moves_to_another_journey_on_its_seats(sale: Sale) -> None:
    hold = await sale.hold("A1 A18", "A-B")
    longer = await sale.move(hold, ends="A-D")
    assert (longer.seats, longer.journey, longer.given_up) == (("A1", "A18"), (0, 2), ())
    await sale.settled()
    await sale.assert_legal()
    other = await sale.move(hold, "A1>A2", ends="B-C")
    assert (other.seats, other.journey) == (("A2", "A18"), (1, 1))
    await sale.settled()
    assert await sale.seats("held", "B-C") == "A2 A18"
    assert (await sale.seats("held", "A-B"), await sale.seats("held", "C-D")) == ("", "")
    await sale.assert_legal()


async def test_a_booking_moves_with_its_passengers(sale: Sale) -> None:
    named = (Passenger("A1", "Ann", "1"), Passenger("A2", "Bob", "2"))
    booking = await sale.confirm(await sale.hold(SEATS), passengers=named)
    for _ in range(2):
        moved = await sale.move(booking, "A1>A18")
        assert moved.seats == ("A2", "A18")
        assert {each.seat: each.name for each in moved.passengers} == {"A18": "Ann", "A2": "Bob"}
        assert moved.state == Confirmed("order-1")
    await sale.settled()
    assert await sale.seats("sold") == "A2 A18"
    await sale.assert_legal()
    await sale.cancel(booking)
    await sale.settled()
    assert await sale.seats("sold") == ""
    await sale.assert_legal()


async def test_a_late_booking_moves(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    booking = await sale.confirm(hold)
    moved = await sale.move(booking, ONTO)
    assert (moved.id, moved.seats) == (late_id(hold.id), ("A3", "A18"))
    assert await sale.move(hold, ONTO) == moved
    await sale.assert_legal()


async def test_who_cannot_have_all_new_seats_keeps_the_old(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    rival = await sale.hold("A18", by="bob")
    for process in (sale, sale.elsewhere()):
        with pytest.raises(SeatTaken) as refused:
            await process.move(hold, ONTO)
        assert {cell.seat for cell in refused.value.cells} == {"A18"}
    await sale.settled()
    assert (await sale.find(hold)).seats == hold.seats
    assert await sale.seats("held") == "A1 A2 A18"
    await sale.assert_legal()
    await sale.hold("A3", by="cid")
    await sale.release(rival)
    assert (await sale.move(hold, "A2>A18")).seats == ("A1", "A18")


async def test_there_and_back_again(sale: Sale) -> None:
    """It comes back to cells that it gave up a moment ago, whose return may be under way."""
    hold = await sale.hold("A1 A18")
    for _ in range(3):
        assert (await sale.move(hold, "A1>A2 A18>A17")).seats == ("A2", "A17")
        assert (await sale.elsewhere().move(hold, "A2>A1 A17>A18")).seats == ("A1", "A18")
    await sale.settled()
    await sale.assert_legal()
    booking = await sale.confirm(hold)
    await sale.settled()
    assert await sale.seats("sold") == "A1 A18"
    await sale.move(booking, "A18>A17")
    await sale.settled()
    await sale.assert_legal()


async def test_a_moved_hold_is_extended_released_and_runs_out(sale: Sale) -> None:
    hold = await sale.move(await sale.hold("A1 A2 A18"), "A1>A3")
    extended = await sale.extend(hold, ttl_s=TTL_S + 10)
    assert extended.seats == hold.seats
    left = await sale.release(hold, "A3 A18")
    assert left.seats == ("A2",)
    await sale.settled()
    await sale.assert_legal()
    sale.clock.pass_s(TTL_S + 11)
    for _ in range(FIRST_ROUNDS):
        assert (await sale.elsewhere().sweep()).failures == {}
    assert await sale.seats("held") == ""
    await sale.assert_legal()
    other = await sale.move(await sale.hold(SEATS), ONTO)
    await sale.release(other)
    await sale.settled()
    assert await sale.seats("held") == ""
    await sale.assert_legal()


async def test_prices_of_seats_that_stay_are_kept(sale: Sale) -> None:
    moved = await sale.move(await sale.hold(SEATS), "A2>A3")
    assert (moved.prices, moved.currency) == (sale.trip.prices_of(("A1", "A3")), sale.trip.currency)


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ("A1>A2", "the hold has A2 already"),
        ("A5>A6", "the hold has the seats A1, A2, not A5"),
        ("A1>Z9", "this trip has no seat 'Z9'"),
        ("A1>A2 A2>A1", "the seats stay the same"),
        ("A1>A3 A2>A3", "each to_seat_id must be another seat"),
        ("", "name the seats to move, or another journey"),
    ],
)
async def test_moves_that_make_no_sense_change_nothing(sale: Sale, moves: str, said: str) -> None:
    hold = await sale.hold(SEATS)
    with pytest.raises(Exception, match=said):
        await sale.move(hold, moves)
    assert await sale.find(hold) == hold


async def test_a_move_of_what_has_changed_since_is_refused(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.extend(hold, ttl_s=TTL_S + 5)
    with pytest.raises(HoldHasChanged) as refused:
        await sale.move(hold, ONTO, version=0)
    assert refused.value.version == 1
    moved = await sale.move(hold, ONTO, version=1)
    await sale.move(hold, "A3>A1 A18>A2", version=2)
    with pytest.raises(HoldHasChanged):
        await sale.move(hold, ONTO, version=1)
    assert moved.extensions == 2


async def test_what_is_over_is_not_moved(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    await sale.release(hold)
    with pytest.raises(HoldReleased):
        await sale.move(hold, ONTO)
    booking = await sale.confirm(await sale.hold(SEATS))
    await sale.cancel(booking)
    with pytest.raises(BookingCancelled):
        await sale.move(booking, ONTO)
    lapsed = await sale.hold(SEATS)
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    with pytest.raises(HoldExpired):
        await sale.move(lapsed, ONTO)


async def test_a_move_is_told_with_what_was_before(sale: Sale) -> None:
    hold = await sale.hold(SEATS, "A-C")
    await sale.move(hold, ONTO, "B-C")
    booking = await sale.confirm(hold)
    await sale.move(booking, "A3>A4")
    told = await sale.relay()
    assert [event.ordinal for event in told] == [0, 1, 2, 3]
    _, moved, _, changed = map(data_of, told)
    assert isinstance(moved, HoldChanged)
    assert (moved.seats, moved.first_segment, moved.seats_before) == (("A3", "A18"), 1, ("A1", "A2"))
    assert isinstance(changed, BookingChanged)
    assert (changed.seats, changed.seats_before) == (("A4", "A18"), ("A3", "A18"))


# ---- what fails


async def test_a_move_that_was_not_answered_is_there_or_not(sale: Sale) -> None:
    for spoil in (Spoil.LOST, Spoil.UNANSWERED):
        hold = await sale.hold(SEATS)
        sale.store.spoil(spoil, only=commits, times=1)
        assert (await sale.move(hold, ONTO)).seats == ("A3", "A18")
        await sale.settled()
        await sale.assert_legal()
        await sale.release(hold)
        await sale.settled()


async def test_two_moves_of_one_hold_at_once_end_as_one_of_them(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    moves = ("A1>A3 A2>A18", "A1>A17 A2>A3")
    answers = await asyncio.gather(
        sale.move(hold, moves[0]), sale.elsewhere().move(hold, moves[1]), return_exceptions=True
    )
    await sale.settled()
    now = await sale.find(hold)
    assert now.seats in (("A3", "A18"), ("A3", "A17"), ("A1", "A2"))
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert all(answer.seats == now.seats or isinstance(answer.state, Held) for answer in done)
    sale.clock.pass_s(GRACE_S + 1)
    await sale.elsewhere().hold("A4", by="bob")
    await sale.assert_legal()


async def test_what_a_dead_mover_took_is_free_after_the_grace(single_seats: Sale) -> None:
    """It died between its intents and its commit: the hold keeps its seats, and can be moved again."""
    sale, doomed = single_seats, single_seats.elsewhere()
    hold = await sale.hold(SEATS)
    await doomed.dies(doomed.move(hold, "A2>A3"), at=doomed.store.stall(commits))
    assert await sale.statuses("A3") == ["held"] * 3
    assert (await sale.find(hold)).seats == ("A1", "A2")
    with pytest.raises(SeatContended):
        await sale.elsewhere().hold("A3", by="bob")
    sale.clock.pass_s(GRACE_S + 1)
    await sale.elsewhere().hold("A3", by="bob")
    found = await sale.find(hold)
    assert (found.seats, found.moves) == (("A1", "A2"), 1), "the move was fenced"
    assert (await sale.move(hold, "A2>A4")).seats == ("A1", "A4")
    await sale.assert_legal()


async def test_a_mover_that_was_fenced_cannot_commit(single_seats: Sale) -> None:
    sale, slow = single_seats, single_seats.elsewhere()
    hold = await sale.hold(SEATS)
    stall = slow.store.stall(commits)
    moving = asyncio.ensure_future(slow.move(hold, "A2>A3"))
    await stall.reached.wait()
    sale.clock.pass_s(GRACE_S + 1)
    rival = await sale.elsewhere().hold("A3", by="bob")
    stall.go.set()
    with pytest.raises(SeatTaken):
        await moving
    assert (await sale.find(hold)).seats == ("A1", "A2")
    assert (await sale.find(rival)).is_live
    await sale.assert_legal()


async def test_the_sweeper_gives_back_what_a_dead_mover_took_and_left(single_seats: Sale) -> None:
    sale, doomed, late = single_seats, single_seats.elsewhere(), single_seats.elsewhere()
    hold = await sale.confirm(await sale.hold(SEATS))
    await sale.settled()
    await doomed.dies(doomed.move(hold, "A2>A3"), at=doomed.store.stall(commits))
    stall = late.store.stall(cells_alone)
    moving = asyncio.ensure_future(late.move(hold, "A1>A4"))
    await stall.reached.wait()
    stall.go.set()
    assert (await moving).seats == ("A2", "A4")
    sale.clock.pass_s(GRACE_S + 1)
    for _ in range(FIRST_ROUNDS):
        assert (await sale.sweep()).failures == {}
    assert await sale.seats("sold") == "A2 A4"
    for seat, status in (("A1", "available"), ("A2", "sold"), ("A3", "available"), ("A4", "sold")):
        assert await sale.statuses(seat) == [status] * 3, seat
    await sale.assert_legal()


async def test_a_late_copy_of_an_intent_is_nobodys(single_seats: Sale) -> None:
    """It lands when its move is long over: the hold lives, and has other seats."""
    sale = single_seats
    hold = await sale.hold(SEATS)
    sale.store.spoil(Spoil.LATE, only=cells_alone, times=1)
    moved = await sale.move(hold, "A2>A3")
    assert moved.seats == ("A1", "A3")
    back = await sale.move(hold, "A3>A4")
    await sale.settled()
    await sale.store.deliver_late()
    assert await sale.seats("held") == "A1 A4"
    await sale.elsewhere().hold("A3", by="bob")
    assert await sale.find(hold) == back
    await sale.assert_legal()


async def test_a_move_that_an_earlier_call_left_on_its_way_is_fenced_before_the_no(sale: Sale) -> None:
    """Its batches land when the seat is free again, and the caller has been told that another has it."""
    cut_off = sale.elsewhere()
    hold, rival = await sale.hold("A1"), await sale.hold("A2", by="bob")
    cut_off.store.spoil(Spoil.LATE)
    with pytest.raises(OutcomeUnknown):
        await cut_off.move(hold, "A1>A2")
    with pytest.raises(SeatTaken):
        await sale.move(hold, "A1>A2", settles=True)
    await sale.release(rival)
    await cut_off.store.deliver_late()
    assert (await sale.find(hold)).seats == ("A1",)
    sale.clock.pass_s(GRACE_S + 1)
    for _ in range(FIRST_ROUNDS):
        assert (await sale.sweep()).failures == {}
    assert await sale.seats("held") == "A1"
    await sale.assert_legal()


async def test_no_row_keeps_more_of_the_past_than_a_hundred_seats(sale: Sale) -> None:
    hold = await sale.hold("A1")
    for number in range(2, 10):
        hold = await sale.move(hold, f"A{number - 1}>A{number}")
    (row,) = (await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)).values()
    kept = [line.split(SEPARATOR) for line in str(row["given_up"]).split("\n")]
    assert kept == [[f"A{number}", f"A{number + 1}"] for number in range(1, 9)]


@pytest.mark.parametrize("seats_per_group", [1, 16])
def test_of_many_moves_of_one_hold_at_once_one_is_always_done_and_no_other_is_told_of_an_outage(
    seats_per_group: int,
) -> None:
    """They share a title, and who fails fences the others: who is too slow four times is told to try again."""

    async def play(random: Random) -> list[Hold | BaseException]:
        async with Market(MemoryBatches(Faults(delay_s_max=0.05), random, asyncio.sleep)) as market:
            sale = await market.open(seats_per_group=seats_per_group)
            hold = await sale.hold("A1 A5", "A-B")
            ends = ("A-C", "A-D", "B-C", "B-D", "C-D", "A-B")
            moves = (sale.elsewhere().move(hold, ends=each) for each in ends)
            answers = await asyncio.gather(*moves, return_exceptions=True)
            await market.settled()
            now = await sale.find(hold)
            assert (now.seats, now.is_live) == (hold.seats, True)
            await sale.assert_legal()
            return answers

    answers = [answer for seed in range(4) for answer in run_virtually(seed, play(Random(seed)))]
    assert {type(answer) for answer in answers} == {Hold, SeatContended}
    assert sum(isinstance(answer, Hold) for answer in answers) >= len(answers) // 2
