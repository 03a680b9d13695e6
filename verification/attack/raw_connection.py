"""An attacker's connection: sends any bytes, follows no rule, and notes every answer."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, cast

from grpclib.const import Status
from h2.errors import ErrorCodes
from hpack import Decoder

from verification.kit.frames import DATA, END_STREAM, FRAME_BYTES, PREFACE, frame, settings_frame

WINDOW_BYTES_START: Final = 65_535
CONNECT_SECONDS_MAX: Final = 60.0


class RawConnection(asyncio.Protocol):
    """One connection. The answers are counted in `heard`, which many connections may share.

    A gRPC status counts by its name; "RST X" and "GOAWAY X" are HTTP/2 errors; "closed" is an end without an answer.
    """

    def __init__(self, heard: Counter[str]) -> None:
        self.ended = asyncio.Event()
        self.answered: set[int] = set()
        self.begun: set[int] = set()
        """Calls whose answer has begun and not ended yet."""
        self._heard = heard
        self._buffer = bytearray()
        self._decoder = Decoder()
        self._left = False
        self._dismissed = asyncio.Event()
        self._greeted = asyncio.Event()
        self._signals = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._windows: defaultdict[int, int] = defaultdict(lambda: WINDOW_BYTES_START)

    @classmethod
    async def connect(
        cls,
        port: int,
        heard: Counter[str],
        *,
        preface: bool = True,
        settings: Iterable[tuple[int, int]] = (),
    ) -> "RawConnection":
        """An open connection that has sent its preface and settings, or nothing yet. Raises OSError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            _, connection = await loop.create_connection(lambda: cls(heard), "127.0.0.1", port)
        if preface:
            connection.write(PREFACE + settings_frame(settings))
        return connection

    async def greeted(self) -> None:
        """Wait until the service has noticed the connection: it sends its settings, or closes. Raises TimeoutError."""
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            await self._greeted.wait()

    # ---- what an attack does

    def write(self, data: bytes) -> None:
        """Send without waiting."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def send(self, data: bytes) -> None:
        """Send; wait while the service does not read, at most until the connection ends."""
        self.write(data)
        await self._writable.wait()

    async def send_within_windows(self, stream_id: int, body: bytes, *, end: bool = True) -> None:
        """Send DATA as the peer's windows allow, until it is all sent, or the call answered, or the connection over."""
        sent = 0
        while sent < len(body) and stream_id not in self.answered and not self.ended.is_set():
            room = min(self._windows[0], self._windows[stream_id], FRAME_BYTES, len(body) - sent)
            if room <= 0:
                await self._hear()
                continue
            flags = END_STREAM if end and sent + room == len(body) else 0
            await self.send(frame(DATA, flags, stream_id, body[sent : sent + room]))
            self._windows[0] -= room
            self._windows[stream_id] -= room
            sent += room

    async def answers(self, count: int, *, within_s: float) -> None:
        """Wait until this number of calls is answered, the connection is over, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.answered) < count and not self.ended.is_set():
                    await self._hear()

    async def begins(self, count: int, *, within_s: float) -> None:
        """As `answers`; a call counts as soon as its answer begins."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.answered) + len(self.begun) < count and not self.ended.is_set():
                    await self._hear()

    async def end(self, *, within_s: float) -> None:
        """Wait until the service has sent GOAWAY or closed the connection, at most for the given time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._dismissed.wait(), within_s)

    def stop_reading(self) -> None:
        """Stop reading."""
        self._transport.pause_reading()

    def leave(self) -> None:
        """Close the connection abruptly."""
        self._left = True
        self._transport.abort()

    async def _hear(self) -> None:
        self._signals.clear()
        await self._signals.wait()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._left:
            self._heard["closed"] += 1
        self.ended.set()
        self._greeted.set()
        self._dismissed.set()
        self._writable.set()
        self._signals.set()

    def data_received(self, data: bytes) -> None:
        self._greeted.set()
        buffer, at = self._buffer, 0
        buffer += data
        while len(buffer) - at >= 9:
            end = at + 9 + int.from_bytes(buffer[at : at + 3])
            if end > len(buffer):
                break
            stream_id = int.from_bytes(buffer[at + 5 : at + 9])
            self._receive(buffer[at + 3], buffer[at + 4], stream_id, bytes(buffer[at + 9 : end]))
            at = end
        del buffer[:at]
        self._signals.set()

    def _receive(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        match kind:
            case 1:
                self._note_headers(stream_id, self._decoder.decode(body), ended=bool(flags & END_STREAM))
            case 3:
                code = int.from_bytes(body)
                if stream_id not in self.answered or code != ErrorCodes.NO_ERROR:
                    self._note(stream_id, f"RST {name_of(code)}")
            case 7:
                self._heard[f"GOAWAY {name_of(int.from_bytes(body[4:8]))}"] += 1
                self._left = True
                self._dismissed.set()
            case 8:
                self._windows[stream_id] += int.from_bytes(body)
            case _:
                pass  # an attacker ignores all other events

    def _note_headers(self, stream_id: int, headers: Iterable[tuple[str | bytes, str | bytes]], *, ended: bool) -> None:
        said = {str(name): str(value) for name, value in headers}
        if "grpc-status" in said:
            self._note(stream_id, Status(int(said["grpc-status"])).name)
        elif ended or said.get(":status") != "200":
            self._note(stream_id, f"HTTP {said.get(':status')}")
        else:
            self.begun.add(stream_id)

    def _note(self, stream_id: int, said: str) -> None:
        self._heard[said] += 1
        self.answered.add(stream_id)
        self.begun.discard(stream_id)


def name_of(code: int) -> str:
    """The name of an HTTP/2 error code."""
    return ErrorCodes(code).name if code in ErrorCodes.__members__.values() else str(code)
