"""A process sees its own writes in every map that it reads, whatever its edge does."""

import asyncio
from collections.abc import Collection

import pytest

from travio_inventory.edge.absent import AbsentGate, AbsentSeatMapCache, AbsentTakenSeats
from travio_inventory.edge.local import LocalSeatMapCache
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases import own_maps
from travio_inventory.seats.use_cases.own_maps import OwnMaps
from verification.kit.clocks import Clock
from verification.kit.edges import Edge, local_edge
from verification.kit.sale import Market, Sale

STALE_MS_MAX = 600


def absent_edge(_: Clock) -> Edge:
    """The edge of `TRAVIO_EDGE=absent`."""
    return Edge(AbsentGate(), AbsentTakenSeats(), AbsentSeatMapCache())


class DeafCache(LocalSeatMapCache):
    """Gets no message about writes, and reports that, like a server that hesitates."""

    is_deaf = True

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """Nothing happens while it is deaf."""
        return not self.is_deaf and await super().invalidate(trip, groups)


def deaf_edge(clock: Clock) -> Edge:
    """An edge that loses every message about maps."""
    return local_edge(clock)._replace(seat_maps=DeafCache(clock.now_ms, trips_max=8))


@pytest.fixture(params=[absent_edge, deaf_edge], ids=["absent", "deaf"])
async def sale(request: pytest.FixtureRequest, store: Batches) -> Sale:
    """Six seats in two seat groups."""
    return await Market(store, edge=request.param).open(seats=6, seats_per_group=3)


async def test_an_own_write_shows_at_once(sale: Sale) -> None:
    assert await sale.seats("held") == ""
    hold = await sale.hold("A1 A6")
    assert await sale.seats("held") == "A1 A6"
    await sale.release(hold)
    assert await sale.seats("held") == ""


async def test_nobody_joins_a_read_that_began_before_their_own_write(sale: Sale) -> None:
    in_hand = sale.store.stall_reads()
    slow = asyncio.ensure_future(sale.map())
    await in_hand.reached.wait()
    await sale.hold("A1 A6")
    sale.store.mend()
    async with asyncio.timeout(60):
        assert await sale.seats("held") == "A1 A6"
    in_hand.go.set()
    await slow
    assert await sale.seats("held") == "A1 A6"


async def test_many_readers_after_an_own_write_share_one_read_of_its_seat_group(sale: Sale) -> None:
    await sale.map()
    await sale.hold("A1")
    before = sale.store.reads[Kind.CELL]
    assert list(await asyncio.gather(*(sale.seats("held") for _ in range(20)))) == ["A1"] * 20
    assert sale.store.reads[Kind.CELL] - before <= sale.trip.group_count


class SlowCache(LocalSeatMapCache):
    """Gets the message about a write when it is released, one after the other."""

    def __init__(self) -> None:
        super().__init__(lambda: 0, trips_max=8)
        self.waiting: list[asyncio.Event] = []

    async def invalidate(self, trip: TripKey, groups: Collection[int]) -> bool:
        """See SeatMapCache."""
        self.waiting.append(let_go := asyncio.Event())
        await let_go.wait()
        return await super().invalidate(trip, groups)


async def test_a_certain_invalidation_does_not_make_a_later_one_certain() -> None:
    trip, cache = TripKey("o", "t"), SlowCache()
    maps = OwnMaps(cache, stale_ms_max=STALE_MS_MAX)
    writes = []
    for _ in range(2):
        writes.append(asyncio.ensure_future(maps.invalidate(trip, [0])))
        await asyncio.sleep(0.01)
    cache.waiting[0].set()
    assert await writes[0] is True
    await maps.fill(trip, {0: ((await maps.lease(trip, [0]))[0], b"of before the second")})
    assert await maps.read(trip) == {}
    cache.waiting[1].set()
    assert await writes[1] is True
    await maps.fill(trip, {0: ((await maps.lease(trip, [0]))[0], b"new")})
    assert await maps.read(trip) == {0: b"new"}


async def test_a_cache_is_used_again_when_it_has_nothing_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_maps, "SLOW_S_MAX", 0.0)
    trip, cache = TripKey("o", "t"), DeafCache(lambda: 0, trips_max=8)
    maps = OwnMaps(cache, stale_ms_max=STALE_MS_MAX)
    leases = await maps.lease(trip, [0, 1])
    await maps.fill(trip, {group: (lease, b"old") for group, lease in leases.items()})
    assert await maps.invalidate(trip, [0]) is False
    assert await maps.read(trip) == {1: b"old"}
    await asyncio.sleep(STALE_MS_MAX / 1_000 + 0.05)
    assert (await maps.read(trip)).keys() == {0, 1}
    assert await maps.invalidate(trip, [0]) is False
    cache.is_deaf = False
    assert await maps.invalidate(trip, [0]) is True
    await maps.fill(trip, {0: ((await maps.lease(trip, [0]))[0], b"new")})
    assert await maps.read(trip) == {0: b"new", 1: b"old"}
