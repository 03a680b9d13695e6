"""What one connection receives: bytes become frames, frames become calls; what each frame is charged; no sockets.

A whole call that has come at once, HEADERS and then DATA with its end, is one step: nothing is kept of it here.
"""

from typing import Final, Protocol

from h2.errors import ErrorCodes

from travio_inventory.grpc_server.framing import PREFIX_BYTES, SMALL_FRAME_BYTES
from travio_inventory.grpc_server.lean.control_frames import ControlFrames
from travio_inventory.grpc_server.lean.frame_format import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    HAS_PRIORITY,
    HEAD_BYTES,
    HEADERS,
    PADDED,
    PREFACE,
    SETTINGS,
    STREAM_ID_BITS,
    ConnectionFault,
    data_head,
    frame_head,
    number,
    wrong,
)
from travio_inventory.grpc_server.lean.heads import RequestHead
from travio_inventory.grpc_server.lean.known_heads import KnownHeads
from travio_inventory.grpc_server.lean.outgoing import Outgoing
from travio_inventory.grpc_server.lean.stream_state import StreamState
from travio_inventory.grpc_server.limits import ServerLimits

DATA_HEAD_BYTES: Final = HEAD_BYTES + PREFIX_BYTES
GAPS_MAX: Final = 16
PRIORITY_BYTES: Final = 5


