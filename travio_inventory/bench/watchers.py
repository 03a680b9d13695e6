"""Watchers of a trip over each protocol, read as cheaply as can be: a bench shares the machine with the service."""

import asyncio
import errno
import json
import resource
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from functools import lru_cache
from time import perf_counter
from typing import Final, NamedTuple, cast

from grpclib.const import Status

from travio_inventory.bench import calls
from travio_inventory.bench.lean_channel import LeanChannel, Reply
from travio_inventory.kernel.addresses import Address
from travio_inventory.seats.trip import TripKey

CONNECTING_AT_ONCE: Final = 200
BEGIN_S_MAX: Final = 60.0
PER_CHANNEL: Final = 200
"""Over gRPC, watchers of one connection; the service allows 256 unless it is told otherwise."""
ROOM_FOR_OTHERS: Final = 16
OTHER_CALLS: Final = 1_000
CALLS_MAX: Final = "TRAVIO_CALLS_MAX"
CROWDED: Final = Status.RESOURCE_EXHAUSTED.value
HEAD_BYTES: Final = 5
"""Before each message of a call."""
UPDATES_KEPT: Final = 8_192
UPGRADE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
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


Read = Callable[[bytes], Update | None]


@lru_cache(UPDATES_KEPT)
def of_json(text: bytes) -> Update | None:
    """None for what is no part of the feed. All watchers are told the same bytes, which are read once."""
    told = json.loads(text)
    if "position" not in told:
        return None
    seats = tuple((seat["seat_id"], seat["version"]) for seat in told.get("seats", ()))
    return Update(told["type"], told["position"], told.get("after", ""), seats)


KINDS: Final = ("", "snapshot", "delta", "heartbeat")


@lru_cache(UPDATES_KEPT)
def of_protobuf(message: bytes) -> Update | None:
    """As `of_json`, of a WatchSeatMapResponse."""
    told = calls.parsed("WatchSeatMapResponse", message)
    seats = tuple((seat.seat_id, seat.version) for seat in told.seats)
    return Update(KINDS[told.kind], told.position, told.after, seats)


class Watcher:
    """One who is told; each message is kept as it came, with the time."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begins_at = ""
        self.changes = 0
        self._received: list[tuple[float, bytes]] = []

    @property
    def told(self) -> Iterator[tuple[float, Update]]:
        """What came after the snapshot, and when."""
        return ((at, told) for at, message in self._received if (told := self._read(message)))

    def hear(self, message: bytes) -> None:
        """The service has said that."""
        told = self._read(message)
        if told is None:
            return
        if self.began.done():
            self._received.append((perf_counter(), message))
            self.changes += len(told.seats)
        elif told.kind == "snapshot":
            self.begins_at = told.position
            self.began.set_result(None)

    def lose(self, why: BaseException | None) -> None:
        """It is told nothing any more."""
        if not self.began.done():
            self.began.set_exception(ConnectionError(f"a watcher was cut off before it had the map: {why}"))


class StreamWatcher(Watcher, asyncio.Protocol):
    """Over HTTP, by a stream of events."""

    def __init__(self, http: Address, trip: TripKey) -> None:
        super().__init__(of_json)
        self._opening = self._request(http, trip).encode()
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def _request(self, http: Address, trip: TripKey) -> str:
        path = f"/v1/trips/{trip.trip}/updates?shape=native&org_id={trip.organization}"
        return f"GET {path} HTTP/1.1\r\nhost: {http}\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._opening)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(exc)

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self.hear(line[6:])

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


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
            elif kind == PING and self._transport is not None:
                self._transport.write(bytes((PONG, 0x80 | len(message), 0, 0, 0, 0)) + message)


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
    return f"{said}; each watcher is a call: see {CALLS_MAX} of the service" if ended.status == CROWDED else said


def calls_for(count: int) -> int:
    """How many calls a service must allow for so many watchers: a connection may not have more than a sixteenth of
    those that are left.
    """
    return count + ROOM_FOR_OTHERS * PER_CHANNEL + OTHER_CALLS


@asynccontextmanager
async def watching(over: Over, service: Address, trip: TripKey, count: int) -> AsyncIterator[list[Watcher]]:
    """So many watchers, each of whom has the map, while the block lasts. Raises OSError, TimeoutError."""
    watchers: list[Watcher] = []
    async with AsyncExitStack() as leaving:

        async def add() -> Sequence[Watcher]:
            if over is Over.GRPC:
                channel = await LeanChannel.connect(*service)
                leaving.callback(channel.close)
                return [CallWatcher(channel, trip) for _ in range(min(PER_CHANNEL, count - len(watchers)))]
            some = min(CONNECTING_AT_ONCE, count - len(watchers))
            return await asyncio.gather(*(connect(leaving) for _ in range(some)))

        async def connect(leaving: AsyncExitStack) -> Watcher:
            kind = SocketWatcher if over is Over.WEBSOCKET else StreamWatcher
            _, watcher = await asyncio.get_running_loop().create_connection(lambda: kind(service, trip), *service)
            leaving.callback(watcher.close)
            return watcher

        while len(watchers) < count:
            more = await add()
            watchers += more
            async with asyncio.timeout(BEGIN_S_MAX):
                await asyncio.gather(*(watcher.began for watcher in more))
        yield watchers
    await asyncio.sleep(0)


def allow_files(count: int) -> None:
    """Let this process open so many files. Raises OSError where the machine does not."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count:
        said = f"a process may open {most} files here, and this needs {count}: raise the limit (ulimit -n)"
        raise OSError(errno.EMFILE, said)
    if allowed < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))
