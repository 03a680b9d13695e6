"""No reply is larger than what clients accept, whatever there is to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any, TypeAlias

import betterproto2
import pytest

from travio_inventory.api.grpc import replies
from travio_inventory.api.grpc.pages import PageReplies
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX
from travio_inventory.api.page_tokens import after
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.limits import ID_BYTES_MAX
from travio_inventory.seats.commands import HoldsQuery
from travio_inventory.seats.hold import Passenger
from travio_inventory.seats.layout import Seat, Section
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.queries import ManifestQuery, OrderQuery, SeatQuery
from travio_inventory.seats.seat_plan import NOWHERE
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.wire.inventory import v1
from verification.kit.sale import Market, Sale

BYTES_MAX = 700
BOOKINGS = 5


def offered(seats: int, chars: int) -> Offer:
    """A trip of so many seats, each with texts of so many characters."""
    text = "x" * chars
    texts: dict[str, Any] = {"seat_class": text, "seat_type": text, "section": text, "row_label": text, "label": text}
    shown = tuple(Seat(f"{at:05d}{text}"[:chars], text, at, 1, **texts) for at in range(seats))
    trip = Trip(TripKey("o", "t"), NOWHERE, shown, sections=(Section(text),), is_stored=True)
    return Offer(trip, SalesState.OPEN, 0, 1, 1, 0)


@pytest.mark.parametrize(("seats", "chars", "shown"), [(5_000, 6, True), (5_001, 6, False), (5_000, 128, False)])
def test_a_trip_is_shown_without_its_seats_where_they_say_too_much(seats: int, chars: int, shown: bool) -> None:
    reply = replies.defined(offered(seats, chars))
    assert len(reply) <= REPLY_BYTES_MAX
    found = v1.GetTripResponse.parse(reply)
    assert found.seat_config is not None
    assert (found.seat_count, len(found.seat_config.seats)) == (seats, seats if shown else 0)


def test_a_page_of_seats_with_the_longest_texts_fits() -> None:
    page = replies.seats_page(offered(replies.SEATS_PER_PAGE, ID_BYTES_MAX).trip, 0)
    assert replies.SEATS_PER_PAGE * 7 * ID_BYTES_MAX < len(page) <= REPLY_BYTES_MAX


Page: TypeAlias = Callable[[PageReplies, Sale, str], Awaitable[bytes]]
"""The reply to a page of the list, from a place on."""


async def _holds(pages: PageReplies, sale: Sale, start: str) -> bytes:
    return await pages.holds(sale.actor(), HoldsQuery(after=start, include_ended=True))


async def _manifest(pages: PageReplies, sale: Sale, start: str) -> bytes:
    return await pages.manifest(_house(sale), ManifestQuery(trip_id=sale.trip.key.trip, after=start))


async def _order(pages: PageReplies, sale: Sale, start: str) -> bytes:
    return await pages.order(_house(sale), OrderQuery(order_id="order-1", after=start))


async def _explained(pages: PageReplies, sale: Sale, start: str) -> bytes:
    return await pages.explanation(_house(sale), SeatQuery(trip_id=sale.trip.key.trip, seat_id="A1", after=start))


def _house(sale: Sale) -> Actor:
    return house_of(sale.trip.key.organization)


@pytest.fixture
async def sale() -> AsyncIterator[Sale]:
    """Bookings on one seat after the other, and one seat that was booked often."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        sale = await market.open()
        for at in range(BOOKINGS):
            seat = f"A{at + 2}"
            named = [Passenger(seat, "n" * 60, "1")]
            await sale.confirm(await sale.hold(seat), passengers=named)
            await sale.cancel(await sale.confirm(await sale.hold("A1", by="bob")))
        yield sale


@pytest.mark.parametrize(
    ("ask", "reply", "items", "count"),
    [
        (_holds, v1.ListHoldsResponse, "holds", BOOKINGS),
        (_manifest, v1.GetManifestResponse, "holds", BOOKINGS),
        (_order, v1.GetOrderBookingsResponse, "holds", BOOKINGS),
        (_explained, v1.ExplainSeatResponse, "traces", 4 * BOOKINGS),
    ],
)
async def test_a_page_has_fewer_items_where_they_say_too_much(
    sale: Sale, ask: Page, reply: type[betterproto2.Message], items: str, count: int
) -> None:
    pages, found, start = PageReplies(sale.inventory, reply_bytes_max=BYTES_MAX), 0, ""
    sizes: list[int] = []
    while True:
        page = await ask(pages, sale, start)
        sizes.append(len(page))
        message: Any = reply.parse(page)
        found += len(getattr(message, items))
        if not message.next_page_token:
            break
        start = after(Faults(), message.next_page_token)
    assert (found, len(sizes) > 1, max(sizes) <= BYTES_MAX) == (count, True, True), sizes
