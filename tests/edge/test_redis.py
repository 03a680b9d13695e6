"""What the edge on Redis promises beyond the contracts: shared by all, nothing for ever, few writes, protected."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from secrets import token_hex

import anyio
import pytest

from tests.edge.edges import DEPLOYMENT, Door, Edge, in_redis, now_ms, redis_edge, who_has
from travio_inventory.edge.connection import Listener, Redis
from travio_inventory.edge.deployments import open_own
from travio_inventory.edge.keys import ended_key, gate_prefix, known_key, lock_keys, map_key, taken_keys
from travio_inventory.edge.pipelined_connection import RedisDown, Reply
from travio_inventory.edge.redis_options import (
    RIGHTS,
    Cluster,
    RedisOptions,
    Sentinels,
    Standalone,
    parse_redis_address,
)
from travio_inventory.edge.scripts import INVALIDATE, READ, Script, Word
from travio_inventory.edge.seat_map_cache import GROUPS_PER_SCRIPT_MAX, MapCopies, RedisSeatMapCache
from travio_inventory.seats.ports import Cell, Locked, Passed, SeatGroupKey
from travio_inventory.seats.trip import TripKey
from verification.kit.edges import redis_options
from verification.servers.certificates import make_certificates
from verification.servers.fixtures import need
from verification.servers.redis import HOST, Account, Protection, RedisServer, redis_cluster, redis_server

SEEN_S_MAX = 10
STALE_MS_MAX = 20_000
"""So long that what is gone within SEEN_S_MAX was invalidated."""
SECRET, WRONG = token_hex(8), token_hex(8)


@pytest.fixture(scope="module")
def options(redis_node: RedisServer) -> RedisOptions:
    return redis_options(Standalone((HOST, redis_node.port)))


@pytest.fixture
async def here(options: RedisOptions) -> AsyncIterator[Edge]:
    async with redis_edge(options, stale_ms_max=STALE_MS_MAX) as opened:
        yield opened


@pytest.fixture
async def there(options: RedisOptions) -> AsyncIterator[Edge]:
    """The edge of another process: it shares nothing with `here` but the server."""
    async with redis_edge(options, stale_ms_max=STALE_MS_MAX) as opened:
        yield opened


async def fill(edge: Edge, trip: TripKey, content: bytes, *, groups: int = 1) -> None:
    leases = await edge.seat_maps.lease(trip, range(groups))
    await edge.seat_maps.fill(trip, {group: (lease, content) for group, lease in leases.items()})


async def until_gone(edge: Edge, trip: TripKey) -> None:
    """Return once the trip's map is read no more."""
    began = time.monotonic()
    while await edge.seat_maps.read(trip):
        assert time.monotonic() - began < SEEN_S_MAX, "still there"
        await asyncio.sleep(0.001)


# ---- shared by all


async def test_two_processes_exclude_each_other(here: Edge, there: Edge) -> None:
    group = SeatGroupKey(here.trip(), 0)
    assert await Door(here, group).enter("ann", "A1:0") == Passed()
    assert await Door(there, group).enter("bob", "A1:0") == Locked(("A1",))
    await Door(there, group).mark("ann", "A2:0")
    assert who_has(await Door(here, group).enter("bob", "A2:0")) == {"A2": "held"}


async def test_two_deployments_on_one_redis_know_nothing_of_each_other(here: Edge, options: RedisOptions) -> None:
    """Though they sell trips of the same names: production, say, and what is tried before it."""
    async with redis_edge(options, deployment="another", stale_ms_max=STALE_MS_MAX) as elsewhere:
        group = SeatGroupKey(here.trip(), 0)
        for edge, content in ((here, b"ours"), (elsewhere, b"theirs")):
            assert await Door(edge, group).enter("ann" if edge is here else "bob", "A1:0") == Passed()
            await fill(edge, group.trip, content)
        await elsewhere.seat_maps.invalidate(group.trip, [0])
        assert await here.seat_maps.read(group.trip) == {0: b"ours"}
        await here.seat_maps.invalidate(group.trip, [0])
        assert await here.seat_maps.read(group.trip) == {}


