"""Serves the no-op alone, behind grpclib's server as it is or behind the service's own: `python -m ... CODE PORT`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any

from grpclib.const import Cardinality, Handler
from grpclib.server import Server

from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.bench.calls import NOTHING
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.connection import CallerConnection
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.server import Engine, GuardedServer

HOST = "127.0.0.1"
PYGRPC_NATIVE = "pygrpc-native"
LIMITS = ServerLimits(
    message_bytes_default_max=65_536,
    message_bytes_max_by_method={},
    unread_bytes_max=67_108_864,
    streams_concurrent_max=256,
    calls_max=4_096,
    watching_calls_max=64,
    connections_max=4_096,
    resets_per_second_max=200,
    control_frames_per_second_max=1_000,
    header_bytes_max=16_384,
    header_block_bytes_max=65_536,
    idle_connection_seconds_max=600,
    message_read_seconds_max=10,
    write_stalled_seconds_max=10,
    deadline_default_seconds=10,
    deadline_max_seconds=60,
    methods_without_deadline=frozenset(),
    drain_seconds_max=5,
    linger_seconds_max=1,
)


class NoopService:
    """Answers at once with nothing."""

    def __mapping__(self) -> dict[str, Handler]:  # grpclib's name for it
        request, reply = message_type("NothingRequest"), message_type("NothingResponse")
        return {NOTHING: Handler(self._nothing, Cardinality.UNARY_UNARY, request, reply)}

    async def _nothing(self, stream: Any) -> None:  # noqa: ANN401 - a stream of whatever messages
        await stream.recv_message()
        await stream.send_message(b"")


async def _serve_guarded(port: int, stop: asyncio.Event, *, engine: Engine = CallerConnection) -> None:
    async with GuardedServer([NoopService()], limits=LIMITS, connection=engine) as server:
        await server.start(HOST, port)
        await stop.wait()


async def _serve_grpclib(port: int, stop: asyncio.Event) -> None:
    server = Server([NoopService()], codec=PassThroughCodec())
    await server.start(HOST, port)
    await stop.wait()
    server.close()  # and not wait_closed, which from Python 3.12 on waits for callers to disconnect


async def _serve_pygrpc_native(port: int, stop: asyncio.Event) -> None:
    """A server of another project, where it is installed: its no-op neither reads its request nor is limited."""
    grpc, native = import_module("grpc"), import_module("pygrpc_native.aio")

    async def nothing(_request: bytes, _context: object) -> bytes:
        return b""

    _, service, method = NOTHING.split("/")
    server = native.server()
    server.add_registered_method_handlers(service, {method: grpc.unary_unary_rpc_method_handler(nothing)})
    server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    await stop.wait()
    await server.stop(0)


SERVERS: dict[str, Callable[[int, asyncio.Event], Awaitable[None]]] = {
    "grpclib": _serve_grpclib,
    "guarded": _serve_guarded,
    "lean": partial(_serve_guarded, engine=LeanConnection),
    PYGRPC_NATIVE: _serve_pygrpc_native,
}


async def serve(code: str, port: int) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await SERVERS[code](port, stop)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
