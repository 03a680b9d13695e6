"""A hold keeps the prices at which it was made, whatever its trip costs later."""

from dataclasses import replace

from travio_inventory.protocol.batches import Applied, Kind, Write
from travio_inventory.seats.events import OfHold, data_of
from travio_inventory.seats.hold import Confirmed, Expired
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.trip import Trip
from verification.kit.sale import TTL_S, Sale

KEY = "k"


async def priced(sale: Sale, price_minor: int) -> Sale:
    """The same trip at that price for each seat, sold by a process that has just read it."""
    sale.trip = _at(sale.trip, price_minor)
    write = Write(trip_rows.TRIP, {}, {"definition": sale.trip.definition})
    assert isinstance(await sale.market.store.apply(trip_rows.partition(sale.trip.key), [write]), Applied)
    return sale.elsewhere()


def _at(trip: Trip, price_minor: int) -> Trip:
    return replace(
        trip,
        seats=tuple(replace(seat, price_minor=price_minor) for seat in trip.seats),
        currency="BDT",
        is_stored=True,
    )


async def test_a_hold_keeps_its_prices_and_a_new_one_has_the_new(sale: Sale) -> None:
    cheap = await priced(sale, 900)
    hold = await cheap.hold("A1 A18", key=KEY)
    assert (hold.prices, hold.price_minor, hold.currency) == ((900, 900), 1_800, "BDT")
    dear = await priced(sale, 2_500)
    assert await dear.hold("A1 A18", key=KEY) == hold
    assert await dear.find(hold) == hold
    assert [each.prices for each in await dear.holds()] == [hold.prices]
    booking = await dear.confirm(await dear.extend(hold, ttl_s=TTL_S + 1))
    assert (booking.prices, booking.currency) == (hold.prices, "BDT")
    assert (await dear.find(hold)).prices == hold.prices
    assert (await dear.cancel(booking)).prices == hold.prices
    assert (await dear.hold("A1", by="bob")).prices == (2_500,)
    told = [data_of(event) for event in await sale.relay()]
    prices = [data.prices for data in told if isinstance(data, OfHold) and data.user_id == "ann"]
    assert prices == [hold.prices] * 4


async def test_a_late_booking_keeps_the_prices_of_its_hold(sale: Sale) -> None:
    cheap = await priced(sale, 900)
    hold = await cheap.hold("A1 A18")
    dear = await priced(sale, 2_500)
    sale.clock.pass_s(TTL_S + 1)
    assert (await dear.sweep()).failures == {}
    found = await dear.find(hold)
    assert isinstance(found.state, Expired)
    assert found.prices == hold.prices
    booking = await dear.confirm(hold)
    assert isinstance(booking.state, Confirmed)
    assert (booking.prices, booking.currency) == (hold.prices, "BDT")


async def test_what_the_house_blocks_has_no_price(sale: Sale) -> None:
    dear = await priced(sale, 2_500)
    assert await dear.block("A1") == 1
    (row,) = (await sale.market.store.read(sale.group_partition("A1"), Kind.HOLD)).values()
    assert row.get("prices") is None
