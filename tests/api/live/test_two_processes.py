"""Live maps of processes that share a store and a Redis: each hears what others write, and needs Redis for nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.api.live.conftest import RULES
from travio_inventory.api.live.feed import FeedRules
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.edge.redis_options import Standalone
from travio_inventory.edge.shared import open_shared_edge
from travio_inventory.protocol.batches import Kind
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.store.memory import MemoryBatches
from verification.kit.edges import Edge, redis_options
from verification.kit.sale import Market, Sale
from verification.kit.watching import Watcher, crowd
from verification.servers.fixtures import need
from verification.servers.redis import HOST, RedisServer, redis_server

pytestmark = pytest.mark.redis

OFTEN = replace(RULES, look_again_s=0.05)
STALE_MS_MAX = 400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may do anything to it."""
    need("redis")
    with redis_server(tmp_path) as started:
        yield started


@asynccontextmanager
async def edge_on(server: RedisServer) -> AsyncIterator[Edge]:
    """The edge of one more process."""
    signals = MapSignals()
    async with open_shared_edge(
        redis_options(Standalone((HOST, server.port)), reply_ms_max=5_000, connect_ms_max=5_000),
        lambda: time.monotonic_ns() // 1_000_000,
        deployment="live",
        taken_ttl_ms=2_000,
        unguarded_max=100,
        trips_max=8,
        stale_ms_max=STALE_MS_MAX,
        signals=signals,
    ) as shared:
        yield Edge(shared.gate, shared.gate, shared.seat_maps, signals=signals)


@pytest.fixture
async def pair(server: RedisServer) -> AsyncIterator[tuple[Sale, Sale]]:
    """Two processes that sell the same trip, in seat groups of three."""
    async with AsyncExitStack() as stack:
        edges = iter([await stack.enter_async_context(edge_on(server)) for _ in range(2)])
        store = MemoryBatches(None, Random(0), asyncio.sleep)
        market = await stack.enter_async_context(Market(store, edge=lambda _: next(edges)))
        sale = await market.open(seats_per_group=3)
        yield sale, sale.elsewhere()


@asynccontextmanager
async def feeds_of(sale: Sale, rules: FeedRules = RULES) -> AsyncIterator[Feeds]:
    """The live feeds of a process."""
    feeds = Feeds(sale.inventory.follow_maps, sale.process.signals, sale.clock, rules)
    yield feeds
    await feeds.close()


def watcher(feeds: Feeds, sale: Sale) -> Watcher:
    """One who watches the sale at that process."""
    return Watcher(feeds, sale.trip.key)


async def test_what_another_process_writes_is_told_as_soon_as_it_is_heard(pair: tuple[Sale, Sale]) -> None:
    here, there = pair
    async with feeds_of(here) as feeds, watcher(feeds, here).following() as ann:
        hold = await there.hold("A1 A18")
        await ann.sees("A1 A18", "held")
        await there.confirm(hold, seats="A18")
        await ann.sees("A18", "sold")
        await ann.sees("A1", "available")
    assert ann.wrong == []


async def test_processes_share_what_they_read(pair: tuple[Sale, Sale]) -> None:
    """A thousand come back to the second process: it finds the map where the first one put it."""
    here, there = pair
    async with feeds_of(here) as feeds, feeds_of(there) as others, watcher(feeds, here).following() as ann:
        before = there.store.reads[Kind.CELL]
        async with crowd(others, there.trip.key, 100) as crowded:
            assert there.store.reads[Kind.CELL] - before <= 1
            await here.hold("A1")
            await ann.sees("A1", "held")
            for each in crowded:
                await each.sees("A1", "held")
            assert [each.wrong for each in crowded] == [[]] * len(crowded)


async def test_a_write_that_is_heard_as_well_is_looked_at_once(pair: tuple[Sale, Sale]) -> None:
    """At least where nothing else was to be read because it had become old meanwhile."""
    here, _ = pair
    reads = []
    async with feeds_of(here, replace(RULES, settle_s=0.05)) as feeds, watcher(feeds, here).following() as ann:
        for _ in range(5):
            before = here.store.reads[Kind.CELL]
            hold = await here.hold("A1")
            await ann.sees("A1", "held")
            await asyncio.sleep(0.1)
            reads.append(here.store.reads[Kind.CELL] - before)
            await here.release(hold)
            await ann.sees("A1", "available")
            await asyncio.sleep(0.1)
    assert min(reads) == 1


async def test_without_redis_it_is_slower_and_still_right(pair: tuple[Sale, Sale], server: RedisServer) -> None:
    here, there = pair
    async with feeds_of(here, OFTEN) as feeds, watcher(feeds, here).following() as ann:
        server.kill()
        await here.hold("A1")
        await ann.sees("A1", "held")
        await there.hold("A2")
        await ann.sees("A2", "held")
        async with watcher(feeds, here).following() as late:
            assert late.shown() == await here.map()
        server.start()
        await there.hold("A3")
        await ann.sees("A3", "held")
        assert ann.shown() == await here.map()
    assert ann.wrong == []


async def test_when_redis_is_back_others_are_heard_again(pair: tuple[Sale, Sale], server: RedisServer) -> None:
    """Without a look by the clock: what was missed meanwhile is looked for when the connection is lost, and later
    writes are heard.
    """
    here, there = pair
    async with feeds_of(here) as feeds, watcher(feeds, here).following() as ann:
        server.restart()
        async with asyncio.timeout(60):
            while True:
                hold = await there.hold("A1")
                await asyncio.sleep(0.2)
                if ann.shown()["A1"] == "held":
                    break
                await there.release(hold)
        await there.hold("A18")
        await ann.sees("A18", "held")
        assert ann.shown() == await here.map()
    assert ann.wrong == []
