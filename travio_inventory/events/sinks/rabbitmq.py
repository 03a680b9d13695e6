"""Publishes events to a topic exchange of RabbitMQ: persistent, confirmed, and routed to at least one queue."""

import asyncio
from collections.abc import Sequence
from functools import partial

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel
from aiormq.exceptions import DeliveryError, PublishError

from travio_inventory.events.brokers.rabbitmq import APP_ID, NoServerAdmits, first_of, silence
from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.amqp_frames import SHORT_BYTES_MAX, Way, frames_of, is_short
from travio_inventory.events.sinks.amqp_waves import Confirmed, send
from travio_inventory.events.sinks.broker import EVENTS_MAX, HELD_UP, Broker, LineFailed
from travio_inventory.events.targets.rabbitmq import RabbitExchange

ATTRIBUTE_PREFIX = "cloudEvents:"
BLOCKED_S_MAX = 0.2
LEFT_MAX = 10_000
"""Messages that were written and not answered when the broker had us wait, of one connection."""


def rabbitmq(target: RabbitExchange, *, reconnect_s: float = 0.5) -> Broker:
    """Sink. The exchange is declared at each connection if the target says so."""
    silence()
    return Broker(
        partial(_connect, target),
        SHAPES[target.shape],
        publish_seconds_max=target.publish_seconds_max,
        message_bytes_max=target.message_bytes_max,
        reconnect_s=reconnect_s,
    )


async def _connect(target: RabbitExchange) -> "_Channel":
    """A channel to the first server that admits us. Raises LineFailed with what each said."""
    try:
        return await first_of(target, partial(_begin, target))
    except NoServerAdmits as failed:
        raise LineFailed(str(failed)) from failed


async def _begin(target: RabbitExchange, connection: AbstractConnection) -> "_Channel":
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    if target.declares:
        exchange = await channel.declare_exchange(target.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
    else:
        exchange = await channel.get_exchange(target.exchange)
    line = await channel.get_underlay_channel()
    if not isinstance(line, Channel):
        raise TypeError(f"not a channel of the library: {line}")
    return _Channel(connection, line, exchange.name)


class _Channel:
    """BrokerLine. A publish that RabbitMQ cannot route, or that a queue does not accept, is refused by itself."""

    events_max = EVENTS_MAX
    is_atomic = False

    def __init__(self, connection: AbstractConnection, channel: Channel, exchange: str) -> None:
        self._connection = connection
        self._channel = channel
        frame_max = channel.connection.connection_tune.frame_max
        self._way = Way(channel.number, exchange, APP_ID, ATTRIBUTE_PREFIX, frame_max)
        self._is_blocked = False
        self._left: Confirmed = {}
        """What was written when the broker had us wait: it takes that in the end, so it is not written again."""

    @property
    def is_held_up(self) -> bool:
        """See BrokerLine: it is short of memory or disk."""
        return self._is_blocked and not self._connection.is_closed

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """See BrokerLine."""
        await self._unblocked()
        too_long = {message.id: why for message in messages if (why := _too_long(message))}
        confirmed: Confirmed = {one.id: self._left.pop(one.id) for one in messages if one.id in self._left}
        known = too_long.keys() | confirmed.keys()
        sent = {message.id: frames_of(message, self._way) for message in messages if message.id not in known}
        try:
            if sent:
                await send(self._channel, sent, confirmed)
            if confirmed:
                await asyncio.wait(confirmed.values())
        except asyncio.CancelledError:
            self._is_blocked = await self._waits()
            if self._is_blocked:
                self._leave(confirmed)
            raise
        return [too_long.get(message.id) or _refusal(message, confirmed[message.id]) for message in messages]

    def _leave(self, written: Confirmed) -> None:
        """The broker will answer these when it goes on."""
        if len(self._left) + len(written) > LEFT_MAX:
            self._left.clear()  # nobody asked for them again: others publish them
        self._left |= {name: future for name, future in written.items() if not future.cancelled()}

    async def _unblocked(self) -> None:
        """Raises LineFailed if the broker still has us wait."""
        self._is_blocked = await self._waits()
        if self._is_blocked:
            raise LineFailed(HELD_UP)

    async def _waits(self) -> bool:
        transport = self._connection.transport
        if transport is None or self._connection.is_closed:
            return False
        try:
            async with asyncio.timeout(BLOCKED_S_MAX):
                await transport.ready()
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        """See BrokerLine."""
        await self._connection.close()


def _too_long(message: Message) -> str | None:
    """Why AMQP cannot carry it."""
    if not is_short(message.type):
        return f"{message.type}: a routing key has at most {SHORT_BYTES_MAX} bytes"
    if not is_short(message.id):
        return f"{message.id}: the id of a message has at most {SHORT_BYTES_MAX} bytes"
    return None


def _refusal(message: Message, confirmed: "asyncio.Future[object]") -> str | None:
    """Why it was refused by itself. Raises what closed the channel."""
    try:
        confirmed.result()
    except PublishError as returned:
        return f"{message.type} reached no queue: {returned.args[0]}"
    except DeliveryError:
        return f"{message.type} was not accepted by a queue that it is routed to"
    return None
