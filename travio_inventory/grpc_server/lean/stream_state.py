"""One stream as HTTP/2 sees it: who has ended it, what may still be sent either way, what waits to be sent."""

import asyncio

from travio_inventory.grpc_server.lean.frame_format import WINDOW_START


class StreamState:
    """A stream that is open. What waits for the peer's window is one message and what follows it, never a copy."""

    __slots__ = (
        "content_bytes_left", "drained", "id", "message", "receive_window", "remote_ended", "send_window", "sent",
        "trailers", "unacknowledged",
    )  # fmt: skip

    def __init__(self, stream_id: int, send_window: int) -> None:
        self.id = stream_id
        self.remote_ended = False
        self.receive_window = WINDOW_START
        self.unacknowledged = 0
        """Bytes that the peer may send again once it is told."""
        self.content_bytes_left: int | None = None
        """Of what content-length announced."""
        self.send_window = send_window
        self.message: bytes | None = None
        self.sent = 0
        """Bytes of the message, its prefix included."""
        self.trailers: bytes | None = None
        """The header block that ends the stream when the message is sent."""
        self.drained: asyncio.Future[None] | None = None
        """Who waits until the message is sent."""
