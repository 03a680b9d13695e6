"""Two services publish to one broker, which is killed and paused while they sell: what its consumers get of that."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import httpx
import pytest

from tests.events.brokers import in_nats, in_queue, own_name, rabbit_queue
from tests.system.test_kill import (
    TRIPS,
    every_step_has_its_event,
    has_holds,
    holds_of,
    nothing_is_held,
)
from tests.system.test_killed_relaying import Receiver
from tests.system.test_shared_relays import ARRIVES_S_MAX, has_all
from tests.system.two_services import SINK, two_sellers
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.shoppers import Attempt, Shopper
from verification.servers.cassandra import Cassandra
from verification.servers.fixtures import need
from verification.servers.kafka import kafka as kafka_server
from verification.servers.nats import nats_server
from verification.servers.process import OneProcess
from verification.servers.rabbitmq import rabbit_server

SHOPPERS = 4
HOLDS_PER_STAGE = 10
STAGE_S_MAX = 120
GONE_S, PAUSED_S = 3.0, 9.0
"""A pause is longer than a call waits for its acknowledgement, and than what a process publishes at once waits."""
SETTLED_S_MAX = 180


@dataclass
class Broker:
    """A broker of its own for one test, and what its consumers have had."""

    server: OneProcess
    receiver: Receiver
    restart: Callable[[], None]

    async def is_gone(self) -> None:
        """It is killed, and comes back a while later."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(GONE_S)
        await asyncio.to_thread(self.restart)

    async def is_paused(self) -> None:
        """It accepts connections, and answers nothing."""
        self.server.pause()
        try:
            await asyncio.sleep(PAUSED_S)
        finally:
            self.server.resume()


MakeBroker: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Broker]]


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[Broker]:
    need("kafka")
    with kafka_server(folder) as server:
        topic = own_name()
        await server.create(topic)

        async def arrived() -> list[dict[str, Any]]:
            return [json.loads(record.value) for record in await server.records(topic)]

        sink = f"kafka://{server.address}?topic={topic}&publish_seconds_max=4"
        yield Broker(server, Receiver(sink, arrived), server.start)


@asynccontextmanager
async def rabbitmq(folder: Path) -> AsyncIterator[Broker]:
    need("rabbitmq")
    with rabbit_server(folder) as server:
        exchange = own_name()
        async with rabbit_queue(server, exchange) as queue:

            async def arrived() -> list[dict[str, Any]]:
                return [json.loads(message.body) for message in await in_queue(server, queue)]

            sink = f"{server.url}?exchange={exchange}&publish_seconds_max=4"
            yield Broker(server, Receiver(sink, arrived), server.start)


@asynccontextmanager
async def nats(folder: Path) -> AsyncIterator[Broker]:
    need("nats")
    with nats_server(folder) as server:
        name = own_name()

        async def arrived() -> list[dict[str, Any]]:
            return [json.loads(message.data or b"{}") for message in await in_nats(server, name)]

        sink = f"{server.url}?stream={name}&subject={name}&create=on&publish_seconds_max=4"
        yield Broker(server, Receiver(sink, arrived), server.start)


async def lag_s(service: ServiceProcess) -> float:
    """How old the oldest event is that the sink has not had, as the process's own metrics say."""
    url = f"http://127.0.0.1:{service.environment['TRAVIO_METRICS_PORT']}/metrics"
    async with httpx.AsyncClient() as client:
        lines = (await client.get(url)).text.splitlines()
    (line,) = [line for line in lines if line.startswith(f'travio_relay_lag_seconds{{sink="{SINK}"}}')]
    return float(line.rpartition(" ")[2])


async def have_no_lag(services: list[ServiceProcess]) -> bool:
    return [await lag_s(service) for service in services] == [0.0] * len(services)


async def have_lag(services: list[ServiceProcess]) -> bool:
    return max([await lag_s(service) for service in services]) > 0


class Sale:
    """Shoppers at both services, some stages long."""

    def __init__(self, services: list[ServiceProcess], random: Random) -> None:
        self._services = services
        self._random = random

    async def goes_on(self, name: str, *troubles: Callable[[], Awaitable[None]]) -> list[Attempt]:
        """What shoppers noted while one trouble came after the other; with none, while they bought as much."""
        is_over = asyncio.Event()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as shopping:
            clients = [
                await stack.enter_async_context(self._services[n % len(self._services)].client())
                for n in range(SHOPPERS)
            ]
            seeds = [self._random.random() for _ in clients]
            shoppers = [
                Shopper(f"{name}{n}", client, TRIPS, Random(seed))
                for n, (client, seed) in enumerate(zip(clients, seeds, strict=True))
            ]
            tasks = [shopping.create_task(shopper.shop(is_over)) for shopper in shoppers]
            for trouble in (*troubles, None):
                enough = holds_of(shoppers) + HOLDS_PER_STAGE
                await eventually(partial(has_holds, shoppers, enough), within_s=STAGE_S_MAX)
                if trouble is not None:
                    await trouble()
            is_over.set()
            await asyncio.wait(tasks)
        return [attempt for shopper in shoppers for attempt in shopper.attempts]


@pytest.mark.thorough
@pytest.mark.scylla
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param(rabbitmq, id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param(nats, id="nats", marks=pytest.mark.nats),
    ],
)
async def test_a_broker_that_is_killed_and_paused_has_every_event_in_order_in_the_end(
    make: MakeBroker, cassandra_node: Cassandra, tmp_path: Path
) -> None:
    """Nobody who buys notices. Events are repeated while it is in trouble, with their ids, and not afterwards."""
    (tmp_path / "broker").mkdir()
    async with (
        make(tmp_path / "broker") as broker,
        two_sellers(cassandra_node, tmp_path, broker.receiver.sink, TRAVIO_EDGE="absent") as (services, _),
    ):
        sale = Sale(services, Random(5))
        troubles = [broker.is_gone, broker.is_paused, broker.is_gone]
        attempts = await sale.goes_on("bad", *troubles)
        held = [attempt for attempt in attempts if attempt.hold_id]
        assert len(held) >= HOLDS_PER_STAGE * len(troubles)
        async with services[1].client() as client:
            await eventually(lambda: nothing_is_held(client), within_s=SETTLED_S_MAX)
        await eventually(partial(has_all, broker.receiver, held), within_s=ARRIVES_S_MAX)
        await eventually(partial(have_no_lag, services), within_s=SETTLED_S_MAX)
        arrived = await broker.receiver.arrived()
        repeats = repeated(arrived)

        attempts = await sale.goes_on("good")
        held += [attempt for attempt in attempts if attempt.hold_id]
        async with services[1].client() as client:
            await eventually(lambda: nothing_is_held(client), within_s=SETTLED_S_MAX)
        await eventually(partial(has_all, broker.receiver, held), within_s=ARRIVES_S_MAX)
        await eventually(partial(have_no_lag, services), within_s=SETTLED_S_MAX)
        arrived = await broker.receiver.arrived()
        every_step_has_its_event(arrived, held)
        assert repeated(arrived) == repeats, "the broker was well, and events came twice"
        for service in services:
            assert await service.stop() == 0
            service.assert_nothing_broke_down()


def repeated(arrived: list[dict[str, Any]]) -> dict[str, int]:
    """How often events came again, by id. Each copy says the same."""
    texts: dict[str, str] = {}
    for event in arrived:
        text = json.dumps(event, sort_keys=True)
        assert texts.setdefault(event["id"], text) == text
    return {name: count - 1 for name, count in Counter(event["id"] for event in arrived).items() if count > 1}
