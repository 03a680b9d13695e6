"""A service with a sink of every kind: one that stands still delays no other, and each gets what its readers know."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from tests.app.test_metrics import asking, figures
from tests.events.brokers import in_nats, in_queue, in_redis, own_name, rabbit_queue
from travio_inventory.bench.free_ports import free_port
from travio_inventory.telemetry import families
from verification.kit.service_process import ServiceProcess, eventually, serving
from verification.kit.trips import trip_of
from verification.servers.fixtures import need
from verification.servers.kafka import Kafka, kafka
from verification.servers.nats import NatsServer
from verification.servers.rabbitmq import RabbitServer
from verification.servers.redis import RedisServer
from verification.servers.webhook_receiver import SECRET, webhook_receiver

TRIP = trip_of("coach-7", seats=6, segments=1, seats_per_group=2)
ARRIVES_S_MAX = 120
STILL_S = 12
"""Longer than a call to publish waits."""

pytestmark = [pytest.mark.once, pytest.mark.kafka]

Had = Callable[[], Awaitable[list[str]]]
"""The ids of what a broker has."""


@pytest.fixture
async def own_kafka(tmp_path: Path) -> AsyncIterator[Kafka]:
    """A node that may be stopped, with the topic of the older shape."""
    need("kafka")
    with kafka(tmp_path / "broker") as node:
        await node.create("travio.inventory")
        yield node


@asynccontextmanager
async def sinks(
    node: Kafka, rabbit: RabbitServer, stream: NatsServer, redis: RedisServer, folder: Path
) -> AsyncIterator[tuple[str, dict[str, Had]]]:
    """The setting with a sink of each kind, and what each has had, by its name."""
    name = own_name()
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "receiver").mkdir()
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(webhook_receiver(folder / "receiver"))
        queues = {
            "showtimes": await stack.enter_async_context(rabbit_queue(rabbit, "inventory.events")),
            "cloud": await stack.enter_async_context(rabbit_queue(rabbit, name)),
        }

        async def kafka_has() -> list[str]:
            return [json.loads(record.value)["id"] for record in await node.records("travio.inventory")]

        async def rabbit_has(queue: str) -> list[str]:
            return [str(message.message_id) for message in await in_queue(rabbit, queues[queue])]

        async def nats_has() -> list[str]:
            return [json.loads(message.data or b"{}")["id"] for message in await in_nats(stream, name)]

        async def redis_has() -> list[str]:
            return [fields["id"] for fields in await asyncio.to_thread(in_redis, redis, name)]

        async def webhook_has() -> list[str]:
            return [one["id"] for one in await asyncio.to_thread(receiver.got, "/x") if one["status"] < 300]

        written = {
            "kafka": f"kafka://{node.address}?shape=trips&publish_seconds_max=4",
            "showtimes": f"{rabbit.url}?shape=showtimes",
            "cloud": f"{rabbit.url}?shape=cloudevents&exchange={name}",
            "stream": f"{stream.url}?stream={name}&subject={name}&create=on",
            "redis": f"redis://{redis.address}/0?stream={name}",
            "hook": f"{receiver.url}/x#secret_file={folder / 'secret'}",
            "gone": f"amqp://127.0.0.1:{free_port()}/?exchange=nobody",
        }
        has: dict[str, Had] = {
            "kafka": kafka_has,
            **{queue: partial(rabbit_has, queue) for queue in queues},
            "stream": nats_has,
            "redis": redis_has,
            "hook": webhook_has,
        }
        yield ",".join(f"{each}={sink}" for each, sink in written.items()), has


async def lags(port: int) -> dict[str, float]:
    """How late each sink is, in seconds, as the metrics say."""
    async with asking(port) as metrics:
        told = await figures(metrics)
    name = families.RELAY_LAG.name
    return {key.split("'")[3]: value for key, value in told.items() if key.startswith(f"{name}[")}


async def has_all(has: dict[str, Had], wanted: set[str]) -> bool:
    return all([wanted <= {*await had()} for had in has.values()])


async def sell(service: ServiceProcess, *seats: int) -> set[str]:
    """Hold and release them; the ids of what is told of it."""
    ids = set()
    async with service.client("ann") as client:
        for seat in seats:
            hold = await client.hold("coach-7", "S0", "S1", [f"seat-{seat}"])
            await client.release(hold.id)
            ids |= {f"{hold.id}~0", f"{hold.id}~1"}
    return ids


async def test_a_sink_that_stands_still_or_is_gone_delays_no_other_and_its_lag_alone_grows(
    own_kafka: Kafka,
    rabbitmq_node: RabbitServer,
    nats_node: NatsServer,
    redis_node: RedisServer,
    tmp_path: Path,
) -> None:
    port = free_port()
    async with sinks(own_kafka, rabbitmq_node, nats_node, redis_node, tmp_path) as (events, has):
        async with serving(tmp_path, EVENTS=events, TRAVIO_METRICS_PORT=str(port)) as service:
            async with service.client() as client:
                await client.open_trip(TRIP)
            told = await sell(service, 1, 2)
            await eventually(lambda: has_all(has, told), within_s=ARRIVES_S_MAX)
            own_kafka.pause()
            try:
                during = await sell(service, 3, 4)
                others = {name: had for name, had in has.items() if name != "kafka"}
                await eventually(lambda: has_all(others, during), within_s=ARRIVES_S_MAX)
                await asyncio.sleep(STILL_S)
                told |= during | await sell(service, 5)
                await eventually(lambda: has_all(others, told), within_s=ARRIVES_S_MAX)

                async def two_are_late() -> bool:
                    found = await lags(port)
                    assert found.keys() == {*has, "gone"}
                    return {name for name, lag in found.items() if lag >= STILL_S / 2} == {"kafka", "gone"}

                await eventually(two_are_late, within_s=ARRIVES_S_MAX)
            finally:
                own_kafka.resume()
            await eventually(lambda: has_all(has, told), within_s=ARRIVES_S_MAX)
            assert await service.stop() == 0
        for name, had in has.items():
            for hold in {each[:-2] for each in told}:
                first = list(dict.fromkeys(each for each in await had() if each.startswith(hold)))
                assert first == [f"{hold}~0", f"{hold}~1"], name
        await are_as_their_readers_know(own_kafka)


async def are_as_their_readers_know(node: Kafka) -> None:
    """The records of the topic of the older shape, to the letter."""
    records: list[ConsumerRecord] = await node.records("travio.inventory")
    types = set()
    for record in records:
        body: dict[str, Any] = json.loads(record.value)
        assert record.key == b"coach-7"
        assert dict(record.headers) == {
            "content-type": b"application/json",
            "event_type": body["type"].encode(),
            "event_id": body["id"].encode(),
        }
        assert [*body] == ["id", "type", "aggregate_id", "timestamp", "version", "payload"]
        assert [*body["payload"]] == ["trip_id", "seat_ids", "status", "updated_at"]
        assert (body["aggregate_id"], body["version"], body["payload"]["trip_id"]) == ("coach-7", 1, "coach-7")
        types.add((body["type"], body["payload"]["status"]))
    assert types == {("inventory.seats_held", "HELD"), ("inventory.seats_released", "AVAILABLE")}


async def test_messages_of_rabbitmq_are_routed_by_their_type_and_say_what_they_are(
    rabbitmq_node: RabbitServer, tmp_path: Path
) -> None:
    """Of showtimes by the exchange and the key that their readers bind to; CloudEvents in binary mode."""
    exchange = own_name()
    both = f"old={rabbitmq_node.url}?shape=showtimes,new={rabbitmq_node.url}?shape=cloudevents&exchange={exchange}"
    cloud_type = "travio.inventory.hold.created.v1"
    async with (
        rabbit_queue(rabbitmq_node, "inventory.events", key="hold.created") as old,
        rabbit_queue(rabbitmq_node, exchange, key=cloud_type) as new,
        serving(tmp_path, EVENTS=both) as service,
    ):
        async with service.client("ann") as client:
            await client.open_trip(TRIP)
            hold = await client.hold("coach-7", "S0", "S1", ["seat-1"])

        async def have_it() -> bool:
            return bool(await in_queue(rabbitmq_node, old) and await in_queue(rabbitmq_node, new))

        await eventually(have_it, within_s=ARRIVES_S_MAX)
        [told], [cloud] = await in_queue(rabbitmq_node, old), await in_queue(rabbitmq_node, new)
        assert (told.exchange, told.routing_key, told.type) == ("inventory.events", "hold.created", "hold.created")
        body = json.loads(told.body)
        assert [*body] == ["id", "type", "occurredAt", "showtimeId", "seatIds", "holdId", "userId", "expiresAt"]
        assert (body["showtimeId"], body["seatIds"], body["holdId"]) == ("coach-7", ["seat-1"], hold.id)
        assert {**told.headers} == {"event_type": "hold.created", "event_id": body["id"]}
        assert cloud.content_type == "application/json"
        said = {name.removeprefix("cloudEvents:"): value for name, value in cloud.headers.items()}
        assert {*cloud.headers} == {f"cloudEvents:{name}" for name in said}
        assert (said["specversion"], said["type"], said["id"]) == ("1.0", cloud_type, body["id"])
        assert json.loads(cloud.body)["hold_id"] == hold.id
