"""One connection of a caller: its frames become calls; it is closed when it sends too much, or nothing at all."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, cast

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

from travio_inventory.grpc_server.admission import Admission, CallCount
from travio_inventory.grpc_server.answers import Rejection
from travio_inventory.grpc_server.call import ServedCall
from travio_inventory.grpc_server.connection_table import ConnectionTable
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.frames import GuardedFrames, HeadersTooLarge
from travio_inventory.grpc_server.framing import Headers
from travio_inventory.grpc_server.handling import handle
from travio_inventory.grpc_server.writes import FrameWriter

log = logging.getLogger("travio_inventory.rpc")


class CallerConnection(asyncio.BufferedProtocol):
    """The transport calls it as bytes arrive, as it can write or cannot, and when it is lost."""

    def __init__(
        self, context: ServerContext, admission: Admission, connections: "ConnectionTable[CallerConnection]"
    ) -> None:
        self._context = context
        self._limits = context.limits
        self._admission = admission
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, ServedCall] = {}
        self._calls_open = CallCount(admission.open)
        self._left = False
        self._peer_leaves = False
        self._idle_since = self._loop.time()
        self._linger: asyncio.TimerHandle | None = None
        self._frames = GuardedFrames(self._limits)

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = Peer(self._transport)
        self._writer = FrameWriter(self._frames, self._transport)
        if self._admission.is_draining or not self._has_room():
            self.abort()
            return
        self._connections.add(self)
        self._frames.open()
        self._writer.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._context.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            return
        try:
            for event in self._frames.receive_data(bytes(self._context.read_buffer[:nbytes])):
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
        self._connections.remove(self)

    # Called by the server.

    def abort(self) -> None:
        """Close it at once, without a GOAWAY."""
        self._left = True
        self._transport.abort()
        self._connections.remove(self)

    def inspect(self) -> None:
        """Close it if the peer has been idle, or has read nothing, for too long."""
        now, stalled_since = self._loop.time(), self._writer.stalled_since
        if stalled_since is not None and now - stalled_since > self._limits.write_stalled_seconds_max:
            self._transport.abort()
        elif not self._calls and now - self._idle_since > self._limits.idle_connection_seconds_max:
            self.leave(ErrorCodes.NO_ERROR)

    def end_calls(self, *, endless_only: bool = False) -> None:
        """Answer UNAVAILABLE to all calls that still run, or to those that would go on for ever."""
        for call in list(self._calls.values()):
            if call.admitted.deadline is None or not endless_only:
                call.end_as_stopping()

    def leave(self, code: ErrorCodes) -> None:
        """Send GOAWAY and close once the peer has read it; what it still sends is ignored."""
        if self._left:
            return
        self._frames.close_connection(code)
        self._writer.flush()
        self._left = True
        if self._transport.can_write_eof():
            with suppress(OSError):  # the peer has disconnected already
                self._transport.write_eof()  # to close with bytes unread would lose what we have sent
        else:
            self._transport.close()
        self._abort_after_lingering()

    def _has_room(self) -> bool:
        """Whether it may stay: at the limit a connection without a call makes room."""
        if self._connections.is_full() and (other := self._connections.least_used()) is not None:
            other.abort()
        return not self._connections.is_full()

    def _break_off(self) -> None:
        """Close the connection of a peer that breaks the rules: send the prepared GOAWAY, read nothing more."""
        self._left = True
        for call in list(self._calls.values()):
            call.abandon()
        self._writer.flush()
        if not self._transport.is_closing():
            self._transport.pause_reading()
        self._abort_after_lingering()

    def _abort_after_lingering(self) -> None:
        self._linger = self._loop.call_later(self._limits.linger_seconds_max, self._transport.abort)

    # Events of frames.

    def _on_request(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        if self._is_full():
            self._writer.reset(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        admitted = self._admission.admit(cast(Headers, event.headers), of_connection=self._calls_open)
        if isinstance(admitted, Rejection):
            self._reject(stream_id, admitted, request_ended=event.stream_ended is not None)
            return
        self._calls_open.add(admitted.method, 1)
        if not self._calls:
            self._connections.became_busy(self)
        self._calls[stream_id] = ServedCall(
            self._context, self._writer, stream_id, admitted, self._peer, handle=handle, on_end=self._forget
        )

    def _on_headers_too_large(self, event: HeadersTooLarge) -> None:
        rejection = self._admission.too_large(event.header_bytes)
        self._reject(event.stream_id, rejection, request_ended=event.request_ended)

    def _is_full(self) -> bool:
        calls, calls_max = self._calls, self._limits.streams_concurrent_max
        if len(calls) < calls_max:
            return False
        return len(calls) >= 2 * calls_max or sum(not call.has_ended for call in calls.values()) >= calls_max

    def _reject(self, stream_id: int, rejection: Rejection, *, request_ended: bool) -> None:
        headers = rejection.headers(self._context.content_type)
        self._context.ended("", rejection.status.value, 0)
        with suppress(ProtocolError):  # the caller has reset it in the same write
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
        """A call has ended."""
        if (call := self._calls.pop(stream_id, None)) is None:
            return
        self._calls_open.add(call.admitted.method, -1)
        self._connections.changed()
        if self._calls or self._left:
            return
        self._idle_since = self._loop.time()
        self._connections.became_idle(self)
        if self._peer_leaves:
            self._loop.call_soon(self.leave, ErrorCodes.NO_ERROR)

    _REACTIONS: ClassVar[dict[type[Event], Callable[["CallerConnection", Any], None]]] = {
        RequestReceived: _on_request,
        HeadersTooLarge: _on_headers_too_large,
        DataReceived: _on_data,
        StreamEnded: _on_request_end,
        StreamReset: _on_reset,
        WindowUpdated: _on_window,
        RemoteSettingsChanged: _on_settings,
        ConnectionTerminated: _on_goaway,
    }
