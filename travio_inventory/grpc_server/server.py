"""A gRPC server for untrusted callers: each call is bounded, answered, and not lost by a stop.

A peer may send whatever bytes it likes, as fast as it likes, on as many connections as it likes, and may read nothing
of what it is sent. What it costs us must stay below a bound that is known beforehand, and must fall on its own calls
or its own connection. One rule chooses the answer: what can be understood is refused alone, with a status that says
why; what cannot be, or is only there to keep us busy, ends the connection with GOAWAY ENHANCE_YOUR_CALM.

    what it may do                              which bound answers it (ServerLimits), and where
    ------------------------------------------  ---------------------------------------------------------------------
    open connections and say nothing            connections_max: a new one takes the place of one without a call
                                                idle_connection_seconds_max             connection_table, connection
    open more calls than it should              streams_concurrent_max, then REFUSED_STREAM            connection
    take all the room that all have together    calls_max: one connection has a sixteenth of what is left   admission
    begin many calls at once                    so many start in a turn of the loop, connections by turns start_queue
    begin a request and never end it            message_read_seconds_max, and the deadline that every call has   call
    declare a message of 4 GiB                  message_bytes_max, when its prefix is read                     inbox
    leave a thousand messages unfinished        unread_bytes_max, of all callers together              request_body
    send headers without end                    header_bytes_max, then header_block_bytes_max   frames, h2_internals
    open and reset calls as fast as it can      resets_per_second_max                                 frames, rates
    send PING, SETTINGS, empty DATA, unknown    control_frames_per_second_max; calls earn more        frames, rates
    send much at once                           READ_BYTES_MAX of a connection in one turn of the loop       context
    ask much and read nothing                   replies are not copied while they wait for its window;
                                                write_stalled_seconds_max, meanwhile we do not read it       writes
    let calls run for ever                      deadline_max_seconds, whatever it asks for               admission
    hold up a stop                              drain_seconds_max, then linger_seconds_max                  server

Without the bounds in bytes one peer fills the memory in a second or two: h2 and grpclib keep what they are sent.
Without the rates, 50,000 resets cost the others seconds, as each is work for us and none for the peer. Without the
share of a connection, and turns, one caller that sends many calls has all of them, and one that sends few waits
behind it. Without an end to every wait, each of these takes a little for ever. Without a drain, a stop loses calls
whose outcome nobody then knows. Each bound has a test in tests/grpc_server that fails without it, and
verification/attack does all of the above to a service at work.
"""

import asyncio
import ssl as tls
from collections.abc import Callable, Collection, Mapping
from functools import partial
from socket import socket
from types import MappingProxyType, TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias

from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError
from h2.errors import ErrorCodes

from travio_inventory.grpc_server.admission import Admission
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.connection import CallerConnection
from travio_inventory.grpc_server.connection_table import ConnectionTable
from travio_inventory.grpc_server.context import AtOnce, CallEnded, Method, ServerContext, ServerRefusals
from travio_inventory.grpc_server.grpclib_internals import Servable, ServerEvents
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.kernel.portions import in_portions

SETTLE_SECONDS: Final = 0.1
"""Between the last answer and the GOAWAY: some clients drop the answers that arrive together with it."""
INSPECTION_SECONDS_MAX: Final = 1.0
INSPECTED_PER_TURN: Final = 100
"""Connections, for about a quarter of a millisecond."""

NEVER: Final[Mapping[str, AtOnce]] = MappingProxyType({})
PLAIN_REFUSALS: Final = ServerRefusals(
    crowded=partial(GRPCError, Status.RESOURCE_EXHAUSTED, "too many calls at once: retry in a moment"),
    stopping=partial(GRPCError, Status.UNAVAILABLE, "the server is stopping"),
    too_large=partial(GRPCError, Status.RESOURCE_EXHAUSTED),
)


class ServedConnection(Protocol):
    """A connection of a caller, as the server sees it."""

    def inspect(self) -> None:
        """Close it if the peer has been idle, or has read nothing, for too long."""
        ...

    def end_calls(self, *, endless_only: bool = False) -> None:
        """Answer UNAVAILABLE to all calls that still run, or to those that would go on for ever."""
        ...

    def leave(self, code: ErrorCodes) -> None:
        """Send GOAWAY and close once the peer has read it."""
        ...

    def abort(self) -> None:
        """Close it at once."""
        ...


Engine: TypeAlias = Callable[[ServerContext, Admission, ConnectionTable[Any]], asyncio.BaseProtocol]
"""What makes a connection, which is a `ServedConnection` besides."""


