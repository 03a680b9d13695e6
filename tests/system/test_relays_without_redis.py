"""Relays share their work by leases in the store: whatever becomes of the Redis of the edge, events are told once."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.system.test_kill import TRIPS, every_step_has_its_event, nothing_is_held
from tests.system.test_killed_relaying import kafka
from tests.system.test_shared_relays import ARRIVES_S_MAX, TAKEN_OVER_S_MAX, are_shared_by, has_all
from tests.system.test_shared_relays_brokers import SETTLED_S_MAX, SINK, Sale, have_no_lag, repeated
from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.stores import scylla_options, scylla_store, services_on
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
    store_of_both = await asyncio.to_thread(services_on, cassandra_node)
    async with kafka(request, tmp_path) as receiver, AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path))
        shared = {
            **store_of_both,
            "REDIS_ADDR": redis.address,
            "TRAVIO_ATTEMPT_GRACE_SECONDS": "2",
            "TRAVIO_EVENTS": f"{SINK}={receiver.sink}",
        }
        services = [
            ServiceProcess(tmp_path / name, **shared, TRAVIO_METRICS_PORT=str(free_port())) for name in ("one", "other")
        ]
        for service in services:
            service.data.mkdir(parents=True)
            stack.callback(service.kill)
            await service.start()
        options = scylla_options(cassandra_node, store_of_both["TRAVIO_SCYLLA_KEYSPACE"])
        store = await stack.enter_async_context(scylla_store(options))
        async with services[0].client() as client:
            for trip in TRIPS:
                await client.open_trip(trip)
        await eventually(partial(are_shared_by, 2, store, SINK), within_s=TAKEN_OVER_S_MAX)

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
