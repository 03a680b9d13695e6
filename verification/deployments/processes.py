"""How several processes on one port scale: calls a second, and a second of their CPU time, of one, two and four."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from travio_inventory.bench.bench_trips import coach
from travio_inventory.bench.calls import Contest, Outcome, contest_for, method, outcome_of
from travio_inventory.bench.lean_channel import ChannelPool, Reply
from travio_inventory.bench.measuring import PreparedCall, Slice, cpu_seconds, drive
from travio_inventory.client import InventoryClient
from verification.kit.service_process import serving

PROCESSES: Final = (1, 2, 4)
CONNECTIONS: Final = 64
IN_FLIGHT: Final = 256
ROUNDS: Final = 3
SECONDS: Final = 4.0
WARM_UP_SECONDS: Final = 1.0


async def by_processes(
    shared: Mapping[str, str],
    *,
    processes: Sequence[int] = PROCESSES,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> Mapping[str, object]:
    """Refusals of a taken seat by so many processes, all started anew in each round; `shared` leads to the store and
    the edge that they share.
    """
    rates: dict[int, list[tuple[float, float, float]]] = {each: [] for each in processes}
    for _ in range(rounds):
        for number in processes:
            rates[number].append(await _round(number, shared, seconds))
    first = processes[0]
    found = {
        name: {number: median(measured[at] for measured in rates[number]) for number in processes}
        for at, name in enumerate(("a second", "a CPU second", "least busy / busiest"))
    }
    return {
        f"{number} process{'es' * (number > 1)}": {
            "a second": round(found["a second"][number]),
            "of one, times": round(found["a second"][number] / found["a second"][first], 2),
            "a CPU second of all": round(found["a CPU second"][number]),
            "of one, by CPU": round(found["a CPU second"][number] / found["a CPU second"][first], 2),
            "least busy / busiest": round(found["least busy / busiest"][number], 2),
        }
        for number in processes
    }


async def _round(number: int, variables: Mapping[str, str], seconds: float) -> tuple[float, float, float]:
    """Calls a second, calls a second of CPU time of all, and how evenly they share the work."""
    with TemporaryDirectory(prefix="travio-processes-") as folder:
        async with serving(Path(folder), f"serve --workers {number}", **variables) as service:
            trip = coach()
            async with InventoryClient(service.target, organization=trip.key.organization, deadline_s=10.0) as client:
                await client.open_trip(trip)
            contest = contest_for(trip, trip.seats[0].id)
            channels = await ChannelPool.connect("127.0.0.1", service.port, CONNECTIONS)
            await channels.call(method("HoldSeats"), contest.hold("first"))
            await _refusals(channels, contest, WARM_UP_SECONDS)
            pids = [*_processes(service.pid)]
            before = [cpu_seconds(pid) or 0.0 for pid in pids]
            measured = await _refusals(channels, contest, seconds)
            used = [(cpu_seconds(pid) or 0.0) - was for pid, was in zip(pids, before, strict=True)]
            channels.close()
            await asyncio.sleep(0)
            assert await service.stop() == 0, service.log[-2_000:]
    busy = used if len(used) == 1 else sorted(used)[-number:]  # without the supervisor, which does nothing
    return measured.per_second, measured.calls / sum(used), busy[0] / busy[-1]


async def _refusals(channels: ChannelPool, contest: Contest, seconds: float) -> Slice:
    def refused(_about: None, reply: Reply) -> str:
        return outcome_of(reply)

    asks = (PreparedCall(method("HoldSeats"), contest.hold(f"late-{number}"), None) for number in count())
    measured = await drive(channels, asks, refused, workers=IN_FLIGHT, pid=None, seconds=seconds)
    assert {*measured.counts} <= {Outcome.GATE, Outcome.STORE}, measured.counts
    return measured


def _processes(pid: int) -> Iterator[int]:
    """The process and those that it started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _processes(int(child))
