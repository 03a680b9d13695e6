"""Holding seats: every cell of the journey or none, and who is told what if it fails."""

import asyncio

import pytest

from travio_inventory.kernel.actor import Actor, service_of
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import hold_ref
from travio_inventory.seats.hold import Held
from travio_inventory.seats.refusals import (
    BY_STORE,
    CONTENTION,
    Decided,
    HoldNotFound,
    InvalidJourney,
    InvalidSeats,
    SeatHeld,
    SeatTaken,
    SeatUnavailable,
    TripNotFound,
)
from travio_inventory.seats.trip import Ends, Journey
from verification.kit.asking import hold_seats
from verification.kit.clocks import START_MS
from verification.kit.edges import TAKEN_TTL_S
from verification.kit.faulty_batches import commits
from verification.kit.sale import TTL_S, TTL_S_MAX, Market, Sale


async def test_a_hold_says_what_it_has_and_until_when(sale: Sale) -> None:
    hold = await sale.hold("A2 A1", "A-C", ttl_s=90)
    assert hold.state == Held(sale.clock.at_ms + 90_000)
    assert (hold.seats, hold.journey, hold.holder) == (("A1", "A2"), Journey(0, 1), "ann")
    assert await sale.find(hold) == hold


async def test_a_hold_from_a_to_c_leaves_c_to_d_on_sale(sale: Sale) -> None:
    await sale.hold("A1 A18", "A-C")
    assert await sale.statuses("A1") == await sale.statuses("A18") == ["held", "held", "available"]
    for taken in ("A-B", "B-C", "A-D", "B-D"):
        with pytest.raises(SeatTaken):
            await sale.hold("A18", taken)
    await sale.hold("A1 A18", "C-D")


async def test_a_hold_without_a_time_lasts_the_default(sale: Sale) -> None:
    hold = await sale.hold("A1", ttl_s=0)
    assert hold.state == Held(sale.clock.at_ms + TTL_S * 1_000)


async def test_ten_seats_are_held_at_once(sale: Sale) -> None:
    seats = " ".join(f"A{number}" for number in range(9, 19))
    hold = await sale.hold(seats)
    assert " ".join(hold.seats) == await sale.seats("held") == seats


async def test_on_a_loop_a_journey_that_fits_twice_is_refused_and_nothing_is_held(market: Market) -> None:
    """A B C A D: A comes twice."""
    loop = await market.open(stops="ABCAD")
    assert (await loop.hold("A1", "A-A")).journey == Journey(0, 2)
    assert (await loop.hold("A2", "C-D")).journey == Journey(2, 3)
    with pytest.raises(InvalidJourney, match="from_segment_index 0 to_segment_index 3, or 3 to 3") as refused:
        await loop.hold("A3", "A-D")
    with pytest.raises(InvalidJourney, match="or 3 to 3"):
        await loop.map("A-D")
    for first, last in refused.value.candidates:
        hold = await loop.hold(f"A{4 + first}", Ends("A", "D", first, last))
        assert hold.journey == Journey(first, last)
    assert await loop.seats("held", "A-B") == "A1 A4"


async def test_segment_numbers_say_which_visit_of_a_loop_is_meant(market: Market) -> None:
    loop = await market.open(stops="ABCAD")
    assert (await loop.hold("A1", Ends("A", "D", first=3))).journey == Journey(3, 3)
    assert (await loop.hold("A1", Ends("A", "A", first=0, last=2))).journey == Journey(0, 2)
    with pytest.raises(InvalidJourney, match="from_segment_index"):
        await loop.hold("A2", Ends("A", "D", first=1))
    with pytest.raises(InvalidJourney, match="to_segment_index"):
        await loop.hold("A2", Ends("A", "D", last=2))


async def test_a_holder_lists_their_own_holds_newest_first(sale: Sale) -> None:
    first = await sale.hold("A1")
    sale.clock.pass_s(1)
    second = await sale.hold("A2")
    await sale.hold("A3", by="bob")
    sale.clock.pass_s(1)
    third = await sale.hold("A4 A18")
    booking = await sale.confirm(second)
    released = await sale.release(first)
    assert list(await sale.holds()) == [third, booking, released]
    assert list(await sale.holds(include_ended=False)) == [booking, third]
    assert list(await sale.holds(trip_id="another")) == []
    assert list(await sale.holds("nobody")) == []


@pytest.mark.parametrize("status", ["held", "sold", "blocked"])
async def test_the_store_names_the_seat_the_segment_and_the_state(sale: Sale, status: str) -> None:
    if status == "blocked":
        await sale.block("A2")
    else:
        rival = await sale.hold("A2", "B-C", by="bob")
        if status == "sold":
            await sale.confirm(rival)
    asked = sale.elsewhere()
    for by in (BY_STORE.by, "edge"):
        with pytest.raises(SeatHeld if status == "held" else SeatUnavailable) as refused:
            await asked.hold("A1 A2", "B-D")
        assert refused.value.decided.by == by
        named = [cell[:3] for cell in refused.value.cells]
        assert named == ([("A2", 1, "blocked"), ("A2", 2, "blocked")] if status == "blocked" else [("A2", 1, status)])
        assert str(refused.value).startswith(CONTENTION) == (status == "held")


@pytest.mark.parametrize("status", ["held", "sold"])
async def test_a_refusal_tells_the_edge_whose_the_seat_is(sale: Sale, status: str) -> None:
    rival = await sale.hold("A2", by="bob", key="k")
    if status == "sold":
        await sale.confirm(rival)
    elsewhere = sale.elsewhere()
    for _ in range(2):
        with pytest.raises(SeatTaken) as refused:
            await elsewhere.hold("A2")
        assert {cell.claimant for cell in refused.value.cells} == {rival.claimant}
    assert (await elsewhere.hold("A2", by="bob", key="k")).id == rival.id


