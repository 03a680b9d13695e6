"""Processes that die during a step: what they leave behind is found, and finished or freed."""

import asyncio

import pytest

from travio_inventory.seats.commands import hold_ref
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import HoldNotFound, SeatContended, SeatTaken
from verification.kit.faulty_batches import Spoil, cells_alone, commits
from verification.kit.sale import CLOCK_BOUND_MS, FOUND_WITHIN_S, GRACE_S, TTL_S, Sale

SEATS = "A1 A2 A18"
FREE, HELD, SOLD = ["available"] * 3, ["held"] * 3, ["sold"] * 3


async def attempt_dies(sale: Sale, seats: str = SEATS) -> None:
    """A process dies after its intents and before its commit."""
    doomed = sale.elsewhere()
    await doomed.dies(doomed.hold(seats), at=doomed.store.stall(commits))


async def dies_before_rolling_forward(sale: Sale, hold: Hold, *steps: str) -> None:
    """A process does the steps and dies before it rolls the other seat groups forward."""
    doomed = sale.elsewhere()
    stall = doomed.store.stall(cells_alone)
    for step in steps:
        await getattr(doomed, step)(hold)
    await asyncio.wait_for(stall.reached.wait(), 60)
    await doomed.process.steps.drain(0)


# ---- intents without a commit


async def test_intents_of_a_dead_attempt_are_freed_by_the_sweeper(single_seats: Sale) -> None:
    sale = single_seats
    await attempt_dies(sale)
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, HELD, HELD]
    sale.clock.pass_ms(GRACE_S * 1_000 - 1)
    await sale.sweep()
    assert await sale.statuses("A18") == HELD
    sale.clock.pass_s(FOUND_WITHIN_S)
    await sale.sweep()
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, FREE, FREE]
    await sale.assert_legal()


async def test_intents_of_a_dead_attempt_are_freed_by_a_contender(single_seats: Sale) -> None:
    sale = single_seats
    await attempt_dies(sale)
    sale.clock.pass_ms(GRACE_S * 1_000 - 1)
    with pytest.raises(SeatContended):
        await sale.hold("A17 A18", by="bob")
    sale.clock.pass_ms(1)
    await sale.hold("A17 A18", by="bob")
    await sale.hold("A1 A2", by="cid")
    await sale.assert_legal()


async def test_an_attempt_that_was_taken_for_dead_never_wins(single_seats: Sale) -> None:
    """It was only slow: its home row was fenced before its seats were given away, so its commit is refused."""
    sale, slow = single_seats, single_seats.elsewhere()
    at_commit = slow.store.stall(commits)
    attempt = asyncio.ensure_future(slow.hold(SEATS))
    await at_commit.reached.wait()
    sale.clock.pass_s(GRACE_S)
    won = await sale.hold("A18", by="bob")
    at_commit.go.set()
    with pytest.raises(SeatTaken):
        await attempt
    assert await sale.find(won) == won
    await slow.settled()
    assert [await sale.statuses(seat) for seat in ("A1", "A2")] == [FREE, FREE]
    await sale.assert_legal()


async def test_a_fenced_attempt_is_no_hold(single_seats: Sale) -> None:
    sale = single_seats
    await attempt_dies(sale)
    fenced = str((await sale.cells("A18"))[0]["owner"])
    sale.clock.pass_s(GRACE_S)
    probe = await sale.hold("A18", by="bob")
    with pytest.raises(HoldNotFound):
        await sale.inventory.read_holds.one(sale.actor(), hold_ref(fenced))
    assert list(await sale.holds()) == []
    assert list(await sale.holds("bob")) == [probe]


async def test_intents_whose_answer_was_lost_are_given_back(single_seats: Sale) -> None:
    """The intents landed, but nobody knows; the attempt fences its id and returns what may be its own."""
    sale = single_seats
    sale.store.spoil(Spoil.UNANSWERED, cells_alone, times=4)
    await sale.hold(SEATS)
    sale.store.mend()
    await sale.assert_legal()


# ---- a commit that was not rolled forward


