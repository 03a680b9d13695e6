"""A gRPC server for callers one does not trust: each call is bounded, answered, and not lost by a stop."""

import asyncio
import logging
import ssl as tls
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from socket import socket
from types import TracebackType
from typing import Any, ClassVar, Final, Self, cast

from grpclib._typing import IServable
from grpclib.const import Status
from grpclib.encoding.base import CodecBase, StatusDetailsCodecBase
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import GRPCError
from grpclib.protocol import Peer
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from travio_inventory.grpc_server.admission import Refusal, Request, admit, answer_headers
from travio_inventory.grpc_server.call import Call
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.frames import GuardedFrames, Headers, HeadersTooLarge, Writer
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.shared import Method, Shared, Told

log = logging.getLogger("travio_inventory.rpc")

SETTLE_SECONDS: Final = 0.1
"""Between the last answer and the GOAWAY: some clients drop the answers that arrive together with it."""
INSPECTION_SECONDS_MAX: Final = 1.0
ROOM_FOR_OTHERS: Final = 16
"""How many times as many calls as one connection has open must be left for the others, that it may have one more."""
READ_BYTES_MAX: Final = 4_096
"""Of one connection in one turn of the loop, so that whoever sends much does not keep the others waiting."""

STOPPING: Final = GRPCError(Status.UNAVAILABLE, "the server is stopping")
PLAINLY: Final = Told(
    crowded=partial(GRPCError, Status.RESOURCE_EXHAUSTED, "too many calls at once: ask again in a moment"),
    stopping=lambda: STOPPING,
    too_large=partial(GRPCError, Status.RESOURCE_EXHAUSTED),
)


