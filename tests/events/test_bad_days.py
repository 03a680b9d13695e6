"""Sinks whose broker is killed, stopped, slow or full: nothing is lost, each subject keeps its order, others go on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias
from zlib import crc32

import aio_pika
import anyio
import anyio.to_thread
import nats
import pytest

from tests.events.brokers import (
    Place,
    in_nats,
    in_queue,
    in_redis,
    nats_place,
    nats_sink,
    own_name,
    rabbit_queue,
    rabbit_sink,
    rabbitmq_place,
    redis_place,
    redis_sink,
)
from tests.events.events import event
from travio_inventory.events.relay import EventRelay
from travio_inventory.events.sinks.broker import Broker
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.events.sinks.nats import MESSAGE_ID
from travio_inventory.events.sinks.redis_streams import redis_streams
from travio_inventory.events.targets.redis_stream import parse_redis_streams
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, Sink, SinkDown
from verification.kit.clocks import Clock
from verification.kit.wire import wire
from verification.servers.fixtures import need
from verification.servers.nats import NatsServer, nats_server
from verification.servers.rabbitmq import RabbitServer, rabbit_server
from verification.servers.redis import RedisServer, redis_server

SUBJECTS = 6
PER_SUBJECT = 40
OPTIONS = "publish_seconds_max=2"
RECOVERS_S_MAX = 90

Server: TypeAlias = RabbitServer | NatsServer | RedisServer


class Listed:
    """A journal in memory. What is set aside comes again at the end."""

    def __init__(self) -> None:
        self.waiting: deque[Event] = deque()
        self.aside: list[str] = []
        self.done: list[str] = []

    async def unpublished(self) -> Sequence[Event]:
        """See Journal."""
        await asyncio.sleep(0)
        return [*self.waiting]

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        await asyncio.sleep(0)
        ids = {one.id for one in events}
        self.done += [one.id for one in events]
        self.waiting = deque(one for one in self.waiting if one.id not in ids)

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """See Journal."""
        await asyncio.sleep(0)
        self.aside += [one.id for one in events]
        self.waiting = deque([*(one for one in self.waiting if one not in events), *events])


def numbered(subject: int, number: int, *, kind: str = "", user: str = "u1") -> Event:
    """Several subjects are of one trip."""
    made = event(f"{subject}.{number}", user=user)
    return replace(made, subject=f"s{subject}", partition_key=f"t{subject % 2}", ordinal=number, type=kind or made.type)


async def relay_until(journal: Listed, sink: Sink, is_done: Callable[[], bool]) -> int:
    """Rounds, as the service has them; how many failed."""
    relay, failed = EventRelay(journal, sink, Clock(), kept_s=3_600), 0
    with anyio.fail_after(RECOVERS_S_MAX):
        while not is_done():
            try:
                await relay()
            except PublishFailed:
                failed += 1
            await asyncio.sleep(0.05)
    return failed


def in_order(arrived: Sequence[str]) -> bool:
    """Whether each subject's events are all there, the first copies in order."""
    once = list(dict.fromkeys(arrived))
    return all(
        [name for name in once if name.startswith(f"{subject}.")] == [f"{subject}.{n}" for n in range(PER_SUBJECT)]
        for subject in range(SUBJECTS)
    )


@dataclass
class Node:
    """A server of its own, a sink to it, and the ids that it has."""

    server: Server
    sink: Broker
    arrived: Callable[[], Awaitable[list[str]]]


MakeNode: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Node]]


@asynccontextmanager
async def rabbitmq_node(folder: Path) -> AsyncIterator[Node]:
    need("rabbitmq")
    with rabbit_server(folder) as server:
        async with rabbit_queue(server, "events") as queue:

            async def arrived() -> list[str]:
                return [str(message.message_id) for message in await in_queue(server, queue)]

            async with rabbit_sink(server, server.port, f"exchange=events&{OPTIONS}") as sink:
                yield Node(server, sink, arrived)


