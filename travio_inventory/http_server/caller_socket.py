"""A WebSocket of one caller: uvicorn's, which ends where its peer does not read, or sends what it may not."""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request

from travio_inventory.http_server.at_once import AtOnce, DirectLine
from travio_inventory.http_server.connection import WRITE_NOW, tell
from travio_inventory.http_server.limits import HttpLimits, HttpRefusals
from travio_inventory.http_server.unsent import PIECE_BYTES, Unsent

PARSED_BYTES_MAX: Final = 2_048
"""Of what has arrived, so much is parsed before it is known whether that are too many frames."""
REFUSED: Final = "websocket.http.response.body"
"""The message with which an application ends its answer to a handshake that it does not take."""
FRAMES_KEPT: Final = 8
"""Many sockets are told the same texts one after the other: so many frames are written once."""


class CallerSocket(WebSocketsSansIOProtocol):
    """Ends the connection where the peer leaves unread what it was sent for so long, whatever the application does; and
    where it sends more frames than it may, more parts of a message than its message may have bytes, or text that is no
    UTF-8. `left` is told when it is over. A handshake that comes to nothing is answered by `refusals`.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: HttpLimits,
        refusals: HttpRefusals,
        left: Callable[[asyncio.BaseTransport], None],
        unsent: Unsent,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._limits = limits
        self._refusals = refusals
        self._left = left
        self._unsent = unsent
        self._speaking = asyncio.Lock()
        self._large: set[asyncio.Task[None]] = set()
        self._stalled: asyncio.TimerHandle | None = None
        self._frames_left = float(limits.socket_frames_at_once_max)
        self._counted_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]    # as uvicorn has it
        self._at_once = AtOnce(transport)
        self.app_state = {**self.app_state, WRITE_NOW: DirectLine(self._at_once, self._may_write, _frames)}
        super().connection_made(transport)

    def _may_write(self) -> bool:
        """Whether texts are written as soon as we are told them."""
        if not self.handshake_complete or self.close_sent or self.disconnected:
            return False
        return self.writable.is_set() and not self._speaking.locked()

    @property
    def close_sent(self) -> bool:
        """Whether we have said that it ends: nothing is said after that."""
        return self._has_ended

    @close_sent.setter
    def close_sent(self, has_ended: bool) -> None:
        self._has_ended = has_ended
        if has_ended:
            self._at_once.end()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as ASGI has them
        """One message after the other; of a large one the parts, each when the one before is read. Whoever does not
        wait for the end of it leaves a message that is whole.
        """
        async with self._speaking:
            said = message.get("text") or message.get("bytes") or ""
            if len(said) <= PIECE_BYTES or not self.handshake_complete:
                await super().send(message)
                self.handshake_complete |= message["type"] == REFUSED  # uvicorn would log that it is not
                return
        sending = self.loop.create_task(self._send_parts(said))
        self._large.add(sending)
        sending.add_done_callback(self._large.discard)
        await asyncio.shield(sending)
        if self.disconnected:
            raise ClientDisconnected

    async def _send_parts(self, said: str | bytes) -> None:
        async with self._speaking:
            self._at_once.end()
            with self._unsent.sending(said):
                for start in range(0, len(said), PIECE_BYTES):
                    await self.writable.wait()
                    if self.disconnected or self.close_sent:
                        return
                    self.transport.write(_part(said, start))
                    await asyncio.sleep(0)  # whoever reads as fast as we write lets others have their turn

    # What the peer sends.

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PARSED_BYTES_MAX):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + PARSED_BYTES_MAX])
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                tell(self.transport, self.default_headers, self._refusals.not_http)

    def handle_connect(self, event: Request) -> None:
        """One that asks for a version or a coding that is not ours is told what is, in the words of the library."""
        told = self.conn.accept(event)
        if told.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            super().handle_connect(event)
            return
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        told.headers.update((name.decode(), value.decode()) for name, value in self._refusals.not_http.headers)
        self.conn.send_response(told)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def send_500_response(self) -> None:
        if self.initial_response is None and not self.handshake_complete:
            tell(self.transport, self.default_headers, self._refusals.failed)

    def handle_events(self) -> None:
        now, limits = self.loop.time(), self._limits
        earned = (now - self._counted_at) * limits.socket_frames_per_second
        left = min(self._frames_left + earned, limits.socket_frames_at_once_max) - len(self.conn.events)
        self._frames_left, self._counted_at = left, now
        if left < 0:
            self._fail(CloseCode.POLICY_VIOLATION, "too many frames")
        else:
            super().handle_events()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= self._limits.socket_message_bytes_max:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many parts of a message")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.frames = []
            self._fail(CloseCode.INVALID_DATA, "a text must be UTF-8")
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._ended_by_us()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._ended_by_us()

    def _ended_by_us(self) -> None:
        """Whoever still wants to say something is told that the peer is gone."""
        if self.close_sent:
            self.disconnected = True

    def _fail(self, code: CloseCode, reason: str) -> None:
        """End the connection and say why, unless it is ending already."""
        if self.conn.close_sent is None:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    # What it leaves unread.

    def pause_writing(self) -> None:
        self._at_once.end()
        self._stalled = self.loop.call_later(self._limits.write_stalled_seconds_max, self.transport.abort)
        super().pause_writing()
        self._unsent.stalls(self.transport)

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_once.end()
        self._forget()
        self._left(self.transport)
        super().connection_lost(exc)

    def _forget(self) -> None:
        self._unsent.goes_on(self.transport)
        if self._stalled is not None:
            self._stalled.cancel()


@lru_cache(FRAMES_KEPT)
def _frame(text: str) -> bytes:
    """The text as a frame."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def _frames(texts: Sequence[str]) -> bytes:
    """The texts as frames."""
    return _frame(texts[0]) if len(texts) == 1 else b"".join(map(_frame, texts))


def _part(said: str | bytes, start: int) -> bytes:
    """The frame of one part of a message."""
    piece, is_last = said[start : start + PIECE_BYTES], start + PIECE_BYTES >= len(said)
    kind = Opcode.CONT if start else Opcode.TEXT if isinstance(said, str) else Opcode.BINARY
    data = piece.encode() if isinstance(piece, str) else piece
    return Frame(kind, data, fin=is_last).serialize(mask=False)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