class GuardedServer:
    """Serves grpclib handlers within `limits`; `grpclib.events.listen` works on it as on grpclib's server.

    What it refuses itself is told as `told` says.
    Raises ValueError if a limit names a method that no handler has.
    """

    def __init__(
        self,
        handlers: Collection[IServable],
        *,
        limits: ServerLimits,
        codec: CodecBase | None = None,
        status_details_codec: StatusDetailsCodecBase | None = None,
        told: Told = PLAINLY,
    ) -> None:
        mapping = {name: handler for servable in handlers for name, handler in servable.__mapping__().items()}
        unknown = {*limits.message_bytes_max_by_method, *limits.methods_without_deadline} - mapping.keys()
        if unknown:
            raise ValueError(f"limits name methods that are not served: {sorted(unknown)}")
        endless = limits.methods_without_deadline
        methods = {
            name: Method(name, handler, limits.message_bytes_max(name), has_deadline=name not in endless)
            for name, handler in mapping.items()
        }
        self.__dispatch__ = _DispatchServerEvents()
        self.limits = limits
        self.port: int | None = None
        self.draining = False
        self.calls_open = 0
        self.connections: set[_Connection] = set()
        self.silent: dict[_Connection, None] = {}
        """Those that never made a call, the oldest first."""
        self.idle: dict[_Connection, None] = {}
        """Those that have no call open any more, the longest idle first."""
        self.read_buffer = memoryview(bytearray(READ_BYTES_MAX))
        """Of all connections: what is read into it is taken out before the next one reads."""
        codec = codec or PassThroughCodec()
        self._shared = shared = Shared(methods, limits, codec, status_details_codec, self.__dispatch__, told)
        self.crowded, self.stopping = (Refusal.of(error, shared) for error in (told.crowded(), told.stopping()))
        self._listener: asyncio.Server | None = None
        self._inspection: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

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
            lambda: _Connection(self, self._shared),
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
            connection.end_endless_calls()
        await self._until(lambda: not self.calls_open, self.limits.drain_seconds_max)
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
        for connection in list(self.connections):
            connection.end_calls()
            connection.leave(ErrorCodes.NO_ERROR)

    async def wait_closed(self) -> None:
        """Wait for the ends of all connections and handlers, `linger_seconds_max` for each at most."""
        await self._until(lambda: not self.connections, self.limits.linger_seconds_max * 2)
        await self._until(lambda: not self.calls_open, self.limits.linger_seconds_max)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    def has_room(self) -> bool:
        """Whether one more connection may come. Where all are there, it takes the place of one without a call: of the
        oldest that never made one, or else of the longest idle.
        """
        if len(self.connections) >= self.limits.connections_max and (useless := self.silent or self.idle):
            next(iter(useless)).abort()
        return len(self.connections) < self.limits.connections_max

    def changed(self) -> None:
        """Note that a call or a connection has ended."""
        self._changed.set()

    def _stop_accepting(self) -> None:
        self.draining = True
        if self._listener is not None:
            self._listener.close()

    async def _until(self, condition: Callable[[], bool], seconds_max: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()

    def _inspect(self) -> None:
        limits = self.limits
        seconds = min(limits.idle_connection_seconds_max, limits.write_stalled_seconds_max) / 4
        loop = asyncio.get_running_loop()
        self._inspection = loop.call_later(min(seconds, INSPECTION_SECONDS_MAX), self._inspect)  # whatever happens now
        for connection in list(self.connections):
            connection.inspect()


class _Connection(asyncio.BufferedProtocol):
    """One peer: turns its frames into calls, and leaves it when it asks too much or nothing at all."""

    def __init__(self, server: GuardedServer, shared: Shared) -> None:
        self._server = server
        self._shared = shared
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, Call] = {}
        self._left = False
        self._peer_leaves = False
        self._idle_since = self._loop.time()
        self._linger: asyncio.TimerHandle | None = None
        self._frames = GuardedFrames(server.limits)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = Peer(self._transport)
        self._writer = Writer(self._frames, self._transport)
        if self._server.draining or not self._server.has_room():
            self.abort()
            return
        self._server.connections.add(self)
        self._server.silent[self] = None
        self._frames.open()
        self._writer.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            return
        try:
            for event in self._frames.receive_data(bytes(self._server.read_buffer[:nbytes])):
                react = self._REACTIONS.get(type(event))
                if react is not None:  # what has none, such as an unknown frame, is to be ignored
                    react(self, event)
        except ProtocolError as error:
            log.debug("connection ended: %s", error)
            self._break_off()
        except Exception:
            log.exception("unexpected error in a connection")
            self._break_off()
        else:
            self._writer.flush_soon()

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        if not self._left:
            self._writer.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = True
        if self._linger is not None:
            self._linger.cancel()
        for call in list(self._calls.values()):
            call.abandon()
        self._frames.let_go()
        self._forget_connection()

    def abort(self) -> None:
        """Hang up at once."""
        self._left = True
        self._transport.abort()
        self._forget_connection()

    def _forget_connection(self) -> None:
        self._server.connections.discard(self)
        self._leave_the_idle()
        self._server.changed()

    def _leave_the_idle(self) -> None:
        """It is not one of those that have no call open, any more."""
        self._server.silent.pop(self, None)
        self._server.idle.pop(self, None)

    def inspect(self) -> None:
        """Leave a peer that has been idle, or has read nothing, for too long."""
        now, stalled_since = self._loop.time(), self._writer.stalled_since
        if stalled_since is not None and now - stalled_since > self._limits.write_stalled_seconds_max:
            self._transport.abort()
        elif not self._calls and now - self._idle_since > self._limits.idle_connection_seconds_max:
            self.leave(ErrorCodes.NO_ERROR)

    def end_calls(self) -> None:
        """Answer UNAVAILABLE to all calls that still run."""
        for call in list(self._calls.values()):
            call.end(STOPPING.status, STOPPING.message)

    def end_endless_calls(self) -> None:
        """Answer UNAVAILABLE to the calls that would go on for ever."""
        for call in list(self._calls.values()):
            if call.deadline is None:
                call.end(STOPPING.status, STOPPING.message)

    def leave(self, code: ErrorCodes) -> None:
        """Send GOAWAY and close, once the peer has read it; what it still sends is not looked at."""
        if self._left:
            return
        self._frames.close_connection(code)
        self._writer.flush()
        self._left = True
        if self._transport.can_write_eof():
            with suppress(OSError):  # the peer has hung up already
                self._transport.write_eof()  # to close with bytes unread would lose what we have sent
        else:
            self._transport.close()
        self._linger = self._loop.call_later(self._limits.linger_seconds_max, self._transport.abort)

    def _break_off(self) -> None:
        """Leave a peer that breaks the rules: send the GOAWAY that is ready, read nothing more."""
        self._left = True
        for call in list(self._calls.values()):
            call.abandon()
        self._writer.flush()
        if not self._transport.is_closing():
            self._transport.pause_reading()
        self._linger = self._loop.call_later(self._limits.linger_seconds_max, self._transport.abort)

    def _on_request(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        if self._is_full():
            self._writer.reset(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        if self._server.draining:
            request: Request | Refusal = self._server.stopping
        elif self._has_its_share():
            request = self._server.crowded
        else:
            request = admit(cast(Headers, event.headers), self._shared)
        if isinstance(request, Refusal):
            self._refuse(stream_id, request, request_ended=event.stream_ended is not None)
            return
        self._server.calls_open += 1
        if not self._calls:
            self._leave_the_idle()
        self._calls[stream_id] = Call(self._shared, self._writer, stream_id, request, self._peer, self._forget)

    def _on_headers_too_large(self, event: HeadersTooLarge) -> None:
        bytes_max = self._limits.header_bytes_max
        said = f"headers, metadata included, of {event.header_bytes} bytes; {bytes_max} are taken at most"
        refusal = Refusal.of(self._shared.told.too_large(said), self._shared)
        self._refuse(event.stream_id, refusal, request_ended=event.request_ended)

    def _is_full(self) -> bool:
        calls, calls_max = self._calls, self._limits.streams_concurrent_max
        if len(calls) < calls_max:
            return False
        return len(calls) >= 2 * calls_max or sum(not call.ended for call in calls.values()) >= calls_max

    def _has_its_share(self) -> bool:
        """Whether it has as many calls open as one in `ROOM_FOR_OTHERS` of those that are left.

        It is the dynamic threshold by which switches share their buffers (Choudhury and Hahne, 1998): however many ask
        much, there is room for one that asks little.
        """
        return len(self._calls) * ROOM_FOR_OTHERS >= self._limits.calls_max - self._server.calls_open

    def _refuse(self, stream_id: int, refusal: Refusal, *, request_ended: bool) -> None:
        headers = answer_headers(
            refusal.status,
            refusal.message,
            http_status=refusal.http_status,
            content_type=self._shared.content_type,
            details=refusal.details,
        )
        with suppress(ProtocolError):  # the caller has reset it in the same breath
            self._writer.send_headers(stream_id, headers, end_stream=True)
            if not request_ended:
                self._writer.reset(stream_id, ErrorCodes.NO_ERROR)

    def _on_data(self, event: DataReceived) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.feed(event.data, event.flow_controlled_length)
        elif event.flow_controlled_length:
            self._writer.acknowledge(event.stream_id, event.flow_controlled_length)

    def _on_request_end(self, event: StreamEnded) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.finish_request()

    def _on_reset(self, event: StreamReset) -> None:
        call = self._calls.get(event.stream_id)
        if call is not None:
            call.abandon()

    def _on_window(self, event: WindowUpdated) -> None:
        self._writer.window_opened(event.stream_id or 0)

    def _on_settings(self, event: RemoteSettingsChanged) -> None:
        self._writer.window_opened(0)

    def _on_goaway(self, event: ConnectionTerminated) -> None:
        self._peer_leaves = True
        if not self._calls:
            self.leave(ErrorCodes.NO_ERROR)

    def _forget(self, stream_id: int) -> None:
        if self._calls.pop(stream_id, None) is None:
            return
        self._server.calls_open -= 1
        self._server.changed()
        if self._calls or self._left:
            return
        self._idle_since = self._loop.time()
        self._server.idle[self] = None
        if self._peer_leaves:
            self._loop.call_soon(self.leave, ErrorCodes.NO_ERROR)

    _REACTIONS: ClassVar[dict[type[Event], Callable[["_Connection", Any], None]]] = {
        RequestReceived: _on_request,
        HeadersTooLarge: _on_headers_too_large,
        DataReceived: _on_data,
        StreamEnded: _on_request_end,
        StreamReset: _on_reset,
        WindowUpdated: _on_window,
        RemoteSettingsChanged: _on_settings,
        ConnectionTerminated: _on_goaway,
    }
