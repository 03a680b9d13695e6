"""A trip gets another vehicle: what is held and booked moves to it, and nothing of the old one is sold any more."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from threading import current_thread, main_thread

import pytest

from travio_inventory.kernel import off_loop
from travio_inventory.kernel.actor import HOUSE, ActorKind
from travio_inventory.kernel.refusals import IdempotencyKeyReused, OutcomeUnknown
from travio_inventory.seats import swapping
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import Confirmed, Passenger
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import trip_swaps
from travio_inventory.seats.refusals import (
    HoldExpired,
    InvalidSeats,
    InvalidTrip,
    SalesClosed,
    SeatUnavailable,
    TripChanged,
)
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import swap_vehicle
from verification.kit.asking import definition
from verification.kit.faulty_batches import Spoil, any_batch, cells_alone, commits
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import a_trip

BATCHES = 12
"""Not more than the swap of a trip of two seat groups takes."""


@pytest.fixture
async def sale(market: Market) -> Sale:
    """Eighteen seats in seat groups of four."""
    return await market.open(seats_per_group=4)


def vehicle(*, seats: int = 10, seats_per_group: int = 4, first: int = 1) -> Trip:
    """The usual rows, but of fewer seats, from A`first` on."""
    trip = a_trip(seats_per_group=seats_per_group, seats=seats + first - 1)
    return replace(trip, seats=trip.seats[first - 1 :])


async def test_what_has_a_seat_in_the_new_vehicle_moves_there_and_keeps_its_price(sale: Sale) -> None:
    held = await sale.hold("A1 A2")
    booked = await sale.confirm(await sale.hold("A9", by="bob"), passengers=[Passenger("A9", "Bob", "1")])
    await sale.block("A5")
    dearer = replace(vehicle(), seats=tuple(replace(seat, price_minor=9_999) for seat in vehicle().seats))
    report = await sale.swap(seats=dearer)
    assert (report.swap.is_over, report.swap.moved, report.swap.left) == (True, 2, 0)
    assert report.swap.offer.state is SalesState.OPEN
    now = await sale.find(held), await sale.find(booked)
    for before, after in zip((held, booked), now, strict=True):
        assert (after.seats, after.prices, after.passengers) == (before.seats, before.prices, before.passengers)
        assert min(after.groups) >= sale.trip.first_group > 0
    assert await sale.seats("held") == "A1 A2"
    assert await sale.seats("sold") == "A9"
    assert await sale.seats("blocked") == "A5"
    assert (await sale.unblock("A5")).unblocked == 1
    assert (await sale.hold("A3", by="cid")).prices == (9_999,)
    await sale.confirm(held)
    await sale.assert_legal()


async def test_who_has_no_seat_keeps_the_old_one_is_told_of_and_moved_later(sale: Sale) -> None:
    lost = await sale.confirm(await sale.hold("A11 A1"))
    report = await sale.swap(seats=vehicle())
    assert (report.swap.moved, report.swap.left) == (0, 1)
    (left,) = report.left
    assert report.places.reasons(left) == {"A11": "not there"}
    assert (left.id, left.seats) == (lost.id, ("A1", "A11"))
    assert [hold.id for hold in (await sale.manifest(without_place=True)).holds] == [lost.id]
    assert [hold.id for hold in (await sale.manifest()).holds] == [lost.id]
    await sale.hold("A2", by="bob")
    for moves in ("A1>A3", ""):
        with pytest.raises(InvalidSeats, match=r"^moves: the trip's vehicle has no seat A11 any more: name others"):
            await sale.move(lost, moves, ends="A-C")
    with pytest.raises(InvalidSeats, match=r"^moves: the hold has the seats A1, A11, not A5$"):
        await sale.move(lost, "A5>A3")
    moved = await sale.move(lost, "A11>A4")
    assert (moved.seats, min(moved.groups) >= sale.trip.first_group) == (("A1", "A4"), True)
    assert not (await sale.manifest(without_place=True)).holds
    await sale.assert_legal()


async def test_a_booking_without_a_place_is_moved_while_sales_are_closed(sale: Sale) -> None:
    lost = await sale.confirm(await sale.hold("A11"))
    fine = await sale.confirm(await sale.hold("A1"))
    await sale.close()
    report = await sale.swap(seats=vehicle())
    assert report.swap.offer.state is SalesState.CLOSED
    assert (await sale.move(lost, "A11>A2")).seats == ("A2",)
    with pytest.raises(SalesClosed):
        await sale.move(fine, "A1>A3")


async def test_another_seat_stands_for_one_where_the_operator_says_so(sale: Sale) -> None:
    booked = await sale.confirm(await sale.hold("A11"), passengers=[Passenger("A11", "Bob")])
    await sale.hold("A1", by="bob")
    report = await sale.swap(seats=vehicle(), chosen={"A11": "A1"})
    assert (report.swap.moved, report.swap.left) == (1, 1)
    after = await sale.find(booked)
    assert (after.seats, after.prices) == (("A1",), booked.prices)
    assert after.passengers == (Passenger("A1", "Bob"),)
    for chosen in ({"Z9": "A1"}, {"A1": "Z9"}, {"A1": "A2", "A2": "A2"}):
        with pytest.raises(InvalidTrip, match="seat_mapping"):
            await sale.swap(seats=vehicle(), chosen=chosen)


async def test_a_large_trip_may_get_the_seats_again_that_it_had(market: Market) -> None:
    """Both vehicles have the same parts in the rows of its seats."""
    large = Market(market.store, portions=Portions(seats_at_once_max=5, seats_per_part_max=2))
    sale = large.prepare(a_trip(seats=6, seats_per_group=2))
    await sale.open_trip()
    await sale.go_on_opening()
    booked, whole = await sale.confirm(await sale.hold("A2")), sale.trip
    for seats in (4, 6):
        report = await sale.swap(seats=replace(whole, seats=whole.seats[:seats]))
        assert (report.swap.is_over, report.swap.moved) == (True, 1)
        for process in (sale, sale.elsewhere()):
            assert len((await definition(process.inventory, sale.trip.key)).seats) == seats
            assert (await process.find(booked)).seats == ("A2",)


async def test_another_process_lists_and_explains_the_new_vehicle_at_once(sale: Sale) -> None:
    booked = await sale.confirm(await sale.hold("A1 A11"))
    other = sale.elsewhere()
    assert [hold.id for hold in (await other.manifest()).holds] == [booked.id]
    assert (await other.explained("A11")).cells[0].owner == booked.id
    await sale.swap(seats=vehicle(), chosen={"A11": "A10"})
    assert [hold.seats for hold in (await other.manifest()).holds] == [("A1", "A10")]
    assert (await other.explained("A10")).cells[0].owner == booked.id


async def test_another_process_sells_the_seats_of_the_new_vehicle_at_once(sale: Sale) -> None:
    other, another, third = sale.elsewhere(), sale.elsewhere(), sale.elsewhere()
    held = await other.hold("A1")
    await another.hold("A2", by="bob")
    await third.block("A3")
    await sale.swap(seats=vehicle(seats=30))
    assert (await another.hold("A29", by="bob")).seats == ("A29",)
    assert (await other.move(held, "A1>A30")).seats == ("A30",)
    assert await third.block("A28") == 1
    await sale.assert_legal()


async def test_a_seat_that_the_new_vehicle_lacks_is_still_explained(sale: Sale) -> None:
    left = await sale.confirm(await sale.hold("A12"))
    await sale.swap(seats=vehicle())
    found = await sale.explained("A12")
    assert [(cell.owner, cell.status) for cell in found.cells] == [(left.id, "sold")] * 3
    assert {trace.hold for trace in found.traces} == {left.id}
    with pytest.raises(InvalidSeats, match="A99"):
        await sale.explained("A99")


@pytest.mark.parametrize("settles", [False, True])
async def test_a_key_s_hold_is_the_answer_whatever_became_of_its_seats(sale: Sale, settles: bool) -> None:
    first, gone = await sale.hold("A1 A2", key="first"), await sale.hold("A3 A11", key="gone")
    turned = replace(vehicle(), seats=tuple(replace(seat, row=100 - seat.row) for seat in vehicle().seats))
    await sale.swap(seats=turned)
    assert (await sale.hold("A1 A2", key="first", settles=settles)).id == first.id
    assert (await sale.hold("A11 A3", key="gone", settles=settles)).id == gone.id
    with pytest.raises(IdempotencyKeyReused):
        await sale.hold("A11", key="gone", settles=settles)
    for key in (None, "new"):
        with pytest.raises(InvalidSeats, match="A11"):
            await sale.hold("A3 A11", key=key)
    await sale.assert_legal()


async def test_no_process_sells_the_old_vehicle_whatever_it_knows(sale: Sale) -> None:
    stale = sale.elsewhere()
    mine = await stale.hold("A1", by="eve")
    await stale.hold("A12", by="eve")
    lapsed = await stale.hold("A11", by="eve")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    booked = await sale.confirm(await sale.hold("A4", by="bob"))
    await sale.swap(seats=vehicle())
    with pytest.raises(InvalidSeats, match="A12"):
        await stale.hold("A12", by="eve")
    with pytest.raises(SeatUnavailable):
        await sale.elsewhere().hold("A4", by="eve")
    with pytest.raises(HoldExpired):
        await sale.confirm(lapsed)
    assert (await stale.holds("bob"))[0].id == booked.id
    assert (await stale.hold("A1", by="eve")).id != mine.id
    await sale.assert_legal()


async def test_a_seat_of_the_old_vehicle_is_neither_blocked_nor_unblocked(sale: Sale) -> None:
    stale = sale.elsewhere()
    await stale.block("A12")
    await sale.swap(seats=vehicle())
    for step in (stale.block, stale.unblock):
        with pytest.raises(InvalidSeats, match="A12"):
            await step("A12")
        stale = sale.elsewhere()


async def test_a_swap_back_finds_the_seats_again(sale: Sale) -> None:
    old = sale.trip
    lost = await sale.confirm(await sale.hold("A11"))
    kept = await sale.hold("A2")
    await sale.swap(seats=vehicle())
    report = await sale.swap(seats=old)
    assert (report.swap.moved, report.swap.left) == (2, 0)
    assert len(sale.trip.former) == 2
    assert (await sale.find(lost)).seats == ("A11",)
    assert (await sale.find(kept)).seats == ("A2",)
    await sale.freeze()
    await sale.unfreeze()
    await sale.hold("A3", by="bob")
    found = await sale.cancel_trip()
    assert (found.released, found.cancelled) == (2, 1)
    await sale.assert_legal()


async def test_a_repeated_swap_changes_nothing_and_a_late_one_is_refused(sale: Sale) -> None:
    await sale.hold("A1 A11")
    first = await sale.swap(seats=vehicle())
    again = await sale.swap(seats=vehicle())
    assert (again.swap.moved, again.swap.left, again.swap.offer.version) == (0, 1, first.swap.offer.version)
    with pytest.raises(TripChanged):
        await sale.swap(seats=vehicle(first=2), version=1)
    for first_seat in range(2, 9):
        await sale.swap(seats=vehicle(first=first_seat))
    with pytest.raises(InvalidTrip, match="at most 8 times"):
        await sale.swap(seats=vehicle())


async def test_a_swap_is_told_once_and_each_move_by_itself(sale: Sale) -> None:
    await sale.hold("A1")
    await sale.confirm(await sale.hold("A2", by="bob"))
    await sale.block("A3")
    await sale.relay_all()
    await sale.swap(seats=vehicle())
    sale.clock.pass_s(1)
    events = await sale.relay_all()
    told = sorted(event.type for event in events)
    assert {event.actor for event in events} == {ActorKind.HOUSE}
    assert told == sorted(
        [EventType.VEHICLE_SWAPPED, EventType.HOLD_CHANGED, EventType.BOOKING_CHANGED, EventType.SEATS_BLOCKED]
    )
    await sale.swap(seats=vehicle())
    assert await sale.relay_all() == []


async def test_a_frozen_trip_is_frozen_with_its_new_vehicle(sale: Sale) -> None:
    await sale.hold("A1")
    await sale.freeze()
    report = await sale.swap(seats=vehicle())
    assert report.swap.offer.state is SalesState.FROZEN
    await sale.unfreeze()
    await sale.hold("A2", by="bob")
    await sale.assert_legal()


async def test_a_swap_that_is_not_begun_in_time_is_not_told_to_be_over(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_vehicle, "ANSWERED_WITHIN_S", 0.01)
    slow = sale.elsewhere()
    slow.store.stall(any_batch)
    with pytest.raises(OutcomeUnknown):
        await slow.swap(seats=vehicle())


@pytest.mark.parametrize("only", [commits, cells_alone, any_batch])
async def test_a_swap_that_is_cut_short_is_gone_on_with(
    sale: Sale, only: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trip_swaps, "GROUPS_AT_ONCE", 1)
    held = [await sale.hold(seats, by=seats) for seats in ("A1 A9", "A3", "A10 A12")]
    doomed = sale.elsewhere()
    doomed.store.spoil(Spoil.NOT_DONE if only is not any_batch else Spoil.LOST, only)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown):
        await doomed.swap(seats=vehicle())
    report = await sale.elsewhere().swap(seats=vehicle())
    assert (report.swap.is_over, report.swap.moved, report.swap.left) == (True, 2, 1)
    sale.trip = report.swap.offer.trip
    assert all([(await sale.find(hold)).is_live for hold in held])
    await sale.assert_legal()


async def test_another_process_goes_on_with_a_swap_by_itself(sale: Sale) -> None:
    booked = await sale.confirm(await sale.hold("A1 A9"))
    doomed = sale.elsewhere()
    await doomed.dies(doomed.swap(seats=vehicle()), at=doomed.store.stall(commits))
    other = sale.elsewhere()
    with pytest.raises(SalesClosed, match="swapping"):
        await other.hold("A2")
    with pytest.raises(SalesClosed, match="swapping"):
        await other.block("A2")
    visited = await other.inventory.go_on_opening(HOUSE)
    assert not visited.failures
    sale.trip = other.trip = (await other.swap(seats=vehicle())).swap.offer.trip
    found = await sale.find(booked)
    assert isinstance(found.state, Confirmed)
    assert min(found.groups) >= sale.trip.first_group
    await sale.assert_legal()


async def test_a_cancel_a_freeze_or_a_change_waits_for_the_swap_that_was_begun(sale: Sale) -> None:
    await sale.hold("A1")
    doomed = sale.elsewhere()
    await doomed.dies(doomed.swap(seats=vehicle()), at=doomed.store.stall(cells_alone))
    other = sale.elsewhere()
    assert (await other.change(seats={"A1": 77})).trip.former
    assert (await other.cancel_trip()).released == 1


async def test_a_swap_is_whole_wherever_its_process_is_killed(market: Market) -> None:
    """Before each of its batches in turn, those of its moves included."""
    for batches in range(0, BATCHES, 3):
        sale = await market.open(seats_per_group=8, seats=12)
        booked = await sale.confirm(await sale.hold("A1 A9"))
        lost = await sale.hold("A11", by="bob")
        doomed, seen = sale.elsewhere(), count()
        stall = doomed.store.stall(lambda *_, seen=seen, last=batches: next(seen) >= last)
        await doomed.dies(doomed.swap(seats=vehicle()), at=stall)
        report = await sale.elsewhere().swap(seats=vehicle())
        assert (report.swap.is_over, report.swap.moved, report.swap.left) == (True, 1, 1), batches
        sale.trip = report.swap.offer.trip
        assert min((await sale.find(booked)).groups) >= sale.trip.first_group
        assert (await sale.find(lost)).is_live
        await sale.assert_legal()


async def test_seats_of_large_vehicles_are_matched_in_a_thread(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_loop, "AT_ONCE_MAX", 5)
    busy: list[str] = []

    def noted(old: Sequence[Seat], new: Sequence[Seat], chosen: Mapping[str, str]) -> swapping.SeatMatches:
        busy.append(current_thread().name)
        return match_seats(old, new, chosen)

    match_seats = swapping.match_seats
    monkeypatch.setattr(swapping, "match_seats", noted)
    await sale.hold("A1")
    assert (await sale.swap(seats=vehicle())).swap.moved == 1
    assert busy
    assert main_thread().name not in busy
