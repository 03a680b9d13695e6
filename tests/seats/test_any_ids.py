"""Ids of every kind, with any allowed characters, come back unchanged: on every store, from every process."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Batches
from travio_inventory.seats.commands import ConfirmHoldCommand, HoldsQuery, WaitlistPlace
from travio_inventory.seats.events import EventType, SeatsPurchased, data_of
from travio_inventory.seats.hold import Confirmed
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.refusals import SeatUnavailable
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Ends, TripKey
from verification.kit.asking import definition, hold_seats, open_trip
from verification.kit.legal_ids import AWKWARD, several
from verification.kit.sale import TTL_S, Market
from verification.kit.stores import STORES, store_of
from verification.kit.trips import a_trip

ANY = 13
"""The number of ids that a story needs."""


async def tell(store: Batches, ids: Sequence[str]) -> None:
    """Several processes sell a trip; each answer has the ids of its request."""
    organization, trip_id, here, there, beyond, a_seat, b_seat, first, second, key, order, ann, bob = ids
    trip = replace(
        a_trip(),
        key=TripKey(f"{uuid4().hex}-{organization[:20]}", trip_id),
        segments=(Segment(here, there), Segment(there, beyond)),
        seats=(Seat(a_seat, "", 0, 0, seat_class=first), Seat(b_seat, "", 1, 0, seat_class=second)),
        seats_per_group=1,
    )
    seats, whole = (a_seat, b_seat), Ends(here, beyond)
    buyer, loser = (Actor(trip.key.organization, user) for user in (ann, bob))
    async with Market(store) as market:
        sale = market.prepare(trip)
        await open_trip(sale.inventory, trip)
        one, other = sale.inventory, sale.elsewhere()
        assert await definition(other.inventory, trip.key) == trip

        lapsing = await hold_seats(one, buyer, trip_id, whole, seats, key=key)
        assert (lapsing.trip, lapsing.holder, lapsing.seats) == (trip.key, ann, seats)
        assert await hold_seats(other.inventory, buyer, trip_id, whole, seats, ttl_s=0, key=key) == lapsing
        sale.clock.pass_s(TTL_S + 1)
        assert (await other.sweep()).failures == {}
        assert await other.map(whole) == dict.fromkeys(seats, "available")

        hold = await hold_seats(one, buyer, trip_id, whole, seats)
        sold = await one.confirm_hold(buyer, ConfirmHoldCommand(hold_id=hold.id, order_id=order))
        assert sold.state == Confirmed(order)
        for process in (other, sale.elsewhere()):  # the second call gets the answer of the first
            with pytest.raises(SeatUnavailable) as refused:
                await hold_seats(process.inventory, loser, trip_id, Ends(there, beyond), [b_seat], ttl_s=0, key=key)
            assert [(cell.seat, cell.segment) for cell in refused.value.cells] == [(b_seat, 1)]

        holds = (await other.inventory.read_holds.page(buyer, HoldsQuery(trip_id=trip_id, include_ended=True))).holds
        assert {each.id for each in holds} == {lapsing.id, sold.id}
        await one.waitlist.join(loser, WaitlistPlace(trip_id=trip_id, seat_class=second))
        waits = [entry for entry in await other.waits(bob) if entry.trip == trip.key]
        assert [(entry.holder, entry.seat_class) for entry in waits] == [(bob, second)]
        told = {(event.subject, event.type): event for event in await sale.relay()}
        bought = told[sold.id, EventType.SEATS_PURCHASED]
        assert (bought.organization, bought.partition_key) == trip.key
        about = (sold.id, trip_id, ann, seats, 0, 1, order, sold.created_at_ms)
        assert data_of(bought) == SeatsPurchased(*about, prices=sold.prices, currency=sold.currency)
        await sale.assert_legal()


@pytest.fixture(scope="module", params=STORES)
async def embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Batches]:
    """Every store within a process."""
    async with store_of(request, tmp_path_factory) as opened:
        yield opened


@pytest.mark.once
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(several(ANY))
async def test_any_ids_come_back_unchanged(embedded: Batches, ids: list[str]) -> None:
    await tell(embedded, ids)


@pytest.mark.parametrize("at", range(0, len(AWKWARD), ANY))
async def test_awkward_ids_come_back_unchanged(store: Batches, at: int) -> None:
    await tell(store, [*AWKWARD, *AWKWARD][at : at + ANY])
