"""How many trips a process keeps in memory: bounded by their number and by their seats."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from travio_inventory.seats.former import FormerVehicle
from travio_inventory.seats.records.definitions import Definitions
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import Clock
from verification.kit.trips import a_trip


@pytest.mark.parametrize(
    ("trips_max", "seats_max", "again"),
    [(3, 100, []), (2, 100, ["t0"]), (3, 30, []), (3, 29, ["t0"]), (3, 19, ["t0", "t1"]), (3, 9, ["t0", "t1"])],
)
@pytest.mark.parametrize("former", [0, 5])
async def test_the_trips_used_last_are_kept_as_far_as_there_is_room(
    trips_max: int, seats_max: int, again: list[str], former: int
) -> None:
    """Seats of vehicles that a trip had before take room too."""
    definitions = Definitions(MemoryBatches(None, Random(1), asyncio.sleep), Clock())
    catalog = TripCatalog(
        definitions,
        lambda work: work.close(),
        known_within_s=60,
        changed=lambda _: None,
        trips_max=trips_max,
        seats_max=seats_max,
    )
    trips = [a_trip(f"t{number}", organization="o", seats=10 - former) for number in range(3)]
    trips = [replace(trip, former=(FormerVehicle(trip.seats, 1),) if former else ()) for trip in trips]
    for trip in trips:
        await definitions.define(trip)
        assert await catalog.get(trip.key) == trip
    assert [trip.key.trip for trip in trips if trip.key not in catalog._kept] == again
