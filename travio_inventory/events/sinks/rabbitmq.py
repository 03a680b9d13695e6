"""Publishes events to a topic exchange of RabbitMQ: persistent, confirmed, and routed to at least one queue."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aiormq.exceptions import AMQPError, DeliveryError, InvalidFrameError, PublishError

from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.broker import EVENTS_MAX, Broker, LineFailed
from travio_inventory.events.targets.rabbitmq import RabbitExchange
from travio_inventory.kernel.addresses import Address

APP_ID = "travio-inventory"
ATTRIBUTE_PREFIX = "cloudEvents:"
HEARTBEAT_S = 20
CONNECT_S_MAX = 3.0
BLOCKED_S_MAX = 0.2
ROUTING_KEY_BYTES_MAX = 255

# What the library logs of a broker that is down, the relay says in one line.
_LOGGERS = ("aio_pika", "aiormq")


def rabbitmq(target: RabbitExchange, *, reconnect_s: float = 0.5) -> Broker:
    """Sink. The exchange is declared at each connection if the target says so."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return Broker(
        partial(_connect, target),
        SHAPES[target.shape],
        publish_seconds_max=target.publish_seconds_max,
        message_bytes_max=target.message_bytes_max,
        reconnect_s=reconnect_s,
    )


async def _connect(target: RabbitExchange) -> "_Channel":
    """A channel to the first server that admits us. Raises LineFailed with what each said."""
    said = []
    for server in target.servers:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await _connect_to(server, target)
        except TimeoutError:
            said.append(f"{server}: no answer within {CONNECT_S_MAX:g} s")
        except InvalidFrameError:
            said.append(f"{server}: it does not open {target.virtual_host}: is it there, and may the user use it?")
        except (AMQPError, OSError) as failed:
            said.append(f"{server}: {type(failed).__name__}: {failed}")
    raise LineFailed("; ".join(said))


async def connect_to(server: Address, target: RabbitExchange) -> AbstractConnection:
    """A connection to the server. Raises AMQPError, OSError."""
    host, port = server
    login = target.login
    return await aio_pika.connect(
        host=host,
        port=port,
        login=login.user if login else "guest",
        password=login.secret() if login else "guest",
        virtualhost=target.virtual_host,
        ssl=target.tls is not None,
        ssl_context=target.tls.context() if target.tls else None,
        heartbeat=HEARTBEAT_S,
        client_properties={"connection_name": APP_ID},
    )


async def _connect_to(server: Address, target: RabbitExchange) -> "_Channel":
    connection = await connect_to(server, target)
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        if target.declares:
            exchange = await channel.declare_exchange(target.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        else:
            exchange = await channel.get_exchange(target.exchange)
    except BaseException:
        await asyncio.shield(connection.close())
        raise
    return _Channel(connection, exchange)


class _Channel:
    """BrokerLine. A publish that RabbitMQ cannot route, or that a queue does not accept, is refused by itself."""

    events_max = EVENTS_MAX
    is_atomic = False

    def __init__(self, connection: AbstractConnection, exchange: AbstractExchange) -> None:
        self._connection = connection
        self._exchange = exchange
        self._is_blocked = False

    @property
    def is_held_up(self) -> bool:
        """See BrokerLine: it is short of memory or disk."""
        return self._is_blocked and not self._connection.is_closed

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """See BrokerLine."""
        await self._unblocked()
        publishing = asyncio.gather(*(self._publish(message) for message in messages))
        try:
            return await publishing
        except asyncio.CancelledError:
            self._is_blocked = await self._waits()
            raise

    async def _publish(self, message: Message) -> str | None:
        if len(message.type.encode()) > ROUTING_KEY_BYTES_MAX:
            return f"{message.type}: a routing key has at most {ROUTING_KEY_BYTES_MAX} bytes"
        try:
            await self._exchange.publish(_amqp(message), message.type, mandatory=True)
        except PublishError as returned:
            return f"{message.type} reached no queue: {returned.args[0]}"
        except DeliveryError:
            return f"{message.type} was not accepted by a queue that it is routed to"
        return None

    async def _unblocked(self) -> None:
        """Raises LineFailed if the broker still has us wait."""
        self._is_blocked = await self._waits()
        if self._is_blocked:
            raise LineFailed("the broker is short of memory or disk and has us wait")

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


def _amqp(message: Message) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        message_id=message.id,
        type=message.type,
        app_id=APP_ID,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers=dict(message.all_headers(prefix=ATTRIBUTE_PREFIX)),
    )
