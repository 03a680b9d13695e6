"""The well-behaved callers: a process that holds, moves, releases and reads maps at a fixed rate, and reports how."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from itertools import count
from time import monotonic
from typing import Final, NamedTuple

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus
from grpclib.const import Status

from travio_inventory.bench import calls
from travio_inventory.bench.lean_channel import LeanChannel, Reply
from travio_inventory.bench.lean_http import HttpChannel
from verification.attack.targets import FAIR_SEATS, FAIR_TRIP, map_over_http
from verification.kit.requests import path_of, request
from verification.kit.service_process import ORGANIZATION

VISITS_PER_SECOND: Final = 60
CHANNELS: Final = 4
NEWCOMER_EVERY: Final = 20
"""Every n-th visit uses a new connection."""
WEB_EVERY: Final = 7
"""Every n-th visit is over HTTP."""
MOVER_EVERY: Final = 12
"""Every n-th visit moves what it holds to another seat, if one is left."""
SETTLE_SECONDS_MAX: Final = 120.0
SEAT_SECONDS_MAX: Final = 30.0
HOLD_SECONDS: Final = 120
"""A hold outlasts every visit: a slow answer is a long wait, not a hold that has lapsed meanwhile."""
LOST: Final = "connection lost"
ELSEWHERE: Final = "moved elsewhere"


class Visit(NamedTuple):
    """The result of one visit: how long it took from the time it was due, and the first answer that was not OK."""

    number: int
    due_s: float
    """By the machine's monotonic clock."""
    seconds: float
    newcomer: bool
    outcome: str


class Crowd:
    """The callers. Each visit uses a seat that no other visit uses, so that any failure is the service's."""

    def __init__(self, port: int, web_port: int, token: str) -> None:
        self._port = port
        self._web_port = web_port
        self._token = token
        self._channels: list[LeanChannel] = []
        self._web: HttpChannel | None = None
        self._web_turn = asyncio.Lock()
        self._seats: asyncio.Queue[str] = asyncio.Queue()
        for number in range(1, FAIR_SEATS + 1):
            self._seats.put_nowait(f"seat-{number}")
        self._map = request("GetSeatMap", {"trip_id": FAIR_TRIP}).SerializeToString()
        self._map_over_http = map_over_http(FAIR_TRIP, token)

    async def enter(self) -> None:
        """Connect. Raises OSError."""
        self._channels = [await self._connect() for _ in range(CHANNELS)]
        self._web = await HttpChannel.connect("127.0.0.1", self._web_port)

    async def _connect(self) -> LeanChannel:
        return await LeanChannel.connect("127.0.0.1", self._port, token=self._token)

    async def visit(self, number: int, due_s: float) -> Visit:
        """A new caller that reads the map, or an old one that reads it or holds a seat, moves it and releases it; some
        read it over HTTP.
        """
        if number % WEB_EVERY == 0:
            newcomer = number % NEWCOMER_EVERY == 0
            outcome = await (self._come_and_look_over_http() if newcomer else self._look_over_http())
            return Visit(number, due_s, monotonic() - due_s, newcomer, outcome)
        newcomer, at = number % NEWCOMER_EVERY == 0, number // 2 % CHANNELS
        channel = self._channels[at]
        try:
            if newcomer:
                outcome = await self._come_and_look()
            elif number % 2:
                outcome = await self._look(channel)
            else:
                outcome = await self._hold_and_release(channel, moves=number % MOVER_EVERY == 0)
        except OSError:
            outcome = LOST
            if not newcomer:
                await self._come_back(at, channel)
        return Visit(number, due_s, monotonic() - due_s, newcomer, outcome)

    async def _come_and_look(self) -> str:
        channel = await self._connect()
        try:
            return await self._look(channel)
        finally:
            channel.close()

    async def _look(self, channel: LeanChannel) -> str:
        return _name_of(await channel.call(path_of("GetSeatMap"), self._map))

    async def _come_and_look_over_http(self) -> str:
        try:
            channel = await HttpChannel.connect("127.0.0.1", self._web_port)
        except OSError:
            return LOST
        try:
            return _status_of(await channel.call(self._map_over_http))
        except OSError:
            return LOST
        finally:
            channel.close()

    async def _look_over_http(self) -> str:
        """On the one connection that is kept; a lost one is replaced."""
        async with self._web_turn:
            try:
                if self._web is None:
                    self._web = await HttpChannel.connect("127.0.0.1", self._web_port)
                return _status_of(await self._web.call(self._map_over_http))
            except OSError:
                self._web = None
                return LOST

    async def _hold_and_release(self, channel: LeanChannel, *, moves: bool) -> str:
        """If all seats are held because the service is slow, it waits for the next one; the wait counts."""
        try:
            seats = [await asyncio.wait_for(self._seats.get(), SEAT_SECONDS_MAX)]
        except TimeoutError:
            return "no seat came back in time"
        if moves and not self._seats.empty():
            seats.append(self._seats.get_nowait())
        outcome = await self._use(channel, *seats)
        for seat in seats:
            self._seats.put_nowait(seat)
        return outcome

    async def _use(self, channel: LeanChannel, seat: str, other: str = "") -> str:
        """Hold the seat, move to the other one if there is one, and release it; what went wrong first."""
        asked: dict[str, object] = {"trip_id": FAIR_TRIP, "seat_ids": [seat], "user_id": seat, "idempotency_key": ""}
        asked["hold_duration_seconds"] = HOLD_SECONDS
        reply = await channel.call(path_of("HoldSeats"), request("HoldSeats", asked).SerializeToString())
        if reply.status != Status.OK.value:
            return _name_of(reply)
        hold_id = calls.read("HoldSeatsResponse", reply).hold_id
        moved = await self._move(channel, hold_id, seat, other) if other else Status.OK.name
        release = request("ReleaseSeats", {"hold_id": hold_id, "user_id": seat, "seat_ids": []})
        released = _name_of(await channel.call(path_of("ReleaseSeats"), release.SerializeToString()))
        return released if moved == Status.OK.name else moved

    async def _move(self, channel: LeanChannel, hold_id: str, seat: str, other: str) -> str:
        fields = {"hold_id": hold_id, "user_id": seat, "organization_id": ORGANIZATION}
        moving = calls.write("MoveHoldRequest", **fields, moves=[{"from_seat_id": seat, "to_seat_id": other}])
        reply = await channel.call(path_of("MoveHold"), moving)
        if reply.status != Status.OK.value:
            return _name_of(reply)
        has = [*calls.read("MoveHoldResponse", reply).hold.seat_ids]
        return Status.OK.name if has == [other] else ELSEWHERE

    async def _come_back(self, at: int, channel: LeanChannel) -> None:
        """Replace the channel, unless another caller has replaced it or the service is gone."""
        with suppress(OSError):
            fresh = await self._connect()
            if self._channels[at] is channel:
                self._channels[at] = fresh
            else:
                fresh.close()


