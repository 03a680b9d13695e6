"""Brokers that events come from, each with a place of its own, and what is left there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from secrets import token_hex
from typing import Protocol

import aio_pika
import anyio
import pytest
from aiokafka import AIOKafkaProducer
from pamqp.common import FieldTable

from tests.events.kept_letters import in_memory
from travio_inventory.events.inbound.choice import KafkaSource, RabbitSource, parse_sources
from travio_inventory.events.inbound.delivery import Delivery
from travio_inventory.events.inbound.kafka import KafkaConsumer
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.message import Message
from travio_inventory.events.inbound.rabbitmq import RabbitConsumer
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Way
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.protocol.store_waits import StoreWaits
from verification.servers.kafka import Kafka
from verification.servers.rabbitmq import RabbitServer


class Receives(Protocol):
    """What a process does with messages."""

    reception: Reception


Send = Callable[[Message], Awaitable[None]]


@dataclass
class Broker:
    """One place for events. `left` is how many were not acknowledged yet."""

    name: str
    url: str
    send: Send
    left: Callable[[], Awaitable[int]]
    letters: DeadLetters = field(default_factory=in_memory)

    def consumer(self, arrivals: Receives) -> KafkaConsumer | RabbitConsumer:
        """A consumer of one process."""
        [(name, source)] = parse_sources(self.url)
        letters = SourceLetters(self.letters, name, SystemClock())
        delivery = Delivery(
            name, arrivals.reception, letters, waits=StoreWaits(), jitter=Random(1), count=lambda *_: None
        )
        if isinstance(source, KafkaSource):
            return KafkaConsumer(name, source, delivery)
        assert isinstance(source, RabbitSource)
        return RabbitConsumer(name, source, delivery)

    async def kept(self) -> list[DeadLetter]:
        """Its dead letters, without their bodies."""
        [(name, _)] = parse_sources(self.url)
        return [told.letter async for told in self.letters.each(LetterList(Way.IN, name))]

    async def reasons(self) -> list[str]:
        """Why each of its dead letters is one."""
        return sorted(letter.reason for letter in await self.kept())

    async def drained(self, *, within_s: float = 180) -> None:
        """Return when everything is acknowledged."""
        with anyio.fail_after(within_s):
            while await self.left():  # noqa: ASYNC110 - the broker tells it only when it is asked
                await anyio.sleep(0.05)


@asynccontextmanager
async def on_kafka(node: Kafka, *, compression: str = "producer") -> AsyncIterator[Broker]:
    """A new topic of three partitions, whose records are compressed so, and a new group."""
    topic = f"t{token_hex(4)}"
    await node.create(topic, compression_type=compression)
    producer = AIOKafkaProducer(bootstrap_servers=node.internal, acks="all", enable_idempotence=True)
    await producer.start()

    async def send(message: Message) -> None:
        headers = [tuple(header) for header in message.headers]
        await producer.send_and_wait(topic, message.body, key=message.key, headers=headers)

    async def left() -> int:
        return await node.lag(topic, topic)

    try:
        yield Broker(topic, f"kafka://{node.address}?topics={topic}&group={topic}", send, left)
    finally:
        await producer.stop()


@asynccontextmanager
async def on_rabbitmq(node: RabbitServer) -> AsyncIterator[Broker]:
    """A new queue, bound to an exchange."""
    queue = f"q{token_hex(4)}"
    connection = await aio_pika.connect_robust(node.url, reconnect_interval=0.2, ssl_context=node.trusting)
    channel = await connection.channel()
    exchange = await channel.declare_exchange(f"{queue}.events", "topic", durable=True)
    await (await channel.declare_queue(queue, durable=True)).bind(exchange, "#")

    async def send(message: Message) -> None:
        headers: FieldTable = {header.name: header.value.decode() for header in message.headers}
        persistent = aio_pika.DeliveryMode.PERSISTENT
        await exchange.publish(aio_pika.Message(message.body, headers=headers, delivery_mode=persistent), "any.key")

    async def left() -> int:
        """What is ready, and what is handed over."""
        said = node.control("list_queues", "--no-table-headers", "name", "messages")
        return sum(int(count) for name, count in map(str.split, said.splitlines()) if name == queue)

    try:
        bound = f"queue={queue}&bind={queue}.events:%23&at_once=8"
        yield Broker(queue, f"{node.url.rstrip('/')}?{bound}", send, left)
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
