"""The largest trips: with thousands of seat groups, and with seat groups of thousands of cells."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from tests.edge.edges import redis_edge
from travio_inventory.edge.redis_options import Standalone
from travio_inventory.kernel.limits import CELLS_PER_GROUP_MAX
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases.map_groups import GROUPS_PER_PORTION, READS_AT_ONCE
from travio_inventory.store.memory import MemoryBatches
from verification.kit.asking import seat_map as seat_map_of
from verification.kit.clocks import Clock
from verification.kit.edges import Edge, redis_options
from verification.kit.sale import Market, Sale
from verification.servers.redis import HOST, RedisServer

SEATS = 5_000
SEGMENTS = 50
STOPS = "AB" * (SEGMENTS // 2) + "A"


@pytest.fixture
def memory() -> MemoryBatches:
    """A store that is filled quickly."""
    return MemoryBatches(None, Random(1), asyncio.sleep)


async def single_seats(market: Market, seats: int = SEATS) -> Sale:
    """On sale, each seat in a seat group of its own."""
    return await market.open(seats_per_group=1, stops="AB", seats=seats)


async def shows_all(sale: Sale) -> None:
    """The map is right, from the store or from the cache."""
    assert await sale.seats("held", "A-B") == "A1 A5000"
    assert len(await sale.map("A-B")) == SEATS


async def test_a_map_of_very_many_seat_groups_is_read_a_few_at_once_and_then_cached(memory: MemoryBatches) -> None:
    async with Market(memory) as market:
        sale = await single_seats(market)
        await sale.hold("A1 A5000", "A-B")
        await shows_all(sale)
        assert sale.store.reads[Kind.CELL] == SEATS
        await shows_all(sale)
        assert sale.store.reads[Kind.CELL] == SEATS
        assert sale.store.reads_at_once <= GROUPS_PER_PORTION


async def test_a_large_map_is_cached_for_longer_but_for_own_writes_and_says_so(memory: MemoryBatches) -> None:
    async with Market(memory) as market:
        sale = await single_seats(market, 1_030)
        await sale.map("A-B")
        sale.store.reads.clear()
        sale.clock.pass_s(5)
        found = await seat_map_of(sale.inventory, sale.trip.key, Ends("A", "B"))
        assert found.as_of_ms < sale.clock.now_ms() - 5_000
        assert sale.store.reads[Kind.CELL] == 0
        await sale.hold("A1", "A-B")
        sale.store.reads.clear()
        assert await sale.seats("held", "A-B") == "A1"
        assert sale.store.reads[Kind.CELL] == 1
        sale.clock.pass_s(2)
        await sale.map("A-B")
        assert sale.store.reads[Kind.CELL] == 1 + 1_029


@pytest.mark.redis
async def test_a_map_of_very_many_seat_groups_is_cached_in_redis(
    memory: MemoryBatches, redis_node: RedisServer
) -> None:
    options = redis_options(Standalone((HOST, redis_node.port)))
    async with redis_edge(options, stale_ms_max=20_000) as shared:
        edge: Callable[[Clock], Edge] = lambda _: Edge(shared.gate, shared.taken, shared.seat_maps)  # noqa: E731
        async with Market(memory, edge) as market:
            sale = await single_seats(market)
            await sale.hold("A1 A5000", "A-B")
            await shows_all(sale)
            other = sale.elsewhere()
            await shows_all(other)
            assert (sale.store.reads[Kind.CELL], other.store.reads[Kind.CELL]) == (SEATS, 0)


async def test_many_cold_maps_at_once_do_not_flood_the_store(memory: MemoryBatches) -> None:
    async with Market(memory) as market:
        sale = await single_seats(market, 400)
        others = [await single_seats(market, 400) for _ in range(7)]
        await asyncio.gather(*(seat_map_of(sale.inventory, each.trip.key, Ends("A", "B")) for each in [sale, *others]))
        assert GROUPS_PER_PORTION < sale.store.reads_at_once <= READS_AT_ONCE


async def cannot_read_one(sale: Sale, read: Awaitable[object]) -> None:
    sale.store.cannot_read(sale.group_partition("A150"))
    with pytest.raises(BackendUnavailable):
        await read


async def leaves(sale: Sale, read: Awaitable[object]) -> None:
    """Its deadline ends while the third portion is read."""
    stall = sale.store.stall_reads(lambda partition, _: partition == sale.group_partition("A150"))
    reading = asyncio.ensure_future(read)
    await stall.reached.wait()
    reading.cancel()
    await asyncio.wait([reading])
    stall.go.set()
    for _ in range(1_000):  # what was read is cached by then
        await asyncio.sleep(0)


@pytest.mark.parametrize(("what", "left"), [(cannot_read_one, 400 - 192 + 1), (leaves, 400 - 192)])
async def test_a_map_that_fails_half_way_keeps_what_was_read(
    memory: MemoryBatches, what: Callable[[Sale, Awaitable[object]], Awaitable[None]], left: int
) -> None:
    """The next reader reads only the rest."""
    async with Market(memory) as market:
        sale = await single_seats(market, 400)
        await what(sale, sale.map("A-B"))
        sale.store.mend()
        sale.store.reads.clear()
        assert len(await sale.map("A-B")) == 400
        assert sale.store.reads[Kind.CELL] == left


async def test_the_largest_seat_group_is_sold_and_read_in_one_page(store: Batches) -> None:
    """Also after all its cells were taken and freed."""
    async with Market(store) as market:
        sale = await market.open(seats_per_group="all", stops=STOPS, seats=CELLS_PER_GROUP_MAX // SEGMENTS)
        whole = Ends("A", "A", first=0, last=SEGMENTS - 1)
        for seats in ("A1 A2 A3 A4 A5 A6 A7 A8 A9 A10", "A91 A92 A93 A94 A95 A96 A97 A98 A99 A100"):
            await sale.release(await sale.hold(seats, whole))
        await sale.hold("A100", whole)
        assert await sale.seats("held", whole) == "A100"
        assert sale.store.reads == Counter({Kind.CELL: 1})
        await sale.assert_legal()