def _status_of(reply: Reply) -> str:
    return Status.OK.name if reply.status == HTTPStatus.OK else f"HTTP {reply.status}"


def _name_of(reply: Reply) -> str:
    """The status; of a refusal also its reason, and which part decided where that is told."""
    info = ErrorInfo()
    for detail in RpcStatus.FromString(reply.details).details:
        detail.Unpack(info)
    return " ".join(filter(None, (Status(reply.status).name, info.reason, info.metadata.get("decided_by", ""))))


@asynccontextmanager
async def bystanders(port: int, web_port: int, token: str = "") -> AsyncIterator[list[Visit]]:
    """The process, visiting while the block lasts; the list grows, and is complete after the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(port),
        str(web_port),
        token,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    visits: list[Visit] = []
    reading = asyncio.create_task(_read(process.stdout, visits))
    try:
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while not visits and process.returncode is None:  # noqa: ASYNC110 - a process tells no event loop
                await asyncio.sleep(0.01)
        yield visits
        process.stdin.close()
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            await reading
            await process.wait()
    finally:
        reading.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _read(connections: asyncio.StreamReader, visits: list[Visit]) -> None:
    async for connection in connections:
        visits.append(Visit(*json.loads(connection)))  # noqa: PERF401 - others look at the list while it grows


async def _visit_until_told_to_stop(port: int, web_port: int, token: str) -> None:
    """Start a visit whenever one is due, even if the previous one is not over."""
    crowd = Crowd(port, web_port, token)
    await crowd.enter()
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    began_s = monotonic()

    async def visit(number: int, due_s: float) -> None:
        visit = await crowd.visit(number, due_s)
        sys.stdout.write(json.dumps(visit) + "\n")
        sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        for number in count(1):
            due_s = began_s + number / VISITS_PER_SECOND
            await asyncio.sleep(max(0.0, due_s - monotonic()))
            if told.at_eof():
                return
            group.create_task(visit(number, due_s))


if __name__ == "__main__":
    asyncio.run(_visit_until_told_to_stop(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
