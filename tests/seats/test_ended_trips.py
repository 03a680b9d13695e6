"""The end of a trip on every store: closed, archived, forgotten; and what a process is told that still knows it."""

import asyncio

import pytest

from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.ports import EndedTrip
from travio_inventory.seats.records import seat_rows, trip_rows
from travio_inventory.seats.refusals import HoldNotFound, NotOnWaitlist, TripBeingForgotten, TripNotFound
from verification.kit.ended_sale import visit_ended
from verification.kit.faulty_batches import everything_after, seeds
from verification.kit.sale import Market, Sale
from verification.kit.trips import a_trip


class Kept:
    """Keeps the last trip that is forgotten."""

    def __init__(self) -> None:
        self.last: EndedTrip | None = None

    async def keep(self, ended: EndedTrip) -> None:
        """See TripArchive."""
        self.last = ended


async def statuses(sale: Sale) -> set[object]:
    """Of its cells and holds."""
    found: set[object] = set()
    for group in range(sale.trip.group_count):
        for kind in (Kind.CELL, Kind.HOLD):
            rows = await sale.market.store.read(seat_rows.group_partition(sale.trip.key, group), kind)
            found |= {row.get("status") for row in rows.values()}
    return found


async def is_gone(sale: Sale) -> None:
    """Who asks for the trip, or a seat, or a place on its list, is told that there is none."""
    for call in (sale.hold("A5"), sale.hold("A5", key="k"), sale.map(), sale.block("A5"), sale.join("dan")):
        with pytest.raises(TripNotFound):
            await call
    with pytest.raises(NotOnWaitlist):
        await sale.leave("cid")
    with pytest.raises(TripBeingForgotten):
        await sale.open_trip()


async def test_a_trip_that_is_over_is_archived_and_forgotten(sale: Sale) -> None:
    archive, other, waiting = Kept(), sale.elsewhere(), sale.elsewhere()
    booking = await sale.confirm(await sale.hold("A1 A18", "B-D"))
    late = await other.hold("A2", by="bob", ttl_s=60)
    await sale.block("A3 A17", reason="broken")
    await waiting.join("cid")
    await sale.settled()
    await visit_ended(sale, archive)
    assert archive.last is not None
    assert {(hold.seats, hold.holder, hold.reason) for hold in archive.last.holds} == {
        (booking.seats, "ann", ""),
        (("A3",), "", "broken"),
        (("A17",), "", "broken"),
    }
    assert await statuses(sale) == {"forgotten"}
    with pytest.raises(TripNotFound):
        await waiting.join("eve")
    for process in (sale, other):
        await is_gone(process)
        for ask in (process.find, process.cancel, process.confirm, process.release, process.extend):
            for hold in (booking, late):
                with pytest.raises(HoldNotFound):
                    await ask(hold)


async def test_a_trip_that_is_half_opened_goes_too_and_no_other_one(market: Market) -> None:
    half, other = market.prepare(a_trip("half", seats=6, seats_per_group=2)), market.prepare(a_trip(seats=6))
    await other.open_trip()
    doomed = half.elsewhere()
    stall = doomed.store.stall(everything_after(1, seeds))
    dying = asyncio.ensure_future(doomed.open_trip())
    await asyncio.wait_for(stall.reached.wait(), 60)
    dying.cancel()
    await visit_ended(half)
    assert await statuses(half) == {"forgotten"}
    assert await statuses(other) == {"available"}
    with pytest.raises(TripNotFound):
        await half.hold("A5")


async def test_the_trips_row_outlives_all_else(single_seats: Sale) -> None:
    sale = single_seats
    await visit_ended(sale)
    await visit_ended(sale)
    row = (await sale.store.get(trip_rows.partition(sale.trip.key), [trip_rows.TRIP]))[trip_rows.TRIP]
    assert row["stage"] == "closed"
