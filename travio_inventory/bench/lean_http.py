"""An HTTP/1.1 client for one thing: very many small requests, prepared as bytes, at little cost to the caller."""

import asyncio
from collections import deque
from typing import cast

from travio_inventory.bench.lean_channel import ConnectionLost, Reply

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length: "
WITHOUT_BODY = (204, 304)


class HttpChannel(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[Reply] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> "HttpChannel":
        """An open connection. Raises OSError."""
        _, channel = await asyncio.get_running_loop().create_connection(cls, host, port)
        return channel

    async def call(self, request: bytes) -> Reply:
        """The reply: its status, its head in the place of details, and its body. Raises ConnectionLost."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionLost("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionLost(str(exc or "the server closed the connection")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, _ = self._buffer.partition(END_OF_HEAD)
        if not found or self._answer is None:
            return
        status = int(head[9:12])
        ends = len(head) + len(END_OF_HEAD) + (0 if status in WITHOUT_BODY else _length(head))
        if len(self._buffer) >= ends:
            body = bytes(self._buffer[len(head) + len(END_OF_HEAD) : ends])
            del self._buffer[:ends]
            self._answer.set_result(Reply(status, "", bytes(head), body))


def _length(head: bytearray) -> int:
    """Of the body; our service tells it of every answer that a bench asks for."""
    return int(head.partition(LENGTH)[2].partition(b"\r\n")[0])


class HttpChannels:
    """Several connections to one service; a request waits for one that is free."""

    def __init__(self, channels: list[HttpChannel]) -> None:
        self._all = channels
        self._free = deque(channels)

    @classmethod
    async def connect(cls, host: str, port: int, count: int) -> "HttpChannels":
        """So many open connections. Raises OSError."""
        return cls([await HttpChannel.connect(host, port) for _ in range(count)])

    def call(self, _path: str, request: bytes) -> asyncio.Future[Reply]:
        """Send one request, which names its path itself. There must be as many connections as callers."""
        return asyncio.ensure_future(self._call(request))

    async def _call(self, request: bytes) -> Reply:
        channel = self._free.popleft()
        try:
            return await channel.call(request)
        finally:
            self._free.append(channel)

    def close(self) -> None:
        """End all connections."""
        for channel in self._all:
            channel.close()