@asynccontextmanager
async def nats_node(folder: Path) -> AsyncIterator[Node]:
    need("nats")
    with nats_server(folder) as server:

        async def arrived() -> list[str]:
            return [(message.headers or {})[MESSAGE_ID] for message in await in_nats(server, "events")]

        async with nats_sink(server, server.port, f"stream=events&subject=events&create=on&{OPTIONS}") as sink:
            yield Node(server, sink, arrived)


@asynccontextmanager
async def redis_node(folder: Path) -> AsyncIterator[Node]:
    need("redis")
    with redis_server(folder, durable=True) as server:

        async def arrived() -> list[str]:
            await asyncio.sleep(0)
            return [fields["id"] for fields in in_redis(server, "events")]

        async with redis_sink(server.port, f"stream=events&{OPTIONS}") as sink:
            yield Node(server, sink, arrived)


@pytest.mark.parametrize("fault", ["kill", "pause"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(rabbitmq_node, id="rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.thorough]),
        pytest.param(nats_node, id="nats", marks=[pytest.mark.nats, pytest.mark.thorough]),
        pytest.param(redis_node, id="redis", marks=[pytest.mark.redis, pytest.mark.thorough]),
    ],
)
async def test_a_broker_that_is_killed_or_stopped_loses_nothing_and_keeps_the_order(
    make: MakeNode, fault: str, tmp_path: Path
) -> None:
    async with make(tmp_path) as node:
        journal, told = Listed(), SUBJECTS * PER_SUBJECT

        async def happen() -> None:
            for number in range(PER_SUBJECT):
                journal.waiting += [numbered(subject, number) for subject in range(SUBJECTS)]
                await anyio.sleep(0.05)

        async def break_it() -> None:
            for _ in range(2):
                await anyio.sleep(0.3)
                getattr(node.server, fault)()
                await anyio.sleep(3)
                await anyio.to_thread.run_sync(node.server.start if fault == "kill" else node.server.resume)

        async with anyio.create_task_group() as group:
            group.start_soon(happen)
            group.start_soon(break_it)
            failed = await relay_until(journal, node.sink, lambda: len(journal.done) >= told)
        assert failed, "the faults came when all was published"
        assert in_order(await node.arrived())


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(rabbitmq_place, id="rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.thorough]),
        pytest.param(nats_place, id="nats", marks=[pytest.mark.nats, pytest.mark.thorough]),
        pytest.param(redis_place, id="redis", marks=[pytest.mark.redis, pytest.mark.thorough]),
    ],
)
async def test_a_slow_broker_gets_everything_in_order(
    place: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]], request: pytest.FixtureRequest
) -> None:
    journal = Listed()
    journal.waiting += [numbered(subject, n) for n in range(PER_SUBJECT) for subject in range(SUBJECTS)]
    async with place(request) as there, wire(there.port) as line, there.sink(line.port) as sink:
        line.delay_s = 0.1
        await relay_until(journal, sink, lambda: not journal.waiting)
        assert in_order(await there.arrived())
    assert journal.aside == []


# ---- full


async def test_a_full_queue_refuses_its_own_events_only(rabbitmq_node: RabbitServer) -> None:
    """One queue is full and rejects; what is routed to another arrives, and the rest once there is room."""
    exchange = own_name()
    full: dict[str, int | str] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    other = "hold.released"
    journal = Listed()
    journal.waiting += [numbered(0, 0), numbered(1, 0), numbered(2, 0, kind=other), numbered(3, 0, kind=other)]
    async with (
        rabbit_queue(rabbitmq_node, exchange, full, key=event("").type) as narrow,
        rabbit_queue(rabbitmq_node, exchange, key=other) as wide,
        rabbit_sink(rabbitmq_node, rabbitmq_node.port, f"exchange={exchange}") as sink,
    ):
        with pytest.raises(PublishRefused) as refused:
            await sink.publish([*journal.waiting])
        assert set(refused.value.refused) == {"1.0"}
        assert refused.value.accepted == {"0.0", "2.0", "3.0"}
        journal.waiting = deque([numbered(1, 0), numbered(1, 1), numbered(4, 0, kind=other)])
        await relay_until(journal, sink, lambda: "4.0" in journal.done)
        assert set(journal.aside) == {"1.0", "1.1"}
        assert [message.message_id for message in await in_queue(rabbitmq_node, wide)] == ["2.0", "3.0", "4.0"]
        await emptied(rabbitmq_node, narrow)
        await relay_until(journal, sink, lambda: "1.0" in journal.done)
        await emptied(rabbitmq_node, narrow)
        await relay_until(journal, sink, lambda: not journal.waiting)
    assert journal.done[-2:] == ["1.0", "1.1"]