async def test_a_state_has_the_same_answer_from_store_and_edge(sale: Sale) -> None:
    """Sold seats are reported before held ones, in whichever seat group they are."""
    await sale.hold("A1 A18", by="bob")
    await sale.confirm(await sale.hold("A2 A17", by="bob"))
    asked = sale.elsewhere()
    for seats, kind in (("A1 A17", SeatUnavailable), ("A2 A18", SeatUnavailable), ("A1 A18", SeatHeld)):
        for by in (BY_STORE.by, "edge"):
            with pytest.raises(kind) as refused:
                await asked.hold(seats)
            assert refused.value.decided.by == by
        asked.clock.pass_s(TAKEN_TTL_S)
    assert isinstance(refused.value, SeatHeld)
    assert refused.value.held_until_ms == START_MS + TTL_S * 1_000


async def test_what_the_edge_says_is_as_old_as_the_batch_that_decided_it(sale: Sale) -> None:
    """And the edge says it for at most two seconds after that."""
    began_ms = sale.clock.now_ms()
    at_commit = sale.store.stall(commits)
    attempt = asyncio.ensure_future(sale.hold("A1", by="bob"))
    await at_commit.reached.wait()
    sale.clock.pass_s(1.5)
    at_commit.go.set()
    await attempt
    with pytest.raises(SeatHeld) as refused:
        await sale.hold("A1")
    assert refused.value.decided == Decided("edge", began_ms)
    sale.clock.pass_s(0.5)
    with pytest.raises(SeatHeld) as refused:
        await sale.hold("A1")
    assert refused.value.decided == BY_STORE


async def test_a_holder_s_own_hold_is_reported_as_their_own(sale: Sale) -> None:
    """Only to its holder, by edge and store, with another key and without one."""
    hold = await sale.hold("A1", key="tab 1")
    for process in (sale, sale.elsewhere()):
        for key in ("tab 2", None):
            with pytest.raises(SeatHeld, match=f"in your own hold {hold.id}") as refused:
                await process.hold("A1", key=key)
            assert refused.value.own_hold == hold.id
        with pytest.raises(SeatHeld) as refused:
            await process.hold("A1", by="bob")
        assert hold.id not in f"{refused.value} {refused.value.own_hold}"
    with pytest.raises(SeatHeld) as refused:
        await sale.elsewhere().hold("A1", key="tab 2")
    assert refused.value.own_hold == hold.id, "a key's refusal is told again as it was"


@pytest.mark.parametrize("asked", ["A1 A2", "A2 A17 A18", "A1 A17"])
async def test_a_refused_hold_leaves_no_seat_behind(sale: Sale, asked: str) -> None:
    """One of the seats is taken on B-C, so the hold is refused; all that was free before must be free after."""
    taken = asked.rsplit(maxsplit=1)[-1]
    await sale.hold(taken, "B-C")
    with pytest.raises(SeatTaken):
        await sale.hold(asked, "A-C")
    await sale.assert_legal()
    await sale.hold(taken, "A-B")
    await sale.hold(taken, "C-D")
    for seat in asked.split()[:-1]:
        await sale.hold(seat, "A-D", by="bob")


@pytest.mark.parametrize("ends", [Ends("C", "A"), Ends("A", "A"), Ends("X", "D"), Ends("A", "X"), Ends("D", "A")])
async def test_a_journey_that_the_trip_does_not_make_is_refused(single_seats: Sale, ends: Ends) -> None:
    with pytest.raises(InvalidJourney):
        await single_seats.hold("A1", ends)
    with pytest.raises(InvalidJourney):
        await single_seats.map(ends)


@pytest.mark.parametrize("seats", ["", "A1 A1", "A1 Z9", " ".join(f"A{number}" for number in range(1, 12))])
async def test_seats_that_cannot_be_held_are_refused(single_seats: Sale, seats: str) -> None:
    """No seat, one twice, one that does not exist, eleven."""
    with pytest.raises(InvalidSeats):
        await single_seats.hold(seats)
    assert await single_seats.seats("held") == ""


async def test_a_time_beyond_the_cap_is_refused(single_seats: Sale) -> None:
    await single_seats.hold("A1", ttl_s=TTL_S_MAX)
    with pytest.raises(InvalidRequest, match="hold_duration_seconds"):
        await single_seats.hold("A2", ttl_s=TTL_S_MAX + 1)


async def test_there_is_no_trip_of_another_organization(single_seats: Sale) -> None:
    trip, inventory = single_seats.trip.key, single_seats.inventory
    for organization, trip_id in ((trip.organization, "t2"), ("another", trip.trip)):
        with pytest.raises(TripNotFound):
            await hold_seats(inventory, Actor(organization, "ann"), trip_id, Ends("A", "B"), ["A1"])


async def test_whose_a_hold_is_stays_known_after_its_end_and_to_its_organization_alone(sale: Sale) -> None:
    hold = await sale.hold("A1 A18", by="bob")
    holder, ref = sale.inventory.read_holds.holder, hold_ref(hold.id)
    assert await holder(service_of(sale.trip.key.organization), ref) == "bob"
    await sale.release(hold)
    assert await holder(service_of(sale.trip.key.organization), ref) == "bob"
    with pytest.raises(HoldNotFound):
        await holder(service_of("another"), ref)


async def test_what_the_house_blocks_is_nobodys_hold(sale: Sale) -> None:
    await sale.block("A1")
    (owner,) = {cell["owner"] for cell in await sale.cells("A1")}
    with pytest.raises(HoldNotFound):
        await sale.inventory.read_holds.holder(service_of(sale.trip.key.organization), hold_ref(str(owner)))
