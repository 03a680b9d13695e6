"""The manifest of a trip: every booking once, in the order of seats, as the home rows say."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from travio_inventory.kernel.actor import house_of
from travio_inventory.kernel.refusals import BackendUnavailable, FinalRefusal, InvalidRequest
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.seats.hold import Hold, Passenger
from travio_inventory.seats.queries import ManifestQuery
from travio_inventory.seats.records import manifests, order_pages
from travio_inventory.seats.refusals import InvalidJourney, TripNotFound, TripOpening
from travio_inventory.seats.trip import Ends
from verification.kit.faulty_batches import Spoil, cells_alone, everything_after, seeds
from verification.kit.sale import TTL_S, Market, Sale
from verification.kit.trips import PerGroup, a_trip

SETTINGS = settings(max_examples=15, derandomize=True, database=None)
SEATS = 6


def seats_of(holds: Sequence[Hold]) -> list[str]:
    """The seats of each, "A1 A2"."""
    return [" ".join(hold.seats) for hold in holds]


async def whole(sale: Sale, *, most: int = 0) -> list[Hold]:
    """All bookings, page by page."""
    page = await sale.manifest(most=most)
    found = list(page.holds)
    while page.next:
        page = await sale.manifest(after=page.next, most=most)
        assert len(page.holds) <= (most or 100)
        found += page.holds
    return found


async def test_bookings_are_listed_in_the_order_of_their_seats(sale: Sale) -> None:
    """Whoever made them; not what is only held, ended or blocked; a late booking as any other."""
    lapsed = await sale.hold("A9 A18", by="cyd")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    late = await sale.confirm(lapsed, "order-3")
    last = await sale.confirm(await sale.hold("A12"))
    later, earlier = await sale.hold("A2 A17", "C-D", by="bob"), await sale.hold("A2", "A-C")
    second = await sale.confirm(later, "order-2")
    first = await sale.confirm(earlier)
    held = await sale.hold("A1 A16")
    await sale.release(await sale.hold("A3"))
    await sale.cancel(await sale.confirm(await sale.hold("A4 A15")))
    await sale.block("A5")
    assert await whole(sale, most=2) == [first, second, late, last]
    assert (await sale.manifest(include_held=True)).holds == [held, first, second, late, last]


async def test_what_a_cancelled_booking_left_behind_is_not_listed(single_seats: Sale) -> None:
    booking = await single_seats.confirm(await single_seats.hold("A1 A2"))
    await single_seats.settled()
    single_seats.store.spoil(Spoil.NOT_DONE, cells_alone)
    await single_seats.cancel(booking)
    assert "sold" in await single_seats.statuses("A2")
    assert await whole(single_seats) == []


async def test_a_booking_that_gave_up_its_first_seat_is_listed_with_the_seats_that_it_has(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A9 A18"))
    other = await sale.confirm(await sale.hold("A2"))
    changed = await sale.cancel(booking, "A1")
    assert changed.seats == ("A9", "A18")
    assert await whole(sale, most=1) == [other, changed]


async def test_a_booking_that_was_moved_is_listed_by_the_seat_that_it_has(sale: Sale) -> None:
    """Far from its home, and once, whether its old cells are free yet or not."""
    booking, other = await sale.confirm(await sale.hold("A1 A2")), await sale.confirm(await sale.hold("A9"))
    sale.store.spoil(Spoil.NOT_DONE, everything_after(2, of=cells_alone))
    moved = await sale.move(booking, "A1>A17 A2>A18")
    assert moved.seats == ("A17", "A18")
    for _ in range(2):
        assert await whole(sale, most=1) == [other, moved]
        sale.store.mend()
        await sale.settled()


async def test_only_those_are_listed_who_board_or_alight_at_a_station(market: Market) -> None:
    """On a loop, on either visit."""
    sale = await market.open(stops="ABCAD")
    for seat, ends in ("A1", Ends("A", "B")), ("A2", Ends("A", "D", 3, 3)), ("A3", Ends("B", "D")):
        await sale.confirm(await sale.hold(seat, ends))

    async def listed(boarding: str, alighting: str) -> list[str]:
        query = ManifestQuery(trip_id="t1", boarding=boarding, alighting=alighting)
        return seats_of((await sale.inventory.read_manifest(house_of(sale.trip.key.organization), query)).page.holds)

    assert await listed("A", "") == ["A1", "A2"]
    assert await listed("", "D") == ["A2", "A3"]
    assert await listed("A", "D") == ["A2"]
    assert await listed("C", "") == []
    with pytest.raises(InvalidJourney) as refused:
        await listed("X", "Y")
    assert [violation.field for violation in refused.value.violations] == [
        "boarding_station_id",
        "alighting_station_id",
    ]


@pytest.mark.parametrize("is_asked", [True, False])
async def test_national_ids_are_told_only_if_they_are_asked_for(market: Market, is_asked: bool) -> None:
    sale = await market.open(seats=2)
    await sale.confirm(await sale.hold("A1"), passengers=[Passenger("A1", "Ada", "N-1815")])
    query = ManifestQuery(trip_id="t1", with_national_ids=is_asked)
    (booking,) = (await sale.inventory.read_manifest(house_of(sale.trip.key.organization), query)).page.holds
    assert booking.passengers == (Passenger("A1", "Ada", "N-1815" if is_asked else ""),)


async def test_a_page_costs_the_same_however_many_holds_ended(market: Market) -> None:
    sale = await market.open(seats=2)
    booking = await sale.confirm(await sale.hold("A1"))
    costs = set()
    for _ in range(5):
        before = sale.store.rows_read.copy()
        assert await whole(sale) == [booking]
        costs.add(tuple(sorted((sale.store.rows_read - before).items())))
        await sale.release(await sale.hold("A2"))
    assert costs == {((Kind.CELL, 6), (Kind.HOLD, 1), (Kind.TRIP, 1))}


async def test_a_page_looks_at_so_many_seat_groups_only(single_seats: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "GROUPS_MAX", 5)
    monkeypatch.setattr(manifests, "GROUPS_AT_ONCE", 2)
    booking = await single_seats.confirm(await single_seats.hold("A18"))
    pages = [await single_seats.manifest()]
    while pages[-1].next:
        pages.append(await single_seats.manifest(after=pages[-1].next))
    assert [seats_of(page.holds) for page in pages] == [[], [], [], ["A18"]]
    assert pages[-1].holds == [booking]


async def test_a_page_tells_of_so_many_seats_only(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply has a limit; a hold that has more seats is on a page of its own."""
    sale = await market.open()
    for module in (manifests, order_pages):
        monkeypatch.setattr(module, "SEATS_MAX", 2)
    for seats in ("A1 A2 A3", "A4", "A5", "A6 A7"):
        sale.clock.pass_ms(1)
        await sale.confirm(await sale.hold(seats))
    pages = [await sale.manifest()]
    while pages[-1].next:
        pages.append(await sale.manifest(after=pages[-1].next))
    assert [seats_of(page.holds) for page in pages] == [["A1 A2 A3"], ["A4", "A5"], ["A6 A7"]]
    orders = [await sale.order("order-1")]
    while orders[-1].next:
        orders.append(await sale.order("order-1", after=orders[-1].next))
    assert [[len(hold.seats) for hold, _ in page.bookings] for page in orders] == [[2], [1, 1], [3]]


