"""Takes events in from a queue of RabbitMQ: what is acknowledged has taken effect, or is among the dead letters.

So many are taken at once as the source says; the broker hands over no more until one of them is acknowledged. What was
not, when a process or its connection ends, comes again, to any process, and the inbox knows what is done.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from functools import partial

import anyio
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aiormq.exceptions import AMQPError, InvalidFrameError

from travio_inventory.events.brokers.amqp_properties import UNREADABLE, read_any_properties
from travio_inventory.events.brokers.rabbitmq import first_of, silence
from travio_inventory.events.inbound.choice import RabbitSource
from travio_inventory.events.inbound.delivery import Delivery
from travio_inventory.events.inbound.message import Header, Message
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.telemetry.outages import Outages

AGAIN_S = 1.0

log = logging.getLogger(__name__)


class RabbitConsumer:
    """Runs until cancelled, whatever becomes of the broker."""

    def __init__(self, name: str, source: RabbitSource, delivery: Delivery) -> None:
        self._source = source
        self._delivery = delivery
        self._outages = Outages(log, f"the source {name}")
        self._taking: set[asyncio.Task[None]] = set()
        silence()
        read_any_properties()

    async def run(self) -> None:
        """Take events in until cancelled."""
        while True:
            try:
                await self._once()
            except (AMQPError, InvalidFrameError, OSError, TimeoutError) as failed:
                self._outages.went(error_in_words(failed))
                self._outages.look()
            await anyio.sleep(AGAIN_S)

    async def _once(self) -> None:
        """One connection, until it is closed. Raises AMQPError, OSError, TimeoutError."""
        connection = await first_of(self._source, _itself)
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            channel = await connection.channel()
            for ends in (connection, channel):
                ends.close_callbacks.add(lambda *_: _set(closed))
            line = await channel.get_underlay_channel()
            line.on_consumer_cancel_callbacks.add(lambda _: _set(closed))  # the queue was deleted, or is led elsewhere
            await channel.set_qos(prefetch_count=self._source.at_once)
            queue = await _queue(channel, self._source)
            await queue.consume(partial(self._begin, closed))
            self._outages.came()
            await closed
        finally:
            with anyio.CancelScope(shield=True):
                _set(closed)
                await self._end()
                with suppress(Exception):  # of a connection that is lost anyway the library raises anything
                    await connection.close()

    async def _begin(self, closed: asyncio.Future[None], incoming: AbstractIncomingMessage) -> None:
        if closed.done():
            return  # nobody would end it; it comes again
        task = asyncio.ensure_future(self._take(incoming))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, incoming: AbstractIncomingMessage) -> None:
        await self._delivery.see_through(_message(incoming, self._source.queue))
        with suppress(Exception):  # whatever the library raises as the connection ends: it comes again, to no effect
            await incoming.ack()

    async def _end(self) -> None:
        taking = list(self._taking)
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)


def _set(closed: asyncio.Future[None]) -> None:
    if not closed.done():
        closed.set_result(None)


async def _itself(connection: AbstractConnection) -> AbstractConnection:
    return connection


async def _queue(channel: AbstractChannel, source: RabbitSource) -> AbstractQueue:
    if not source.declares:
        return await channel.get_queue(source.queue)
    queue = await channel.declare_queue(source.queue, durable=True)
    for exchange, key in source.bindings:
        await queue.bind(exchange, key)
    return queue


def _message(incoming: AbstractIncomingMessage, queue: str) -> Message:
    """Where the property `type` is set, so is the id that is meant; libraries make up one for every other message."""
    properties = {"event_id": incoming.message_id, "event_type": incoming.type} if incoming.type else {}
    told = properties | {**incoming.headers}
    fault = str(told.pop(UNREADABLE, ""))
    headers = tuple(Header(name, _bytes(value)) for name, value in told.items() if value is not None)
    sent: datetime | None = incoming.timestamp
    return Message(
        queue,
        f"{queue}#{incoming.delivery_tag}",
        incoming.body,
        headers,
        content_type=incoming.content_type or "",
        at_ms=round(sent.timestamp() * 1_000) if sent else 0,
        fault=fault,
    )


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
