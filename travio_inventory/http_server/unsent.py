"""What peers leave unread, over all connections: written by the piece, bounded, the longest stalled cut off first."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

PIECE_BYTES: Final = 32_768
"""So much is written before it is known whether the peer reads; a transport has at most as much again."""


UNSENT_IN_KERNEL_BYTES: Final = 16_384
"""Of a connection that stays."""


def keep_little_unsent(transport: asyncio.BaseTransport) -> None:
    """Let the kernel keep little for a peer that does not read, where it would take megabytes: who lags behind is to be
    told of what is, not of all that was. What is under way to the peer is not bounded by this.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_IN_KERNEL_BYTES)


class Unsent:
    """Counts the bytes that transports keep, and the answers of which only pieces are written: each once, however many
    are sent it, and the largest not at all, so that one that is larger than all may be can be sent.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._stalled: dict[asyncio.Transport, int] = {}
        """What each one keeps of whose peer does not read, the longest stalled first."""
        self._bodies: dict[int, tuple[int, int]] = {}
        """The size of each answer, and how many are being sent it."""

    @property
    def stalled(self) -> int:
        return len(self._stalled)

    def stalls(self, transport: asyncio.Transport) -> None:
        """Its peer reads nothing now. Whoever has read nothing for longest is cut off where it is too much in all."""
        self.goes_on(transport)
        self._stalled[transport] = transport.get_write_buffer_size()
        self._bytes += self._stalled[transport]
        self._make_room()

    def goes_on(self, transport: asyncio.Transport) -> None:
        """Its peer reads again, or is gone."""
        self._bytes -= self._stalled.pop(transport, 0)

    @contextmanager
    def sending(self, body: bytes | str) -> Iterator[None]:
        """Keep count of an answer until all of it is written."""
        size, senders = self._bodies.get(id(body), (len(body), 0))
        self._bodies[id(body)] = size, senders + 1
        if not senders:
            self._bytes += size
            self._make_room()
        try:
            yield
        finally:
            size, senders = self._bodies.pop(id(body))
            if senders > 1:
                self._bodies[id(body)] = size, senders - 1
            else:
                self._bytes -= size

    def _make_room(self) -> None:
        if self._bytes <= self._bytes_max:
            return
        largest = max((size for size, _ in self._bodies.values()), default=0)
        while self._bytes - largest > self._bytes_max and self._stalled:
            transport = next(iter(self._stalled))
            self.goes_on(transport)
            transport.abort()


def by_the_piece(send: Callable[[Any], Awaitable[None]], unsent: Unsent) -> Callable[[Any], Awaitable[None]]:
    """Sends as an ASGI server does, but the body of a large answer in pieces, each when the one before is read."""

    def send_by_the_piece(message: dict[str, Any]) -> Awaitable[None]:
        body = message.get("body", b"")
        return send(message) if len(body) <= PIECE_BYTES else _send_all(send, message, body, unsent)

    return send_by_the_piece


async def _send_all(
    send: Callable[[Any], Awaitable[None]], message: dict[str, Any], body: bytes, unsent: Unsent
) -> None:
    with unsent.sending(body):
        whole, ends = memoryview(body), range(PIECE_BYTES, len(body) + PIECE_BYTES, PIECE_BYTES)
        for end in ends:
            more = end < len(body) or message.get("more_body", False)
            await send({"type": message["type"], "body": whole[end - PIECE_BYTES : end], "more_body": more})
            await asyncio.sleep(0)  # whoever reads as fast as we write lets others have their turn
