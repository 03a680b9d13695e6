"""What tests of the edge on Redis share: filling a seat map, and waiting for what Redis tells."""

import asyncio
import time
from collections.abc import Callable

from tests.edge.edges import EdgeUnderTest
from travio_inventory.seats.ports import Locked
from travio_inventory.seats.trip import TripKey
from verification.servers.redis import RedisServer

SEEN_S_MAX = 60
STALE_MS_MAX = 120_000
"""So long that a map which is gone within SEEN_S_MAX was invalidated."""


async def fill(edge: EdgeUnderTest, trip: TripKey, content: bytes, *, groups: int = 1) -> None:
    leases = await edge.seat_maps.lease(trip, range(groups))
    await edge.seat_maps.fill(trip, {group: (lease, content) for group, lease in leases.items()})


async def until_copied(edge: EdgeUnderTest, trip: TripKey, server: RedisServer) -> None:
    """Read the trip's map until a read asks Redis for nothing. A copy is kept only while the process hears of writes,
    which it does not yet just after it was opened.
    """

    def scripts_run() -> object:
        return server.ask("INFO", "commandstats")["cmdstat_evalsha"]["calls"]

    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            before = scripts_run()
            assert await edge.seat_maps.read(trip)
            if scripts_run() == before:
                return


async def until_gone(edge: EdgeUnderTest, trip: TripKey) -> None:
    """Return when the trip's map cannot be read any more."""
    began = time.monotonic()
    while await edge.seat_maps.read(trip):
        assert time.monotonic() - began < SEEN_S_MAX, "still there"
        await asyncio.sleep(0.001)


async def until(true: Callable[[], bool]) -> None:
    """Return when it is true."""
    async with asyncio.timeout(SEEN_S_MAX):
        while not true():  # noqa: ASYNC110 - Redis sets no event of this process
            await asyncio.sleep(0.001)


async def until_answering(edge: EdgeUnderTest) -> None:
    """Return when locks work again."""
    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            gate = edge.group_gate()
            await gate.enter("ann", "A1:0")
            if await gate.enter("bob", "A1:0") == Locked(("A1",)):
                return
            await asyncio.sleep(0.02)


def commands_run(server: RedisServer) -> int:
    """How many commands of the edge Redis has run, as it counts them."""
    counted = server.ask("INFO", "commandstats")
    return sum(counted.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha", "mget"))


def scripts_run(server: RedisServer) -> int:
    """How many scripts Redis has run, as it counts them."""
    counted = server.ask("INFO", "commandstats")
    return sum(counted.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))