async def test_of_claims_from_two_processes_that_overlap_one_passes(here: Edge, there: Edge) -> None:
    group, chance = SeatGroupKey(here.trip(), 0), Random(7)
    won: list[str] = []

    async def contend(number: int, wanted: str) -> None:
        door = Door((here, there)[number % 2], group)
        if await door.enter(f"claimant-{number}", wanted) == Passed():
            won.extend(wanted.split())

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(contend, number, " ".join(chance.sample(["A1:0", "A1:1", "A2:0", "A2:1"], 2)))
    assert won
    assert len(won) == len(set(won))


async def test_a_write_elsewhere_voids_our_copy_in_a_moment(here: Edge, there: Edge, redis_node: RedisServer) -> None:
    trip = here.trip()
    for _ in range(10):
        await fill(here, trip, b"map")
        assert await there.seat_maps.read(trip) == {0: b"map"}
        asked = redis_node.ask("INFO", "commandstats")["cmdstat_evalsha"]["calls"]
        for _ in range(50):
            assert await there.seat_maps.read(trip) == {0: b"map"}
        assert redis_node.ask("INFO", "commandstats")["cmdstat_evalsha"]["calls"] == asked, "there was no copy"
        await here.seat_maps.invalidate(trip, [0])
        await until_gone(there, trip)


async def test_who_was_deaf_for_a_moment_has_no_copy(here: Edge, there: Edge, redis_node: RedisServer) -> None:
    """The connection that would have told is gone before the write, so the message is lost."""
    trip = here.trip()
    await fill(here, trip, b"map")
    assert await there.seat_maps.read(trip)
    redis_node.ask("CLIENT KILL", "TYPE", "pubsub")
    await here.seat_maps.invalidate(trip, [0])
    await until_gone(there, trip)


