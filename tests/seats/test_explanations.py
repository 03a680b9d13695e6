"""A seat is explained: its cells now, and every hold, refusal and event that is kept of it, in the order of time."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.refusals import BackendUnavailable, FinalRefusal, InvalidRequest
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.refusals import HoldExpired
from travio_inventory.seats.explanation import SeatExplanation, Source
from travio_inventory.seats.hold import Hold, late_id
from travio_inventory.seats.queries import SeatQuery
from travio_inventory.seats.records import explanations
from travio_inventory.seats.refusals import InvalidSeats, SeatHeld, TripNotFound
from travio_inventory.seats.trip import Journey
from verification.kit.faulty_batches import Spoil, cells_alone, commits
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import PerGroup

SETTINGS = settings(max_examples=10, derandomize=True, database=None)


def told(found: SeatExplanation, source: Source) -> list[tuple[str, str]]:
    """What and of which hold, in order."""
    return [(trace.what, trace.hold) for trace in found.traces if trace.source is source]


async def test_who_has_a_seat_and_who_had_it_is_told_in_order(sale: Sale) -> None:
    """Wherever the holds have their homes."""
    released = await sale.release(await sale.hold("A2 A18"))
    sale.clock.pass_s(1)
    cancelled = await sale.cancel(await sale.confirm(await sale.hold("A17 A18", by="bob"), "order-1"))
    sale.clock.pass_s(1)
    lapsed = await sale.hold("A18", by="cyd")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    sale.clock.pass_s(1)
    booking = await sale.confirm(await sale.hold("A1 A18", "A-C", by="dan"), "order-2")
    await sale.confirm(await sale.hold("A16"))
    await sale.settled()
    found = await sale.explained("A18")
    assert told(found, Source.HOLD) == [
        ("released", released.id),
        ("cancelled", cancelled.id),
        ("expired", lapsed.id),
        ("confirmed", booking.id),
    ]
    assert told(found, Source.EVENT) == [
        ("hold.created", released.id),
        ("hold.released", released.id),
        ("hold.created", cancelled.id),
        ("seats.purchased", cancelled.id),
        ("booking.cancelled", cancelled.id),
        ("hold.created", lapsed.id),
        ("hold.expired", lapsed.id),
        ("hold.created", booking.id),
        ("seats.purchased", booking.id),
    ]
    assert told(found, Source.REFUSAL) == []
    last = next(trace for trace in found.traces if trace.what == "confirmed")
    assert (last.holder, last.order, last.seats, last.journey) == ("dan", "order-2", ("A1", "A18"), booking.journey)
    assert (last.until_ms, found.cells[0].expires_at_ms) == (0, 0)
    assert (last.at_ms, last.changed_at_ms) == (booking.created_at_ms, sale.clock.now_ms())
    assert [(cell.segment, cell.status, cell.owner) for cell in found.cells] == [
        (0, "sold", booking.id),
        (1, "sold", booking.id),
        (2, "available", ""),
    ]
    whose = [(cell.home, cell.holder, cell.order) for cell in found.cells]
    assert whose == [("confirmed", "dan", "order-2")] * 2 + [("", "", "")]


async def test_a_late_booking_is_told_with_the_hold_that_it_replaces(sale: Sale) -> None:
    hold = await sale.hold("A1 A18")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    late = await sale.confirm(hold)
    assert set(told(await sale.explained("A18"), Source.HOLD)) == {("expired", hold.id), ("confirmed", late.id)}


async def test_a_final_refusal_says_who_had_the_seat_and_when_it_was_said(sale: Sale) -> None:
    hold = await sale.hold("A18", "B-C")
    sale.clock.pass_s(1)
    with pytest.raises(SeatHeld):
        await sale.elsewhere().hold("A1 A18", "A-D", by="bob", key="k")
    (refusal,) = (trace for trace in (await sale.explained("A18")).traces if trace.source is Source.REFUSAL)
    assert (refusal.what, refusal.at_ms) == ("refused", sale.clock.now_ms())
    until_ms = hold.created_at_ms + TTL_S * 1_000
    assert [(cell.segment, cell.status, cell.until_ms) for cell in refusal.taken] == [(1, "held", until_ms)]
    assert told(await sale.explained("A1"), Source.REFUSAL) == []


async def test_a_final_refusal_says_who_was_refused_and_for_which_journey(sale: Sale) -> None:
    """Also after another process repeated the request, and found the fence of the first."""
    await sale.hold("A18", "B-C")
    for process in (sale.elsewhere(), sale.elsewhere()):
        with pytest.raises(SeatHeld) as refused:
            await process.hold("A1 A18", "B-D", by="bob", key="k")
        assert [(cell.claimant, cell.hold) for cell in refused.value.cells] == [("", "")]
        (refusal,) = (trace for trace in (await sale.explained("A18")).traces if trace.source is Source.REFUSAL)
        assert (refusal.holder, refusal.journey) == ("bob", Journey(1, 2))


async def test_a_late_booking_that_was_refused_says_whose_it_would_have_been(sale: Sale) -> None:
    hold = await sale.hold("A1 A18", "B-D")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    await sale.hold("A18", "A-D", by="bob")
    with pytest.raises(HoldExpired):
        await sale.confirm(hold)
    (refusal,) = (trace for trace in (await sale.explained("A18")).traces if trace.source is Source.REFUSAL)
    assert (refusal.hold, refusal.holder, refusal.journey) == (late_id(hold.id), hold.holder, hold.journey)
    assert hold.holder


async def test_a_plain_lost_race_leaves_nothing_and_the_answer_says_so(sale: Sale) -> None:
    await sale.hold("A1")
    before = await sale.explained("A1")
    with pytest.raises(SeatHeld):
        await sale.elsewhere().hold("A1", by="bob")
    assert await sale.explained("A1") == before
    assert "plain lost race leaves no trace" in before.left_out
    kept = sale.process.sender.rules.retention
    assert (kept.ended_s, kept.events_s) == (86_520, 604_800)
    assert "kept for 24 h 2 min from their end, events for 168 h." in before.left_out


async def test_a_seat_that_is_off_sale_has_no_end(sale: Sale) -> None:
    await sale.block("A1 A18", reason="broken")
    found = await sale.explained("A18")
    assert [(cell.status, cell.home, cell.expires_at_ms) for cell in found.cells] == [("blocked", "held", 0)] * 3
    (block,) = (trace for trace in found.traces if trace.source is Source.HOLD)
    assert (block.reason, block.until_ms, block.holder) == ("broken", 0, "")
    (event,) = (trace for trace in found.traces if trace.source is Source.EVENT)
    assert (event.what, event.actor, event.reason) == ("seats.blocked", "house", "broken")


async def test_what_a_cell_says_stands_beside_what_decides(single_seats: Sale) -> None:
    booking = await single_seats.confirm(await single_seats.hold("A1 A2"))
    await single_seats.settled()
    single_seats.store.spoil(Spoil.NOT_DONE, cells_alone)
    await single_seats.cancel(booking)
    assert {(cell.status, cell.home) for cell in (await single_seats.explained("A2")).cells} == {("sold", "cancelled")}


async def test_seat_groups_are_read_several_at_once(single_seats: Sale) -> None:
    await single_seats.hold("A1 A18")
    single_seats.store.reads_at_once = 0
    await single_seats.explained("A18")
    assert single_seats.store.reads_at_once == explanations.READS_AT_ONCE


async def test_a_seat_that_a_booking_gave_up_is_told_as_given_up(single_seats: Sale) -> None:
    """Also while its cells still name the booking."""
    booking = await single_seats.confirm(await single_seats.hold("A1 A2"))
    await single_seats.settled()
    single_seats.store.spoil(Spoil.NOT_DONE, cells_alone)
    await single_seats.cancel(booking, "A2")
    found = await single_seats.explained("A2")
    assert {(cell.status, cell.owner, cell.home) for cell in found.cells} == {("sold", booking.id, "given up")}
    assert [(trace.what, trace.seats) for trace in found.traces if trace.source is Source.HOLD] == [
        ("confirmed", ("A1",))
    ]
    assert ("booking.changed", booking.id) in told(found, Source.EVENT)
    assert {cell.home for cell in (await single_seats.explained("A1")).cells} == {"confirmed"}


async def test_a_booking_that_was_moved_is_told_of_either_seat(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1"))
    sale.clock.pass_s(1)
    await sale.move(booking, "A1>A18")
    await sale.settled()
    before, now = await sale.explained("A1"), await sale.explained("A18")
    assert ("booking.changed", booking.id) in told(before, Source.EVENT)
    assert told(now, Source.EVENT) == [("booking.changed", booking.id)]
    assert told(now, Source.HOLD) == [("confirmed", booking.id)]
    assert {(cell.status, cell.owner, cell.home) for cell in now.cells} == {("sold", booking.id, "confirmed")}
    assert {(cell.status, cell.owner) for cell in before.cells} == {("available", "")}


async def test_a_seat_that_a_hold_is_being_moved_to_is_told_as_such(single_seats: Sale) -> None:
    hold = await single_seats.hold("A1")
    stall = single_seats.store.stall(commits)
    moving = asyncio.ensure_future(single_seats.move(hold, "A1>A2"))
    await stall.reached.wait()
    found = await single_seats.explained("A2")
    assert {(cell.status, cell.owner, cell.home) for cell in found.cells} == {("held", hold.id, "moving")}
    stall.go.set()
    await moving


@pytest.mark.parametrize(("seat", "refusal"), [("A19", InvalidSeats), ("A\n", InvalidRequest)])
async def test_a_seat_that_is_not_there_is_not_explained(
    single_seats: Sale, seat: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await single_seats.explained(seat)
    query = SeatQuery(trip_id="t2", seat_id="A1")
    with pytest.raises(TripNotFound):
        await single_seats.inventory.explain_seat(house_of(single_seats.trip.key.organization), query)


@pytest.mark.parametrize("token", ["x", "1", "-1 x", "99999999 x"])
def test_only_a_token_of_a_page_leads_to_another(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        SeatQuery(trip_id="t1", seat_id="A1", after=token)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


async def test_what_cannot_be_read_is_not_explained(single_seats: Sale) -> None:
    single_seats.store.cannot_read(single_seats.group_partition("A5"))
    with pytest.raises(BackendUnavailable):
        await single_seats.explained("A1")


@pytest.mark.parametrize("per_group", [1, 3, "all"])
@given(
    steps=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["release", "confirm", "hold"])), max_size=15),
    rows=st.integers(1, 7),
    reads=st.integers(1, 4),
)
@SETTINGS
async def test_every_hold_of_a_seat_is_told_once_whatever_a_page_looks_at(
    store: Batches, per_group: PerGroup, steps: list[tuple[int, str]], rows: int, reads: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanations, "READS_MAX", reads)
        async with Market(store) as market:
            sale = await market.open(seats=6, seats_per_group=per_group)
            made = [hold for step in steps if (hold := await _do(sale, *step)) is not None]
            for seat in ("A1", "A4", "A6"):
                found = await sale.explained(seat, rows_max=rows)
                holds = [hold for _, hold in told(found, Source.HOLD)]
                assert sorted(holds) == sorted(hold.id for hold in made if seat in hold.seats)
                events = [(trace.hold, trace.what) for trace in found.traces if trace.source is Source.EVENT]
                assert len(events) == len(set(events))
                assert {hold for hold, _ in events} == set(holds)


async def _do(sale: Sale, seat: int, then: str) -> Hold | None:
    """A hold of that seat and the one before it, and what becomes of it."""
    sale.clock.pass_ms(1)
    try:
        hold = await sale.hold(f"A{seat}" if seat == 1 else f"A{seat - 1} A{seat}", "A-B")
    except FinalRefusal:
        return None
    if then == "release":
        return await sale.release(hold)
    return await sale.confirm(hold) if then == "confirm" else hold
