"""Writes past the event loop's transport while nothing waits in it: for those who are told the same by the thousand."""

import asyncio
import os
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Any, Final

from travio_inventory.http_server.unsent import PIECE_BYTES

NONE: Final = -1


class AtOnce:
    """What may be written at once to one connection. Its protocol says when that ends: where the transport keeps what
    the peer does not take, or the answer is over.
    """

    __slots__ = ("_connection", "_ready", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._connection = _connection_of(transport)
        self._ready: DirectLine | None = None

    def write(self, line: "DirectLine", data: bytes) -> None:
        """Write by the transport; if nothing waits there after it, the line may go on by itself."""
        transport = self._transport
        transport.write(data)
        if self._connection != NONE and not transport.get_write_buffer_size() and not transport.is_closing():
            transport.set_write_buffer_limits(0)  # the protocol is to know of each byte that waits
            self._ready, line.connection = line, self._connection

    def write_rest(self, data: bytes) -> None:
        """Let the transport write what the peer did not take, or find that it is gone."""
        self._transport.write(data)

    def end(self) -> None:
        """Nothing is written at once, until a line begins again."""
        if self._ready is not None:
            self._ready.connection = NONE
            self._ready = None


class DirectLine:
    """Writes parts of one answer, or messages of one socket: all of it, or nothing where `may_write` says so or it is
    more than is written before it is known whether the peer reads. Returns whether it has. Of thousands none is in the
    processor's cache, so the usual way looks at this object alone.
    """

    __slots__ = ("_at_once", "_frame", "_may_write", "connection")

    def __init__(self, at_once: AtOnce, may_write: Callable[[], bool], frame: Callable[[Any], bytes]) -> None:
        self.connection = NONE
        """Where it writes by itself."""
        self._frame = frame
        self._at_once = at_once
        self._may_write = may_write

    def __call__(self, said: Any) -> bool:  # noqa: ANN401 - what `frame` makes bytes of
        data = self._frame(said)
        if len(data) > PIECE_BYTES:
            return False
        if self.connection == NONE:
            if not self._may_write():
                return False
            self._at_once.write(self, data)
            return True
        try:
            written = os.write(self.connection, data)
        except OSError:
            written = 0
        if written < len(data):
            self._at_once.write_rest(data[written:])
        return True


def _connection_of(transport: asyncio.Transport) -> int:
    """The number of a connection that asyncio's own transport writes to as it is."""
    connection = transport.get_extra_info("socket")
    is_plain = isinstance(connection, TransportSocket) and transport.get_extra_info("sslcontext") is None
    return connection.fileno() if is_plain else NONE
