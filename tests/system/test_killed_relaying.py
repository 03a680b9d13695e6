"""Kill -9 of the service while it publishes: each receiver has every event, its id unchanged, in order per hold."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeAlias

import pytest

from tests.events.brokers import in_nats, in_queue, in_redis, own_name, rabbit_queue
from tests.system.test_kill import (
    HOLDS_BEFORE_A_KILL,
    KILLS,
    SETTINGS,
    SETTLE_SECONDS_MAX,
    TRIPS,
    every_step_has_its_event,
    nothing_is_held,
    shop_while_it_is_killed,
)
from verification.kit.service_process import ServiceProcess, eventually
from verification.kit.shoppers import Attempt
from verification.servers.kafka import Kafka
from verification.servers.nats import NatsServer
from verification.servers.rabbitmq import RabbitServer
from verification.servers.redis import RedisServer
from verification.servers.webhook_receiver import SECRET, webhook_receiver

ARRIVES_S_MAX = 60.0


class Receiver(NamedTuple):
    """A sink, as an operator writes it, and the events that arrived there, in order per hold."""

    sink: str
    arrived: Callable[[], Awaitable[list[dict[str, Any]]]]


MakeReceiver: TypeAlias = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[Receiver]]


@asynccontextmanager
async def webhook(_: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Receiver]:
    (folder / "secret").write_text(f"{SECRET}\n")
    folder = folder / "receiver"
    folder.mkdir()
    with webhook_receiver(folder) as server:

        async def arrived() -> list[dict[str, Any]]:
            return [json.loads(one["body"]) for one in server.got("/events") if one["status"] < 300]

        yield Receiver(f"{server.url}/events#secret_file={folder.parent / 'secret'}", arrived)


@asynccontextmanager
async def kafka(request: pytest.FixtureRequest, _: Path) -> AsyncIterator[Receiver]:
    server: Kafka = request.getfixturevalue("kafka_node")
    topic = own_name()
    await server.create(topic)

    async def arrived() -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in await server.records(topic)]

    yield Receiver(f"kafka://{server.address}?topic={topic}", arrived)


@asynccontextmanager
async def rabbitmq(request: pytest.FixtureRequest, _: Path) -> AsyncIterator[Receiver]:
    server: RabbitServer = request.getfixturevalue("rabbitmq_node")
    exchange = own_name()
    async with rabbit_queue(server, exchange) as queue:

        async def arrived() -> list[dict[str, Any]]:
            return [json.loads(message.body) for message in await in_queue(server, queue)]

        yield Receiver(f"{server.url}?exchange={exchange}", arrived)


@asynccontextmanager
async def nats(request: pytest.FixtureRequest, _: Path) -> AsyncIterator[Receiver]:
    server: NatsServer = request.getfixturevalue("nats_node")
    name = own_name()

    async def arrived() -> list[dict[str, Any]]:
        return [json.loads(message.data or b"{}") for message in await in_nats(server, name)]

    yield Receiver(f"{server.url}?stream={name}&subject={name}&create=on", arrived)


@asynccontextmanager
async def redis(request: pytest.FixtureRequest, _: Path) -> AsyncIterator[Receiver]:
    server: RedisServer = request.getfixturevalue("redis_node")
    stream = own_name()

    async def arrived() -> list[dict[str, Any]]:
        return [json.loads(fields["body"]) for fields in in_redis(server, stream)]

    yield Receiver(f"redis://{server.address}/0?stream={stream}", arrived)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(webhook, id="webhook"),
        pytest.param(kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param(rabbitmq, id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param(nats, id="nats", marks=pytest.mark.nats),
        pytest.param(redis, id="redis", marks=pytest.mark.redis),
    ],
)
async def test_a_receiver_has_every_event_however_often_the_service_is_killed(
    make: MakeReceiver, processes: Callable[..., ServiceProcess], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with make(request, tmp_path) as receiver:
        service = processes(**SETTINGS, TRAVIO_EVENTS=receiver.sink)
        await service.start()
        async with service.client() as client:
            for trip in TRIPS:
                await client.open_trip(trip)
        attempts = await shop_while_it_is_killed(service, Random(2))
        held = [attempt for attempt in attempts if attempt.hold_id]
        assert len(held) >= HOLDS_BEFORE_A_KILL * KILLS
        async with service.client() as client:
            await eventually(lambda: nothing_is_held(client), within_s=SETTLE_SECONDS_MAX)
        await eventually(partial(_has_all, receiver, held), within_s=ARRIVES_S_MAX)
        every_step_has_its_event(await receiver.arrived(), held)
        assert await service.stop() == 0


async def _has_all(receiver: Receiver, held: list[Attempt]) -> bool:
    try:
        every_step_has_its_event(await receiver.arrived(), held)
    except (AssertionError, IndexError):
        return False
    return True
