"""A sale of free seats during which a server fails and comes back: what callers saw before, during and after that."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from time import perf_counter
from typing import NamedTuple

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import (
    HOLD_HELD,
    OK,
    ORGANIZATION,
    Contest,
    Outcome,
    contest_for,
    method,
    outcome_of,
    read,
)
from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import latency_ms
from travio_inventory.bench.own_server import OwnServer
from travio_inventory.client import InventoryClient

BUYERS = 32
SEATS_PER_TRIP = 2_000
TRIPS = 8
OPEN_SECONDS_MAX = 120.0
CHECK_AT_ONCE = 32


class TimedCall(NamedTuple):
    """One request for a free seat: when it was answered, after how long, in seconds, and what the answer was."""

    at_s: float
    took_s: float
    outcome: Outcome
    said: str
    contest: Contest
    user: str
    hold_id: str


class Fault(NamedTuple):
    """What fails, and how it comes back. Both may block."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]


class Phases(NamedTuple):
    """Seconds of the sale before the fault, with it, and after its end."""

    before_s: float = 8.0
    during_s: float = 8.0
    after_s: float = 8.0


Report = dict[str, object]


async def sell_through(fault: Fault, phases: Phases) -> Report:
    """Buyers hold one free seat after the other, of many trips, while the fault begins and ends.

    The service is a separate process that takes its settings from the environment. In the end every hold that was
    acknowledged must stand.
    """
    async with OwnServer.of_inventory() as server, _lines(server) as lines:
        sale = _Sale(lines, await _open_trips(server))
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            for buyer in range(BUYERS):
                group.create_task(sale.buy(f"buyer-{buyer}"))
            await asyncio.sleep(phases.before_s)
            fails = perf_counter()
            await asyncio.to_thread(fault.begin)
            await asyncio.sleep(phases.during_s)
            await asyncio.to_thread(fault.end)
            back = perf_counter()
            await asyncio.sleep(phases.after_s)
            sale.is_on = False
        ended = perf_counter()
        moments = {"before": (began, fails), "during": (fails, back), "after": (back, ended)}
        report: Report = {"fault": fault.name, "buyers": BUYERS}
        for phase, (first, last) in moments.items():
            report[phase] = _figures([one for one in sale.answers if first <= one.at_s < last], last - first)
        won = [one.at_s for one in sale.answers if one.outcome is Outcome.WON]
        gaps = (after - before for before, after in pairwise([fails, *(at for at in won if at >= fails), ended]))
        report["longest gap between two holds from the fault on, s"] = round(max(gaps), 3)
        report["holds acknowledged"] = len(won)
        report["acknowledged holds lost"] = await sale.lost()
        return report


class _Sale:
    """Seats of several trips in any order, and every answer."""

    def __init__(self, lines: ChannelPool, contests: list[Contest]) -> None:
        self.answers: list[TimedCall] = []
        self.is_on = True
        self._lines = lines
        Random(1).shuffle(contests)
        self._unsold = iter(contests)

    async def buy(self, user: str) -> None:
        """Hold seat after seat. A refused or unanswered call is not repeated."""
        path = method("HoldSeats")
        for contest in self._unsold:
            if not self.is_on:
                return
            sent = perf_counter()
            reply = await self._lines.call(path, contest.hold(user))
            outcome, answered = outcome_of(reply), perf_counter()
            hold_id = read("HoldSeatsResponse", reply).hold_id if outcome is Outcome.WON else ""
            said = "" if outcome is Outcome.WON else f"status {reply.status}"
            self.answers.append(TimedCall(answered, answered - sent, outcome, said, contest, user, hold_id))
        if self.is_on:
            raise RuntimeError("every seat is sold: the sale needs more trips")

    async def lost(self) -> int:
        """The number of acknowledged holds that the service does not report as held."""
        won = iter([one for one in self.answers if one.outcome is Outcome.WON])
        lost = 0

        async def check() -> None:
            nonlocal lost
            for one in won:
                request = one.contest.by_hold("GetHoldRequest", one.hold_id, one.user)
                reply = await self._lines.call(method("GetHold"), request)
                hold = read("GetHoldResponse", reply).hold if reply.status == OK else None
                lost += hold is None or hold.status != HOLD_HELD or list(hold.seat_ids) != [one.contest.seat]

        await asyncio.gather(*(check() for _ in range(CHECK_AT_ONCE)))
        return lost


def _figures(answers: list[TimedCall], seconds: float) -> Report:
    """Times in milliseconds, of all answers."""
    outcomes = Counter(one.outcome.value if not one.said else f"{one.outcome.value} ({one.said})" for one in answers)
    return {
        "holds per second": round(sum(one.outcome is Outcome.WON for one in answers) / seconds, 1),
        "latency_ms": latency_ms([one.took_s for one in answers]),
        "answers": dict(outcomes),
    }


@asynccontextmanager
async def _lines(server: OwnServer) -> AsyncIterator[ChannelPool]:
    lines = await ChannelPool.connect(server.host, server.port, 2)
    try:
        yield lines
    finally:
        lines.close()


async def _open_trips(server: OwnServer) -> list[Contest]:
    contests = []
    target = f"{server.host}:{server.port}"
    async with InventoryClient(target, organization=ORGANIZATION, deadline_s=OPEN_SECONDS_MAX) as client:
        for _ in range(TRIPS):
            trip = bench_trips.wide(SEATS_PER_TRIP)
            await client.open_trip(trip)
            contests += [contest_for(trip, seat.id) for seat in trip.seats]
    return contests
