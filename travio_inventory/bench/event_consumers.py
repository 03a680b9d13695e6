"""Consumers of a sink's broker: they say when each event of a hold arrived."""

import json
from asyncio import Future, ensure_future, gather
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from travio_inventory.events.targets.kafka import KafkaTopic
from travio_inventory.events.targets.rabbitmq import RabbitExchange

if TYPE_CHECKING:
    import aio_pika

KEPT_MAX = 1_000

Heard: TypeAlias = Callable[[str, int], None]
"""Of a subject and the ordinal of its event."""
Brokers: TypeAlias = KafkaTopic | RabbitExchange


@asynccontextmanager
async def consumer(target: Brokers, heard: Heard) -> AsyncIterator[None]:
    """Hears every event from now on, while the block lasts. Raises what the broker's library raises."""
    async with _kafka(target, heard) if isinstance(target, KafkaTopic) else _rabbitmq(target, heard):
        yield


@asynccontextmanager
async def _kafka(target: KafkaTopic, heard: Heard) -> AsyncIterator[None]:
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - imported only where it is used

    from travio_inventory.events.brokers.kafka import connection_options  # noqa: PLC0415 - see above

    reader = AIOKafkaConsumer(
        target.topic, **connection_options(target), enable_auto_commit=False, auto_offset_reset="latest"
    )
    await reader.start()
    reading: Future[None] | None = None
    try:
        places = reader.assignment()
        await gather(*(reader.position(place) for place in places))

        async def read() -> None:
            async for record in reader:
                _tell(record.value, heard)

        reading = ensure_future(read())
        yield
    finally:
        await _ended(reading)
        await reader.stop()


@asynccontextmanager
async def _rabbitmq(target: RabbitExchange, heard: Heard) -> AsyncIterator[None]:
    async with _bound(target, {}) as queue:

        async def hear(message: "aio_pika.abc.AbstractIncomingMessage") -> None:
            _tell(message.body, heard)
            await message.ack()

        await queue.consume(hear)
        yield


@asynccontextmanager
async def somewhere(target: object) -> AsyncIterator[None]:
    """While the block lasts, an exchange has a queue, which keeps the last messages: without one it takes nothing.
    Raises what the broker's library raises.
    """
    if not isinstance(target, RabbitExchange):
        yield
        return
    async with _bound(target, {"x-max-length": KEPT_MAX}):
        yield


@asynccontextmanager
async def _bound(target: RabbitExchange, arguments: dict[str, int]) -> "AsyncIterator[aio_pika.abc.AbstractQueue]":
    """A queue of our own with everything that the exchange gets."""
    import aio_pika  # noqa: PLC0415 - imported only where it is used

    from travio_inventory.events.brokers.rabbitmq import connect_to  # noqa: PLC0415 - see above

    connection = await connect_to(target.servers[0], target)
    try:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=KEPT_MAX)
        exchange = await channel.declare_exchange(target.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True, arguments=dict(arguments))
        await queue.bind(exchange, "#")
        yield queue
    finally:
        await connection.close()


async def _ended(reading: "Future[None] | None") -> None:
    if reading is not None:
        reading.cancel()
        with suppress(BaseException):
            await reading


def _tell(body: bytes, heard: Heard) -> None:
    """Native events only: another's message in the same place is none."""
    with suppress(ValueError, KeyError, TypeError):
        event = json.loads(body)
        heard(event["subject"], event["ordinal"])