async def emptied(server: RabbitServer, queue: str) -> None:
    """Take all from the queue."""
    async with await aio_pika.connect(server.url) as connection:
        await (await (await connection.channel()).get_queue(queue)).purge()


@contextmanager
def _no_room(server: RedisServer) -> Iterator[None]:
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        server.ask("CONFIG", "SET", "maxmemory", "0")


async def test_a_full_redis_takes_nothing_of_what_was_handed_over(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with redis_sink(server.port, "stream=events&slices=2") as sink:
            with _no_room(server), pytest.raises(SinkDown, match="OutOfMemoryError") as down:
                await sink.publish([numbered(0, 0), numbered(1, 0)])
            assert down.value.accepted == frozenset()
            await sink.publish([numbered(0, 0), numbered(1, 0)])
        found = [in_redis(server, f"events:{number}") for number in range(2)]
    assert sorted(fields["id"] for stream in found for fields in stream) == ["0.0", "1.0"]


async def test_a_redis_that_refuses_one_command_has_none_of_the_others(tmp_path: Path) -> None:
    """A message for one stream of two is refused when it is handed over: the other stream has nothing either."""
    with redis_server(tmp_path) as server:
        server.ask("ACL", "SETUSER", "narrow", "on", "nopass", "~events:0", "+@all")
        url_of = f"redis://narrow@127.0.0.1:{server.port}/0?stream=events&slices=2&password_file={tmp_path / 'none'}"
        (tmp_path / "none").write_text("any\n")
        keys = {crc32(f"t{number}".encode()) % 2: f"t{number}" for number in range(20)}
        there, elsewhere = (replace(numbered(n, 0), partition_key=keys[n]) for n in (0, 1))
        async with redis_streams(parse_redis_streams(url_of), reconnect_s=0) as sink:
            with pytest.raises(SinkDown, match="NoPermission"):
                await sink.publish([there, elsewhere])
            assert in_redis(server, "events:0") == []
            await sink.publish([there])
        assert [fields["id"] for fields in in_redis(server, "events:0")] == ["0.0"]


async def test_a_full_stream_of_nats_is_down_and_says_which_events_it_has(nats_node: NatsServer) -> None:
    name = own_name()
    async with nats_sink(nats_node, nats_node.port, f"stream={name}&subject={name}") as sink:
        client = await nats.connect(nats_node.url)
        try:
            stream = client.jetstream()
            config = nats.js.api.StreamConfig(
                name=name, subjects=[f"{name}.>"], max_bytes=1_500, discard=nats.js.api.DiscardPolicy.NEW
            )
            await stream.add_stream(config)
            with pytest.raises(SinkDown, match="maximum bytes") as down:
                await sink.publish([numbered(0, number) for number in range(PER_SUBJECT)])
            has = [f"0.{number}" for number in range(len(down.value.accepted))]
            assert down.value.accepted == set(has) != set()
            config.max_bytes = 10_000_000
            await stream.update_stream(config)
            await sink.publish([numbered(0, number) for number in range(len(has), PER_SUBJECT)])
        finally:
            await client.close()
    arrived = [(message.headers or {})[MESSAGE_ID] for message in await in_nats(nats_node, name)]
    assert arrived == [f"0.{number}" for number in range(PER_SUBJECT)]


async def test_a_disk_without_room_is_a_sink_that_is_down() -> None:
    with pytest.raises(SinkDown):
        await JsonLines(Path("/dev/full")).publish([event("1")])