class GuardedServer:
    """Serves grpclib handlers within `limits`; `grpclib.events.listen` works on it as on grpclib's server.

    What it refuses itself is told by `refusals`. `connection` reads and writes HTTP/2: `CallerConnection` by the
    library h2, `LeanConnection` by itself. `ended` is told of each call that ends. `at_once` are methods that
    `LeanConnection` may answer before it starts their handlers, by path.
    Raises ValueError if a limit names a method that no handler has.
    """

    def __init__(
        self,
        handlers: Collection[Servable],
        *,
        limits: ServerLimits,
        codec: PassThroughCodec | None = None,
        status_details_codec: StatusDetailsCodecBase | None = None,
        refusals: ServerRefusals = PLAIN_REFUSALS,
        connection: Engine = CallerConnection,
        at_once: Mapping[str, AtOnce] = NEVER,
        ended: CallEnded = lambda _path, _status, _elapsed_ns: None,
    ) -> None:
        self.__dispatch__ = ServerEvents()
        self.port: int | None = None
        self.connections: ConnectionTable[ServedConnection] = ConnectionTable(limits.connections_max)
        self._connection = connection
        self._limits = limits
        self._context = ServerContext(
            _methods(handlers, limits, at_once),
            limits,
            codec or PassThroughCodec(),
            status_details_codec,
            self.__dispatch__,
            refusals,
            ended,
        )
        self._admission = Admission(self._context)
        self._listener: asyncio.Server | None = None
        self._inspection: asyncio.TimerHandle | None = None

    @property
    def calls_open(self) -> int:
        """On all connections together."""
        return self._admission.open.total

    async def start(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        sock: socket | None = None,
        ssl: tls.SSLContext | None = None,
        reuse_port: bool | None = None,
        backlog: int = 128,
    ) -> None:
        """Listen on a host and port, or on a socket that is bound already; raises OSError if it cannot."""
        if self._listener is not None:
            raise RuntimeError("the server is started already")
        create: Callable[..., Any] = asyncio.get_running_loop().create_server
        self._listener = await create(
            lambda: self._connection(self._context, self._admission, self.connections),
            host,
            port,
            sock=sock,
            ssl=ssl,
            reuse_port=reuse_port,
            backlog=backlog,
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        self._inspect()

    async def drain(self) -> None:
        """Stop without losing a call.

        New connections and calls are refused (UNAVAILABLE); running calls have `drain_seconds_max`, then
        they are answered UNAVAILABLE and cancelled; then come GOAWAY and the end of each connection.
        """
        self._stop_accepting()
        for connection in self.connections:
            connection.end_calls(endless_only=True)
        await self.connections.until(lambda: not self.calls_open, self._limits.drain_seconds_max)
        for connection in self.connections:
            connection.end_calls()
        await asyncio.sleep(SETTLE_SECONDS)
        self.close()
        await self.wait_closed()

    def close(self) -> None:
        """Stop at once: running calls are answered UNAVAILABLE and cancelled."""
        self._stop_accepting()
        if self._inspection is not None:
            self._inspection.cancel()
        for connection in self.connections:
            connection.end_calls()
            connection.leave(ErrorCodes.NO_ERROR)
        self._context.tasks.close()

    async def wait_closed(self) -> None:
        """Wait for the ends of all connections and handlers, `linger_seconds_max` for each at most."""
        await self.connections.until(lambda: not self.connections, self._limits.linger_seconds_max * 2)
        await self.connections.until(lambda: not self.calls_open, self._limits.linger_seconds_max)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    def _stop_accepting(self) -> None:
        self._admission.is_draining = True
        if self._listener is not None:
            self._listener.close()

    def _inspect(self) -> None:
        seconds = min(self._limits.idle_connection_seconds_max, self._limits.write_stalled_seconds_max) / 4
        loop = asyncio.get_running_loop()
        self._inspection = loop.call_later(min(seconds, INSPECTION_SECONDS_MAX), self._inspect)  # whatever happens now
        in_portions(self.connections, self._inspect_one, INSPECTED_PER_TURN)

    def _inspect_one(self, connection: ServedConnection) -> None:
        if connection in self.connections:
            connection.inspect()


def _methods(handlers: Collection[Servable], limits: ServerLimits, at_once: Mapping[str, AtOnce]) -> dict[str, Method]:
    """What is served, by path. Raises ValueError if a limit names another method."""
    mapping = {name: handler for servable in handlers for name, handler in servable.__mapping__().items()}
    unknown = {*limits.message_bytes_max_by_method, *limits.methods_without_deadline} - mapping.keys()
    if unknown:
        raise ValueError(f"limits name methods that are not served: {sorted(unknown)}")
    endless = limits.methods_without_deadline
    return {
        name: Method(name, handler, limits.message_bytes_max(name), name not in endless, at_once.get(name))
        for name, handler in mapping.items()
    }
