"""A WebSocket of one caller: uvicorn's, which ends where its peer does not read."""

import asyncio
from collections.abc import Sequence
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from travio_inventory.http_server.connection import WRITE_NOW


class CallerSocket(WebSocketsSansIOProtocol):
    """Ends the connection where the peer leaves unread what it was sent for so long, whatever the application does."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, write_stalled_seconds_max: float
    ) -> None:
        super().__init__(config, server_state, {**app_state, WRITE_NOW: self._write_now})
        self._write_stalled_seconds_max = write_stalled_seconds_max
        self._stalled: asyncio.TimerHandle | None = None

    def _write_now(self, texts: Sequence[str]) -> bool:
        if not self.handshake_complete or self.close_sent or self.disconnected or not self.writable.is_set():
            return False
        frames = [Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in texts]
        self.transport.write(b"".join(frames))
        return True

    def pause_writing(self) -> None:
        self._stalled = self.loop.call_later(self._write_stalled_seconds_max, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