@pytest.mark.parametrize(
    ("steps", "left", "truth"),
    [
        (["confirm"], HELD, SOLD),
        (["release"], HELD, FREE),
    ],
)
async def test_a_step_that_was_not_rolled_forward_is_finished_by_the_sweeper(
    single_seats: Sale, steps: list[str], left: list[str], truth: list[str]
) -> None:
    sale = single_seats
    hold = await sale.hold(SEATS)
    await dies_before_rolling_forward(sale, hold, *steps)
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [truth, left, left]
    shown = await sale.elsewhere().map()
    assert [shown[seat] for seat in SEATS.split()] == truth
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [truth, truth, truth]
    await sale.assert_legal()


async def test_what_the_sweeper_could_not_finish_is_tried_again(single_seats: Sale) -> None:
    """However often the answer is lost: a seat group is done only when its cells are known to be right."""
    sale = single_seats
    await attempt_dies(sale)
    sale.clock.pass_s(GRACE_S + FOUND_WITHIN_S)
    sale.store.spoil(Spoil.NOT_DONE, cells_alone)
    assert {partition.number for partition in (await sale.sweep()).failures} == {1, 17}
    sale.store.mend()
    sale.clock.pass_s(FOUND_WITHIN_S)
    assert (await sale.sweep()).failures == {}
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, FREE, FREE]


async def test_what_a_cancelled_booking_left_sold_is_freed_by_the_sweeper(single_seats: Sale) -> None:
    sale = single_seats
    hold = await sale.hold(SEATS)
    await sale.confirm(hold)
    await sale.settled()
    await dies_before_rolling_forward(sale, hold, "cancel")
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, SOLD, SOLD]
    assert await sale.elsewhere().seats("sold") == ""
    await sale.sweep()
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, FREE, FREE]


@pytest.mark.parametrize("steps", [["release"], ["confirm", "cancel"]])
async def test_what_an_ended_hold_left_is_freed_by_a_contender(single_seats: Sale, steps: list[str]) -> None:
    """The home row says who owns a cell, so there is no need to wait for a sweeper."""
    sale = single_seats
    hold = await sale.hold(SEATS)
    await dies_before_rolling_forward(sale, hold, *steps)
    await sale.elsewhere().hold(SEATS, by="bob")
    await sale.assert_legal()


async def test_what_an_expired_hold_left_is_freed(single_seats: Sale) -> None:
    """The sweeper that expired it died before it freed the other seat groups."""
    sale = single_seats
    await sale.hold(SEATS)
    sale.clock.pass_ms(TTL_S * 1_000 + CLOCK_BOUND_MS)
    doomed = sale.elsewhere()
    stall = doomed.store.stall(cells_alone)
    round_ = asyncio.ensure_future(doomed.sweep())
    await asyncio.wait_for(stall.reached.wait(), 60)
    round_.cancel()
    await asyncio.wait([round_])
    await doomed.process.steps.drain(0)
    sale.clock.pass_s(1)
    await sale.sweep()
    assert [await sale.statuses(seat) for seat in SEATS.split()] == [FREE, FREE, FREE]


async def test_a_booking_whose_cells_still_say_held_is_not_taken(single_seats: Sale) -> None:
    """The time on the cells is over, but they are sold, as their home row says."""
    sale = single_seats
    hold = await sale.hold(SEATS)
    await dies_before_rolling_forward(sale, hold, "confirm")
    sale.clock.pass_s(10 * TTL_S)
    with pytest.raises(SeatTaken):
        await sale.hold("A17 A18", by="bob")
    assert (await sale.find(hold)).is_live


# ---- callers that leave


async def test_a_caller_that_leaves_does_not_tear_the_hold(sale: Sale) -> None:
    at_commit = sale.store.stall(commits)
    caller = asyncio.ensure_future(sale.hold(SEATS, key="k"))
    await at_commit.reached.wait()
    caller.cancel()
    await asyncio.wait([caller])
    sale.store.mend()
    at_commit.go.set()
    await sale.settled()
    assert await sale.seats("held") == SEATS
    assert (await sale.hold(SEATS, key="k")).is_live


async def test_a_caller_that_leaves_does_not_tear_a_step(sale: Sale) -> None:
    hold = await sale.hold(SEATS)
    at_commit = sale.store.stall(commits)
    caller = asyncio.ensure_future(sale.confirm(hold))
    await at_commit.reached.wait()
    caller.cancel()
    await asyncio.wait([caller])
    at_commit.go.set()
    await sale.settled()
    assert await sale.seats("sold") == SEATS
