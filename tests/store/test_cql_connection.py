"""A connection to a CQL server: whose answer is whose, and the outcome of a request that gets none."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.metadata import Metadata, Murmur3Token

from tests.store.cql_server import ERROR, RESULT, VOID, Server, string
from travio_inventory.store.scylla import codec, cql_connection
from travio_inventory.store.scylla.codec import HEADER, Message
from travio_inventory.store.scylla.cql_connection import ConnectFailed, CqlConnection, Endpoint
from travio_inventory.store.scylla.driver_internals import tablet_replicas
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import Levels

ASKED = codec.execute(b"\0\2id", b"\0\0", Levels(6))


class Line:
    """A connection to a server, and the outcome of each request on it."""

    def __init__(self, server: Server, connection: CqlConnection, lost: list[CqlConnection]) -> None:
        self.server = server
        self.connection = connection
        self.lost = lost

    def send(self) -> asyncio.Future[Message | Failure]:
        """Send a request."""
        call = Told(asyncio.get_running_loop().create_future())
        self.connection.send(ASKED, call)
        return call.outcome


class Told:
    """A request, and what is told of it."""

    def __init__(self, outcome: asyncio.Future[Message | Failure]) -> None:
        self.outcome = outcome

    def got(self, message: Message) -> None:
        """The answer."""
        self.outcome.set_result(message)

    def lost(self, failure: Failure) -> None:
        """Why there is none."""
        self.outcome.set_result(failure)


@asynccontextmanager
async def line(server: Server, *, user: str = "", password: str = "", request_s: float = 60.0) -> AsyncIterator[Line]:
    """A connection to it."""
    lost: list[CqlConnection] = []
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.serve(reader, writer)
        served.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        endpoint = Endpoint("127.0.0.1", listener.sockets[0].getsockname()[1])
        auth = PlainTextAuthProvider(user, password) if user else None
        connection: CqlConnection | None = None
        try:
            connection = await CqlConnection.open(
                endpoint, tls=None, auth=auth, within_s=5, request_s=request_s, closed=lost.append
            )
            yield Line(server, connection, lost)
        finally:
            if connection is not None:
                connection.close()
            await served.wait()
            await asyncio.sleep(0)


async def test_answers_in_any_order_reach_who_asked() -> None:
    async with line(Server()) as on:
        told = [on.send() for _ in range(3)]
        await on.server.has(3)
        wrong = struct.pack(">i", 0x2200) + string("no such table")
        on.server.answer(on.server.asked[2], wrong, ERROR)
        on.server.answer(on.server.asked[0])
        on.server.answer(on.server.asked[1])
        replies = [codec.reply_of(await each) for each in told]
        assert replies[:2] == [None, None]
        assert isinstance(replies[2], Failure)
        assert "no such table" in str(replies[2].error)


async def test_a_frame_may_come_byte_by_byte_and_events_are_nobodys() -> None:
    async with line(Server()) as on:
        told = on.send()
        await on.server.has(1)
        frame = HEADER.pack(0x84, 0, on.server.asked[0], RESULT, len(VOID)) + VOID
        on.server.write(HEADER.pack(0x84, 0, -1, 0x0C, 3) + b"abc")
        for byte in frame:
            on.server.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert codec.reply_of(await told) is None


async def test_a_stream_is_free_only_when_its_answer_has_come() -> None:
    """Else the late answer would be another request's."""
    async with line(Server(), request_s=1.0) as on:
        late = await on.send()
        assert isinstance(late, Failure)
        assert late.was_sent
        others = [on.send() for _ in range(3)]
        await on.server.has(4)
        assert on.server.asked[0] not in on.server.asked[1:]
        for stream in on.server.asked:
            on.server.answer(stream)
        assert [codec.reply_of(await other) for other in others] == [None] * 3
        again = on.send()
        await on.server.has(5)
        assert on.server.asked[4] in on.server.asked[:4]
        on.server.answer(on.server.asked[4])
        await again


async def test_a_connection_with_too_many_answers_outstanding_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cql_connection, "UNANSWERED_MAX", 3)
    async with line(Server(), request_s=0.5) as on:
        sent = [on.send() for _ in range(4)]
        await asyncio.sleep(0.25)
        waiting = on.send()
        late = [await each for each in sent]
        assert {type(each) for each in late} == {Failure}
        lost = await waiting
        assert isinstance(lost, Failure)
        assert lost.was_sent
        assert on.lost == [on.connection]
        assert not on.connection.is_open


