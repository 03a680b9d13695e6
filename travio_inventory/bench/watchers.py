"""Watchers of a trip over each protocol, read as cheaply as can be: a bench shares the machine with the service."""

import asyncio
import errno
import json
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from functools import lru_cache
from time import perf_counter
from typing import Final, NamedTuple, cast

from grpclib.const import Status

from travio_inventory.bench import calls
from travio_inventory.bench.lean_channel import LeanChannel, Reply
from travio_inventory.bench.quick_reader import read_quickly
from travio_inventory.client import SeatStatus
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.trip import TripKey

CONNECTING_AT_ONCE: Final = 200
BEGIN_S_MAX: Final = 60.0
PER_CHANNEL: Final = 200
"""Over gRPC, watchers of one connection; the service allows 256 unless it is told otherwise."""
ROOM_FOR_OTHERS: Final = 16
CALLS_MAX: Final = "TRAVIO_WATCHING_CALLS_MAX"
CROWDED: Final = Status.RESOURCE_EXHAUSTED.value
HEAD_BYTES: Final = 5
"""Before each message of a call."""
NARROW_SEGMENT_BYTES: Final = 1_000
NARROW_BUFFER_BYTES: Final = 8_192
UPDATES_KEPT: Final = 8_192
UPGRADE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
STATUS: Final = "SEAT_STATUS_"
TEXT, PING, PONG = 0x81, 0x89, 0x8A
SHORT, LONG = 126, 127
"""Lengths of WebSocket frames that say that the length follows, in two bytes or in eight."""


class Over(StrEnum):
    """How watchers are told."""

    SSE = "sse"
    WEBSOCKET = "websocket"
    GRPC = "grpc"


class Update(NamedTuple):
    """What one message says."""

    kind: str
    position: str
    after: str
    seats: tuple[tuple[str, int], ...]
    """Each with its version."""
    states: Mapping[str, int]
    """The same seats as they are now, by the numbers of the wire contract."""


Read = Callable[[bytes], Update | None]


@lru_cache(UPDATES_KEPT)
def of_json(text: bytes) -> Update | None:
    """None for what is no part of the feed. All watchers are told the same bytes, which are read once."""
    told = json.loads(text)
    if "position" not in told:
        return None
    changed = told.get("seats", ())
    seats = tuple((seat["seat_id"], seat["version"]) for seat in changed)
    states = {seat["seat_id"]: SeatStatus[seat["status"].removeprefix(STATUS)].value for seat in changed}
    return Update(told["type"], told["position"], told.get("after", ""), seats, states)


KINDS: Final = ("", "snapshot", "delta", "heartbeat")


@lru_cache(UPDATES_KEPT)
def of_protobuf(message: bytes) -> Update | None:
    """As `of_json`, of a WatchSeatMapResponse."""
    told = calls.parsed("WatchSeatMapResponse", message)
    seats = tuple((seat.seat_id, seat.version) for seat in told.seats)
    states = {seat.seat_id: seat.status for seat in told.seats}
    return Update(KINDS[told.kind], told.position, told.after, seats, states)


