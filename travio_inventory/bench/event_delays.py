"""How long an event takes from the commit of its hold to a consumer of each broker, at so many holds a second."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import NamedTuple

import anyio

from travio_inventory.bench import bench_trips
from travio_inventory.bench.calls import Contest, Outcome, contest_for, method, outcome_of, read
from travio_inventory.bench.event_consumers import Brokers, consumer
from travio_inventory.bench.measuring import cpu_seconds, latency_ms, rounded
from travio_inventory.bench.session import Session

SEATS_PER_TRIP = 1_000
WARM_UP_HOLDS = 50
IN_FLIGHT_MAX = 2_000
ARRIVES_S_MAX = 60.0
TICK_S = 0.005

Tell = Callable[[str, str, int, float, float], None]


class Load(NamedTuple):
    """So many holds a second for so long, whether earlier ones are answered or not."""

    per_second: int
    seconds: float

    @property
    def holds(self) -> int:
        """In all."""
        return max(int(self.per_second * self.seconds), 1)


@dataclass(slots=True)
class _Run:
    """What happened to each hold, by the clock of this process."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, dict[str, float]] = field(default_factory=dict)
    """By sink, by hold."""
    late: int = 0
    """Not sent in time, for want of room."""
    failed: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Something arrived."""

    def hear(self, sink: str, subject: str, ordinal: int) -> None:
        """The first copy counts."""
        if ordinal == 0:
            self.arrived[sink].setdefault(subject, perf_counter())
            self.news.set()


async def delays(
    on: Session, sinks: Mapping[str, Brokers], load: Load, show: Tell
) -> tuple[dict[str, object], list[str]]:
    """The report, and what is wrong: a hold that failed, or whose event did not arrive."""
    async with AsyncExitStack() as stack:
        warm, run = (_Run(arrived={name: {} for name in sinks}) for _ in range(2))

        def hear(sink: str, subject: str, ordinal: int) -> None:
            warm.hear(sink, subject, ordinal)
            run.hear(sink, subject, ordinal)

        contests = await _opened(on, load.holds + WARM_UP_HOLDS)
        for name, target in sinks.items():
            await stack.enter_async_context(consumer(target, partial(hear, name)))
        await _offer(on, contests[:WARM_UP_HOLDS], WARM_UP_HOLDS, warm)
        await _all_arrived(warm)
        cpu_before, began = cpu_seconds(on.service.pid), perf_counter()
        await _offer(on, contests[WARM_UP_HOLDS:], load.per_second, run)
        took_s = perf_counter() - began
        await _all_arrived(run)
        cpu_after = cpu_seconds(on.service.pid)
    found: dict[str, object] = {
        "holds": len(run.answered),
        "asked_per_second": load.per_second,
        "per_second": rounded(len(run.answered) / took_s),
        "sent_late": run.late,
        "server_cpu_seconds": None if cpu_before is None or cpu_after is None else round(cpu_after - cpu_before, 2),
        "answer_ms": latency_ms([at - run.sent[hold] for hold, at in run.answered.items()]),
        "sinks": {name: _of_sink(run, name, began, show) for name in sinks},
    }
    return found, _wrong(run)


def _of_sink(run: _Run, sink: str, began: float, show: Tell) -> dict[str, object]:
    """From the answer, which the commit came just before, and from when the hold was asked for."""
    arrived = {hold: at for hold, at in run.arrived[sink].items() if hold in run.answered}
    from_answer = [at - run.answered[hold] for hold, at in arrived.items()]
    from_request = [at - run.sent[hold] for hold, at in arrived.items()]
    by_second: dict[int, list[float]] = {}
    for hold, at in arrived.items():
        by_second.setdefault(int(run.answered[hold] - began), []).append(at - run.answered[hold])
    after = latency_ms(from_answer)
    show(sink, "after the answer", len(arrived), after.get("p50", 0.0), after.get("p99", 0.0))
    return {
        "arrived": len(arrived),
        "after_answer_ms": after,
        "after_request_ms": latency_ms(from_request),
        "by_second_ms": {second: latency_ms(values) for second, values in sorted(by_second.items())},
    }


def _wrong(run: _Run) -> list[str]:
    wrong = [f"{run.failed} holds failed"] if run.failed else []
    for sink, arrived in run.arrived.items():
        if missing := len(run.answered.keys() - arrived.keys()):
            wrong.append(f"events of {missing} holds did not arrive from {sink} within {ARRIVES_S_MAX:g} s")
    return wrong


async def _opened(on: Session, seats: int) -> list[Contest]:
    """Free seats of trips that are sold side by side."""
    trips = [bench_trips.wide(SEATS_PER_TRIP) for _ in range(-(-seats // SEATS_PER_TRIP))]
    for trip in trips:
        await on.open(trip)
    return [contest_for(trip, trip.seats[at].id) for at in range(SEATS_PER_TRIP) for trip in trips][:seats]


async def _offer(on: Session, contests: list[Contest], per_second: int, run: _Run) -> None:
    """Send each at its moment."""
    path, room = method("HoldSeats"), asyncio.Semaphore(IN_FLIGHT_MAX)
    began = perf_counter()

    async def hold(contest: Contest) -> None:
        try:
            sent = perf_counter()
            reply = await on.service.channels.call(path, contest.hold(contest.seat))
            answered = perf_counter()
        finally:
            room.release()
        if outcome_of(reply) is not Outcome.WON:
            run.failed += 1
            return
        name = read("HoldSeatsResponse", reply).hold_id
        run.sent[name], run.answered[name] = sent, answered

    async with asyncio.TaskGroup() as group:
        for number, contest in enumerate(contests):
            due = began + number / per_second
            if (wait_s := due - perf_counter()) > 0:
                await asyncio.sleep(max(wait_s, TICK_S))
            run.late += room.locked()
            await room.acquire()
            group.create_task(hold(contest))


async def _all_arrived(run: _Run) -> None:
    """Wait until all are there, or for ARRIVES_S_MAX."""
    with anyio.move_on_after(ARRIVES_S_MAX):
        while any(run.answered.keys() - arrived.keys() for arrived in run.arrived.values()):
            run.news.clear()
            await run.news.wait()
