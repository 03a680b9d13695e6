"""Two services of one contract, measured in turns: how many times as fast the first is, with the spread."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple, Protocol

from travio_inventory.bench import throughput
from travio_inventory.bench.measuring import Slice, latency_ms
from travio_inventory.bench.session import Session


class Measure(Protocol):
    """A bench of one service."""

    def __call__(
        self, session: Session, *, workers: int, seconds: float, show: throughput.Tell
    ) -> Awaitable[throughput.BenchResult]:
        """Measure it."""
        ...


class Work(NamedTuple):
    """What both services do, and what its measurement is called."""

    measure: Measure
    name: str


WORKS: Mapping[str, Work] = {
    "holds": Work(throughput.holds, "holds"),
    "refusals": Work(throughput.refusals, "refusals"),
    "map": Work(throughput.maps, "unchanged map"),
}

FIGURES: Mapping[str, Callable[[Slice], float | None]] = {
    "per_second": lambda measured: measured.per_second,
    "per_server_cpu_second": lambda measured: measured.per_cpu_second,
    "latency_p50": lambda measured: latency_ms(measured.latencies_s).get("p50"),
}
"""What is compared, round by round. The CPU time is known of services that the bench started."""


@dataclass(slots=True)
class Comparison:
    """What both did in all, and the ratios of each round."""

    a: Slice = field(default_factory=Slice)
    b: Slice = field(default_factory=Slice)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, a: Slice, b: Slice) -> None:
        """Count a round in."""
        self.a.add(a)
        self.b.add(b)
        for name, figure in FIGURES.items():
            of_a, of_b = figure(a), figure(b)
            if of_a and of_b:
                self.ratios.setdefault(name, []).append(of_a / of_b)

    def as_plain(self) -> dict[str, object]:
        """For a report."""
        return {"A": self.a.as_plain(), "B": self.b.as_plain(), "A / B": self.spread()}

    def spread(self) -> dict[str, dict[str, float]]:
        """The median of each figure's ratios, the least and the greatest."""
        return {
            name: {"median": round(median(found), 3), "min": round(min(found), 3), "max": round(max(found), 3)}
            for name, found in self.ratios.items()
        }


async def compare(
    a: Session, b: Session, work: Work, *, workers: int, seconds: float, rounds: int, show: throughput.Tell
) -> Comparison:
    """Let both do the work in every round, the other one first each time, so that neither always has the machine as
    the other left it.
    """
    found = Comparison()

    async def measured(name: str, session: Session) -> Slice:
        result = await work.measure(session, workers=workers, seconds=seconds, show=lambda *_: None)
        found.wrong += [f"{name}: {said}" for said in result.wrong]
        show(name, result.slices[work.name])
        return result.slices[work.name]

    for number in range(rounds):
        if number % 2:
            of_b, of_a = await measured("B", b), await measured("A", a)
        else:
            of_a, of_b = await measured("A", a), await measured("B", b)
        found.add(of_a, of_b)
    return found
