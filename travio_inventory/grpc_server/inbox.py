"""The DATA of one call, cut into its messages."""

from collections import deque
from collections.abc import Callable

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from travio_inventory.grpc_server.framing import PREFIX_BYTES
from travio_inventory.grpc_server.inflating import inflated


class Inbox:
    """Cuts the DATA of one call into messages; keeps at most one frame more than a message may have."""

    __slots__ = ("_bytes_max", "_encoding", "_messages_max", "_pending", "_too_large", "messages", "messages_received")

    def __init__(
        self, bytes_max: int, messages_max: int | None, too_large: Callable[[str], GRPCError], *, encoding: str
    ) -> None:
        self.messages: deque[bytes] = deque()
        self.messages_received = 0
        self._pending = bytearray()
        self._bytes_max = bytes_max
        self._messages_max = messages_max
        self._too_large = too_large
        self._encoding = encoding

    @property
    def pending_bytes(self) -> int:
        """Bytes kept of a message that is not complete."""
        return len(self._pending)

    def feed(self, data: bytes) -> None:
        """Take what has arrived; raises GRPCError as soon as it cannot become a valid message."""
        pending = self._pending
        start = b"" if pending else data[:PREFIX_BYTES]
        if len(start) == PREFIX_BYTES and len(data) == PREFIX_BYTES + self._message_bytes(start):
            self._complete(start[0], data[PREFIX_BYTES:])  # as nearly always: one frame, one message
            return
        pending += data
        while len(pending) >= PREFIX_BYTES:
            end = PREFIX_BYTES + self._message_bytes(pending)
            if len(pending) < end:
                break
            self._complete(pending[0], bytes(pending[PREFIX_BYTES:end]))
            del pending[:end]

    def finish(self) -> None:
        """Note that nothing more will arrive; raises GRPCError if something is missing."""
        if self._pending:
            raise GRPCError(Status.INVALID_ARGUMENT, "truncated message")
        if self._messages_max is not None and not self.messages_received:
            raise GRPCError(Status.INVALID_ARGUMENT, "no message")

    def _message_bytes(self, start: bytes | bytearray) -> int:
        if start[0] > 1:
            raise GRPCError(Status.INVALID_ARGUMENT, "malformed message prefix")
        message_bytes = int.from_bytes(start[1:PREFIX_BYTES])
        if message_bytes > self._bytes_max:
            raise self._too_large(f"a message of {message_bytes} bytes; at most {self._bytes_max} are accepted")
        return message_bytes

    def _complete(self, is_compressed: int, message: bytes) -> None:
        if self.messages_received == self._messages_max:
            raise GRPCError(Status.INVALID_ARGUMENT, "more than one message")
        if is_compressed:
            message = inflated(message, self._encoding, bytes_max=self._bytes_max, too_large=self._too_large)
        self.messages_received += 1
        self.messages.append(message)
