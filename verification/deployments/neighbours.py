"""Two service processes on one store and edge: how soon one shows what the other did."""

import asyncio
from collections import Counter
from time import perf_counter

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import (
    FREE,
    HELD,
    ORGANIZATION,
    Contest,
    Outcome,
    contest_for,
    method,
    outcome_of,
    read,
)
from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import latency_ms
from travio_inventory.bench.own_server import OwnServer
from travio_inventory.client import InventoryClient

SEEN_SECONDS_MAX = 10.0
SEATS = 400


async def see_each_other(rounds: int) -> dict[str, object]:
    """Hold a seat through one process; ask the other for it, and for its map; release it, ask for the map again.

    Milliseconds from the answer to the write until the first map of the other that shows it.
    """
    held: list[float] = []
    freed: list[float] = []
    refusals: Counter[str] = Counter()
    async with OwnServer.of_inventory() as here, OwnServer.of_inventory() as there:
        ours, theirs = (
            await ChannelPool.connect(here.host, here.port, 1),
            await ChannelPool.connect(there.host, there.port, 1),
        )
        trip = bench_trips.wide(SEATS)
        async with InventoryClient(f"{here.host}:{here.port}", organization=ORGANIZATION) as client:
            await client.open_trip(trip)
        for number in range(rounds):
            seat = trip.seats[number % SEATS].id
            contest = contest_for(trip, seat)
            await _until(theirs, contest, FREE)  # so that it has a map to invalidate
            hold = read("HoldSeatsResponse", await ours.call(method("HoldSeats"), contest.hold("ann")))
            held.append(await _until(theirs, contest, HELD))
            refused = outcome_of(await theirs.call(method("HoldSeats"), contest.hold("bob")))
            refusals[refused.value] += 1
            await ours.call(method("ReleaseSeats"), contest.by_hold("ReleaseSeatsRequest", hold.hold_id, "ann"))
            freed.append(await _until(theirs, contest, FREE))
        ours.close()
        theirs.close()
    return {
        "rounds": rounds,
        "a hold is on the other's map, ms": latency_ms(held),
        "a release is on the other's map, ms": latency_ms(freed),
        "a request for the held seat at the other is told": dict(refusals),
        "of these at the gate, %": round(100 * refusals[Outcome.GATE.value] / rounds, 1),
    }


async def _until(lines: ChannelPool, contest: Contest, status: int) -> float:
    """Seconds until the map shows the seat in that state. Raises TimeoutError."""
    began = perf_counter()
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while not await _shows(lines, contest, status):  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.001)
    return perf_counter() - began


async def _shows(lines: ChannelPool, contest: Contest, status: int) -> bool:
    return contest.status_in(await lines.call(method("GetSeatMap"), contest.map())) == status
