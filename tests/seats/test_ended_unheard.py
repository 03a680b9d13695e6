"""A step that was done, but not answered, before its hold ended is answered by what it did, not by that end."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from travio_inventory.kernel.refusals import OutcomeUnknown
from travio_inventory.protocol.batches import Batches, Outcome, Unknown
from travio_inventory.protocol.claims import ERRORS_MAX
from travio_inventory.seats.hold import Cancelled, Confirmed, Expired, Hold, Released
from travio_inventory.seats.move import Move
from travio_inventory.seats.refusals import (
    BookingCancelled,
    HoldEnded,
    HoldExpired,
    HoldReleased,
    InvalidSeats,
)
from travio_inventory.seats.refusals import HoldChanged as HoldHasChanged
from verification.kit.clocks import START_MS
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.passing import Batch, Passing, Send
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import PerGroup

Happens: TypeAlias = Callable[[Sale, Hold], Awaitable[object]]


class Unheard(Passing):
    """Once the outcomes of so many batches are unknown, that happens."""

    def __init__(self, store: Batches, unknown: int, then: Callable[[], Awaitable[object]]) -> None:
        super().__init__(store)
        self._left = unknown
        self._then = then

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch)
        self._left -= isinstance(outcome, Unknown)
        if isinstance(outcome, Unknown) and self._left == 0:
            await self._then()
        return outcome


@pytest.fixture(params=[1, "all"], ids="groups-of-{}".format)
async def sale(request: pytest.FixtureRequest, market: Market) -> Sale:
    per_group: PerGroup = request.param
    return await market.open(seats_per_group=per_group)


def then(sale: Sale, hold: Hold, happens: Happens, *, unknown: int = 1, how: Spoil = Spoil.UNANSWERED) -> None:
    """The next batches that commit are not answered, and then that happens, by another process."""
    other = sale.elsewhere()
    sale.store.spoil(how, commits, times=unknown)
    sale.process.sender.batches = Unheard(sale.store, unknown, lambda: happens(other, hold))


async def lapse(sale: Sale, _: Hold) -> None:
    """The hold's time runs out, and the sweeper ends it."""
    sale.clock.pass_s(TTL_S + 11)
    await sale.sweep()


async def release(sale: Sale, hold: Hold) -> None:
    """Its holder releases it."""
    await sale.release(hold)


async def confirm_and_cancel(sale: Sale, hold: Hold) -> None:
    """Its holder books it, and cancels the booking."""
    await sale.cancel(await sale.confirm(hold))


ENDS: dict[Happens, type] = {lapse: Expired, release: Released, confirm_and_cancel: Cancelled}
REFUSALS: dict[Happens, type[HoldEnded]] = {
    lapse: HoldExpired,
    release: HoldReleased,
    confirm_and_cancel: BookingCancelled,
}


@pytest.mark.parametrize("happens", ENDS)
@pytest.mark.parametrize("unknown", [1, ERRORS_MAX + 1])
async def test_a_move_that_was_done_is_answered_with_the_hold_as_it_ended(
    sale: Sale, happens: Happens, unknown: int
) -> None:
    hold = await sale.hold("A1 A2")
    then(sale, hold, happens, unknown=unknown)
    for process in (sale, sale.elsewhere()):
        moved = await process.move(hold, "A2>A3", version=0)
        assert (moved.seats, type(moved.state)) == (("A1", "A3"), ENDS[happens])
    with pytest.raises(REFUSALS[happens]):
        await sale.move(hold, "A1>A4")
    await sale.settled()
    await sale.assert_legal()


async def give_back_the_taken(sale: Sale, hold: Hold) -> None:
    """The seat that was left and taken by one move goes back."""
    await sale.release(hold, "A1")


async def give_back_the_new(sale: Sale, hold: Hold) -> None:
    """The seat that nobody of them had goes back."""
    await sale.release(hold, "A3")


async def go_on_from_the_taken(sale: Sale, hold: Hold) -> None:
    """The seat that was left and taken by one move is left for another."""
    await sale.move(hold, "A1>A5")


async def go_on_from_the_new(sale: Sale, hold: Hold) -> None:
    """The seat that nobody of them had is left for another."""
    await sale.move(hold, "A3>A5")


@pytest.mark.parametrize("then", [give_back_the_taken, give_back_the_new, go_on_from_the_taken, go_on_from_the_new])
@pytest.mark.parametrize("ends", [None, *ENDS])
async def test_a_move_onto_a_seat_that_it_leaves_is_known_after_what_followed(
    sale: Sale, then: Happens, ends: Happens | None
) -> None:
    hold = await sale.hold("A1 A2 A4")
    await sale.move(hold, "A1>A3 A2>A1")
    await then(sale, hold)
    if ends is not None:
        await ends(sale, hold)
    now = await sale.find(hold)
    assert await sale.elsewhere().move(hold, "A1>A3 A2>A1") == now
    with pytest.raises(InvalidSeats if ends is None else REFUSALS[ends]):
        await sale.move(hold, "A1>A3 A2>A4")
    await sale.settled()
    await sale.assert_legal()


