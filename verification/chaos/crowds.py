"""Crowds: many callers request one seat at once, on overlapping journeys, without keys, at little cost."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from grpclib.const import Status
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.exceptions import GRPCError

from travio_inventory.bench.calls import OK, method, read, write
from travio_inventory.bench.lean_channel import ConnectionLost, LeanChannel, Reply
from travio_inventory.client import HoldExpired, Journey, Refusal
from travio_inventory.client.refusals import refusal_from
from verification.chaos.deployment import Service
from verification.chaos.notebook import Book, Notebook
from verification.chaos.season import Season
from verification.kit.service_process import ORGANIZATION
from verification.kit.trips import ends
from verification.simulation.history import Call, CallOutcome

CROWD = "crowd-"
"""The beginning of the names of all members of a crowd."""
BUYERS = 32
JOURNEYS = (Journey(0, 0), Journey(0, 1), Journey(1, 2), Journey(0, 2))
"""Overlapping journeys, so that each holder is in the way of most others."""
ROUND_S_MAX = 0.5
ANSWER_S_MAX = 6.0
LAPSES = 0.1
SECONDS = 1
NO_DOOR_S = 0.05

HOLD, RELEASE = method("HoldSeats"), method("ReleaseSeats")
NOT_SENT = "NOT_SENT"
_AGAIN = b"SEAT_CONTENDED"
_DETAILS = ProtoStatusDetailsCodec()


@dataclass
class ServiceConnection:
    """A connection to one service, reopened after it was lost."""

    service: Service
    waiting: int = 0
    """Calls without an answer yet."""
    is_doubtful: bool = False
    """Whether the outcome of a call was unknown: the service may be stopping and accept no more calls on this
    connection.
    """
    _channel: LeanChannel | None = None

    async def open(self) -> LeanChannel | None:
        """The connection, or a new one if it is doubtful; None while there is no service. No call may be waiting for an
        answer.
        """
        if self.is_doubtful:
            self.lose()
        if self._channel is None:
            try:
                async with asyncio.timeout(ROUND_S_MAX):
                    self._channel = await LeanChannel.connect(
                        "127.0.0.1", self.service.process.port, answer_seconds_max=ANSWER_S_MAX
                    )
            except OSError:
                return None
        return self._channel

    def lose(self) -> None:
        """Open a new one next time."""
        self.is_doubtful = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None


@dataclass
class Crowd:
    """Requests one seat after the other. `asked` is how often a contended seat was requested."""

    name: str
    lines: Sequence[ServiceConnection]
    season: Season
    notebook: Notebook
    random: Random
    asked: int = 0
    _rounds: int = 0
    _open: set["asyncio.Future[Reply]"] = field(default_factory=set)

    async def rush(self) -> None:
        """Until the season is over."""
        while not self.season.is_over:
            await self._round()
        if self._open:
            await asyncio.wait(self._open, timeout=2 * ANSWER_S_MAX)
        for line in self.lines:
            line.lose()

    async def _round(self) -> None:
        ready = [line for line in self.lines if not line.waiting]
        lines = [(line, channel) for line in ready if (channel := await line.open()) is not None]
        if not lines:
            await asyncio.sleep(NO_DOOR_S)
            return
        self._rounds += 1
        book = self.random.choice(self.season.on_sale)
        seat = self.random.choice(book.trip.seats).id
        calls = []
        for buyer in range(BUYERS):
            line, channel = lines[buyer % len(lines)]
            calls.append(self._ask(book, f"{self.name}-{self._rounds}-{buyer}", seat, line, channel))
        await asyncio.wait([answer for _, _, _, answer in calls], timeout=ROUND_S_MAX)
        releases = [self._release(book, *one) for one in calls if one[0].answer is CallOutcome.OK]
        await asyncio.gather(*releases)

    def _ask(
        self, book: Book, user: str, seat: str, line: ServiceConnection, channel: LeanChannel
    ) -> tuple[Call, ServiceConnection, LeanChannel, "asyncio.Future[Reply]"]:
        journey = self.random.choice(JOURNEYS)
        origin, destination = ends(journey)
        request = write(
            "HoldSeatsRequest",
            trip_id=book.name,
            from_station_id=origin,
            to_station_id=destination,
            seat_ids=[seat],
            user_id=user,
            organization_id=ORGANIZATION,
            hold_duration_seconds=SECONDS,
        )
        call = self.notebook.hold(book, user, [seat], journey, None, service=line.service.name)
        self.asked += 1
        return call, line, channel, self._send(call, line, channel, HOLD, request)

    async def _release(
        self, book: Book, held: Call, line: ServiceConnection, channel: LeanChannel, _: "asyncio.Future[Reply]"
    ) -> None:
        """Usually release the seat at once. If there is no answer, the call is not repeated: the hold expires."""
        if self.random.random() < LAPSES:
            return
        call = self.notebook.step(book, "release", held.holder, held.told, service=line.service.name)
        request = write("ReleaseSeatsRequest", hold_id=held.told, user_id=held.holder, organization_id=ORGANIZATION)
        await asyncio.wait([self._send(call, line, channel, RELEASE, request)], timeout=ROUND_S_MAX)

    def _send(
        self, call: Call, line: ServiceConnection, channel: LeanChannel, path: str, request: bytes
    ) -> "asyncio.Future[Reply]":
        answer = channel.call(path, request)
        if answer.done() and answer.exception():  # the connection was lost in the meantime: nothing was sent
            line.lose()
            call.answer, call.told, call.returned_s = CallOutcome.AGAIN, NOT_SENT, time.monotonic()
            return answer
        self._open.add(answer)
        line.waiting += 1
        answer.add_done_callback(partial(self._hear, call, line))
        return answer

    def _hear(self, call: Call, line: ServiceConnection, answer: "asyncio.Future[Reply]") -> None:
        self._open.discard(answer)
        line.waiting -= 1
        error = answer.exception()
        if error is None:
            self._note(call, answer.result())
            line.is_doubtful = line.is_doubtful or call.answer is CallOutcome.UNKNOWN
        elif isinstance(error, ConnectionLost):
            line.lose()
            self.notebook.give_up(call)
        else:
            self.notebook.strange.append(f"{error!r} {call}")

    def _note(self, call: Call, reply: Reply) -> None:
        if reply.status == OK:
            self._note_ok(call, reply)
        elif _AGAIN in reply.details:  # nearly all of them
            call.answer, call.told, call.returned_s = CallOutcome.AGAIN, "SEAT_CONTENDED", time.monotonic()
        else:
            self._note_refusal(call, reply)

    def _note_refusal(self, call: Call, reply: Reply) -> None:
        details = _DETAILS.decode(Status(reply.status), reply.message, reply.details) if reply.details else None
        failure = GRPCError(Status(reply.status), reply.message, details)
        match refusal_from(failure, writes=True):
            case Refusal() as refusal:
                refusal.__cause__ = failure
                self.notebook.refuse(call, refusal)
            case error:
                self.notebook.strange.append(f"no answer to such a call: {error!r} {call}")

    def _note_ok(self, call: Call, reply: Reply) -> None:
        """A hold that cannot be released any more has expired: no seats are released."""
        call.returned_s = time.monotonic()
        if call.op == "hold":
            hold = read("HoldSeatsResponse", reply)
            call.answer, call.told, call.status = CallOutcome.OK, hold.hold_id, "held"
            call.until_ms = 1_000 * hold.expires_at
        elif read("ReleaseSeatsResponse", reply).success:
            call.answer, call.told = CallOutcome.OK, call.subject
        else:
            self.notebook.refuse(call, HoldExpired())
