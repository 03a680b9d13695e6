"""Crowds: many at once ask for one seat over overlapping journeys, without keys, at little cost to us."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from grpclib.const import Status
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.exceptions import GRPCError

from tests.chaos.notebook import Book, Notebook, refuse
from tests.chaos.season import Season
from tests.simulation.history import Answer, Call
from tests.system.service_process import ORGANIZATION, ServiceProcess
from tests.system.trips import ends
from travio_inventory.cli.bench.calls import OK, method, read, write
from travio_inventory.cli.bench.lean_channel import ConnectionLost, LeanChannel, Reply
from travio_inventory.client import HoldExpired, Journey, Refusal
from travio_inventory.client.refusals import refusal_from

BUYERS = 32
JOURNEYS = (Journey(0, 0), Journey(0, 1), Journey(1, 2), Journey(0, 2))
"""All of a stretch, so that whoever has one is in the way of most others."""
ROUND_S_MAX = 0.5
ANSWER_S_MAX = 6.0
LAPSES = 0.1
SECONDS = 1
NO_DOOR_S = 0.05

HOLD, RELEASE = method("HoldSeats"), method("ReleaseSeats")
_AGAIN = b"SEAT_CONTENDED"
_DETAILS = ProtoStatusDetailsCodec()


@dataclass
class Line:
    """A connection to one service, made again after it was lost."""

    service: ServiceProcess
    waiting: int = 0
    """Calls without an answer yet."""
    _channel: LeanChannel | None = None

    async def open(self) -> LeanChannel | None:
        """The connection, None while there is no service."""
        if self._channel is None:
            try:
                async with asyncio.timeout(ROUND_S_MAX):
                    self._channel = await LeanChannel.connect(
                        "127.0.0.1", self.service.port, answer_seconds_max=ANSWER_S_MAX
                    )
            except OSError:
                return None
        return self._channel

    def lose(self) -> None:
        """Make another one next time."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


@dataclass
class Crowd:
    """Comes together for one seat after the other. `asked` is how often a contended seat was asked for."""

    name: str
    lines: Sequence[Line]
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
        releases = [self._release(book, *one) for one in calls if one[0].answer is Answer.OK]
        await asyncio.gather(*releases)

    def _ask(
        self, book: Book, user: str, seat: str, line: Line, channel: LeanChannel
    ) -> tuple[Call, Line, LeanChannel, "asyncio.Future[Reply]"]:
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
        call = self.notebook.hold(book, user, [seat], journey, None)
        self.asked += 1
        return call, line, channel, self._send(call, line, channel, HOLD, request)

    async def _release(
        self, book: Book, held: Call, line: Line, channel: LeanChannel, _: "asyncio.Future[Reply]"
    ) -> None:
        """Give the seat back at once, mostly. An answer that does not come is not asked for again: time settles it."""
        if self.random.random() < LAPSES:
            return
        call = self.notebook.step(book, "release", held.holder, held.told)
        request = write("ReleaseSeatsRequest", hold_id=held.told, user_id=held.holder, organization_id=ORGANIZATION)
        await asyncio.wait([self._send(call, line, channel, RELEASE, request)], timeout=ROUND_S_MAX)

    def _send(self, call: Call, line: Line, channel: LeanChannel, path: str, request: bytes) -> "asyncio.Future[Reply]":
        answer = channel.call(path, request)
        self._open.add(answer)
        line.waiting += 1
        answer.add_done_callback(partial(self._hear, call, line))
        return answer

    def _hear(self, call: Call, line: Line, answer: "asyncio.Future[Reply]") -> None:
        self._open.discard(answer)
        line.waiting -= 1
        error = answer.exception()
        if error is None:
            self._note(call, answer.result())
        elif isinstance(error, ConnectionLost):
            line.lose()
        else:
            self.notebook.strange.append(f"{error!r} {call}")

    def _note(self, call: Call, reply: Reply) -> None:
        if reply.status == OK:
            _note_ok(call, reply)
        elif _AGAIN in reply.details:  # nearly all of them
            call.answer, call.told, call.returned_s = Answer.AGAIN, "SEAT_CONTENDED", time.monotonic()
        else:
            self._note_refusal(call, reply)

    def _note_refusal(self, call: Call, reply: Reply) -> None:
        details = _DETAILS.decode(Status(reply.status), reply.message, reply.details) if reply.details else None
        match refusal_from(GRPCError(Status(reply.status), reply.message, details), writes=True):
            case Refusal() as refusal:
                refuse(call, refusal)
            case error:
                self.notebook.strange.append(f"no answer to such a call: {error!r} {call}")


def _note_ok(call: Call, reply: Reply) -> None:
    """What cannot be released any more is answered as no seats: its time has ended it."""
    call.returned_s = time.monotonic()
    if call.op == "hold":
        hold = read("HoldSeatsResponse", reply)
        call.answer, call.told, call.status, call.until_ms = Answer.OK, hold.hold_id, "held", 1_000 * hold.expires_at
    elif read("ReleaseSeatsResponse", reply).success:
        call.answer, call.told = Answer.OK, call.subject
    else:
        refuse(call, HoldExpired())
