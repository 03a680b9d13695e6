"""Rates, in one process and in Redis: so many evenly, so many at once, all or none; what is at rest is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.crc import key_slot

from travio_inventory.edge import shared_rates
from travio_inventory.edge.deployments import open_own
from travio_inventory.edge.keys import rate_keys
from travio_inventory.edge.local_rates import LocalRates
from travio_inventory.edge.redis_options import RedisOptions, Standalone
from travio_inventory.edge.scripts import SPEND, Script
from travio_inventory.edge.server import Listener
from travio_inventory.edge.shared_rates import SharedRates
from travio_inventory.kernel.rates import Exceeded, Rates, Spend, after_one_more
from verification.kit.edges import redis_options
from verification.servers.redis import HOST, RedisServer

INTERVAL_US = 50_000
BURST = 3
ONE = Spend("one", INTERVAL_US, BURST)
SELDOM = Spend("one", 200 * INTERVAL_US, BURST)
"""So seldom that nothing is at rest while a few calls are made."""
Contract = Callable[[Rates], Awaitable[None]]


def now_us() -> int:
    return int(asyncio.get_running_loop().time() * 1_000_000)


def local() -> LocalRates:
    return LocalRates(now_us, names_max=1_000)


@asynccontextmanager
async def in_process() -> AsyncIterator[Rates]:
    yield local()


@asynccontextmanager
async def in_redis(options: RedisOptions, deployment: str) -> AsyncIterator[SharedRates]:
    async with open_own(options, Listener(lambda _key, _groups: None, lambda: None), deployment) as redis:
        yield SharedRates(redis, local(), now_us)


@pytest.fixture
def options(redis_node: RedisServer) -> RedisOptions:
    return redis_options(Standalone((HOST, redis_node.port)))


@pytest.fixture(params=["process", "redis"])
async def rates(request: pytest.FixtureRequest) -> AsyncIterator[Rates]:
    """Rates of both kinds."""
    if request.param == "process":
        yield local()
    else:
        async with in_redis(request.getfixturevalue("options"), request.node.name) as opened:
            yield opened


async def spent(spend: Callable[[], Awaitable[Exceeded | None]]) -> int:
    """How many go at once."""
    count = 0
    while await spend() is None:
        count += 1
        assert count < 100
    return count


def most_since(begun_us: int) -> int:
    """What may go at most: all at once, and one for each interval since then, the last of which may have begun."""
    return BURST + 1 + (now_us() - begun_us) // INTERVAL_US


async def test_so_many_come_at_once_and_then_one_in_each_interval(rates: Rates) -> None:
    begun_us, refused = now_us(), list[Exceeded]()

    async def spend() -> Exceeded | None:
        exceeded = await rates.spend("acme", [ONE])
        refused.extend([exceeded] if exceeded else [])
        return exceeded

    assert BURST <= await spent(spend) <= most_since(begun_us)
    assert 0 < refused[0].wait_us <= INTERVAL_US
    await asyncio.sleep(INTERVAL_US / 1_000_000 + 0.002)
    assert await rates.spend("acme", [ONE]) is None


async def test_the_same_name_in_another_scope_is_another_thing(rates: Rates) -> None:
    await spent(lambda: rates.spend("acme", [ONE]))
    assert await rates.spend("north", [ONE]) is None
    assert await rates.spend("", [ONE]) is None
    assert await rates.spend("a}{:\né", [ONE._replace(what=":\n}é")]) is None


async def test_what_is_refused_spends_nothing_of_the_others(rates: Rates) -> None:
    slow, other = Spend("slow", 10_000_000, 1), Spend("other", 10_000_000, 2)
    assert await rates.spend("acme", [slow]) is None
    for _ in range(5):
        refused = await rates.spend("acme", [other, slow])
        assert refused is not None
        assert refused.at == 1
    assert await spent(lambda: rates.spend("acme", [other])) == other.burst


async def test_many_at_once_are_counted_one_by_one(rates: Rates) -> None:
    begun_us = now_us()
    found = await asyncio.gather(*(rates.spend("acme", [ONE]) for _ in range(40)))
    assert BURST <= found.count(None) <= most_since(begun_us)


def test_a_moment_that_cannot_be_right_is_not_believed() -> None:
    """After a clock was set back for an hour nobody waits for an hour."""
    far = 3_600_000_000
    _, early_us = after_one_more(far, 0, ONE)
    assert early_us == INTERVAL_US


async def test_a_process_counts_no_more_things_than_it_may_and_forgets_what_is_at_rest() -> None:
    moment, slow = 0, Spend("slow", 10_000_000, 1)
    rates = LocalRates(lambda: moment, names_max=10)
    await spent(lambda: rates.spend("acme", [slow]))
    for number in range(100):
        moment += INTERVAL_US // 20
        await rates.spend("acme", [Spend(f"{number}", 1, 1)])
        assert len(rates._due_us) <= 10
    assert await rates.spend("acme", [slow]) is not None, "it was not at rest"
    for number in range(100):
        await rates.spend("acme", [Spend(f"{number}", INTERVAL_US, BURST)])
        assert len(rates._due_us) <= 10


def test_what_is_spent_together_is_in_one_slot_of_a_cluster() -> None:
    for scope in ("acme", "", "a}b"):
        keys = rate_keys(scope, ["holder:ann", "organization:acme", "address:::1"])
        assert len({key_slot(key) for key in keys}) == 1
    assert len(set(rate_keys("acme", ["a:b", "a", "b", "a}b"]))) == 4


@pytest.mark.parametrize(
    ("right", "wrong", "contract"),
    [
        pytest.param(
            b"if wait > 0 then return {at, wait} end\n",
            b"",
            test_so_many_come_at_once_and_then_one_in_each_interval,
            id="nobody is refused",
        ),
        pytest.param(
            b"if wait > 0 then return {at, wait} end\nfor i, key in ipairs(KEYS) do",
            b"for i, key in ipairs(KEYS) do\n  if wait > 0 and i == at then return {at, wait} end",
            test_what_is_refused_spends_nothing_of_the_others,
            id="a refusal spends what comes before it",
        ),
        pytest.param(
            b"math.min(math.max(due, now), now + tolerance)",
            b"now",
            test_many_at_once_are_counted_one_by_one,
            id="what came before is not counted",
        ),
    ],
)
async def test_a_planted_fault_in_the_script_is_found(
    options: RedisOptions, monkeypatch: pytest.MonkeyPatch, right: bytes, wrong: bytes, contract: Contract
) -> None:
    script = SPEND
    assert script.text.count(right) == 1, "the script has changed: plant the fault anew"
    monkeypatch.setattr(shared_rates, "SPEND", Script(script.text.replace(right, wrong)))
    async with in_redis(options, "planted") as rates:
        with pytest.raises(AssertionError):
            await contract(rates)


async def test_two_processes_count_together(options: RedisOptions) -> None:
    async with in_redis(options, "together") as here, in_redis(options, "together") as there:
        assert await spent(lambda: here.spend("acme", [SELDOM])) == BURST
        assert await there.spend("acme", [SELDOM]) is not None


async def test_a_crowd_that_is_refused_asks_redis_once(options: RedisOptions, redis_node: RedisServer) -> None:
    slow = Spend("slow", 10_000_000, 1)

    def asked() -> int:
        commands = redis_node.ask("INFO", "commandstats")
        return sum(int(commands[name]["calls"]) for name in ("cmdstat_evalsha", "cmdstat_eval") if name in commands)

    async with in_redis(options, "crowd") as rates:
        await spent(lambda: rates.spend("acme", [slow]))
        before = asked()
        for _ in range(50):
            assert await rates.spend("acme", [slow, ONE]) is not None
        assert asked() == before


async def test_no_more_refusals_are_remembered_than_there_is_room_for(
    options: RedisOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_rates, "EXCEEDED_MAX", 5)
    async with in_redis(options, "room") as rates:
        for number in range(20):
            await spent(lambda number=number: rates.spend("acme", [Spend(f"{number}", 10_000_000, 1)]))  # type: ignore[misc]
            assert len(rates._refused_until_us) <= 5


async def test_what_is_at_rest_leaves_nothing_in_redis(options: RedisOptions, redis_node: RedisServer) -> None:
    async with in_redis(options, "at rest") as rates:
        await spent(lambda: rates.spend("acme", [Spend("one", 1_000_000, BURST)]))
        assert redis_node.ask("KEYS", "travio:at%20rest:rate:*")
        async with asyncio.timeout(60):
            while redis_node.ask("KEYS", "travio:at%20rest:rate:*"):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(INTERVAL_US / 1_000_000)


async def test_what_redis_invents_is_not_believed(options: RedisOptions, redis_node: RedisServer) -> None:
    async with in_redis(options, "invented") as rates:
        for value in ("nonsense", "9" * 20):
            redis_node.ask("SET", "travio:invented:rate:{@acme}:one", value)
            exceeded = await rates.spend("acme", [ONE])
            assert exceeded is None or exceeded.wait_us <= INTERVAL_US


async def test_while_redis_is_down_each_process_counts_for_itself() -> None:
    async with in_redis(redis_options(Standalone((HOST, 1))), "down") as rates:
        begun_us = now_us()
        assert BURST <= await spent(lambda: rates.spend("acme", [ONE])) <= most_since(begun_us)
