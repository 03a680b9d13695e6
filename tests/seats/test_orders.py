"""The bookings of an order: an entry leads to each, the hold rows decide, a lost entry comes back with the event."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.parts import noted
from travio_inventory.kernel.refusals import BackendUnavailable, InvalidRequest
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import FOR_EVER, Batches, Index, IndexEntry, Partition, Table
from travio_inventory.seats.hold import Hold, Passenger
from travio_inventory.seats.queries import OrderQuery
from travio_inventory.seats.records import order_pages
from travio_inventory.seats.trip import TripKey
from verification.kit.asking import open_trip
from verification.kit.faulty_batches import Spoil, any_batch, commits
from verification.kit.sale import TTL_S, Market, Sale

NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


@pytest.fixture
async def sale(market: Market) -> Sale:
    """The size of its seat groups makes no difference."""
    return await market.open(seats=6, seats_per_group=3)


async def booked(sale: Sale, seats: str, order: str = "o1", *, by: str = "ann") -> Hold:
    """A booking under the order, a moment after the one before."""
    sale.clock.pass_ms(1)
    return await sale.confirm(await sale.hold(seats, by=by), order)


async def listed(sale: Sale, order: str = "o1", *, cancelled: bool = False) -> list[Hold]:
    """All that the order has."""
    return [hold for hold, _ in (await sale.order(order, cancelled=cancelled)).bookings]


async def test_an_order_has_the_bookings_that_were_confirmed_for_it(sale: Sale) -> None:
    """Newest first, whoever made them, of every trip."""
    other = sale.market.prepare(replace(sale.trip, key=TripKey(sale.trip.key.organization, "t2")))
    await open_trip(other.inventory, other.trip)
    first, second = await booked(sale, "A1"), await booked(sale, "A2 A5", by="bob")
    await booked(sale, "A3", "o2")
    await sale.hold("A4")
    third = await booked(sale, "A6")
    elsewhere = await booked(other, "A1")
    assert {hold.id for hold in await listed(sale)} == {hold.id for hold in (first, second, third, elsewhere)}
    assert [hold for hold in await listed(sale) if hold.trip == sale.trip.key] == [third, second, first]
    assert {trip.key for _, trip in (await sale.order("o1")).bookings} == {sale.trip.key, other.trip.key}
    assert await listed(sale, "o3") == []


async def test_a_cancelled_booking_is_listed_only_if_it_is_asked_for(sale: Sale) -> None:
    kept, cancelled = await booked(sale, "A1"), await sale.cancel(await booked(sale, "A2"))
    assert await listed(sale) == [kept]
    assert await listed(sale, cancelled=True) == [cancelled, kept]


async def test_a_late_booking_is_listed_in_place_of_its_hold(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.clock.pass_s(TTL_S + 1)
    await sale.sweep()
    late = await sale.confirm(hold, "o1")
    assert late.id != hold.id
    assert await listed(sale) == [late]


async def test_no_other_organization_sees_it(market: Market, sale: Sale) -> None:
    await booked(sale, "A1")
    assert await listed(await market.open(seats=2)) == []


async def test_an_entry_is_never_trusted(sale: Sale) -> None:
    """One that names a hold, a booking of another order, or nothing, lists nothing; the last one goes."""
    held, other = await sale.hold("A1"), await booked(sale, "A2", "o2")
    of, nothing = (sale.trip.key.organization, "ann"), f"t1~0~{1:032x}"
    for hold_id in (held.id, other.id, nothing):
        *_, entry = listings.booked(*of, hold_id, 1, order="o1", keep_s=FOR_EVER)
        await sale.store.apply(NOWHERE, (), [entry])
    assert await listed(sale, cancelled=True) == []


async def test_an_entry_whose_hold_is_gone_is_let_go(sale: Sale) -> None:
    *_, entry = listings.booked(sale.trip.key.organization, "ann", f"t1~0~{1:032x}", 1, order="o1", keep_s=FOR_EVER)
    await sale.store.apply(NOWHERE, (), [entry])
    before = sale.store.batches
    assert await listed(sale) == []
    assert sale.store.batches == before + 1
    booking = await booked(sale, "A1", "o2")
    before = sale.store.batches
    assert await listed(sale, "o2") == [booking]
    assert sale.store.batches == before


async def test_a_booking_whose_entry_was_lost_is_listed_with_its_event(sale: Sale) -> None:
    hold = await sale.hold("A1")
    sale.store.spoil(Spoil.UNANSWERED, commits, times=1)
    sale.store.spoil(Spoil.NOT_DONE, any_batch)
    await sale.confirm(hold, "o1")
    another = sale.elsewhere()
    assert await listed(another) == []
    await another.relay_all()
    assert [found.id for found in await listed(another)] == [hold.id]
    await another.cancel((await listed(another))[0])
    assert await listed(another) == []


async def test_the_entry_travels_with_the_confirm(sale: Sale) -> None:
    """No request more than before: one batch, with one entry more."""
    hold = await sale.hold("A1")
    sent = noted(sale)
    await sale.confirm(hold, "o1")
    (batch,) = sent
    ordered = [entry for entry in batch.entries if entry.of is Index.ORDERS]
    assert ordered == [listings.of_hold((await listed(sale))[0], sale.process.sender.rules.retention)[-1]]
    assert isinstance(ordered[0], IndexEntry)


async def test_what_cannot_be_read_is_no_empty_order(sale: Sale) -> None:
    await booked(sale, "A1")
    sale.store.cannot_read(sale.group_partition("A1"))
    with pytest.raises(BackendUnavailable):
        await listed(sale)


@pytest.mark.parametrize("is_asked", [True, False])
async def test_national_ids_are_told_only_if_they_are_asked_for(sale: Sale, is_asked: bool) -> None:
    await sale.confirm(await sale.hold("A1"), "o1", passengers=[Passenger("A1", "Ada", "N-1815")])
    query = OrderQuery(order_id="o1", with_national_ids=is_asked)
    ((booking, _),) = (await sale.inventory.read_order(sale.actor(), query)).bookings
    assert booking.passengers == (Passenger("A1", "Ada", "N-1815" if is_asked else ""),)


def test_an_order_is_named_by_an_id() -> None:
    with pytest.raises(InvalidRequest) as refused:
        OrderQuery(order_id=" o", page_size=101)
    assert [violation.field for violation in refused.value.violations] == ["page_size", "order_id"]


@given(orders=st.lists(st.sampled_from("ox"), max_size=6), most=st.integers(1, 3), names=st.integers(1, 3))
@settings(max_examples=15, derandomize=True, database=None)
async def test_every_booking_is_on_one_page_while_others_are_made(
    store: Batches, orders: list[str], most: int, names: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_pages, "NAMES_MAX", names)
        async with Market(store) as market:
            sale = await market.open(seats=18)
            made = [await booked(sale, f"A{at}", order) for at, order in enumerate(orders, 1)]
            page = await sale.order("o", most=most)
            found = list(page.bookings)
            for at in range(7, 19):
                if not page.next:
                    break
                await booked(sale, f"A{at}", "o")
                page = await sale.order("o", after=page.next, most=most)
                assert len(page.bookings) <= most
                found += page.bookings
            wanted = [hold.id for hold, order in zip(made, orders, strict=True) if order == "o"]
            assert [hold.id for hold, _ in found] == wanted[::-1]
