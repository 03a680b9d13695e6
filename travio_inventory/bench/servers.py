"""What a service does behind each of several servers, in turns: no-ops, refusals, holds, maps."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import repeat
from statistics import median
from typing import Final, NamedTuple

from travio_inventory.bench import bench_trips, throughput
from travio_inventory.bench.calls import Contest, Outcome, contest_for, method, outcome_of, read
from travio_inventory.bench.compare import Measure
from travio_inventory.bench.lean_channel import ChannelPool
from travio_inventory.bench.measuring import NOTHING_BESIDE, PreparedCall, Slice, drive
from travio_inventory.bench.noop_server import PYGRPC_NATIVE
from travio_inventory.bench.own_server import OwnServer, cores_apart, pin
from travio_inventory.bench.session import Command, Service, Session
from travio_inventory.bench.throughput import BenchResult, Tell, in_turns, no_op_alone, ok_or_error
from travio_inventory.kernel.addresses import Address

ENGINES: Final = ("lean", "grpclib")
"""Servers that the service itself can be started with (TRAVIO_SERVER), each with a no-op of its own."""
MAP_SEATS, MAP_SEGMENTS, MAP_WRITES_PER_SECOND = 500, 5, 100
WARM_UP_SECONDS: Final = 0.3


class NoSuchServer(Exception):
    """A contender that cannot be measured."""


class Traffic(NamedTuple):
    """How a contender is called: so many connections, so many calls in flight on each; with a header, or without, whose
    value no call had before.
    """

    connections: int = 4
    depth: int = 16
    with_new_values: bool = False

    @property
    def in_flight(self) -> int:
        """On all connections."""
        return self.connections * self.depth


class Contender(NamedTuple):
    """A server under measurement: its no-op and its service, where it has them."""

    name: str
    noop: Session | None
    service: Session | None


def places(names: Sequence[str]) -> list[str]:
    """The names, or all servers there are here. Raises NoSuchServer for one that is not installed."""
    has_native = find_spec("pygrpc_native") is not None
    if PYGRPC_NATIVE in names and not has_native:
        raise NoSuchServer(f"{PYGRPC_NATIVE} is not installed")
    return list(dict.fromkeys(names)) or [*ENGINES, *([PYGRPC_NATIVE] if has_native else [])]


@asynccontextmanager
async def contenders(
    named: Mapping[str, Address | Command | None], lines: Traffic, *, beside: Mapping[str, int] = NOTHING_BESIDE
) -> AsyncIterator[list[Contender]]:
    """Each by its name: at its address, started by its command, or one of our own where it has none of these. All that
    is started runs on one core, the bench on another. `beside` are processes that the services use.

    Raises OSError where nobody listens, ServerFailed where what is started does not answer.
    """
    affinity = os.sched_getaffinity(0)
    core, client_core = cores_apart()
    async with AsyncExitStack() as stack:

        async def session(server: OwnServer | Address, uses: Mapping[str, int]) -> Session:
            own = None if isinstance(server, Address) else await stack.enter_async_context(server)
            host, port = server if isinstance(server, Address) else (server.host, server.port)
            channels = await ChannelPool.connect(host, port, lines.connections, with_new_values=lines.with_new_values)
            stack.callback(channels.close)
            service = Service(host, port, own.pid if own else None, channels, uses)
            return Session(service, own, {}, core if own else None, client_core)

        async def noop(code: str) -> Session:
            found = await session(OwnServer.of_yardstick(code, core=core), NOTHING_BESIDE)
            return replace(found, noops={"no-op": found.service})

        found: list[Contender] = []
        for name, place in named.items():
            if place is not None:
                started = place if isinstance(place, Address) else OwnServer.of_command(place, core=core)
                found.append(Contender(name, None, await session(started, beside)))
            elif name == PYGRPC_NATIVE:
                found.append(Contender(name, await noop(name), None))
            else:
                own = OwnServer.of_inventory(core=core, engine=name)
                found.append(Contender(name, await noop(name), await session(own, beside)))
        if client_core is not None:
            pin(0, client_core)
            stack.callback(os.sched_setaffinity, 0, affinity)
        yield found
        await asyncio.sleep(0)  # let the connections close before the loop does


async def sale_maps(session: Session, *, workers: int, seconds: float, show: Tell) -> BenchResult:
    """The map of a trip of which seats are held and released all the time. The writes count as the service's work."""
    trip = bench_trips.wide(MAP_SEATS, segments=MAP_SEGMENTS)
    await session.open(trip)
    contest, service = contest_for(trip, trip.seats[0].id), session.service

    async def work(share: float) -> Slice:
        asks = repeat(PreparedCall(method("GetSeatMap"), contest.map(), None))
        writer = asyncio.create_task(_write(service, contest))
        try:
            return await drive(
                service.channels,
                asks,
                ok_or_error,
                workers=workers,
                pid=service.pid,
                seconds=share,
                beside=service.beside,
            )
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    await work(WARM_UP_SECONDS)
    found = await in_turns(session, "map", work, workers=workers, seconds=seconds, show=show)
    if wrong := found.slices["map"].counts[Outcome.ERROR]:
        found.wrong.append(f"{wrong} maps ended in errors")
    return found


