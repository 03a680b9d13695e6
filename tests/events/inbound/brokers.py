"""Brokers that events come from, each with a place of its own, and what is left there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from secrets import token_hex

import aio_pika
import anyio
import pytest
from aiokafka import AIOKafkaProducer
from pamqp.common import FieldTable

from tests.events.inbound.arriving import Arrivals
from travio_inventory.events.inbound.choice import KafkaSource, RabbitSource, parse_sources
from travio_inventory.events.inbound.delivery import Delivery
from travio_inventory.events.inbound.kafka import KafkaConsumer, KafkaLetters
from travio_inventory.events.inbound.message import SUFFIX, Message
from travio_inventory.events.inbound.rabbitmq import RabbitConsumer, RabbitLetters
from travio_inventory.kernel.clock import SystemClock
from verification.servers.kafka import Kafka
from verification.servers.rabbitmq import RabbitServer

Send = Callable[[Message], Awaitable[None]]


@dataclass
class Broker:
    """One place for events. `left` is how many were not acknowledged yet."""

    name: str
    url: str
    send: Send
    reasons: Callable[[], Awaitable[list[str]]]
    left: Callable[[], Awaitable[int]]

    def consumer(self, arrivals: Arrivals) -> KafkaConsumer | RabbitConsumer:
        """A consumer of one process."""
        [(name, source)] = parse_sources(self.url)
        letters = KafkaLetters(source) if isinstance(source, KafkaSource) else RabbitLetters(source)
        delivery = Delivery(name, arrivals.reception, letters, SystemClock(), jitter=Random(1), count=lambda *_: None)
        if isinstance(source, KafkaSource):
            assert isinstance(letters, KafkaLetters)
            return KafkaConsumer(name, source, delivery, letters)
        assert isinstance(source, RabbitSource)
        assert isinstance(letters, RabbitLetters)
        return RabbitConsumer(name, source, delivery, letters)

    async def drained(self, *, within_s: float = 60) -> None:
        """Return when everything is acknowledged."""
        with anyio.fail_after(within_s):
            while await self.left():  # noqa: ASYNC110 - the broker tells it only when it is asked
                await anyio.sleep(0.05)


@asynccontextmanager
async def on_kafka(node: Kafka) -> AsyncIterator[Broker]:
    """A new topic of three partitions and a new group."""
    topic = f"t{token_hex(4)}"
    await node.create(topic)
    producer = AIOKafkaProducer(bootstrap_servers=node.internal, acks="all", enable_idempotence=True)
    await producer.start()

    async def send(message: Message) -> None:
        headers = [tuple(header) for header in message.headers]
        await producer.send_and_wait(topic, message.body, key=message.key, headers=headers)

    async def reasons() -> list[str]:
        records = await node.records(f"{topic}{SUFFIX}")
        return sorted(dict(record.headers)["dead-letter-reason"].decode() for record in records)

    async def left() -> int:
        return await node.lag(topic, topic)

    try:
        yield Broker(topic, f"kafka://{node.address}?topics={topic}&group={topic}", send, reasons, left)
    finally:
        await producer.stop()


@asynccontextmanager
async def on_rabbitmq(node: RabbitServer) -> AsyncIterator[Broker]:
    """A new queue, bound to an exchange."""
    queue = f"q{token_hex(4)}"
    connection = await aio_pika.connect_robust(node.url, reconnect_interval=0.2)
    channel = await connection.channel()
    exchange = await channel.declare_exchange(f"{queue}.events", "topic", durable=True)
    await (await channel.declare_queue(queue, durable=True)).bind(exchange, "#")

    async def send(message: Message) -> None:
        headers: FieldTable = {header.name: header.value.decode() for header in message.headers}
        persistent = aio_pika.DeliveryMode.PERSISTENT
        await exchange.publish(aio_pika.Message(message.body, headers=headers, delivery_mode=persistent), "any.key")

    async def reasons() -> list[str]:
        letters = await channel.get_queue(f"{queue}{SUFFIX}")
        found = []
        while letter := await letters.get(fail=False):
            found.append(str(letter.headers["dead-letter-reason"]))
        return sorted(found)

    async def left() -> int:
        """What is ready, and what is handed over."""
        said = node.control("list_queues", "--no-table-headers", "name", "messages")
        return sum(int(count) for name, count in map(str.split, said.splitlines()) if name == queue)

    try:
        bound = f"queue={queue}&bind={queue}.events:%23&at_once=8"
        yield Broker(queue, f"{node.url.rstrip('/')}?{bound}", send, reasons, left)
    finally:
        await connection.close()


BROKERS = [
    pytest.param("kafka", marks=pytest.mark.kafka),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]


@pytest.fixture(params=BROKERS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """Each broker, with a place of its own."""
    if request.param == "kafka":
        async with on_kafka(request.getfixturevalue("kafka_node")) as opened:
            yield opened
    else:
        async with on_rabbitmq(request.getfixturevalue("rabbitmq_node")) as opened:
            yield opened
