"""The gRPC server at its address, within its limits; and how any server gets its address."""

import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Protocol

from travio_inventory.api.grpc.large_messages import AT_ONCE_BYTES, read_for_grpc
from travio_inventory.api.grpc.refusals import SerializedDetails, grpc_error, too_large
from travio_inventory.api.grpc.service import SERVICE, STOCK_SERVICE, Servable
from travio_inventory.app.backends import StartFailed
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.connection import CallerConnection
from travio_inventory.grpc_server.context import AtOnce, CallEnded, ServerRefusals
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.server import Engine, GuardedServer
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.refusals import BackendUnavailable, Overloaded
from travio_inventory.settings import LimitSettings, ServerSettings

ADMIN_METHODS = ("InitializeTripInventory", "UpdateInventory", "PutSeatPlan", "SwapVehicle", "ChangeTrip")
LARGE_METHODS = (*(f"/{SERVICE}/{method}" for method in ADMIN_METHODS), f"/{STOCK_SERVICE}/UpdateStockBulk")
ENDLESS_METHODS = frozenset({"/grpc.health.v1.Health/Watch", f"/{SERVICE}/WatchSeatMap"})
STREAMS = ENDLESS_METHODS | {
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")
}
CONTROL_FRAMES_PER_SECOND_MAX = 1_000
HEADER_BYTES_MAX = 16_384
HEADER_BLOCK_BYTES_MAX = 65_536
MESSAGE_READ_SECONDS_MAX = 10
WRITE_STALLED_SECONDS_MAX = 30
LINGER_SECONDS_MAX = 1
EVERY_ADDRESS = "::"
ADVICE = MappingProxyType(
    {
        errno.EADDRINUSE: "stop what listens there, or name another port in TRAVIO_{}_PORT",
        errno.EACCES: "name a port from 1024 on in TRAVIO_{}_PORT",
    }
)
OTHER_HOST = "name an address of this machine in TRAVIO_{}_HOST"
GRPC, HTTP, METRICS = "GRPC", "HTTP", "METRICS"
"""Which of our servers, in the names of its settings."""
ENGINES: MappingProxyType[str, Engine] = MappingProxyType({"grpclib": CallerConnection, "lean": LeanConnection})
"""What reads and writes HTTP/2, by the name in the settings."""
SERVER_REFUSALS = ServerRefusals(
    crowded=lambda: grpc_error(Overloaded()),
    stopping=lambda: grpc_error(BackendUnavailable("the service is stopping")),
    too_large=too_large,
)
"""The refusals of the server itself, with reasons."""


class Listener(Protocol):
    """A server that can be told to listen, on a host and port or on a socket that is bound already."""

    async def start(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        sock: socket.socket | None = None,
        ssl: ssl.SSLContext | None = None,
        reuse_port: bool | None = None,
    ) -> None:
        """Raises OSError."""
        ...


@asynccontextmanager
async def grpc_listening(
    server: ServerSettings,
    limits: LimitSettings,
    served: Collection[Servable],
    tls: ssl.SSLContext | None,
    *,
    ended: CallEnded,
    at_once: Mapping[str, AtOnce],
) -> AsyncIterator[GuardedServer]:
    """The gRPC server, to be drained before the block is left. `ended` is told of each call. Raises StartFailed."""
    guarded = GuardedServer(
        served,
        limits=_server_limits(limits),
        codec=PassThroughCodec(AT_ONCE_BYTES, read_for_grpc),
        status_details_codec=SerializedDetails(),
        refusals=SERVER_REFUSALS,
        connection=ENGINES[server.engine],
        ended=ended,
        at_once=at_once,
    )
    async with guarded:
        await listen(guarded, Address(server.host, server.port), tls, named=GRPC, reuse_port=server.reuse_port)
        yield guarded


async def listen(
    server: Listener, address: Address, tls: ssl.SSLContext | None, *, named: str, reuse_port: bool
) -> None:
    """Let the server listen at the address. Raises StartFailed."""
    try:
        await _listen(server, address, tls, reuse_port=reuse_port)
    except OSError as failed:
        raise StartFailed(cannot_listen(address, failed, named=named)) from failed


def cannot_listen(address: Address, failed: OSError, *, named: str = GRPC) -> str:
    """Why that one of our servers cannot listen at the address, and what to do."""
    advice = ADVICE.get(failed.errno or 0, OTHER_HOST).format(named)
    return f"cannot listen on {address}: {_why(failed)}: {advice}"


def _why(failed: OSError) -> str:
    """The system's own words; asyncio's name the address a second time."""
    if failed.errno is not None and failed.errno > 0:
        return os.strerror(failed.errno)
    return failed.strerror or str(failed)


async def _listen(server: Listener, address: Address, tls: ssl.SSLContext | None, *, reuse_port: bool) -> None:
    """Listen at the address; at :: for IPv4 as well, which asyncio leaves out. Raises OSError."""
    if address.host != EVERY_ADDRESS or not socket.has_dualstack_ipv6():
        await server.start(*address, ssl=tls, reuse_port=reuse_port)
        return
    sock = socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=reuse_port)
    try:
        await server.start(sock=sock, ssl=tls)
    except BaseException:
        sock.close()
        raise


def _server_limits(limits: LimitSettings) -> ServerLimits:
    return ServerLimits(
        message_bytes_default_max=limits.message_bytes_max,
        message_bytes_max_by_method=dict.fromkeys(LARGE_METHODS, limits.admin_message_bytes_max),
        unread_bytes_max=limits.unread_bytes_max,
        streams_concurrent_max=limits.streams_max,
        calls_max=limits.calls_max,
        watching_calls_max=limits.watching_calls_max,
        connections_max=limits.connections_max,
        resets_per_second_max=limits.resets_per_second_max,
        control_frames_per_second_max=CONTROL_FRAMES_PER_SECOND_MAX,
        header_bytes_max=HEADER_BYTES_MAX,
        header_block_bytes_max=HEADER_BLOCK_BYTES_MAX,
        idle_connection_seconds_max=limits.idle_connection_seconds,
        message_read_seconds_max=MESSAGE_READ_SECONDS_MAX,
        write_stalled_seconds_max=WRITE_STALLED_SECONDS_MAX,
        deadline_default_seconds=limits.deadline_seconds,
        deadline_max_seconds=limits.deadline_seconds_max,
        methods_without_deadline=ENDLESS_METHODS,
        drain_seconds_max=limits.drain_seconds,
        linger_seconds_max=LINGER_SECONDS_MAX,
    )