class Watcher:
    """One who is told; each message is kept as it came, with the time."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.begins_at = ""
        self.changes = 0
        self._begins_with = b""
        self._received: list[tuple[float, bytes]] = []

    @property
    def told(self) -> Iterator[tuple[float, Update]]:
        """What came after the snapshot, and when."""
        return ((at, told) for at, message in self._received if (told := self._read(message)))

    @property
    def position(self) -> str:
        """Where it is."""
        last = self._read(self._received[-1][1] if self._received else self._begins_with)
        return last.position if last else ""

    def shows(self) -> dict[str, int]:
        """The state of each seat, as it was told."""
        states = dict[str, int]()
        for message in (self._begins_with, *(message for _, message in self._received)):
            if told := self._read(message):
                states = {**told.states} if told.kind == "snapshot" else {**states, **told.states}
        return states

    def stop_reading(self) -> None:
        """Take nothing more from the service."""
        if self.transport is not None:
            self.transport.pause_reading()

    def read_on(self) -> None:
        """Take what it has left, and what comes."""
        if self.transport is not None:
            self.transport.resume_reading()

    def hear(self, message: bytes) -> None:
        """The service has said that."""
        told = self._read(message)
        if told is None:
            return
        if self.began.done():
            self._received.append((perf_counter(), message))
            self.changes += len(told.seats)
        elif told.kind == "snapshot":
            self.begins_at, self._begins_with = told.position, message
            self.began.set_result(None)

    def lose(self, why: BaseException | None) -> None:
        """It is told nothing any more."""
        if not self.began.done():
            self.began.set_exception(ConnectionError(f"a watcher was cut off before it had the map: {why}"))


class StreamWatcher(Watcher, asyncio.Protocol):
    """Over HTTP, by a stream of events."""

    def __init__(self, http: Address, trip: TripKey) -> None:
        super().__init__(of_json)
        self._loop = asyncio.get_running_loop()
        self._opening = self._request(http, trip).encode()
        self._buffer = b""

    def fileno(self) -> int:
        """Its connection, which the event loop reads no more; -1 where it has ended."""
        self.stop_reading()
        return cast(int, self.transport.get_extra_info("socket").fileno()) if self.transport else -1

    def _request(self, http: Address, trip: TripKey) -> str:
        path = f"/v1/trips/{trip.trip}/updates?shape=native&org_id={trip.organization}"
        return f"GET {path} HTTP/1.1\r\nhost: {http}\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._opening)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(exc)

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self.hear(line[6:])

    def close(self) -> None:
        """Leave."""
        if self.transport is not None:
            self.transport.close()


class SocketWatcher(StreamWatcher):
    """Over a WebSocket."""

    _is_open = False

    def _request(self, http: Address, trip: TripKey) -> str:
        path = f"/ws?tripId={trip.trip}&org_id={trip.organization}"
        return f"GET {path} HTTP/1.1\r\nhost: {http}\r\n{UPGRADE}\r\n"

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            _, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._buffer, self._is_open = rest, True
        while (ends := _end_of_frame(self._buffer)) and ends[1] <= len(self._buffer):
            kind, message = self._buffer[0], self._buffer[ends[0] : ends[1]]
            self._buffer = self._buffer[ends[1] :]
            if kind == TEXT:
                self.hear(message)
            elif kind == PING and self.transport is not None:
                pong = bytes((PONG, 0x80 | len(message), 0, 0, 0, 0)) + message
                self._loop.call_soon_threadsafe(self.transport.write, pong)


def _end_of_frame(buffer: bytes) -> tuple[int, int] | None:
    """Where what the first frame says begins and ends."""
    if len(buffer) < 2:
        return None
    more = {SHORT: 2, LONG: 8}.get(buffer[1], 0)
    if len(buffer) < 2 + more:
        return None
    size = int.from_bytes(buffer[2 : 2 + more], "big") if more else buffer[1]
    return 2 + more, 2 + more + size


class CallWatcher(Watcher):
    """Over gRPC."""

    def __init__(self, channel: LeanChannel, trip: TripKey) -> None:
        super().__init__(of_protobuf)
        self._buffer = b""
        self.transport = channel.transport
        request = calls.write("WatchSeatMapRequest", trip_id=trip.trip, organization_id=trip.organization)
        channel.stream(calls.method("WatchSeatMap"), request, self._hear_part).add_done_callback(self._end)

    def _hear_part(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEAD_BYTES:
            ends = HEAD_BYTES + int.from_bytes(self._buffer[1:HEAD_BYTES], "big")
            if len(self._buffer) < ends:
                return
            message, self._buffer = self._buffer[HEAD_BYTES:ends], self._buffer[ends:]
            self.hear(message)

    def _end(self, reply: "asyncio.Future[Reply]") -> None:
        self.lose(reply.exception() or ConnectionError(_why(reply.result())))


def _why(ended: Reply) -> str:
    """Why a call is over that has no end."""
    said = f"the call ended with {Status(ended.status).name}: {ended.message}"
    return f"{said}; see {CALLS_MAX} of the service" if ended.status == CROWDED else said


def calls_for(count: int) -> int:
    """How many watching calls a service must allow: a connection may not have more than a sixteenth of those that are
    left.
    """
    return count + (ROOM_FOR_OTHERS + 1) * PER_CHANNEL


@asynccontextmanager
async def watching(
    over: Over, service: Address, trip: TripKey, count: int, *, may_lag: bool = False
) -> AsyncIterator[list[Watcher]]:
    """So many watchers, each of whom has the map, while the block lasts. Of one who `may_lag` little waits to be read
    before the service notices, and each has a connection of its own. Raises OSError, TimeoutError.
    """
    watchers: list[Watcher] = []
    async with AsyncExitStack() as leaving:

        async def add() -> Sequence[Watcher]:
            if over is Over.GRPC:
                channel = await LeanChannel.connect(*service, sock=await _narrow(service) if may_lag else None)
                leaving.callback(channel.close)
                some = 1 if may_lag else min(PER_CHANNEL, count - len(watchers))
                return [CallWatcher(channel, trip) for _ in range(some)]
            some = min(CONNECTING_AT_ONCE, count - len(watchers))
            return await asyncio.gather(*(connect() for _ in range(some)))

        async def connect() -> Watcher:
            kind, loop = SocketWatcher if over is Over.WEBSOCKET else StreamWatcher, asyncio.get_running_loop()
            if may_lag:
                _, watcher = await loop.create_connection(lambda: kind(service, trip), sock=await _narrow(service))
            else:
                _, watcher = await loop.create_connection(lambda: kind(service, trip), *service)
            leaving.callback(watcher.close)
            return watcher

        while len(watchers) < count:
            more = await add()
            watchers += more
            async with asyncio.timeout(BEGIN_S_MAX):
                await asyncio.gather(*(watcher.began for watcher in more))
        if alone := [each for each in watchers if isinstance(each, StreamWatcher) and not may_lag]:
            leaving.enter_context(read_quickly(alone))
        yield watchers
    await asyncio.sleep(0)


async def _narrow(service: Address) -> socket.socket:
    """A connection with small segments and buffers. Raises OSError."""
    loop = asyncio.get_running_loop()
    ((family, kind, protocol, _, address), *_) = await loop.getaddrinfo(*service, type=socket.SOCK_STREAM)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, NARROW_SEGMENT_BYTES)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BUFFER_BYTES)
        made.setblocking(False)
        await loop.sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


def allow_files(count: int) -> None:
    """Let this process open so many files. Raises OSError where the machine does not."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        said = f"a process may open {most} files here, and this needs {count}: raise the limit (ulimit -n)"
        raise OSError(errno.EMFILE, said)
    if allowed < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))