@pytest.mark.parametrize("happens", ENDS)
async def test_a_move_that_was_not_done_is_refused_by_how_the_hold_ended(sale: Sale, happens: Happens) -> None:
    hold = await sale.hold("A1 A2")
    then(sale, hold, happens, how=Spoil.LATE)
    with pytest.raises(REFUSALS[happens]):
        await sale.move(hold, "A2>A3")
    await sale.store.deliver_late()
    assert (await sale.find(hold)).seats == hold.seats
    await sale.settled()
    await sale.assert_legal()


async def test_a_hold_that_ended_where_it_was_made_was_not_moved_there(sale: Sale) -> None:
    hold = await sale.hold("A1", "A-B")
    await sale.release(hold)
    with pytest.raises(HoldReleased):
        await sale.move(hold, ends="A-B")


@pytest.mark.parametrize("version", [None, 0])
async def test_a_move_that_others_followed_is_unknown_if_its_traces_are_lost(sale: Sale, version: int | None) -> None:
    """Its seat went back, and on to a third one: nothing tells of the first move any more."""

    async def back_and_on(other: Sale, hold: Hold) -> None:
        await other.move(hold, "A3>A2")
        await other.move(hold, "A2>A4")

    hold = await sale.hold("A1 A2")
    then(sale, hold, back_and_on, unknown=ERRORS_MAX + 1)
    with pytest.raises(OutcomeUnknown):
        await sale.move(hold, "A2>A3", version=version)
    with pytest.raises(InvalidSeats if version is None else HoldHasChanged):
        await sale.move(hold, "A2>A3", version=version)


async def test_an_extension_that_was_made_is_answered_with_when_the_hold_ran_out(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_s(10)
    then(sale, hold, lapse)
    extended = await sale.extend(hold)
    assert extended.state == Expired(START_MS + (10 + TTL_S) * 1_000)
    with pytest.raises(HoldExpired):
        await sale.extend(hold)


@pytest.mark.parametrize("how", [Spoil.LOST, Spoil.LATE])
async def test_an_extension_that_was_not_made_is_refused(sale: Sale, how: Spoil) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_s(10)
    then(sale, hold, lapse, how=how)
    with pytest.raises(HoldExpired) as refused:
        await sale.extend(hold)
    assert refused.value.at_ms == START_MS + TTL_S * 1_000
    await sale.store.deliver_late()
    assert await sale.seats("held") == ""


@pytest.mark.parametrize("happens", [release, confirm_and_cancel])
async def test_an_extension_is_unknown_if_it_may_have_been_made_before_the_hold_ended(
    sale: Sale, happens: Happens
) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_s(10)
    then(sale, hold, happens)
    with pytest.raises(OutcomeUnknown):
        await sale.extend(hold)
    with pytest.raises(REFUSALS[happens]):
        await sale.extend(hold)


@pytest.mark.parametrize("happens", [release, confirm_and_cancel])
async def test_an_extension_that_never_was_made_is_refused_by_how_the_hold_ended(sale: Sale, happens: Happens) -> None:
    hold = await sale.hold("A1 A2")
    sale.clock.pass_s(10)
    then(sale, hold, happens, how=Spoil.LATE)
    with pytest.raises(REFUSALS[happens]):
        await sale.extend(hold)


async def test_some_seats_that_were_given_back_are_given_back_though_the_hold_lapsed(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    then(sale, hold, lapse)
    for process in (sale, sale.elsewhere()):
        assert (await process.release(hold, "A2")).given_back == ("A2",)
    with pytest.raises(HoldExpired):
        await sale.release(hold, "A1")


async def test_a_confirm_that_was_done_stays_done_whatever_the_clock_says(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    then(sale, hold, lapse)
    assert isinstance((await sale.confirm(hold)).state, Confirmed)


async def test_a_confirm_whose_booking_was_cancelled_meanwhile_says_so(sale: Sale) -> None:
    hold = await sale.hold("A1 A2")
    then(sale, hold, confirm_and_cancel)
    with pytest.raises(BookingCancelled):
        await sale.confirm(hold)


async def test_a_move_that_was_done_is_not_said_to_have_done_nothing_since_its_hold_cannot_be_read(sale: Sale) -> None:
    async def cannot_be_read(_: Sale, __: Hold) -> None:
        sale.store.cannot_read(sale.group_partition("A1"))

    hold = await sale.hold("A1 A2")
    then(sale, hold, cannot_be_read)
    process = sale.process.holds
    assert (await process.move(sale.actor(), hold.id, Move(sale.trip, {"A2": "A3"}))).seats == ("A1", "A3")


async def test_a_move_that_was_done_before_a_late_booking_that_was_cancelled_is_done(sale: Sale) -> None:
    hold = await sale.hold("A1 A2", "A-B")
    for moves, ends in (("A2>A3", None), ("", "A-C")):
        await sale.move(hold, moves, ends)
    await lapse(sale, hold)
    await sale.cancel(await sale.confirm(hold))
    for moves, ends in (("A2>A3", None), ("", "A-C")):
        moved = await sale.move(hold, moves, ends)
        assert (moved.seats, moved.journey, type(moved.state)) == (("A1", "A3"), (0, 1), Cancelled)
    with pytest.raises(BookingCancelled):
        await sale.move(hold, "A1>A4")
