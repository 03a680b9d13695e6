"""A service for bytes of any kind: calls that answer at once, later, in many parts, or as parts come."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.server import GuardedServer

ECHO, LATER, REFUSE, CHAT, WATCH, LARGE = (f"/f/{letter}" for letter in "ELRCWB")
LIMITS: Final = ServerLimits(
    message_bytes_default_max=2_000,
    message_bytes_max_by_method={CHAT: 100_000},
    unread_bytes_max=50_000,
    streams_concurrent_max=8,
    calls_max=1_000,
    watching_calls_max=1_000,
    connections_max=10,
    resets_per_second_max=20,
    control_frames_per_second_max=40,
    header_bytes_max=4_096,
    header_block_bytes_max=16_384,
    idle_connection_seconds_max=600,
    message_read_seconds_max=600,
    write_stalled_seconds_max=600,
    deadline_default_seconds=600,
    deadline_max_seconds=600,
    methods_without_deadline=frozenset({WATCH}),
    drain_seconds_max=5,
    linger_seconds_max=600,
)
LARGE_BYTES: Final = 90_000


class AsIs(PassThroughCodec):
    """Messages are bytes."""

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ANN401 - as grpclib has it
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:  # noqa: ANN401 - as grpclib has it
        return data


@dataclass
class Echoes:
    """What is served; `running` counts the handlers that have begun and not ended."""

    running: int = 0

    async def echo(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        await stream.send_message(await stream.recv_message())

    async def later(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        self.running += 1
        try:
            for _ in range(2):
                await asyncio.sleep(0)
            await self.echo(stream)
        finally:
            self.running -= 1

    async def refuse(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        await stream.recv_message()
        raise GRPCError(Status.NOT_FOUND, "no ü\n", None)

    async def chat(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        self.running += 1
        try:
            async for message in stream:
                await stream.send_message(message)
        finally:
            self.running -= 1

    async def watch(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        self.running += 1
        try:
            for size in (0, 1, 40_000):
                await stream.send_message(bytes(size))
            await asyncio.get_running_loop().create_future()
        finally:
            self.running -= 1

    async def large(self, stream: Any) -> None:  # noqa: ANN401 - any server's stream
        await stream.send_message(bytes(LARGE_BYTES))

    def __mapping__(self) -> dict[str, Handler]:
        unary, both, watch = Cardinality.UNARY_UNARY, Cardinality.STREAM_STREAM, Cardinality.UNARY_STREAM
        return {
            ECHO: Handler(self.echo, unary, bytes, bytes),
            LATER: Handler(self.later, unary, bytes, bytes),
            REFUSE: Handler(self.refuse, unary, bytes, bytes),
            CHAT: Handler(self.chat, both, bytes, bytes),
            WATCH: Handler(self.watch, watch, bytes, bytes),
            LARGE: Handler(self.large, unary, bytes, bytes),
        }


def server_of(echoes: Echoes) -> GuardedServer:
    """A server that listens nowhere."""
    return GuardedServer([echoes], limits=LIMITS, codec=AsIs(), connection=LeanConnection)