@pytest.mark.parametrize("token", ["x", "1", "1 2 3", "-1 0", "1 -2", "٣ 1", "1 1\n", "9999999 0"])
def test_only_a_token_of_a_page_leads_to_another(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ManifestQuery(trip_id="t1", after=token)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


async def test_nothing_follows_behind_the_last_seat(single_seats: Sale) -> None:
    await single_seats.confirm(await single_seats.hold("A18"))
    for after in ("17 0", "999999 0"):
        assert await single_seats.manifest(after=after) == ([], "")


async def test_a_trip_that_is_not_open_has_no_manifest(market: Market) -> None:
    sale = market.prepare(a_trip(seats=2, seats_per_group=1))
    with pytest.raises(TripNotFound):
        await sale.manifest()
    sale.store.spoil(Spoil.NOT_DONE, everything_after(1, of=seeds))
    with pytest.raises(BackendUnavailable):
        await sale.open_trip()
    with pytest.raises(TripOpening):
        await sale.manifest()


async def test_a_trip_whose_sale_is_frozen_has_a_manifest_and_explains_its_seats(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1 A18"))
    await sale.close()
    await sale.freeze()
    assert await whole(sale) == [booking]
    assert {cell.owner for cell in (await sale.explained("A18")).cells} == {booking.id}


async def test_what_cannot_be_read_is_no_empty_list(market: Market) -> None:
    sale = await market.open(seats=2)
    await sale.confirm(await sale.hold("A1"))
    sale.store.cannot_read(sale.group_partition("A1"))
    with pytest.raises(BackendUnavailable):
        await sale.manifest()


class Between(NamedTuple):
    """What happens between two pages: a seat is booked for a journey, or one of the bookings is cancelled."""

    seat: int
    ends: str
    cancels: bool


BETWEEN = st.builds(
    Between,
    seat=st.integers(1, SEATS),
    ends=st.sampled_from(["A-B", "B-C", "C-D", "A-C", "B-D", "A-D"]),
    cancels=st.booleans(),
)


@pytest.mark.parametrize("per_group", [1, 3, "all"])
@given(
    before=st.lists(BETWEEN, max_size=12),
    between=st.lists(st.lists(BETWEEN, max_size=3), max_size=8),
    most=st.integers(1, 4),
)
@SETTINGS
async def test_what_is_booked_all_the_while_is_on_one_page_and_nothing_twice(
    store: Batches, per_group: PerGroup, before: list[Between], between: list[list[Between]], most: int
) -> None:
    async with Market(store) as market:
        sale = await market.open(seats=SEATS, seats_per_group=per_group)
        standing: dict[str, Hold] = {}
        for step in before:
            await _do(sale, step, standing)
        all_the_while, ever = dict(standing), dict(standing)
        page = await sale.manifest(most=most)
        listed = list(page.holds)
        while page.next:
            for step in between.pop() if between else []:
                await _do(sale, step, standing)
                ever |= standing
                all_the_while = {hold_id: hold for hold_id, hold in all_the_while.items() if hold_id in standing}
            page = await sale.manifest(after=page.next, most=most)
            listed += page.holds
            assert len(listed) <= len(ever)
        ids = [hold.id for hold in listed]
        assert len(ids) == len(set(ids))
        assert all_the_while.keys() <= set(ids) <= ever.keys()
        places = [(int(hold.seats[0][1:]), hold.journey.first) for hold in listed]
        assert places == sorted(places)


async def _do(sale: Sale, step: Between, standing: dict[str, Hold]) -> None:
    if step.cancels and standing:
        _, booking = standing.popitem()
        await sale.cancel(booking)
        return
    seats = f"A{step.seat}" if step.seat == SEATS else f"A{step.seat} A{step.seat + 1}"
    try:
        booking = await sale.confirm(await sale.hold(seats, step.ends))
    except FinalRefusal:
        return
    standing[booking.id] = booking
