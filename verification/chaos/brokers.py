"""Brokers that the services tell their events, each through a wire of its own: killed, stopped, full and slow.

In the end each has every recorded event, and the first copies that it has of a hold's events count up.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import aio_pika
import nats
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from travio_inventory.bench.free_ports import free_port
from verification.kit.wire import Wire, wire
from verification.servers.kafka import kafka
from verification.servers.nats import nats_server
from verification.servers.rabbitmq import rabbit_server
from verification.servers.redis import redis_server
from verification.servers.webhook_receiver import SECRET, webhook_receiver

PLACE = "told"
"""The topic, the exchange and its queue, the stream, and the path."""
PUBLISH_S_MAX = 2
"""What a call to publish may take: faults last longer than that."""
FULL_STATUS = 507
READ_AT_ONCE = 200


class Step(NamedTuple):
    """One event of a hold."""

    subject: str
    ordinal: int


class Server(Protocol):
    """What a broker runs as."""

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True)
class Broker:
    """One broker: how an operator names it, what it runs as, and what it was told, in order, again and again."""

    sink: str
    server: Server
    line: Wire
    full: Callable[[], AbstractAsyncContextManager[None]]
    told: Callable[[], Awaitable[list[Step]]]


Begin: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Broker]]


@asynccontextmanager
async def _kafka(folder: Path) -> AsyncIterator[Broker]:
    port = free_port()
    with kafka(folder, seen_at=port) as node:
        await node.create(PLACE)

        async def told() -> list[Step]:
            return [_step(record.value) for record in await node.records(PLACE)]

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            """No file of it can grow; it ends by that, or must be ended."""
            node.fill()
            try:
                yield
            finally:
                await asyncio.to_thread(node.restart)

        async with wire(node.port, port) as line:
            sink = f"kafka://127.0.0.1:{port}?topic={PLACE}&publish_seconds_max={PUBLISH_S_MAX}"
            yield Broker(sink, node, line, full, told)


@asynccontextmanager
async def _rabbitmq(folder: Path) -> AsyncIterator[Broker]:
    with rabbit_server(folder) as node:
        async with await aio_pika.connect(node.url) as connection:
            channel = await connection.channel()
            await channel.declare_exchange(PLACE, aio_pika.ExchangeType.TOPIC, durable=True)
            await (await channel.declare_queue(PLACE, durable=True)).bind(PLACE, "#")
        read: list[Step] = []

        async def told() -> list[Step]:
            async with await aio_pika.connect(node.url) as connection:
                queue = await (await connection.channel()).get_queue(PLACE)
                while (message := await queue.get(no_ack=True, fail=False)) is not None:
                    read.append(_step(message.body))
            return [*read]

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            alarm = node.full()
            await asyncio.to_thread(alarm.__enter__)
            try:
                yield
            finally:
                await asyncio.to_thread(alarm.__exit__, None, None, None)

        async with wire(node.port) as line:
            there = node.url.replace(f":{node.port}/", f":{line.port}/")
            sink = f"{there}?exchange={PLACE}&publish_seconds_max={PUBLISH_S_MAX}"
            yield Broker(sink, node, line, full, told)


@asynccontextmanager
async def _nats(folder: Path) -> AsyncIterator[Broker]:
    with nats_server(folder) as node:

        @asynccontextmanager
        async def streams() -> AsyncIterator[nats.js.manager.JetStreamManager]:
            client = await nats.connect(node.url)
            try:
                yield client.jsm()
            finally:
                await client.close()

        async def told() -> list[Step]:
            read: list[Step] = []
            async with streams() as manager:
                state = (await manager.stream_info(PLACE)).state
                for first in range(state.first_seq, state.last_seq + 1, READ_AT_ONCE):
                    some = range(first, min(first + READ_AT_ONCE, state.last_seq + 1))
                    found = await asyncio.gather(*(manager.get_msg(PLACE, number) for number in some))
                    read += [_step(message.data or b"") for message in found]
            return read

        async def limit(*, is_full: bool) -> None:
            async with streams() as manager:
                found = await manager.stream_info(PLACE)
                found.config.max_bytes = max(found.state.bytes, 1) if is_full else -1
                await manager.update_stream(found.config)

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await limit(is_full=True)
            try:
                yield
            finally:
                await limit(is_full=False)

        async with streams() as manager:
            config = StreamConfig(PLACE, subjects=[f"{PLACE}.>"], storage=StorageType.FILE, discard=DiscardPolicy.NEW)
            await manager.add_stream(config)
        async with wire(node.port) as line:
            there = f"nats://{node.url.partition('://')[2]}".replace(f":{node.port}", f":{line.port}")
            sink = f"{there}?stream={PLACE}&subject={PLACE}&publish_seconds_max={PUBLISH_S_MAX}"
            yield Broker(sink, node, line, full, told)


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[Broker]:
    with redis_server(folder, durable=True) as node:

        async def told() -> list[Step]:
            found = await asyncio.to_thread(node.ask, "XRANGE", PLACE, "-", "+")
            return [_step(fields[b"body"]) for _, fields in found]

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(node.ask, "CONFIG", "SET", "maxmemory-policy", "noeviction")
            await asyncio.to_thread(node.ask, "CONFIG", "SET", "maxmemory", "1")
            try:
                yield
            finally:
                await asyncio.to_thread(node.ask, "CONFIG", "SET", "maxmemory", "0")

        async with wire(node.port) as line:
            sink = f"redis://127.0.0.1:{line.port}/0?stream={PLACE}&publish_seconds_max={PUBLISH_S_MAX}"
            yield Broker(sink, node, line, full, told)


@asynccontextmanager
async def _webhook(folder: Path) -> AsyncIterator[Broker]:
    secret = folder / "secret"
    secret.write_text(f"{SECRET}\n")
    with webhook_receiver(folder) as node:
        path = f"/{PLACE}"

        async def told() -> list[Step]:
            return [_step(one["body"]) for one in await asyncio.to_thread(node.got, path) if one["status"] < 300]

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(node.plan, path, {"status": FULL_STATUS})
            try:
                yield
            finally:
                await asyncio.to_thread(node.plan, path)

        async with wire(node.port) as line:
            options = f"secret_file={secret}&publish_seconds_max={PUBLISH_S_MAX}"
            yield Broker(f"http://127.0.0.1:{line.port}{path}#{options}", node, line, full, told)


BROKERS: Mapping[str, Begin] = {
    "kafka": _kafka, "rabbitmq": _rabbitmq, "nats": _nats, "redis": _redis, "webhook": _webhook,
}  # fmt: skip


@asynccontextmanager
async def brokers(folder: Path, names: Sequence[str]) -> AsyncIterator[dict[str, Broker]]:
    """Those, running. Raises ServersMissingError, ServerFailedError."""
    async with AsyncExitStack() as stack:
        begun = {}
        for name in names:
            own = folder / f"told-{name}"
            own.mkdir()
            begun[name] = await stack.enter_async_context(BROKERS[name](own))
        yield begun


def _step(body: bytes | str) -> Step:
    said = json.loads(body)
    return Step(said["subject"], said["ordinal"])
