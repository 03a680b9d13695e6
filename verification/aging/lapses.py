"""Measures one sweep that ends all lapsed holds of a seat group: `python -m verification.aging.lapses`."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from travio_inventory.app.backends import open_batches
from travio_inventory.bench.report import commit, machine
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import Batches
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, Ends
from travio_inventory.settings import load_settings
from travio_inventory.store.sqlite import SqliteBatches
from verification.aging.counting import CountingBatches
from verification.aging.life import BUYER, Life
from verification.aging.places import SkippingClock
from verification.deployments.__main__ import deployed
from verification.kit.asking import hold_seats, open_trip, seat_map
from verification.kit.trips import a_trip

HOLDS_AT_ONCE = 32
TTL_S = 5
CLOCK_BOUND_S = 0.5
ENDS = Ends("A", "B")


async def lapsed(store: Batches, holds: int) -> dict[str, Any]:
    """Hold this number of seats in one group, wait until all have lapsed, and sweep once."""
    life = Life(CountingBatches(store), SkippingClock(), Retention())
    inventory = life.assembly.inventory
    trip = a_trip(organization=BUYER.organization, stops="AB", seats=holds, seats_per_group=ALL_IN_ONE_GROUP)
    await open_trip(inventory, trip)
    seats = iter(trip.seats)

    async def buy() -> None:
        for seat in seats:
            await hold_seats(inventory, BUYER, trip.key.trip, ENDS, [seat.id], ttl_s=TTL_S)

    await asyncio.gather(*(buy() for _ in range(HOLDS_AT_ONCE)))
    await asyncio.sleep(TTL_S + CLOCK_BOUND_S)
    began = perf_counter()
    swept = await inventory.expire_holds(HOUSE)
    seconds = perf_counter() - began
    found = await seat_map(inventory, trip.key, ENDS)
    free = sum(type(state).__name__ == "Available" for _, state in found.seats())
    await life.assembly.steps.drain(5)
    return {"seconds": round(seconds, 3), "free": free, "failed": len(swept.failures)}


@asynccontextmanager
async def opened(on: str) -> AsyncIterator[Batches]:
    """An empty store."""
    if on == "sqlite":
        with TemporaryDirectory(prefix="travio-lapses-") as folder:
            async with SqliteBatches.open(Path(folder)) as store:
                yield store
    else:
        with deployed(nodes=1):
            async with open_batches(load_settings()) as opened_store:
                yield opened_store.batches


async def measured(on: str, holds: int) -> dict[str, Any]:
    """Sweep this number of holds on a store of that kind."""
    async with opened(on) as store:
        return await lapsed(store, holds)


def main() -> None:
    """Run it and write the report."""
    parser = argparse.ArgumentParser(prog="python -m verification.aging.lapses", description=__doc__)
    parser.add_argument("--holds", type=int, default=5_000, help="lapsed holds of one seat group (%(default)s)")
    parser.add_argument("--on", choices=["sqlite", "cql"], default="sqlite", help="the store (%(default)s)")
    asked = parser.parse_args()
    found = asyncio.run(measured(asked.on, asked.holds))
    report = {"commit": commit(), "machine": machine(), "on": asked.on, "holds": asked.holds, **found}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