async def test_an_answer_that_is_too_large_fails_its_own_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cql_connection, "FRAME_BYTES_MAX", 1_000)
    async with line(Server()) as on:
        told = [on.send() for _ in range(2)]
        await on.server.has(2)
        on.server.answer(on.server.asked[0], b"x" * 200_000)
        on.server.answer(on.server.asked[1])
        too_large, other = await told[0], await told[1]
        assert isinstance(too_large, Failure)
        assert "200000 bytes" in str(too_large.error)
        assert codec.reply_of(other) is None


async def test_what_cannot_be_read_fails_its_own_request_alone() -> None:
    async with line(Server()) as on:
        told = [on.send() for _ in range(2)]
        await on.server.has(2)
        on.server.answer(on.server.asked[0], struct.pack(">i", 99))
        on.server.answer(on.server.asked[1])
        assert isinstance(await told[0], Failure)
        assert codec.reply_of(await told[1]) is None


async def test_a_lost_connection_leaves_every_request_on_it_unknown() -> None:
    async with line(Server()) as on:
        told = [on.send() for _ in range(3)]
        await on.server.has(3)
        assert on.server.writer is not None
        on.server.writer.transport.abort()
        lost = [await each for each in told]
        assert all(isinstance(each, Failure) and each.was_sent for each in lost)
        assert on.lost == [on.connection]


async def test_a_password_is_told_to_a_server_that_asks() -> None:
    async with line(Server(password=b"secret"), user="seats", password="secret") as on:  # noqa: S106 - of this test
        assert on.connection.is_open
    with pytest.raises(ConnectFailed, match="wrong password"):
        async with line(Server(password=b"secret"), user="seats", password="guess"):  # noqa: S106 - of this test
            pass
    with pytest.raises(ConnectFailed, match="asks for a user"):
        async with line(Server(password=b"secret")):
            pass


async def test_nobody_there_is_said_in_one_line() -> None:
    with pytest.raises(ConnectFailed, match=r"^127\.0\.0\.1:1: "):
        await CqlConnection.open(
            Endpoint("127.0.0.1", 1), tls=None, auth=None, within_s=1, request_s=1, closed=lambda _: None
        )


async def test_what_a_scylladb_server_supports_is_asked_for() -> None:
    supported = {
        "CQL_VERSION": ["3.3.1"],
        "SCYLLA_SHARD": ["3"],
        "SCYLLA_NR_SHARDS": ["8"],
        "SCYLLA_PARTITIONER": ["org.apache.cassandra.dht.Murmur3Partitioner"],
        "SCYLLA_SHARDING_ALGORITHM": ["biased-token-round-robin"],
        "SCYLLA_SHARDING_IGNORE_MSB": ["12"],
        "SCYLLA_RATE_LIMIT_ERROR": ["ERROR_CODE=61440"],
        "TABLETS_ROUTING_V1": [""],
    }
    async with line(Server(supported=supported)) as on:
        assert on.connection.features.tablets_routing_v1
        assert on.connection.features.rate_limit_error == 61440
        (startup,) = on.server.said
        assert b"TABLETS_ROUTING_V1" in startup
        assert b"SCYLLA_RATE_LIMIT_ERROR" in startup
        assert b"COMPRESSION" not in startup


def test_a_tablet_that_an_answer_tells_of_is_handed_to_the_driver() -> None:
    """Recorded: first and last token, and the replicas with their shards."""
    node = UUID(int=7)
    replica = struct.pack(">i", 16) + node.bytes + struct.pack(">ii", 4, 2)
    replicas = struct.pack(">ii", 1, len(replica)) + replica
    tablet = struct.pack(">iqiqi", 8, -100, 8, 100, len(replicas)) + replicas
    name = b"tablets-routing-v1"
    payload = struct.pack(">HH", 1, len(name)) + name + struct.pack(">i", len(tablet)) + tablet
    message = codec.decode(0x04, RESULT, payload + VOID)
    metadata = Metadata()
    assert codec.learn_tablet(metadata, message, "k", "t")
    assert tablet_replicas(metadata, _Routed(), Murmur3Token(5)) == {node: 2}
    assert not codec.learn_tablet(metadata, codec.decode(0, RESULT, VOID), "k", "t")


class _Routed:
    keyspace, table = "k", "t"


def test_a_server_that_does_not_know_a_statement_says_so() -> None:
    unprepared = struct.pack(">i", 0x2500) + string("unknown id") + struct.pack(">H", 2) + b"id"
    assert codec.is_unprepared(codec.decode(0, ERROR, unprepared))
    assert not codec.is_unprepared(codec.decode(0, RESULT, VOID))