async def test_who_is_deaf_keeps_no_copy(here: Edge, options: RedisOptions, redis_node: RedisServer) -> None:
    """It may read, but not keep what it reads: nobody would tell it of the write that follows."""
    async with redis_edge(replace(options, probe_interval_ms=5_000)) as there:
        trip = here.trip()
        await fill(here, trip, b"map")
        redis_node.ask("CLIENT KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.5)
        assert await there.seat_maps.read(trip)
        await here.seat_maps.invalidate(trip, [0])
        assert not await there.seat_maps.read(trip)


class LateReads:
    """Redis, whose answers to READ come when they are let go."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.read = asyncio.Event()
        self.let_go = asyncio.Event()

    async def run(self, script: Script, keys: Sequence[bytes], *words: Word) -> Reply:
        """See Redis."""
        reply = await self._redis.run(script, keys, *words)
        if script is READ:
            self.read.set()
            await self.let_go.wait()
        return reply

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_read_that_a_write_overtook_is_neither_kept_nor_shared(here: Edge, options: RedisOptions) -> None:
    """The answer was on its way when the message of the write came; who asks after the write must not get it."""
    copies = MapCopies(trips_max=10)
    async with open_own(options, Listener(copies.void, copies.void_all), DEPLOYMENT) as redis:
        late, trip = LateReads(redis), here.trip()
        cache = RedisSeatMapCache(late, copies, now_ms, stale_ms_max=1_000)
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


async def test_an_own_write_voids_our_copy_before_anybody_tells_of_it(here: Edge, options: RedisOptions) -> None:
    """It is answered as soon as Redis has answered, which may be before the word of it comes round."""
    copies, nothing_done = MapCopies(trips_max=10), Listener(lambda _key: None, lambda: None)
    async with open_own(options, nothing_done, DEPLOYMENT) as redis:
        trip = here.trip()
        cache = RedisSeatMapCache(redis, copies, now_ms, stale_ms_max=STALE_MS_MAX)
        await fill(here, trip, b"old")
        await until(lambda: redis.hears_of(map_key(trip)))
        assert await cache.read(trip) == {0: b"old"}
        assert copies.get(map_key(trip), now_ms()), "there was no copy"
        assert await cache.invalidate(trip, [0]) is True
        assert await cache.read(trip) == {}
        await cache.close()


class Failing:
    """Redis, which is away from the second invalidation on."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._invalidations = 0

    async def run(self, script: Script, keys: Sequence[bytes], *words: Word) -> Reply:
        """See Redis."""
        self._invalidations += script is INVALIDATE
        if self._invalidations > 1:
            raise RedisDown("gone")
        return await self._redis.run(script, keys, *words)

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_write_that_redis_heard_of_in_part_is_not_certain(here: Edge, options: RedisOptions) -> None:
    copies = MapCopies(trips_max=10)
    async with open_own(options, Listener(copies.void, copies.void_all), DEPLOYMENT) as redis:
        cache = RedisSeatMapCache(Failing(redis), copies, now_ms, stale_ms_max=1_000)
        assert await cache.invalidate(here.trip(), range(GROUPS_PER_SCRIPT_MAX + 1)) is False
        await cache.close()


class Nonsense:
    """Redis, whose answers to READ are none until it is well."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.is_well = False

    async def run(self, script: Script, keys: Sequence[bytes], *words: Word) -> Reply:
        """See Redis."""
        return await self._redis.run(script, keys, *words) if self.is_well else [0, b"a block without an entry"]

    def hears_of(self, key: bytes) -> bool:
        """See Redis."""
        return self._redis.hears_of(key)


async def test_a_read_that_failed_is_not_shared_with_who_asks_later(here: Edge, options: RedisOptions) -> None:
    copies = MapCopies(trips_max=10)
    async with open_own(options, Listener(copies.void, copies.void_all), DEPLOYMENT) as redis:
        nonsense, trip = Nonsense(redis), here.trip()
        cache = RedisSeatMapCache(nonsense, copies, now_ms, stale_ms_max=1_000)
        await fill(here, trip, b"map")
        with pytest.raises(ValueError, match="zip"):
            await cache.read(trip)
        nonsense.is_well = True
        assert await cache.read(trip) == {0: b"map"}
        await cache.close()


async def until(true: Callable[[], bool]) -> None:
    """Return once it is true."""
    async with asyncio.timeout(SEEN_S_MAX):
        while not true():  # noqa: ASYNC110 - what happens in Redis sets no event of ours
            await asyncio.sleep(0.001)


async def test_what_readers_see_never_goes_back(here: Edge, there: Edge) -> None:
    """Readers and a writer in two processes; what the readers see never goes back."""
    trip, newest, done = here.trip(), 0, False  # `newest` is what the store says

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
    """Its reader was slow, so it is old when it is filled; whoever copies it later does not make it younger."""
    async with redis_edge(options, stale_ms_max=3_000) as here, redis_edge(options, stale_ms_max=3_000) as there:
        trip = here.trip()
        leased_at = time.monotonic()
        leases = await here.seat_maps.lease(trip, [0])
        await asyncio.sleep(0.7 * here.stale_ms_max / 1_000)
        await here.seat_maps.fill(trip, {0: (leases[0], b"old")})
        assert await there.seat_maps.read(trip) == {0: b"old"}
        await until_gone(there, trip)
        assert time.monotonic() - leased_at <= 1.5 * here.stale_ms_max / 1_000


# ---- nothing for ever


async def test_everything_in_redis_ends_by_itself(here: Edge, redis_node: RedisServer) -> None:
    door = here.door()
    await door.enter("ann", "A1:0", has_key=True, ttl_ms=5_000)
    await door.mark("ann", "A2:0")
    await door.clear("bob", "A3:0")
    await fill(here, door.group.trip, b"map")
    ends_ms = {
        lock_keys(door.group, [Cell("A1", 0)])[0]: 5_000,
        known_key(door.group, "ann"): 30_000,
        taken_keys(door.group, [Cell("A2", 0)])[0]: here.taken_ttl_ms,
        ended_key(door.group, "hold-bob"): here.taken_ttl_ms,
    }
    for key, ttl_ms in ends_ms.items():
        assert ttl_ms - 1_000 < redis_node.ask("PTTL", in_redis(key)) <= ttl_ms
    assert len(redis_node.ask("KEYS", in_redis(gate_prefix(door.group)) + "*")) == len(ends_ms)
    assert 0 < redis_node.ask("PTTL", in_redis(map_key(door.group.trip))) <= 2 * here.stale_ms_max


async def test_a_lock_is_a_key_that_anybody_can_read(here: Edge, redis_node: RedisServer) -> None:
    """SET key token NX PX ttl, and the next one cannot."""
    door = here.door()
    await door.enter("ann", "A1:0")
    key = in_redis(lock_keys(door.group, [Cell("A1", 0)])[0])
    assert redis_node.ask("GET", key) == b"ann token-ann"
    assert redis_node.ask("SET", key, "bob token-bob", "NX", "PX", "5000") is None


async def test_a_word_that_redis_hears_too_late_is_not_kept(here: Edge, redis_node: RedisServer) -> None:
    """It was sent in time, and lay in the queue of a server that stood still."""
    door = here.door()
    await door.mark("bob", "A9:0")  # so Redis knows the script
    redis_node.pause()
    marking = asyncio.ensure_future(door.mark("ann", "A1:0"))
    await asyncio.sleep(here.taken_ttl_ms / 1_000 + 0.1)
    redis_node.resume()
    await marking
    await until_answering(here)
    assert await door.enter("bob", "A1:0") == Passed()


async def until_answering(edge: Edge) -> None:
    """Return once a lock holds again."""
    async with asyncio.timeout(SEEN_S_MAX):
        while True:
            door = edge.door()
            await door.enter("ann", "A1:0")
            if await door.enter("bob", "A1:0") == Locked(("A1",)):
                return
            await asyncio.sleep(0.02)


async def test_redis_restarted_empty_or_flushed_is_used_as_if_it_were_new(here: Edge, redis_node: RedisServer) -> None:
    door = here.door()
    await door.enter("ann", "A1:0")
    await fill(here, door.group.trip, b"map")
    redis_node.ask("FLUSHALL")
    redis_node.ask("SCRIPT FLUSH")
    assert await door.enter("bob", "A1:0") == Passed()
    assert await door.enter("ann", "A1:0") == Locked(("A1",))
    await here.seat_maps.invalidate(door.group.trip, [0])
    await fill(here, door.group.trip, b"new")
    assert await here.seat_maps.read(door.group.trip) == {0: b"new"}


# ---- many tasks


async def test_calls_of_the_same_moment_go_out_together(here: Edge, redis_node: RedisServer) -> None:
    doors = [here.door() for _ in range(200)]
    await doors[0].enter("ann", "A1:0")
    before = redis_node.ask("INFO", "stats")["total_reads_processed"]
    await asyncio.gather(*(door.enter("ann", "A1:0 A1:1") for door in doors))
    assert redis_node.ask("INFO", "stats")["total_reads_processed"] - before < 30


async def test_a_caller_who_leaves_takes_no_answer_of_others(here: Edge) -> None:
    """Half of the callers are cancelled while they wait; each other one still gets its own answer."""
    chance = Random(3)
    for _ in range(20):
        doors = [here.door() for _ in range(40)]
        for number, door in enumerate(doors):
            if number % 3 == 0:
                await door.enter("ann", "A1:0")
        calls = [asyncio.ensure_future(door.enter("bob", "A1:0")) for door in doors]
        await asyncio.sleep(chance.random() * 0.002)
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for number, answer in enumerate(answers):
            if not isinstance(answer, asyncio.CancelledError):
                assert answer == (Locked(("A1",)) if number % 3 == 0 else Passed())


async def test_an_answer_counts_though_we_were_too_busy_to_read_it_in_time(options: RedisOptions) -> None:
    """The loop stands still for longer than an answer may take: that is our fault, not that of Redis."""
    async with redis_edge(replace(options, reply_ms_max=50)) as edge:
        door = edge.door()
        await door.enter("ann", "A1:0")
        call = asyncio.ensure_future(door.enter("bob", "A1:0"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251 - stands for work that seat groups
        assert await call == Locked(("A1",))


# ---- protected


@pytest.mark.redis
async def test_the_edge_needs_few_rights_and_speaks_tls(tmp_path: Path) -> None:
    need("redis")
    certificates = make_certificates(tmp_path)
    account = Account(name="edge", password=SECRET, rules=RIGHTS)
    protection = Protection(certificates=certificates, account=account)
    with redis_server(tmp_path / "server", protection) as server:
        known = redis_options(
            Standalone((HOST, server.port)), user="edge", password=SECRET, tls=True, ca_file=certificates.authority
        )
        async with (
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as here,
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as there,
        ):
            await everything_works(here, there)
        for stranger in (replace(known, password=WRONG), replace(known, ca_file=None), replace(known, tls=False)):
            async with redis_edge(stranger) as edge:
                door = edge.door()
                assert [await door.enter(name, "A1:0") for name in ("ann", "bob")] == [Passed(), Passed()]


@pytest.mark.redis
@pytest.mark.cluster
async def test_a_cluster_with_tls_and_few_rights(tmp_path: Path) -> None:
    need("redis")
    certificates = make_certificates(tmp_path)
    account = Account(name="edge", password=SECRET, rules=RIGHTS)
    with redis_cluster(tmp_path / "cluster", Protection(certificates=certificates, account=account)) as nodes:
        known = redis_options(
            Cluster(((HOST, nodes[0].port),)),
            user="edge",
            password=SECRET,
            tls=True,
            ca_file=certificates.authority,
        )
        async with (
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as here,
            redis_edge(known, stale_ms_max=STALE_MS_MAX) as there,
        ):
            for _ in range(10):
                await everything_works(here, there)


async def everything_works(here: Edge, there: Edge) -> None:
    """Every script and the invalidations, once."""
    ours = here.door()
    theirs = Door(there, ours.group)
    assert await ours.enter("ann", "A1:0") == Passed()
    assert await theirs.enter("bob", "A1:0") == Locked(("A1",))
    await ours.leave("ann", "A1:0")
    await ours.mark("ann", "A1:0")
    assert who_has(await theirs.enter("bob", "A1:0")) == {"A1": "held"}
    await theirs.clear("ann", "A1:0")
    assert await theirs.enter("bob", "A1:0") == Passed()
    await fill(here, ours.group.trip, b"map")
    assert await there.seat_maps.read(ours.group.trip) == {0: b"map"}
    await here.seat_maps.invalidate(ours.group.trip, [0])
    await until_gone(there, ours.group.trip)


# ---- addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:6379", Standalone(("localhost", 6379))),
        ("cluster:7000", Standalone(("cluster", 7000))),
        ("[::1]:6379", Standalone(("::1", 6379))),
        ("cluster:a:7000,b:7001", Cluster((("a", 7000), ("b", 7001)))),
        ("cluster:a:7000", Cluster((("a", 7000),))),
        ("sentinel:a:26379,b:26379/main", Sentinels((("a", 26379), ("b", 26379)), "main")),
    ],
)
def test_an_address_says_what_stands_behind_it(text: str, address: object) -> None:
    assert parse_redis_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:",
        ":6379",
        "localhost:0",
        "localhost:65536",
        "localhost:6379x",
        "localhost:\u0666",
        "::1:6379",
        "redis://localhost:6379",
        "user:secret@localhost:6379",
        "a:1,b:2",
        "cluster:",
        "cluster:a:1,",
        "sentinel:a:1",
        "sentinel:a:1/",
        "sentinel:/main",
    ],
)
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|lacks the name"):
        parse_redis_address(text)


def test_a_password_is_not_shown() -> None:
    assert SECRET not in repr(redis_options(Standalone(("localhost", 6379)), password=SECRET))
