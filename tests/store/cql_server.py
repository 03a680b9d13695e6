"""A CQL server of the tests: it says hello, prepares statements, and answers requests as told."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import md5

from travio_inventory.store.scylla.codec import HEADER, PROTOCOL

ERROR, READY, AUTHENTICATE, SUPPORTED, RESULT, AUTH_SUCCESS = 0x00, 0x02, 0x03, 0x06, 0x08, 0x10
STARTUP, OPTIONS, PREPARE, EXECUTE, AUTH_RESPONSE = 0x01, 0x05, 0x09, 0x0A, 0x0F
VOID = struct.pack(">i", 1)


class Server:
    """One connection's server, which says hello, and answers requests as told, or as its node does. Streams of requests
    are in the order of arrival.
    """

    def __init__(
        self,
        *,
        supported: Mapping[str, list[str]] | None = None,
        password: bytes | None = None,
        node: "Node | None" = None,
    ) -> None:
        self.supported = {"CQL_VERSION": ["3.4.7"], **(supported or {})}
        self.password = password
        self.node = node
        self.is_slow = False
        self.asked: list[int] = []
        self.said: list[bytes] = []
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.writer = writer
        try:
            while True:
                header = await reader.readexactly(HEADER.size)
                _, _, stream, opcode, length = HEADER.unpack(header)
                self._hear(stream, opcode, await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _hear(self, stream: int, opcode: int, body: bytes) -> None:
        match opcode:
            case _ if opcode == OPTIONS:
                self.answer(stream, multimap(self.supported), SUPPORTED)
            case _ if opcode == STARTUP:
                self.said.append(body)
                if self.password is None:
                    self.answer(stream, b"", READY)
                else:
                    self.answer(stream, string("org.Authenticator"), AUTHENTICATE)
            case _ if opcode == AUTH_RESPONSE:
                is_right = self.password is not None and body.endswith(self.password)
                wrong = struct.pack(">i", 0x0100) + string("wrong password")
                self.answer(stream, struct.pack(">i", -1) if is_right else wrong, AUTH_SUCCESS if is_right else ERROR)
            case _:
                self.asked.append(stream)
                if self.node is not None:
                    self.node.hear(self, stream, opcode, body)

    def answer(self, stream: int, body: bytes = VOID, opcode: int = RESULT) -> None:
        """Answer the request of that stream."""
        self.write(HEADER.pack(0x80 | PROTOCOL, 0, stream, opcode, len(body)) + body)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        assert self.writer is not None
        self.writer.write(data)

    async def has(self, requests: int) -> None:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(60):
            while len(self.asked) < requests:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.001)


class Node:
    """A server that prepares statements and says done to whatever is asked, unless it or the connection is slow: then
    nothing.

    With shards it says so, and a connection to `shard_port` goes to the shard that its own port chooses.
    """

    def __init__(
        self,
        *,
        shards: int = 0,
        is_translated: bool = False,
        tls: ssl.SSLContext | None = None,
        password: bytes | None = None,
    ) -> None:
        self.connections: list[Server] = []
        self.statements: dict[bytes, str] = {}
        self.prepared: list[str] = []
        self.is_slow = False
        self.wrong = ""
        """What it says of every statement that it is to prepare."""
        self.port = self.shard_port = 0
        self._tls = tls
        self._password = password
        self._shards = shards
        self._is_translated = is_translated

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Node"]:
        """Take connections."""
        anywhere = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        by_shard = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port, self.shard_port = (each.sockets[0].getsockname()[1] for each in (anywhere, by_shard))
        async with anywhere, by_shard:
            try:
                yield self
            finally:
                self.hang_up()

    def hang_up(self) -> None:
        """Close all connections, as one does that dies."""
        for connection in self.connections:
            if connection.writer is not None:
                connection.writer.transport.abort()
        self.connections = []

    def forget(self) -> None:
        """Know no statement any more."""
        self.statements.clear()

    @property
    def asked(self) -> int:
        """How many requests came."""
        return sum(len(connection.asked) for connection in self.connections)

    def hear(self, connection: Server, stream: int, opcode: int, body: bytes) -> None:
        """Answer a request."""
        if opcode == PREPARE:
            connection.asked.pop()
            self._prepare(connection, stream, body[4:].decode())
        elif self.is_slow or connection.is_slow:
            return
        elif opcode == EXECUTE and body[2:18] not in self.statements:
            unknown = struct.pack(">i", 0x2500) + string("unknown") + struct.pack(">H", 16) + body[2:18]
            connection.answer(stream, unknown, ERROR)
        else:
            connection.answer(stream)

    def _prepare(self, connection: Server, stream: int, text: str) -> None:
        self.prepared.append(text)
        if self.wrong:
            connection.answer(stream, struct.pack(">i", 0x2200) + string(self.wrong), ERROR)
            return
        name = md5(text.encode(), usedforsecurity=False).digest()
        self.statements[name] = text
        no_columns = struct.pack(">iii", 0, 0, 0) + struct.pack(">ii", 4, 0)
        connection.answer(stream, struct.pack(">iH", 4, len(name)) + name + no_columns)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._shards:
            connection = Server(node=self, password=self._password)
        elif writer.get_extra_info("sockname")[1] == self.port or self._is_translated:
            connection = self._to_shard(len(self.connections) % self._shards if not self._is_translated else 0)
        else:
            connection = self._to_shard(writer.get_extra_info("peername")[1] % self._shards)
        self.connections.append(connection)
        await connection.serve(reader, writer)

    def _to_shard(self, shard: int) -> Server:
        supported = {
            "SCYLLA_SHARD": str(shard),
            "SCYLLA_NR_SHARDS": str(self._shards),
            "SCYLLA_PARTITIONER": "org.apache.cassandra.dht.Murmur3Partitioner",
            "SCYLLA_SHARDING_ALGORITHM": "biased-token-round-robin",
            "SCYLLA_SHARDING_IGNORE_MSB": "12",
            "SCYLLA_SHARD_AWARE_PORT_SSL" if self._tls else "SCYLLA_SHARD_AWARE_PORT": str(self.shard_port),
        }
        return Server(
            node=self, password=self._password, supported={name: [value] for name, value in supported.items()}
        )


def string(text: str) -> bytes:
    """A string on the wire."""
    return struct.pack(">H", len(text)) + text.encode()


def multimap(values: Mapping[str, list[str]]) -> bytes:
    """Strings by name, on the wire."""
    lists = (string(name) + struct.pack(">H", len(each)) + b"".join(map(string, each)) for name, each in values.items())
    return struct.pack(">H", len(values)) + b"".join(lists)
