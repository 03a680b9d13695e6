"""A holder's holds, page by page: no live hold is hidden, and refused attempts leave no trace."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Index, Kind, Partition, Write
from travio_inventory.seats.commands import HoldsQuery
from travio_inventory.seats.hold import Hold, HoldPage
from travio_inventory.seats.records import holder_pages
from travio_inventory.seats.refusals import SeatHeld
from travio_inventory.seats.trip import TripKey
from verification.kit.asking import open_trip
from verification.kit.faulty_batches import Spoil, commits
from verification.kit.sale import Market, Sale


@pytest.fixture
async def sale(market: Market) -> Sale:
    """The size of its seat groups makes no difference."""
    return await market.open(seats=6)


def about_holds(_: Partition, writes: Sequence[Write]) -> bool:
    """Batches that would make a hold, or fence its id."""
    return any(write.key.kind is Kind.HOLD for write in writes)


async def entries(sale: Sale, by: str = "ann") -> int:
    """The number of entries in the list of holds."""
    return len(await sale.store.read_index(Index.HOLDS, listings.holds_bucket(sale.trip.key.organization, by)))


async def pages(sale: Sale, *, most: int, ended: bool) -> list[HoldPage]:
    """All holds of ann."""
    read = [await sale.inventory.read_holds.page(sale.actor(), HoldsQuery(include_ended=ended, page_size=most))]
    while read[-1].next:
        query = HoldsQuery(include_ended=ended, after=read[-1].next, page_size=most)
        page = await sale.inventory.read_holds.page(sale.actor(), query)
        read.append(page)
    return read


async def ended(sale: Sale, count: int) -> list[Hold]:
    """This number of holds that ann released, the newest first."""
    released: list[Hold] = []
    for _ in range(count):
        sale.clock.pass_ms(1)
        released.insert(0, await sale.release(await sale.hold("A6")))
    return released


@pytest.mark.parametrize("is_ended", [False, True])
async def test_a_page_tells_of_so_many_seats_at_most(
    sale: Sale, is_ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_pages, "SEATS_MAX", 3)
    made = {(await sale.hold(seats)).id for seats in ("A1 A2", "A3 A4")}
    made.add((await sale.confirm(await sale.hold("A5 A6"))).id)
    read = await pages(sale, most=10, ended=is_ended)
    assert [len(page.holds) for page in read if page.holds] == [1, 1, 1]
    assert {hold.id for page in read for hold in page.holds} == made


@pytest.mark.parametrize("taken", ["A1", "A2"])
async def test_refused_attempts_leave_no_list_entries(market: Market, taken: str) -> None:
    """In the seat group of the first seat, or in the other."""
    sale = await market.open(seats=6, seats_per_group=1)
    await sale.hold(taken, by="bob")
    for _ in range(5):
        with pytest.raises(SeatHeld):
            await sale.elsewhere().hold("A1 A2")
    assert await entries(sale) == 0
    assert await entries(sale, "bob") == 1


async def test_no_number_of_ended_holds_hides_a_booking(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder_pages, "NAMES_MAX", 4)
    booking = await sale.confirm(await sale.hold("A1"))
    held = await sale.hold("A2")
    await ended(sale, 20)
    [first, *others] = await pages(sale, most=3, ended=False)
    assert booking in first.holds
    assert [hold for page in (first, *others) for hold in page.holds] == [booking, held]
    assert len(others) == 23 // 4


@pytest.mark.parametrize("most", [1, 2, 3, 100])
async def test_every_hold_is_on_one_page(sale: Sale, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(holder_pages, "NAMES_MAX", 3)
    bookings = [await sale.confirm(await sale.hold(seat)) for seat in ("A1", "A2", "A3")]
    sale.clock.pass_s(1)
    held = await sale.hold("A4")
    gone = await ended(sale, 7)
    read = await pages(sale, most=most, ended=True)
    assert [hold for page in read for hold in page.holds][:8] == [*gone, held]
    assert {hold.id for page in read for hold in page.holds[-3:]} >= {hold.id for hold in bookings}
    live = [hold for page in await pages(sale, most=most, ended=False) for hold in page.holds]
    assert (sorted(hold.id for hold in live[:3]), live[3:]) == (sorted(hold.id for hold in bookings), [held])
    assert max(len(page.holds) for page in read) <= most


async def test_a_booking_with_an_entry_on_either_side_of_a_page_is_on_one(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_pages, "NAMES_MAX", 1)
    booking = await sale.confirm(await sale.hold("A1"))
    read = await pages(sale, most=3, ended=True)
    assert [hold for page in read for hold in page.holds] == [booking]


async def test_a_cancelled_booking_is_not_listed_as_live(sale: Sale) -> None:
    booking = await sale.confirm(await sale.hold("A1"))
    cancelled = await sale.cancel(booking)
    assert list(await sale.holds(include_ended=False)) == []
    assert list(await sale.holds()) == [cancelled]


async def test_a_hold_whose_process_died_before_listing_it_is_listed_with_its_event(sale: Sale) -> None:
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    sale.store.spoil(Spoil.NOT_DONE, about_holds)
    with pytest.raises(RetryableRefusal):
        await sale.hold("A1")
    another = sale.elsewhere()
    assert await entries(another) == 0
    await another.relay_all()
    assert [hold.seats for hold in await another.holds()] == [("A1",)]


@pytest.mark.parametrize("is_keyed", [True, False])
async def test_an_unanswered_commit_is_listed_by_the_call_that_finds_it(sale: Sale, is_keyed: bool) -> None:
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    hold = await sale.hold("A1", key="k" if is_keyed else None)
    if is_keyed:
        assert list(await sale.holds()) == [hold]
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    booking = await sale.confirm(hold)
    assert list(await sale.elsewhere().holds(include_ended=False)) == [booking]
    await sale.relay_all()
    assert list(await sale.elsewhere().holds()) == [booking]


async def test_the_holds_of_one_trip_are_listed_without_those_of_another(sale: Sale) -> None:
    other = sale.market.prepare(replace(sale.trip, key=TripKey(sale.trip.key.organization, "t2")))
    await open_trip(other.inventory, other.trip)
    here, there = await sale.hold("A1"), await other.hold("A1")
    for trip, holds in (("", {here.id, there.id}), ("t1", {here.id}), ("t2", {there.id}), ("t3", set())):
        page = await sale.inventory.read_holds.page(sale.actor(), HoldsQuery(trip_id=trip))
        assert {hold.id for hold in page.holds} == holds