class Reactions(Protocol):
    """What is done about calls."""

    def whole_request(self, stream_id: int, head: RequestHead, message: bytes) -> None:
        """A call whose one message has come whole. Its stream is not open: it is opened if it is not answered now."""
        ...

    def request_begins(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> None:
        """A call: it is opened, or answered."""
        ...

    def data_arrives(self, stream: StreamState, data: bytes, flow_bytes: int) -> None: ...

    def request_ends(self, stream: StreamState) -> None: ...

    def stream_is_reset(self, stream_id: int) -> None:
        """By the peer, or by us for what it sent."""
        ...

    def peer_leaves(self) -> None: ...


class Incoming:
    """Reads the frames of one connection. `receive` raises ConnectionFault when the connection must end."""

    def __init__(self, limits: ServerLimits, outgoing: Outgoing, heads: KnownHeads, reactions: Reactions) -> None:
        self.last_stream_id = 0
        self._rest = b""
        self._in_preface = True
        self._outgoing = outgoing
        self._heads = heads
        self._reactions = reactions
        self._control = ControlFrames(limits, outgoing, self)
        self._block_bytes_max = limits.header_block_bytes_max
        self._gaps: list[tuple[int, int]] = []
        """Ids that the peer has passed over: first and last of each gap."""
        self._block: list[bytes] | None = None
        """The parts of a header block that is not whole."""
        self._block_bytes = 0
        self._block_stream = 0
        self._block_flags = 0
        self._block_depends_on_itself = False

    @property
    def has_begun(self) -> bool:
        """Whether the peer has said that it speaks HTTP/2."""
        return not self._in_preface

    def let_go(self) -> None:
        """Be gone with the last reference, not with a collection of garbage: nothing more is received."""
        del self._reactions, self._control

    def receive(self, data: bytes) -> None:
        """Take what has come."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        if self._in_preface:
            at = self._preface(data)
            if not at:
                self._rest = data
                return
        while size - at >= HEAD_BYTES:
            high, low, kind, flags, stream_id = frame_head.unpack_from(data, at)
            length = high << 8 | low
            if length > FRAME_BYTES_MAX:
                raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "a frame beyond SETTINGS_MAX_FRAME_SIZE")
            start = at + HEAD_BYTES
            if start + length > size:
                break
            at = start + length
            if kind == HEADERS and self._block is None and flags & ~END_STREAM == END_HEADERS:
                at = self._call(data, start, at, flags, stream_id & STREAM_ID_BITS)
            elif kind == DATA and self._block is None:
                self._data(data, start, at, flags, stream_id & STREAM_ID_BITS)
            else:
                self._other(kind, flags, stream_id & STREAM_ID_BITS, data[start:at])
        self._rest = data[at:]

    def may_open(self, stream_id: int) -> bool:
        """Whether it is a stream of the peer that comes after all that it has opened."""
        return stream_id > self.last_stream_id and bool(stream_id & 1)

    def was_used(self, stream_id: int) -> bool:
        """Whether the peer has opened the stream, or passed over it, which closes it (RFC 9113, 5.1.1)."""
        return stream_id & 1 == 1 and stream_id <= self.last_stream_id

    def reset_stream(self, stream_id: int, code: ErrorCodes) -> None:
        self._outgoing.reset(stream_id, code)
        self._reactions.stream_is_reset(stream_id)

    def forget_stream(self, stream_id: int) -> None:
        self._outgoing.forget(stream_id)
        self._reactions.stream_is_reset(stream_id)

    def charge_reset(self) -> None:
        """A call that costs us and is none. Raises ConnectionFault where there were too many."""
        self._control.charge_resets(1)

    def peer_leaves(self) -> None:
        self._reactions.peer_leaves()

    def _preface(self, data: bytes) -> int:
        """Where the first frame begins, 0 if it has not come. It must be SETTINGS."""
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise wrong("this is not HTTP/2")
        kind_at = len(PREFACE) + 3
        if len(data) <= kind_at:
            return 0
        if data[kind_at] != SETTINGS:
            raise wrong("the first frame must be SETTINGS")
        self._in_preface = False
        return len(PREFACE)

    # Calls.

    def _call(self, data: bytes, start: int, end: int, flags: int, stream_id: int) -> int:
        """HEADERS in one frame; and DATA, if it is the whole rest of the request. Where the next frame begins."""
        if not self.may_open(stream_id):
            self._headers_again(data[start:end], flags, stream_id)
            return end
        head = self._heads.read(data[start:end])
        self._opens(stream_id, head)
        if flags & END_STREAM:
            self._begin(stream_id, head, is_whole=True)
            return end
        if len(data) - end >= DATA_HEAD_BYTES:
            high, low, kind, data_flags, data_stream, flag, size = data_head.unpack_from(data, end)
            length = high << 8 | low
            last: int = end + HEAD_BYTES + length
            if (
                kind == DATA and data_flags == END_STREAM and data_stream == stream_id and not flag
                and size == length - PREFIX_BYTES and last <= len(data) and length <= FRAME_BYTES_MAX
                and (head.content_bytes is None or head.content_bytes == length)
            ):  # fmt: skip
                self._count(length)
                self._outgoing.acknowledge(None, length)
                self._reactions.whole_request(stream_id, head, data[end + DATA_HEAD_BYTES : last])
                return last
        self._begin(stream_id, head, is_whole=False)
        return end

    def _opens(self, stream_id: int, head: RequestHead) -> None:
        if stream_id - self.last_stream_id > 2 and stream_id > 1:
            self._gaps.append((self.last_stream_id + 1, stream_id - 2))
            del self._gaps[:-GAPS_MAX]
        self.last_stream_id = stream_id
        self._control.calls_to_credit += 1
        if head.resets:
            self._control.charge_resets(head.resets)

    def _begin(self, stream_id: int, head: RequestHead, *, is_whole: bool) -> None:
        if is_whole and head.content_bytes:
            self._outgoing.reset_unopened(stream_id, ErrorCodes.PROTOCOL_ERROR, is_whole=True)
            return
        self._reactions.request_begins(stream_id, head, is_whole=is_whole)

    def _headers_again(self, block: bytes, flags: int, stream_id: int) -> None:
        """Trailers: of no use to us, and the end of a request."""
        fields = self._heads.fields(block)  # the next blocks depend on them
        stream = self._outgoing.streams.get(stream_id)
        if stream is None:
            if not self.was_used(stream_id) or any(first <= stream_id <= last for first, last in self._gaps):
                raise wrong("a stream that the peer cannot open any more")
            self._control.charge()
            if self._outgoing.lately_reset.expects(stream_id, 0, ends=bool(flags & END_STREAM)):
                return
            raise ConnectionFault(ErrorCodes.STREAM_CLOSED, "HEADERS on a stream that is over")
        self._control.charge_resets(self._heads.times_too_large(fields, block))
        if stream.remote_ended:
            self.reset_stream(stream_id, ErrorCodes.STREAM_CLOSED)
        elif not flags & END_STREAM or self._heads.are_no_trailers(fields) or stream.content_bytes_left:
            self.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)
        else:
            stream.remote_ended = True
            self._reactions.request_ends(stream)

    def _data(self, data: bytes, start: int, end: int, flags: int, stream_id: int) -> None:
        length = end - start
        self._count(length)
        if flags & PADDED:
            start, end = _without_padding(data, start, end)
        stream = self._outgoing.streams.get(stream_id)
        if stream is None or stream.remote_ended:
            self._late_data(stream, stream_id, length, ends=bool(flags & END_STREAM))
            return
        stream.receive_window -= length
        if stream.receive_window < 0:
            self._outgoing.acknowledge(None, length)
            self.reset_stream(stream_id, ErrorCodes.FLOW_CONTROL_ERROR)
            return
        ends = bool(flags & END_STREAM)
        if not ends and end - start < SMALL_FRAME_BYTES and not _is_message(data, start, end):
            self._control.charge()
        if stream.content_bytes_left is not None:
            stream.content_bytes_left -= end - start
            if stream.content_bytes_left < 0 or (ends and stream.content_bytes_left):
                self._outgoing.acknowledge(None, length)
                self.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)
                return
        stream.remote_ended = ends
        self._reactions.data_arrives(stream, data[start:end], length)
        if ends:
            self._reactions.request_ends(stream)

    def _late_data(self, stream: StreamState | None, stream_id: int, length: int, *, ends: bool) -> None:
        if not self.was_used(stream_id):
            raise wrong("DATA on a stream that is not open")
        is_expected = stream is None and self._outgoing.lately_reset.expects(stream_id, length, ends=ends)
        if not is_expected or length < SMALL_FRAME_BYTES:
            self._control.charge()
        self._outgoing.acknowledge(None, length)
        if is_expected:
            return
        if stream is None:
            self._outgoing.reset_unopened(stream_id, ErrorCodes.STREAM_CLOSED, is_whole=True)
        else:
            self.reset_stream(stream_id, ErrorCodes.STREAM_CLOSED)

    def _count(self, length: int) -> None:
        """Take DATA from the window of the connection."""
        self._outgoing.receive_window -= length
        if self._outgoing.receive_window < 0:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "more DATA than the window lets")

    # Header blocks in pieces, and all that is neither HEADERS nor DATA.

    def _other(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        if self._block is not None:
            self._continue(kind, flags, stream_id, body)
        elif kind == HEADERS:
            self._headers(flags, stream_id, body)
        elif kind == CONTINUATION:
            raise wrong("CONTINUATION without HEADERS")
        else:
            self._control.receive(kind, flags, stream_id, body)

    def _headers(self, flags: int, stream_id: int, body: bytes) -> None:
        """HEADERS with padding, with a priority, or not whole."""
        start, end = (0, len(body)) if not flags & PADDED else _without_padding(body, 0, len(body))
        if flags & HAS_PRIORITY:
            if end - start < PRIORITY_BYTES:
                raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "HEADERS that are too short")
            depends_on = number.unpack_from(body, start)[0] & STREAM_ID_BITS
            start += PRIORITY_BYTES
            self._block_depends_on_itself = depends_on == stream_id
        self._block, self._block_bytes = [body[start:end]], end - start
        self._block_stream, self._block_flags = stream_id, flags
        if flags & END_HEADERS:
            self._whole_block()

    def _continue(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        if kind != CONTINUATION or stream_id != self._block_stream or self._block is None:
            raise wrong("a header block that is interrupted")
        if len(body) < SMALL_FRAME_BYTES and not flags & END_HEADERS:
            self._control.charge()
        self._block.append(body)
        self._block_bytes += len(body)
        if self._block_bytes > self._block_bytes_max:
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "a header block beyond its limit")
        if flags & END_HEADERS:
            self._whole_block()

    def _whole_block(self) -> None:
        block = b"".join(self._block or ())
        self._block = None
        stream_id, flags = self._block_stream, self._block_flags
        if not self._block_depends_on_itself:
            self._call(block, 0, len(block), flags, stream_id)
            return
        self._block_depends_on_itself = False
        if self.may_open(stream_id):
            self._opens(stream_id, self._heads.read(block))
            self._outgoing.reset_unopened(stream_id, ErrorCodes.PROTOCOL_ERROR, is_whole=bool(flags & END_STREAM))
        else:
            self._headers_again(block, flags, stream_id)
            if stream_id in self._outgoing.streams:
                self.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)


def _without_padding(data: bytes, start: int, end: int) -> tuple[int, int]:
    if start == end:
        raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "no room for the size of the padding")
    if data[start] >= end - start:
        raise wrong("padding that is longer than its frame")
    return start + 1, end - data[start]


def _is_message(data: bytes, start: int, end: int) -> bool:
    """Whether DATA is a whole message by itself."""
    size = end - start
    return size >= PREFIX_BYTES and size == PREFIX_BYTES + int.from_bytes(data[start + 1 : start + PREFIX_BYTES])
