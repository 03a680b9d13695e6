"""A service that does what a test needs to see, behind a server whose limits are small."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from grpclib.const import Cardinality, Handler, Status
from grpclib.server import Stream

from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.grpc_server.connection import CallerConnection
from travio_inventory.grpc_server.frames import GuardedFrames
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.lean.outgoing import Outgoing
from travio_inventory.grpc_server.limits import ServerLimits
from travio_inventory.grpc_server.server import Engine, GuardedServer
from travio_inventory.wire.inventory.v1 import CheckAvailabilityRequest, CheckAvailabilityResponse
from verification.kit.frames import framed
from verification.kit.raw_caller import RawCaller, RawReply, raw_caller

ECHO, WAIT, STUBBORN, FAIL, LARGE, CHAT, WATCH, TELL = (
    f"/test.Probe/{name}" for name in ("Echo", "Wait", "Stubborn", "Fail", "Large", "Chat", "Watch", "Tell")
)
MISSING = "/test.Probe/Missing"
LIMITS = ServerLimits(
    message_bytes_default_max=1_000,
    message_bytes_max_by_method={CHAT: 200_000},
    unread_bytes_max=50_000,
    streams_concurrent_max=10,
    calls_max=10_000,
    watching_calls_max=10_000,
    connections_max=10,
    resets_per_second_max=20,
    control_frames_per_second_max=20,
    header_bytes_max=8_192,
    header_block_bytes_max=32_768,
    idle_connection_seconds_max=30,
    message_read_seconds_max=30,
    write_stalled_seconds_max=30,
    deadline_default_seconds=30,
    deadline_max_seconds=60,
    methods_without_deadline=frozenset({WATCH}),
    drain_seconds_max=5,
    linger_seconds_max=0.5,
)
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", WAIT),
    (":authority", "test"),
    ("content-type", "application/grpc"),
]
SEVEN = framed(bytes(CheckAvailabilityRequest(trip_id="t", passengers=7)))
LARGE_REPLY = bytes(80_000)

ProbeStream = Stream[CheckAvailabilityRequest, Any]


@dataclass
class Probe:
    """A service that does what a test needs to see."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    cancelled: int = 0
    larges: int = 0
    seconds_left: list[float] = field(default_factory=list)
    told: list[ProbeStream] = field(default_factory=list)
    """Those who are told one message, and then whatever a test sends."""

    async def echo(self, stream: ProbeStream) -> None:
        request = await stream.recv_message()
        assert request is not None
        assert stream.deadline is not None
        self.seconds_left.append(stream.deadline.time_remaining())
        await stream.send_message(CheckAvailabilityResponse(available_seats=request.passengers))

    async def wait(self, stream: ProbeStream) -> None:
        self.running += 1
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        await self.echo(stream)

    async def stubborn(self, stream: ProbeStream) -> None:
        try:
            await self.wait(stream)
        except asyncio.CancelledError:
            await self.go_on.wait()

    async def fail(self, stream: ProbeStream) -> None:
        raise RuntimeError("the password is 1234")

    async def large(self, stream: ProbeStream) -> None:
        self.larges += 1
        await stream.send_message(LARGE_REPLY)

    async def chat(self, stream: ProbeStream) -> None:
        async for request in stream:
            await stream.send_message(CheckAvailabilityResponse(available_seats=request.passengers))

    async def watch(self, stream: ProbeStream) -> None:
        assert stream.deadline is None
        self.started.set()
        await asyncio.Event().wait()

    async def tell(self, stream: ProbeStream) -> None:
        await stream.recv_message()
        self.told.append(stream)
        await stream.send_message(SEVEN[5:])
        self.started.set()
        await self.go_on.wait()
        await stream.send_message(SEVEN[5:])

    def __mapping__(self) -> dict[str, Handler]:
        types = CheckAvailabilityRequest, CheckAvailabilityResponse
        unary, chat, watch = Cardinality.UNARY_UNARY, Cardinality.STREAM_STREAM, Cardinality.UNARY_STREAM
        return {
            ECHO: Handler(self.echo, unary, *types),
            WAIT: Handler(self.wait, unary, *types),
            STUBBORN: Handler(self.stubborn, unary, *types),
            FAIL: Handler(self.fail, unary, *types),
            LARGE: Handler(self.large, unary, *types),
            CHAT: Handler(self.chat, chat, *types),
            WATCH: Handler(self.watch, watch, *types),
            TELL: Handler(self.tell, watch, *types),
        }


@dataclass
class Served:
    """A server that listens, and the service behind it."""

    server: GuardedServer
    probe: Probe
    ended: list[tuple[str, int]]
    """The calls that have ended: path and status."""

    def caller(self) -> AbstractAsyncContextManager[RawCaller]:
        return raw_caller(self.server.port)


ENGINES: dict[str, Engine] = {"grpclib": CallerConnection, "lean": LeanConnection}
ENGINE = ["lean"]
"""The one that serves: the fixture `engine` says which."""


@asynccontextmanager
async def serving(
    codec: PassThroughCodec | None = None,
    /,
    **changes: Any,  # noqa: ANN401    # one per limit, of its type
) -> AsyncIterator[Served]:
    probe = Probe()
    ended: list[tuple[str, int]] = []

    def note(path: str, status: int, elapsed_ns: int) -> None:
        assert elapsed_ns >= 0
        ended.append((path, status))

    connection = ENGINES[ENGINE[-1]]
    limits = replace(LIMITS, **changes)
    server = GuardedServer([probe], limits=limits, codec=codec, connection=connection, ended=note)
    async with server:
        await server.start("127.0.0.1", 0)
        yield Served(server, probe, ended)


def http2_state(connection: object) -> object:
    """What keeps the streams of a connection."""
    match connection:
        case LeanConnection():
            return connection._outgoing
        case CallerConnection():
            return connection._frames
        case _:
            raise TypeError(connection)


def stalled_since(connection: object) -> float | None:
    """Since when its peer does not take what was written, by the loop's clock; None if it does."""
    match connection:
        case LeanConnection():
            return connection._stalled_since
        case CallerConnection():
            return connection._writer.stalled_since
        case _:
            raise TypeError(connection)


def streams_known(connection: object) -> int:
    """How many streams a connection keeps, open or over."""
    state = http2_state(connection)
    return len(state.streams) if isinstance(state, Outgoing) else cast(GuardedFrames, state).streams_known()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110    # the server has no events for tests
            await asyncio.sleep(0.005)


def is_seven(answer: RawReply) -> bool:
    reply = CheckAvailabilityResponse.parse(answer.reply)
    return answer.status is Status.OK and reply.available_seats == 7


async def goes_on(caller: RawCaller) -> bool:
    """Whether the connection still serves."""
    return is_seven(await caller.ask(ECHO, SEVEN)) and not caller.goaways
