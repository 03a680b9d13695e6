"""Drives calls from many workers for a while, and measures wall time, the server's CPU time and latencies."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

from travio_inventory.bench.lean_channel import Reply

CALLS_PER_LINE_MAX = 100
LINES_MIN = 2
NOTHING_BESIDE: Mapping[str, int] = MappingProxyType({})
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}

_About = TypeVar("_About")


class PreparedCall(NamedTuple, Generic[_About]):
    """One call to make, and what its reply will be about."""

    path: str
    message: bytes
    about: _About


@dataclass(slots=True)
class Slice:
    """One measurement. `cpu_s` is the server's, None if it is not the bench's own."""

    wall_s: float = 0.0
    cpu_s: float | None = None
    latencies_s: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    beside_cpu_s: dict[str, float] = field(default_factory=dict)
    """CPU time of other processes that the server uses, by what they are called."""

    @property
    def calls(self) -> int:
        """Calls that were answered."""
        return len(self.latencies_s)

    @property
    def per_second(self) -> float:
        """Calls a second of wall time."""
        return self.calls / self.wall_s if self.wall_s else 0.0

    @property
    def per_cpu_second(self) -> float | None:
        """Calls a second of the server's CPU time, None where that is not known."""
        return self.calls / self.cpu_s if self.cpu_s else None

    def add(self, other: "Slice") -> None:
        """Count the other stretch in."""
        self.cpu_s = None if other.cpu_s is None else (self.cpu_s or 0.0) + other.cpu_s
        self.wall_s += other.wall_s
        self.latencies_s += other.latencies_s
        self.counts += other.counts
        for name, cpu_s in other.beside_cpu_s.items():
            self.beside_cpu_s[name] = self.beside_cpu_s.get(name, 0.0) + cpu_s

    def as_plain(self) -> dict[str, object]:
        """Everything, for a report; times in milliseconds."""
        return {
            "calls": self.calls,
            "seconds": round(self.wall_s, 3),
            "per_second": round(self.per_second, 1),
            "server_cpu_seconds": None if self.cpu_s is None else round(self.cpu_s, 2),
            "per_server_cpu_second": rounded(self.per_cpu_second),
            **{f"{name}_cpu_seconds": round(cpu_s, 2) for name, cpu_s in self.beside_cpu_s.items()},
            "latency_ms": latency_ms(self.latencies_s),
            "counts": {str(name): count for name, count in self.counts.items()},
        }


def latency_ms(latencies_s: list[float]) -> dict[str, float]:
    """The percentiles by nearest rank, in milliseconds; nothing where nothing was measured."""
    ordered = sorted(latencies_s)
    if not ordered:
        return {}
    return {name: round(ordered[ceil(share * len(ordered)) - 1] * 1_000, 3) for name, share in PERCENTILES.items()}


def rounded(value: float | None) -> float | None:
    """One decimal, None for what is not known."""
    return None if value is None else round(value, 1)


def ratio(work: Slice, noop: Slice) -> dict[str, float | None]:
    """The work's rate as a share of the no-op's, by wall time and by the server's CPU time."""
    per_cpu, no_op_per_cpu = work.per_cpu_second, noop.per_cpu_second
    return {
        "per_second": round(work.per_second / noop.per_second, 3) if noop.calls else None,
        "per_server_cpu_second": round(per_cpu / no_op_per_cpu, 3) if per_cpu and no_op_per_cpu else None,
    }


def channels_for(workers: int) -> int:
    """How many connections so many concurrent calls need."""
    return max(LINES_MIN, ceil(workers / CALLS_PER_LINE_MAX))


def cpu_seconds(pid: int | None) -> float | None:
    """CPU time that the process has used, by all its threads; None for a process that is not ours."""
    used = cpu_time(pid)
    return used and sum(used)


class CpuTime(NamedTuple):
    """What a process has used itself, and what the kernel has used for it."""

    own_s: float
    kernel_s: float

    def since(self, before: "CpuTime") -> "CpuTime":
        """What was used since then."""
        return CpuTime(self.own_s - before.own_s, self.kernel_s - before.kernel_s)


def cpu_time(pid: int | None) -> CpuTime | None:
    """As `cpu_seconds`, by who used it."""
    if pid is None:
        return None
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return CpuTime(int(fields[11]) / ticks, int(fields[12]) / ticks)


class Connections(Protocol):
    """Connections to a service."""

    def call(self, path: str, message: bytes, /) -> "asyncio.Future[Reply]":
        """Send one request."""
        ...


async def drive(
    channels: Connections,
    asks: Iterator[PreparedCall[_About]],
    judge: Callable[[_About, Reply], str],
    *,
    workers: int,
    pid: int | None,
    seconds: float | None = None,
    beside: Mapping[str, int] = NOTHING_BESIDE,
) -> Slice:
    """Make the calls, `workers` at a time, until they or the seconds run out; `judge` names each reply.

    A lost connection raises ConnectionLost.
    """
    measured = Slice()
    beside_before = {name: cpu_seconds(other) or 0.0 for name, other in beside.items()}
    cpu_before, began = cpu_seconds(pid), perf_counter()
    ends = began + seconds if seconds is not None else float("inf")

    async def work() -> None:
        sent = perf_counter()
        while sent < ends:
            ask = next(asks, None)
            if ask is None:
                return
            sent = perf_counter()
            reply = await channels.call(ask.path, ask.message)
            answered = perf_counter()
            measured.latencies_s.append(answered - sent)
            measured.counts[judge(ask.about, reply)] += 1
            sent = answered

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
    measured.wall_s = perf_counter() - began
    cpu_after = cpu_seconds(pid)
    if cpu_before is not None and cpu_after is not None:
        measured.cpu_s = cpu_after - cpu_before
    for name, other in beside.items():
        measured.beside_cpu_s[name] = (cpu_seconds(other) or 0.0) - beside_before[name]
    return measured
