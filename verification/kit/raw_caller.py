"""A caller that can send any frames, right or wrong, and sees everything that comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from grpclib.const import Status
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

PATIENCE_SECONDS = 60.0


@dataclass
class RawReply:
    """What has come back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    frame_sizes: list[int] = field(default_factory=list)
    reset: ErrorCodes | int | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> Status | None:
        return Status(int(self.headers["grpc-status"])) if "grpc-status" in self.headers else None

    @property
    def message(self) -> str:
        return unquote(self.headers.get("grpc-message", ""))

    @property
    def reply(self) -> bytes:
        return self.body[5:]


class RawCaller:
    """One HTTP/2 connection to the server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.goaways: list[ErrorCodes | int | None] = []
        self.closed = asyncio.Event()
        self.pongs = 0
        self.h2 = H2Connection(
            H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        )
        self._answers: dict[int, RawReply] = {}
        self._reader = reader
        self._writer = writer

    @property
    def unsent_bytes(self) -> int:
        """What the kernel has not taken, because the server does not read."""
        return self._writer.transport.get_write_buffer_size()

    def open(self, path: str, *, replacing: Iterable[tuple[str, str | None]] = (), end: bool = False) -> int:
        """Send headers, some of them replaced or (None) left out; the stream's id."""
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "test",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        headers |= {name: value for name, value in replacing if value is not None}
        for name, value in replacing:
            if value is None:
                headers.pop(name, None)
        stream_id = self.h2.get_next_available_stream_id()
        self._answers[stream_id] = RawReply()
        self.h2.send_headers(stream_id, list(headers.items()), end_stream=end)
        self.flush()
        return stream_id

    def call(self, path: str, body: bytes, *, replacing: Iterable[tuple[str, str | None]] = ()) -> int:
        """Send a whole request; the stream's id."""
        stream_id = self.open(path, replacing=replacing)
        self.send(stream_id, body, end=True)
        return stream_id

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream_id, data, end_stream=end)
        self.flush()

    def reset(self, stream_id: int) -> None:
        self.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
        self.flush()

    def send_bytes(self, data: bytes) -> None:
        """Send what h2 would not."""
        with suppress(ConnectionError):
            self._writer.write(data)

    def flush(self) -> None:
        self.send_bytes(self.h2.data_to_send())

    async def answer(self, stream_id: int) -> RawReply:
        """Wait for the answer; raises TimeoutError if there is none."""
        answer = self._answers[stream_id]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await answer.done.wait()
        return answer

    async def ask(self, path: str, body: bytes, *, replacing: Iterable[tuple[str, str | None]] = ()) -> RawReply:
        return await self.answer(self.call(path, body, replacing=replacing))

    async def ends(self) -> None:
        """Wait for the end of the connection; raises TimeoutError if it stays open."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.closed.wait()

    async def pump(self) -> None:
        """Read until the server closes the connection."""
        with suppress(ConnectionError):
            while data := await self._reader.read(65_536):
                for event in self.h2.receive_data(data):
                    self._note(event)
                if not self.goaways:
                    self.flush()
        self.closed.set()
        for answer in self._answers.values():
            answer.done.set()

    def _note(self, event: object) -> None:
        match event:
            case ResponseReceived() | TrailersReceived():
                self._answers[event.stream_id].headers |= {str(k): str(v) for k, v in event.headers}
            case DataReceived():
                answer = self._answers[event.stream_id]
                answer.body += event.data
                answer.frame_sizes.append(len(event.data))
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamReset():
                answer = self._answers[event.stream_id]
                answer.reset = event.error_code
                answer.done.set()
            case StreamEnded():
                self._answers[event.stream_id].done.set()
            case PingAckReceived():
                self.pongs += 1
            case ConnectionTerminated():
                self.goaways.append(event.error_code)
            case _:
                pass  # windows and settings are h2's business


@asynccontextmanager
async def raw_caller(port: int | None) -> AsyncIterator[RawCaller]:
    """A connection whose preface has been exchanged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    caller = RawCaller(reader, writer)
    caller.h2.initiate_connection()
    caller.flush()
    pump = asyncio.create_task(caller.pump())
    try:
        yield caller
    finally:
        writer.close()
        await asyncio.wait([pump])
