"""A peer that speaks HTTP/2 and answers every request in its own way, like a proxy or another service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

OddAnswer = Callable[[H2Connection, int], None]


def refused_stream(frames: H2Connection, stream_id: int) -> None:
    frames.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)


def reset_stream(frames: H2Connection, stream_id: int) -> None:
    frames.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)


def unreadable_details(frames: H2Connection, stream_id: int) -> None:
    _trailers_only(frames, stream_id, details="//////8")


def no_base64(frames: H2Connection, stream_id: int) -> None:
    _trailers_only(frames, stream_id, details="A")


def not_found_page(frames: H2Connection, stream_id: int) -> None:
    frames.send_headers(stream_id, [(":status", "404"), ("content-type", "text/html")], end_stream=True)


def bad_gateway(frames: H2Connection, stream_id: int) -> None:
    frames.send_headers(stream_id, [(":status", "502"), ("content-type", "text/html")], end_stream=True)


def _trailers_only(frames: H2Connection, stream_id: int, *, details: str) -> None:
    headers = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "13")]
    frames.send_headers(stream_id, [*headers, ("grpc-status-details-bin", details)], end_stream=True)


class _OddPeer(asyncio.Protocol):
    def __init__(self, answer: OddAnswer) -> None:
        self._answer = answer
        self._frames = H2Connection(H2Configuration(client_side=False))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._frames.initiate_connection()
        self._transport.write(self._frames.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._frames.receive_data(data):
            if isinstance(event, RequestReceived):
                self._answer(self._frames, event.stream_id)
        self._transport.write(self._frames.data_to_send())


@asynccontextmanager
async def odd_peer(answer: OddAnswer) -> AsyncIterator[int]:
    """The port on which it answers."""
    server = await asyncio.get_running_loop().create_server(lambda: _OddPeer(answer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
