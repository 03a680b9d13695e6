"""One connection of a caller on the lean server: asyncio's side of it, and which of its calls are open."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import cast

from grpclib.exceptions import ProtocolError as MisuseError
from grpclib.protocol import Peer
from h2.errors import ErrorCodes

from travio_inventory.grpc_server.admission import Admission, CallCount
from travio_inventory.grpc_server.connection_table import ConnectionTable
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.framing import Headers
from travio_inventory.grpc_server.lean import reply_blocks
from travio_inventory.grpc_server.lean.at_once import end_at_once
from travio_inventory.grpc_server.lean.call import LeanCall
from travio_inventory.grpc_server.lean.frame_format import (
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    WINDOW_START,
    ConnectionFault,
    settings_frame,
    window_update,
)
from travio_inventory.grpc_server.lean.heads import RequestHead
from travio_inventory.grpc_server.lean.incoming import Incoming
from travio_inventory.grpc_server.lean.known_heads import KnownHeads
from travio_inventory.grpc_server.lean.outgoing import CONNECTION_WINDOW_BYTES, WRITE_BYTES_MAX, Outgoing
from travio_inventory.grpc_server.lean.stream_state import StreamState
from travio_inventory.grpc_server.request_body import RequestBody

log = logging.getLogger("travio_inventory.rpc")


class LeanConnection(asyncio.BufferedProtocol):
    """The transport calls it as bytes arrive, as it can write or cannot, and when it is lost."""

    def __init__(
        self, context: ServerContext, admission: Admission, connections: "ConnectionTable[LeanConnection]"
    ) -> None:
        self.context = context
        self._limits = context.limits
        self._admission = admission
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, LeanCall] = {}
        self._calls_open = CallCount(admission.open)
        self._left = self._peer_leaves = self._is_reading = self._flush_is_due = False
        self._has_answered = False
        """Whether a call was answered as soon as it was read, and the table was not told."""
        self._stalled_since: float | None = None
        self._idle_since = self._loop.time()
        self._linger: asyncio.TimerHandle | None = None
        self._outgoing = Outgoing(reply_blocks.begin(context.content_type), self._on_sent)
        self._incoming = Incoming(context.limits, self._outgoing, KnownHeads(context, admission), self)

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = Peer(self._transport)
        if self._admission.is_draining or not self._has_room():
            self.abort()
            return
        self._connections.add(self)
        streams_max, bytes_max = self._limits.streams_concurrent_max, self._limits.header_bytes_max
        self._outgoing.add(settings_frame({MAX_CONCURRENT_STREAMS: streams_max, MAX_HEADER_LIST_SIZE: bytes_max}))
        self._outgoing.add(window_update(0, CONNECTION_WINDOW_BYTES - WINDOW_START))
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.context.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            return
        self._is_reading = True
        try:
            self._incoming.receive(bytes(self.context.read_buffer[:nbytes]))
        except ConnectionFault as fault:
            log.debug("connection ended: %s", fault)
            self._break_off(fault.code)
        except Exception:
            log.exception("unexpected error in a connection")
            self._break_off(ErrorCodes.INTERNAL_ERROR)
        finally:
            self._is_reading = False
        if self._has_answered:
            self._note_answered()
        self.flush()

    def pause_writing(self) -> None:
        """Take nothing more from a peer that does not read: its frames would add to what waits for it."""
        self._stalled_since = self._loop.time()
        self._outgoing.is_stalled = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._left:
            return
        self._stalled_since = None
        self._outgoing.is_stalled = False
        self._transport.resume_reading()
        self._outgoing.send_waiting()
        self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = True
        if self._linger is not None:
            self._linger.cancel()
        self._abandon_calls()
        self._incoming.let_go()
        self._outgoing.let_go()
        self._connections.remove(self)

    # Called by the server.

    def abort(self) -> None:
        """Close it at once, without a GOAWAY."""
        self._left = True
        self._transport.abort()
        self._connections.remove(self)

    def inspect(self) -> None:
        """Close it if the peer has been idle, or has read nothing, for too long; or has never spoken HTTP/2."""
        limits, now, stalled_since = self._limits, self._loop.time(), self._stalled_since
        idle_seconds = now - self._idle_since
        is_stalled = stalled_since is not None and now - stalled_since > limits.write_stalled_seconds_max
        if is_stalled or (not self._incoming.has_begun and idle_seconds > limits.message_read_seconds_max):
            self._transport.abort()
        elif not self._calls and idle_seconds > limits.idle_connection_seconds_max:
            self.leave(ErrorCodes.NO_ERROR)
        if not self._left:
            self._outgoing.end_rejected()
            self.flush()

    def end_calls(self, *, endless_only: bool = False) -> None:
        """Answer UNAVAILABLE to all calls that still run, or to those that would go on for ever."""
        for call in list(self._calls.values()):
            if not endless_only or not call.head.method.has_deadline:
                call.end_as_stopping()

    def leave(self, code: ErrorCodes) -> None:
        """Send GOAWAY and close once the peer has read it; what it still sends is ignored."""
        if self._left:
            return
        self._outgoing.go_away(self._incoming.last_stream_id, code)
        self.flush()
        self._left = True
        if self._transport.can_write_eof():
            with suppress(OSError):  # the peer has disconnected already
                self._transport.write_eof()  # to close with bytes unread would lose what we have sent
        else:
            self._transport.close()
        self._linger = self._loop.call_later(self._limits.linger_seconds_max, self._transport.abort)

    def _leave_if_done(self) -> None:
        """The peer leaves, and so do we, unless a call has begun meanwhile: its end asks again."""
        if not self._calls:
            self.leave(ErrorCodes.NO_ERROR)

    def _has_room(self) -> bool:
        """Whether it may stay: at the limit a connection without a call makes room."""
        if self._connections.is_full() and (other := self._connections.least_used()) is not None:
            other.abort()
        return not self._connections.is_full()

    def _break_off(self, code: ErrorCodes) -> None:
        """Close the connection of a peer that breaks the rules: say why, read nothing more."""
        self._left = True
        self._abandon_calls()
        self._outgoing.go_away(self._incoming.last_stream_id, code)
        if not self._transport.is_closing():
            self._transport.pause_reading()
        self._linger = self._loop.call_later(self._limits.linger_seconds_max, self._transport.abort)

    def _abandon_calls(self) -> None:
        for call in list(self._calls.values()):
            self._outgoing.forget(call.stream_id)
            call.abandon()

    # Called as frames are read.

    def whole_request(self, stream_id: int, head: RequestHead, message: bytes) -> None:
        """Run it now if it is its turn, without its stream ever being open; or keep it until then."""
        if self._is_refused(stream_id, head, is_whole=True):
            return
        method = head.method
        if method.handler.cardinality.client_streaming or len(message) > method.message_bytes_max:
            call = self._open(stream_id, head, is_whole=True)
            call.feed(b"\0" + len(message).to_bytes(4) + message, 0)
            call.finish_request()
            return
        has_room = self.context.starts.has_room
        if has_room and method.at_once and (refusal := end_at_once(self.context, head, self.peer, message)):
            self._outgoing.refuse(stream_id, refusal)
            self._has_answered = True
            return
        call = LeanCall(self, stream_id, head, message)
        if not has_room:
            self.keep(call)
        self.context.starts.submit(self, call.start)

    def request_begins(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> None:
        """Open the call, or refuse it."""
        if self._is_refused(stream_id, head, is_whole=is_whole):
            return
        call = self._open(stream_id, head, is_whole=is_whole)
        if is_whole:
            call.finish_request()

    def data_arrives(self, stream: StreamState, data: bytes, flow_bytes: int) -> None:
        if (call := self._calls.get(stream.id)) is not None:
            call.feed(data, flow_bytes)
        else:
            self._outgoing.acknowledge(None, flow_bytes)

    def request_ends(self, stream: StreamState) -> None:
        if (call := self._calls.get(stream.id)) is not None:
            call.finish_request()
        elif stream.message is None:
            self._outgoing.forget(stream.id)

    def stream_is_reset(self, stream_id: int) -> None:
        if (call := self._calls.get(stream_id)) is not None:
            call.abandon()

    def peer_leaves(self) -> None:
        self._peer_leaves = True
        self._loop.call_soon(self._leave_if_done)

    def _is_refused(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> bool:
        """Refuse a call that cannot run."""
        rejection = head.rejection
        if rejection is None:
            if self._is_full():
                self._outgoing.reset_unopened(stream_id, ErrorCodes.REFUSED_STREAM, is_whole=is_whole)
                self._incoming.charge_reset()
                return True
            rejection = self._admission.turned_away(head.method, of_connection=self._calls_open)
            if rejection is None:
                return False
        self.context.ended("", rejection.status.value, 0)
        reply = reply_blocks.rejected(rejection, self.context.content_type)
        if head.is_malformed:
            self._outgoing.headers(stream_id, reply.begin + reply.end, end_stream=True)
            self._outgoing.reset_unopened(stream_id, ErrorCodes.PROTOCOL_ERROR, is_whole=is_whole)
        else:
            self._outgoing.reject(stream_id, reply, content_bytes=head.content_bytes, is_whole=is_whole)
        return True

    def _is_full(self) -> bool:
        open_calls, calls_max = len(self._calls), self._limits.streams_concurrent_max
        running = sum(not call.has_ended for call in self._calls.values()) if open_calls >= calls_max else 0
        return running >= calls_max or open_calls >= 2 * calls_max

    def _open(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> LeanCall:
        """A call whose request comes in parts."""
        call = LeanCall(self, stream_id, head)
        call.stream = self._outgoing.open(stream_id, content_bytes=head.content_bytes, is_whole=is_whole)
        call.body = RequestBody(self.context, self, stream_id, head.method, encoding=head.encoding)
        self.keep(call)
        if not call.body.takes_one:
            self.context.starts.submit(self, call.start)
        return call

    # Called by calls.

    def keep(self, call: LeanCall) -> StreamState:
        """It is open: it goes on after what was read now. Its stream is open as well, unless it has ended."""
        stream = call.stream
        if stream is not None and call.stream_id in self._calls:
            return stream
        if not self._calls:
            self._connections.became_busy(self)
        self._calls[call.stream_id] = call
        self._calls_open.add(call.head.method, 1)
        if call.has_ended:
            return stream or StreamState(call.stream_id, 0)
        if stream is None:
            stream = call.stream = self._outgoing.open(call.stream_id, content_bytes=None, is_whole=True)
        at_s = call.ends_at
        if call.body is not None:
            at_s = min(at_s, time.monotonic() + self._limits.message_read_seconds_max)
        if at_s < float("inf"):
            call.timer = self.context.deadlines.add(at_s, call)
        return stream

    def forget(self, call: LeanCall) -> None:
        """It has ended, and nothing of it runs any more."""
        self._has_answered = True
        if self._calls.pop(call.stream_id, None) is None:
            return
        self._calls_open.add(call.head.method, -1)
        self._connections.changed()
        if self._calls or self._left:
            return
        if not self._is_reading:
            self._note_answered()
        if self._peer_leaves:
            self._loop.call_soon(self._leave_if_done)

    def answer(self, call: LeanCall, reply: bytes | None, trailers: bytes, *, headers_sent: bool) -> bool:
        """Answer OK; whether it is sent already, or waits for the peer's windows."""
        outgoing, stream = self._outgoing, call.stream
        self.flush_soon()
        if reply is not None and not headers_sent and outgoing.answer_at_once(call.stream_id, stream, reply, trailers):
            return True
        if reply is None and stream is None:
            outgoing.refuse(call.stream_id, trailers)
            return True
        stream = self.keep(call)
        if not headers_sent:
            outgoing.begin(stream.id)
        is_sent = reply is None or outgoing.message(stream, reply)
        outgoing.end(stream, trailers)
        return is_sent

    def end(self, call: LeanCall, trailers: bytes, *, headers_sent: bool) -> None:
        """Answer with a status, whatever was to be sent."""
        self.flush_soon()
        if call.stream is None:
            self._outgoing.refuse(call.stream_id, trailers)
        elif headers_sent:
            self._outgoing.end_now(call.stream, trailers)
        else:
            self._outgoing.end_now(call.stream, self._outgoing.begin_block + trailers)

    def send_headers(self, call: LeanCall, metadata: Headers | None) -> None:
        """Begin an answer that comes in parts."""
        self.keep(call)
        if metadata:
            self._outgoing.headers(call.stream_id, reply_blocks.begin(self.context.content_type, metadata=metadata))
        else:
            self._outgoing.begin(call.stream_id)
        self.flush_soon()

    async def send_message(self, call: LeanCall, message: bytes) -> None:
        """Send one of many replies, as the peer's windows let it."""
        stream = self.keep(call)
        if stream.drained is not None:
            raise MisuseError("a reply is being sent")
        self.flush_soon()
        if self._outgoing.message(stream, message):
            return
        stream.drained = self._loop.create_future()
        try:
            await stream.drained
        finally:
            stream.drained = None

    def send_now(self, stream: StreamState, message: bytes) -> bool:
        """Send one of many replies, if the peer's windows take all of it now."""
        self.flush_soon()
        return self._outgoing.message_now(stream, message)

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        self._outgoing.reset(stream_id, code)
        self.flush_soon()

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Let the peer send `size` bytes more."""
        self._outgoing.acknowledge(self._outgoing.streams.get(stream_id), size)

    def flush_soon(self) -> None:
        """In this turn of the loop, where it is not much; what is answered as it is read is flushed after that."""
        if self._outgoing.size > WRITE_BYTES_MAX:
            self.flush()
        elif not self._is_reading and not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write all that there is, and what the peer's windows let of what waits."""
        self._flush_is_due = False
        outgoing, transport = self._outgoing, self._transport
        while outgoing.frames:
            data = outgoing.take()
            if transport.is_closing():
                return
            transport.write(data)
            if outgoing.is_stalled:
                return
            outgoing.send_waiting()

    def _on_sent(self, stream: StreamState) -> None:
        if (call := self._calls.get(stream.id)) is not None:
            call.was_sent()

    def _note_answered(self) -> None:
        """It has made a call, and has none open."""
        self._has_answered = False
        if not self._calls:
            self._idle_since = self._loop.time()
            self._connections.became_busy(self)
            self._connections.became_idle(self)
