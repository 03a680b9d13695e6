"""Relays share their work by leases in the store: whatever becomes of the Redis of the edge, events are told once."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.system.test_kill import every_step_has_its_event, nothing_is_held
from tests.system.test_killed_relaying import kafka
from tests.system.test_shared_relays import ARRIVES_S_MAX, has_all
from tests.system.test_shared_relays_brokers import SETTLED_S_MAX, Sale, have_no_lag, repeated
from tests.system.two_services import SINK, are_shared_by, two_sellers
from verification.kit.service_process import eventually
from verification.servers.cassandra import Cassandra
from verification.servers.fixtures import need
from verification.servers.redis import RedisServer, redis_server

PAUSED_S = 3.0


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.timeout(900)
async def test_a_redis_that_is_flushed_paused_and_killed_repeats_no_event_and_loses_none(
    cassandra_node: Cassandra, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    need("redis")
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path))
        receiver = await stack.enter_async_context(kafka(request, tmp_path))
        selling = two_sellers(cassandra_node, tmp_path, receiver.sink, REDIS_ADDR=redis.address)
        services, store = await stack.enter_async_context(selling)

        troubles = [partial(trouble, redis) for trouble in (is_flushed, is_paused, is_killed, is_flushed, is_gone)]
        attempts = await Sale(services, Random(7)).goes_on("buys", *troubles)
        assert await are_shared_by(2, store, SINK), "they share as before"

        held = [attempt for attempt in attempts if attempt.hold_id]
        async with services[1].client() as client:
            await eventually(lambda: nothing_is_held(client), within_s=SETTLED_S_MAX)
        await eventually(partial(has_all, receiver, held), within_s=ARRIVES_S_MAX)
        await eventually(partial(have_no_lag, services), within_s=SETTLED_S_MAX)
        arrived = await receiver.arrived()
        every_step_has_its_event(arrived, held)
        assert repeated(arrived) == {}
        for service in services:
            assert await service.stop() == 0
            service.assert_nothing_broke_down()


async def is_flushed(redis: RedisServer) -> None:
    """It has forgotten everything."""
    assert redis.ask("DBSIZE"), "the services use it"
    redis.ask("FLUSHALL")


async def is_paused(redis: RedisServer) -> None:
    """It accepts connections, and answers nothing."""
    redis.pause()
    await asyncio.sleep(PAUSED_S)
    redis.resume()


async def is_killed(redis: RedisServer) -> None:
    """It comes back empty."""
    await asyncio.to_thread(redis.restart)


async def is_gone(redis: RedisServer) -> None:
    """It does not come back."""
    redis.kill()
