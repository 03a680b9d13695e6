"""Places at real brokers, each with a name of its own, for sinks to publish to and tests to read from."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aio_pika
import nats
import pytest

from travio_inventory.events.sinks.broker import Broker
from travio_inventory.events.sinks.nats import MESSAGE_ID, nats_stream
from travio_inventory.events.sinks.rabbitmq import rabbitmq
from travio_inventory.events.sinks.redis_streams import redis_streams
from travio_inventory.events.targets.nats import parse_nats
from travio_inventory.events.targets.rabbitmq import parse_rabbitmq
from travio_inventory.events.targets.redis_stream import parse_redis_streams
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from verification.servers.nats import NatsServer
from verification.servers.rabbitmq import RabbitServer
from verification.servers.redis import RedisServer

HOST = "127.0.0.1"
AT_ONCE_S = 0.0
"""A test waits for no second connection."""
PATIENT = "publish_seconds_max=60"
"""Of a sink whose broker is well, however busy the machine is."""
RECOVER_S_MAX = 30


@dataclass
class Place:
    """Where a broker listens, a sink that reaches it through the port given, and the ids that it has, in order."""

    port: int
    sink: Callable[[int], Broker]
    arrived: Callable[[], Awaitable[list[str]]]
    drops_repeats: bool = False


def own_name() -> str:
    """A name that no other test has."""
    return f"test-{secrets.token_hex(6)}"


def rabbit_sink(server: RabbitServer, port: int, options: str) -> Broker:
    """A sink of the server, reached through the port."""
    url = server.url.replace(f":{server.port}/", f":{port}/")
    return rabbitmq(parse_rabbitmq(f"{url}?{options}"), reconnect_s=AT_ONCE_S)


@asynccontextmanager
async def rabbit_queue(
    server: RabbitServer, exchange: str, arguments: dict[str, int | str] | None = None, *, key: str = "#"
) -> AsyncIterator[str]:
    """A durable queue with everything of this key that the exchange gets from now on."""
    name = own_name()
    async with await aio_pika.connect(server.url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(name, durable=True, arguments=dict(arguments or {}))
        await queue.bind(exchange, key)
    try:
        yield name
    finally:
        async with await aio_pika.connect(server.url) as connection:
            await (await connection.channel()).queue_delete(name)


async def in_queue(server: RabbitServer, name: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """What the queue has; it stays there."""
    async with await aio_pika.connect(server.url) as connection:
        queue = await (await connection.channel()).get_queue(name)
        found = []
        while (message := await queue.get(fail=False)) is not None:
            found.append(message)
        return found


@asynccontextmanager
async def rabbitmq_place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """An exchange, and a queue with all that it got."""
    server: RabbitServer = request.getfixturevalue("rabbitmq_node")
    exchange = own_name()
    async with rabbit_queue(server, exchange) as queue:

        async def arrived() -> list[str]:
            return [str(message.message_id) for message in await in_queue(server, queue)]

        yield Place(server.port, lambda port: rabbit_sink(server, port, f"exchange={exchange}&{PATIENT}"), arrived)


def nats_sink(server: NatsServer, port: int, options: str) -> Broker:
    """A sink of the server, reached through the port."""
    url = f"nats://{server.url.partition('://')[2]}".replace(f":{server.port}", f":{port}")
    return nats_stream(parse_nats(f"{url}?{options}"), reconnect_s=AT_ONCE_S)


async def in_nats(server: NatsServer, stream: str) -> list[nats.js.api.RawStreamMsg]:
    """What the stream has, nothing if it does not exist."""
    client = await nats.connect(server.url)
    try:
        manager = client.jsm()
        try:
            state = (await manager.stream_info(stream)).state
        except nats.js.errors.NotFoundError:
            return []
        return [await manager.get_msg(stream, seq) for seq in range(state.first_seq, state.last_seq + 1)]
    finally:
        await client.close()


@asynccontextmanager
async def nats_place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A stream, which the sink creates."""
    server: NatsServer = request.getfixturevalue("nats_node")
    name = own_name()

    async def arrived() -> list[str]:
        return [(message.headers or {})[MESSAGE_ID] for message in await in_nats(server, name)]

    options = f"stream={name}&subject={name}&create=on&{PATIENT}"
    yield Place(server.port, lambda port: nats_sink(server, port, options), arrived, drops_repeats=True)


def redis_sink(port: int, options: str, *, database: int = 0) -> Broker:
    """A sink of the server behind the port."""
    return redis_streams(parse_redis_streams(f"redis://{HOST}:{port}/{database}?{options}"), reconnect_s=AT_ONCE_S)


def in_redis(server: RedisServer, stream: str) -> list[dict[str, str]]:
    """What the stream has, field by field."""
    found: list[tuple[bytes, dict[bytes, bytes]]] = server.ask("XRANGE", stream, "-", "+")
    return [{name.decode(): text.decode() for name, text in fields.items()} for _, fields in found]


@asynccontextmanager
async def redis_place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A stream."""
    server: RedisServer = request.getfixturevalue("redis_node")
    stream = own_name()

    async def arrived() -> list[str]:
        await asyncio.sleep(0)
        return [fields["id"] for fields in in_redis(server, stream)]

    yield Place(server.port, lambda port: redis_sink(port, f"stream={stream}&{PATIENT}"), arrived)


async def published_in_the_end(sink: Sink, events: Sequence[Event]) -> None:
    """Publish again until the sink accepts them, as a relay does. Raises PublishFailed after RECOVER_S_MAX."""
    give_up_at = asyncio.get_running_loop().time() + RECOVER_S_MAX
    while True:
        try:
            return await sink.publish(events)
        except PublishFailed:
            if asyncio.get_running_loop().time() > give_up_at:
                raise
        await asyncio.sleep(0.1)