async def _write(service: Service, contest: Contest) -> None:
    """Hold and release one seat in turns until cancelled, so many times a second."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        reply = await service.channels.call(method("HoldSeats"), contest.hold("writer"))
        if outcome_of(reply) is Outcome.WON:
            due = await _until(due + 1 / MAP_WRITES_PER_SECOND)
            held = read("HoldSeatsResponse", reply).hold_id
            await service.channels.call(method("ReleaseSeats"), contest.by_hold("ReleaseSeatsRequest", held, "writer"))
        due = await _until(due + 1 / MAP_WRITES_PER_SECOND)


async def _until(due: float) -> float:
    """Wait for that time, by the loop's clock; the time itself, or now if it has passed: writes are not caught up."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(max(0.0, due - now))
    return max(due, now)


WORKS: Final[Mapping[str, tuple[Measure, str]]] = {
    "no-op": (no_op_alone, "no-op"),
    "refusal": (throughput.refusals, "refusals"),
    "hold": (throughput.holds, "holds"),
    "map": (sale_maps, "map"),
}
"""What each contender does, and what its measurement is called."""


@dataclass(slots=True)
class Measured:
    """What was measured of each contender and work, in all and round by round."""

    slices: dict[str, dict[str, Slice]] = field(default_factory=dict)
    """By work and contender."""
    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Likewise, of each round: calls per second of CPU time, or of wall time where the former is not known."""
    wrong: list[str] = field(default_factory=list)

    def add(self, work: str, contender: str, measured: Slice) -> None:
        """Count a round in."""
        self.slices.setdefault(work, {}).setdefault(contender, Slice(cpu_s=measured.cpu_s and 0.0)).add(measured)
        rate = measured.per_cpu_second or measured.per_second
        self.rates.setdefault(work, {}).setdefault(contender, []).append(rate)

    def as_plain(self) -> dict[str, object]:
        """For a report."""
        return {work: {**self._rows(work), **self._ratios(work)} for work in self.slices}

    def _rows(self, work: str) -> dict[str, object]:
        return {
            contender: {**measured.as_plain(), "median_rate": round(median(self.rates[work][contender]), 1)}
            for contender, measured in self.slices[work].items()
        }

    def _ratios(self, work: str) -> dict[str, object]:
        """How many times the others' rate the first one has."""
        (first, own), *others = self.rates[work].items()
        found: dict[str, object] = {}
        for other, rates in others:
            ratios = [a / b for a, b in zip(own, rates, strict=True) if b]
            if ratios:
                spread = {"median": median(ratios), "min": min(ratios), "max": max(ratios)}
                found[f"{first} / {other}"] = {name: round(value, 2) for name, value in spread.items()}
        return found


async def measure(
    among: Sequence[Contender],
    works: Sequence[str],
    lines: Traffic,
    *,
    rounds: int,
    seconds: float,
    show: Callable[[str, str, Slice], None],
) -> Measured:
    """Let all do each work in every round, another one first each time, so that none always has the machine as the
    others left it.
    """
    found = Measured()
    for work in works:
        measured_by, called = WORKS[work]
        able = [each for each in among if (each.noop if work == "no-op" else each.service) is not None]
        for number in range(rounds):
            turn = number % max(1, len(able))
            for contender in able[turn:] + able[:turn]:
                on = contender.noop if work == "no-op" else contender.service
                if on is None:
                    continue
                result = await measured_by(on, workers=lines.in_flight, seconds=seconds, show=lambda *_: None)
                found.wrong += [f"{contender.name}, {work}: {said}" for said in result.wrong]
                if (measured := result.slices.get(called)) is not None:
                    found.add(work, contender.name, measured)
                    show(work, contender.name, measured)
    return found
