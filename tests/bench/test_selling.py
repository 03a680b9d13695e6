"""What `bench claims` sells, and what it says of it."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time

import pytest

from travio_inventory.app.service import open_inventory
from travio_inventory.bench import bench_trips
from travio_inventory.bench.claims import DATABASE_CPU_MS, note, recorded_claims, with_cpu_of
from travio_inventory.bench.measuring import Slice
from travio_inventory.bench.selling import Seller, Sold, check, claims_of, whole_trip
from travio_inventory.bench.throughput import BenchResult
from travio_inventory.kernel.actor import Actor, house_of
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.commands import SeatMapQuery
from travio_inventory.seats.seat import Sold as SoldSeat
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import load_settings
from travio_inventory.telemetry.metrics import Figures

SEATS = 6


class Bench:
    """Two trips on sale, and who sells them."""

    def __init__(self, inventory: Inventory, trips: list[Trip]) -> None:
        self.inventory = inventory
        self.trips = trips
        self.seller = Seller(inventory, Figures())


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    settings = load_settings(data=tmp_path, store="memory", edge="local", background=False, events="none")
    async with open_inventory(settings) as inventory:
        trips = [bench_trips.wide(SEATS, segments=3) for _ in range(2)]
        for trip in trips:
            await inventory.open_trip(house_of(trip.key.organization), trip)
        yield Bench(inventory, trips)


async def test_every_seat_of_every_trip_is_sold_once(bench: Bench) -> None:
    sold = await bench.seller.sell(claims_of(bench.trips), 4)
    assert sold.measured.counts == {"won": 2 * SEATS}
    assert sold.measured.calls == 2 * SEATS
    assert await check(bench.inventory, bench.trips, sold.measured) == []


async def test_a_seat_that_is_gone_and_was_not_won_is_reported(bench: Bench) -> None:
    sold = await bench.seller.sell(claims_of(bench.trips), 4)
    sold.measured.counts["won"] -= 1
    assert await check(bench.inventory, bench.trips, sold.measured) == ["12 seats are gone, 11 were won"]


async def test_rides_are_released_and_end_in_time(bench: Bench) -> None:
    sold = await bench.seller.churn(bench.trips, 4, seconds=0.05)
    assert sold.measured.counts["held and released"] > 0
    nothing = await bench.seller.churn(bench.trips, 1, seconds=0)
    assert nothing.measured.calls == 0
    assert await check(bench.inventory, bench.trips, nothing.measured) == []


async def test_seats_are_booked_if_that_is_measured(bench: Bench) -> None:
    sold = await bench.seller.sell(claims_of(bench.trips), 4, confirms=True)
    assert sold.measured.counts == {"won": 2 * SEATS}
    for trip in bench.trips:
        query = SeatMapQuery(trip_id=trip.key.trip, ends=whole_trip(trip))
        seat_map = await bench.inventory.read_seat_map(Actor(trip.key.organization, "buyer"), query)
        assert all(isinstance(state, SoldSeat) for _, state in seat_map.seats())


@pytest.mark.parametrize(("confirms", "each"), [(False, 1), (True, 2)])
async def test_bare_loops_have_the_batches_of_each_seat(confirms: bool, each: int) -> None:
    claims = await recorded_claims(bench_trips.wide(SEATS), confirms=confirms)
    assert [len(batches) for batches in claims] == [each] * SEATS
    assert all(any(write.key.kind is Kind.HOLD for write in batch.writes) for claim in claims for batch in claim)


async def test_cpu_time_of_the_database_is_counted_and_shared_among_the_calls() -> None:
    """This process plays the database: it works for 60 ms, which the kernel counts in steps of 10."""

    async def work() -> Sold:
        until = process_time() + 0.06
        while process_time() < until:
            pass
        return Sold(Slice(1.0, 1.0, [0.1] * 4), Counter())

    found = BenchResult()
    note(found, "work", await with_cpu_of([os.getpid()], work()))
    in_all, each = found.numbers[f"work: {DATABASE_CPU_MS}"], found.numbers[f"work: {DATABASE_CPU_MS} a call"]
    assert in_all is not None
    assert each is not None
    assert 40 <= in_all <= 200
    assert each == pytest.approx(in_all / 4)
