"""What seat maps on Redis promise beyond the contract: no copy outlives a write by more than a moment."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import anyio
import pytest

from tests.edge.edges import DEPLOYMENT, EdgeUnderTest, now_ms, redis_edge
from tests.edge.redis_edges import SEEN_S_MAX, STALE_MS_MAX, fill, scripts_run, until, until_copied, until_gone
from travio_inventory.edge.answers import Reply
from travio_inventory.edge.connection import Redis
from travio_inventory.edge.deployments import open_own
from travio_inventory.edge.keys import map_key
from travio_inventory.edge.pipelined_connection import RedisDown
from travio_inventory.edge.redis_options import RedisOptions
from travio_inventory.edge.scripts import INVALIDATE, READ, Script, Word
from travio_inventory.edge.seat_map_cache import GROUPS_PER_SCRIPT_MAX, MapCopies, RedisSeatMapCache
from travio_inventory.edge.server import Listener
from verification.servers.redis import RedisServer


async def test_a_write_elsewhere_voids_our_copy_in_a_moment(
    here: EdgeUnderTest, there: EdgeUnderTest, redis_node: RedisServer
) -> None:
    trip = here.trip()
    for _ in range(10):
        await fill(here, trip, b"map")
        await until_copied(there, trip, redis_node)
        await here.seat_maps.invalidate(trip, [0])
        await until_gone(there, trip)


async def test_of_a_copy_only_what_has_changed_is_read_again(
    here: EdgeUnderTest, options: RedisOptions, redis_node: RedisServer
) -> None:
    """A process that stands still for two probes has no copy any more, so they are far apart."""
    async with redis_edge(replace(options, probe_interval_ms=60_000)) as there:
        assert await is_partly_read_again(here, there, redis_node)


async def is_partly_read_again(here: EdgeUnderTest, there: EdgeUnderTest, redis_node: RedisServer) -> bool:
    """Whether the copy of a trip was kept while parts of it were changed by another process, by this one, or filled by
    another one when this process had taken a lease.
    """
    trip = here.trip()
    await fill(here, trip, b"old", groups=3)
    await until_copied(there, trip, redis_node)
    before = await there.seat_maps.read(trip)
    asked = read_in_full(redis_node)
    await here.seat_maps.invalidate(trip, [1])
    async with asyncio.timeout(SEEN_S_MAX):
        while 1 in await there.seat_maps.read(trip):  # noqa: ASYNC110 - Redis sets no event of this process
            await asyncio.sleep(0.001)
    await there.seat_maps.lease(trip, [1])
    lease = await here.seat_maps.lease(trip, [1])
    await here.seat_maps.fill(trip, {1: (lease[1], b"new")})
    now = await there.seat_maps.read(trip)
    assert now == {0: b"old", 1: b"new", 2: b"old"}
    is_kept = now[0] is before[0]
    assert await there.seat_maps.invalidate(trip, [2])
    assert await there.seat_maps.read(trip) == {0: b"old", 1: b"new"}
    return is_kept and read_in_full(redis_node) == asked


def read_in_full(server: RedisServer) -> int:
    """How often Redis has given all groups of a trip, as it counts."""
    return int(server.ask("INFO", "commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"])


async def test_a_process_that_missed_messages_for_a_moment_has_no_copy(
    here: EdgeUnderTest, there: EdgeUnderTest, redis_node: RedisServer
) -> None:
    """The connection that would have told is gone before the write, so the message is lost."""
    trip = here.trip()
    await fill(here, trip, b"map")
    assert await there.seat_maps.read(trip)
    redis_node.ask("CLIENT KILL", "TYPE", "pubsub")
    await here.seat_maps.invalidate(trip, [0])
    await until_gone(there, trip)


async def test_a_process_that_gets_no_messages_keeps_no_copy(
    here: EdgeUnderTest, options: RedisOptions, redis_node: RedisServer
) -> None:
    """It may read, but not keep what it reads, because no message would tell it of the next write."""
    async with redis_edge(replace(options, probe_interval_ms=5_000)) as there:
        trip = here.trip()
        await fill(here, trip, b"map")
        redis_node.ask("CLIENT KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.5)
        assert await there.seat_maps.read(trip)
        await here.seat_maps.invalidate(trip, [0])
        assert not await there.seat_maps.read(trip)


def telling(copies: MapCopies) -> Listener:
    """What a process tells its copies."""
    return Listener(copies.changed, copies.void_all)


class LateReads:
    """Redis, with answers to READ that wait until they are released."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.read = asyncio.Event()
        self.let_go = asyncio.Event()

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """See Redis."""
        reply = await self._redis.run(script, keys, words)
        if script is READ:
            self.read.set()
            await self.let_go.wait()
        return reply

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        self._redis.tell(script, keys, words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_read_that_a_write_overtook_is_neither_kept_nor_shared(
    here: EdgeUnderTest, options: RedisOptions
) -> None:
    """The answer was on its way when the message about the write came; a caller after the write must not get it."""
    copies = MapCopies(trips_max=10)
    async with open_own(options, telling(copies), DEPLOYMENT) as redis:
        late, trip = LateReads(redis), here.trip()
        cache = RedisSeatMapCache(late, copies, now_ms, stale_ms_max=STALE_MS_MAX)
        await fill(here, trip, b"old")
        await until(lambda: redis.hears_of(map_key(trip)))
        overtaken = asyncio.ensure_future(cache.read(trip))
        await late.read.wait()
        await here.seat_maps.invalidate(trip, [0])
        await until(lambda: not copies.reads)
        after = asyncio.ensure_future(cache.read(trip))
        await asyncio.sleep(0.01)
        late.let_go.set()
        assert (await overtaken, await after) == ({0: b"old"}, {})
        assert await cache.read(trip) == {}
        await cache.close()


async def test_an_own_write_voids_our_copy_before_anybody_tells_of_it(
    here: EdgeUnderTest, options: RedisOptions
) -> None:
    """The write is answered as soon as Redis has answered, which may be before its message arrives here."""
    copies, nothing_done = MapCopies(trips_max=10), Listener(lambda _key, _groups: None, lambda: None)
    async with open_own(options, nothing_done, DEPLOYMENT) as redis:
        trip = here.trip()
        cache = RedisSeatMapCache(redis, copies, now_ms, stale_ms_max=STALE_MS_MAX)
        await fill(here, trip, b"old")
        async with asyncio.timeout(SEEN_S_MAX):
            while not copies.get(map_key(trip), now_ms()):  # none is kept before Redis is heard
                assert await cache.read(trip) == {0: b"old"}
        assert await cache.invalidate(trip, [0]) is True
        assert await cache.read(trip) == {}
        await cache.close()


async def test_writes_of_one_trip_at_once_are_told_by_one_command(
    here: EdgeUnderTest, there: EdgeUnderTest, redis_node: RedisServer
) -> None:
    """As holds of one batch are. One that comes later has a command of its own, since the first is on its way."""
    trip, other, many = here.trip(), here.trip(), 20
    await fill(here, trip, b"map", groups=many + 1)
    await fill(here, other, b"map")
    await until_copied(there, trip, redis_node)
    assert await here.seat_maps.invalidate(other, [1])  # Redis knows the script
    before = scripts_run(redis_node)
    told = [asyncio.ensure_future(here.seat_maps.invalidate(trip, [group])) for group in range(many)]
    await asyncio.sleep(0)
    told[0].cancel()  # nobody else is held up by who leaves
    assert await here.seat_maps.invalidate(other, [0])
    assert await here.seat_maps.invalidate(trip, [0])
    with suppress(asyncio.CancelledError):
        await told[0]
    await asyncio.gather(*told[1:])
    assert scripts_run(redis_node) - before == 3
    async with asyncio.timeout(SEEN_S_MAX):
        while (await there.seat_maps.read(trip)).keys() != {many}:  # noqa: ASYNC110 - Redis sets no event of this process
            await asyncio.sleep(0.001)


async def test_of_writes_that_go_together_each_is_told_whether_it_is_certain(
    here: EdgeUnderTest, options: RedisOptions
) -> None:
    copies = MapCopies(trips_max=10)
    async with open_own(options, telling(copies), DEPLOYMENT) as redis:
        cache, trip = RedisSeatMapCache(Failing(redis), copies, now_ms, stale_ms_max=STALE_MS_MAX), here.trip()
        for is_certain in (True, False):
            told = await asyncio.gather(*(cache.invalidate(trip, [group]) for group in range(3)))
            assert told == [is_certain] * 3
        await cache.close()


async def test_a_command_that_has_no_form_on_the_wire_fails_alone(options: RedisOptions) -> None:
    async with open_own(options, telling(MapCopies(trips_max=1)), DEPLOYMENT) as redis:
        wrong = asyncio.ensure_future(redis.run(READ, [b"map:{nobody}"], ["\ud800"]))
        assert len(await redis.run(READ, [b"map:{nobody}"])) == 1
        with pytest.raises(UnicodeEncodeError):
            await wrong


class Failing:
    """Redis, which fails from the second invalidation on."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._invalidations = 0

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """See Redis."""
        self._invalidations += script is INVALIDATE
        if self._invalidations > 1:
            raise RedisDown("gone")
        return await self._redis.run(script, keys, words)

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        self._redis.tell(script, keys, words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_write_that_redis_got_only_in_part_is_not_certain(here: EdgeUnderTest, options: RedisOptions) -> None:
    copies = MapCopies(trips_max=10)
    async with open_own(options, telling(copies), DEPLOYMENT) as redis:
        cache = RedisSeatMapCache(Failing(redis), copies, now_ms, stale_ms_max=STALE_MS_MAX)
        assert await cache.invalidate(here.trip(), range(GROUPS_PER_SCRIPT_MAX + 1)) is False
        await cache.close()


class Nonsense:
    """Redis, with nonsense as answers to READ until it is well."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.is_well = False

    async def run(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> Reply:
        """See Redis."""
        return await self._redis.run(script, keys, words) if self.is_well else [0, b"a block without an entry"]

    def tell(self, script: Script, keys: Sequence[bytes], words: Iterable[Word] = ()) -> None:
        """See Redis."""
        self._redis.tell(script, keys, words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_failed_read_is_not_shared_with_later_callers(here: EdgeUnderTest, options: RedisOptions) -> None:
    copies = MapCopies(trips_max=10)
    async with open_own(options, telling(copies), DEPLOYMENT) as redis:
        nonsense, trip = Nonsense(redis), here.trip()
        cache = RedisSeatMapCache(nonsense, copies, now_ms, stale_ms_max=STALE_MS_MAX)
        await fill(here, trip, b"map")
        with pytest.raises(ValueError, match="zip"):
            await cache.read(trip)
        nonsense.is_well = True
        assert await cache.read(trip) == {0: b"map"}
        await cache.close()


async def test_what_readers_see_never_goes_back(here: EdgeUnderTest, there: EdgeUnderTest) -> None:
    """Readers and a writer in two processes; what the readers see never goes back."""
    trip, newest, done = here.trip(), 0, False  # `newest` is the content of the store

    async def keep_filling() -> None:
        while not done:
            lease = await there.seat_maps.lease(trip, [0])
            seen = str(newest).encode()
            await there.seat_maps.fill(trip, {0: (lease[0], seen)})
            await asyncio.sleep(0.0005)

    async def keep_reading() -> None:
        last = 0
        while not done:
            groups = await there.seat_maps.read(trip)
            if 0 in groups:
                assert int(groups[0]) >= last
                last = int(groups[0])
            await asyncio.sleep(0)

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(keep_filling)
            tasks.start_soon(keep_reading)
        while newest < 100:
            newest += 1
            await here.seat_maps.invalidate(trip, [0])
            await asyncio.sleep(0.003)
        done = True


async def test_a_map_is_not_older_than_its_bound_though_no_invalidation_arrives(options: RedisOptions) -> None:
    """Its reader was slow, so the map is old when it is filled; a later copy does not make it younger."""
    stale_ms_max = 14_000
    async with (
        redis_edge(options, stale_ms_max=stale_ms_max) as here,
        redis_edge(options, stale_ms_max=stale_ms_max) as there,
    ):
        trip = here.trip()
        leased_at = time.monotonic()
        leases = await here.seat_maps.lease(trip, [0])
        await asyncio.sleep(0.5 * stale_ms_max / 1_000)
        await here.seat_maps.fill(trip, {0: (leases[0], b"old")})
        assert await there.seat_maps.read(trip) == {0: b"old"}
        await until_gone(there, trip)
        assert time.monotonic() - leased_at < 1.5 * stale_ms_max / 1_000
