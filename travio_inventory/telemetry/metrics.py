"""Counts and latencies by use case and outcome, in fixed buckets."""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from travio_inventory.kernel.tally import BUCKETS_MS, BUCKETS_NS, Tally


class Figure(NamedTuple):
    """How often a use case had this outcome, and how long it took: calls per bucket, and the total in ms."""

    use_case: str
    outcome: str
    calls: int
    total_ms: float
    buckets: tuple[int, ...]

    def within_ms(self, share: float) -> float:
        """The upper bound of this share of the calls, infinity beyond the last bucket."""
        least, seen = share * self.calls, 0
        for bound_ms, in_bucket in zip(BUCKETS_MS, self.buckets, strict=False):
            seen += in_bucket
            if seen >= least:
                return bound_ms
        return float("inf")

    def __str__(self) -> str:
        within = f"p50<={self.within_ms(0.5):g}ms p99<={self.within_ms(0.99):g}ms"
        return f"{self.use_case} {self.outcome}={self.calls} {within}"


class Outcomes(dict[str, Tally]):
    """The tallies of one use case by outcome; each is there once it is asked for."""

    def __init__(self, use_case: str, tallies: Mapping[tuple[str, str], Tally]) -> None:
        super().__init__()
        self._use_case = use_case
        self._tallies = tallies

    def __missing__(self, outcome: str) -> Tally:
        found = self[outcome] = self._tallies[self._use_case, outcome]
        return found


class Figures:
    """What was counted since the start. For one event loop: it takes no lock."""

    def __init__(self) -> None:
        self._tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        self._gauges: dict[str, Callable[[], int]] = {}
        self.published: Counter[str] = Counter()
        """Events that each sink has accepted."""
        self.trip_visits: Counter[str] = Counter()
        """Visits of trips that may be over, by what came of them."""
        self.not_checked: Counter[str] = Counter()
        """What the auditor could not check, by what it is."""

    def gauge(self, name: str, read: Callable[[], int]) -> None:
        """A figure that is read when it is asked for."""
        self._gauges[name] = read

    def gauges(self, named: str = ".*") -> Mapping[str, int]:
        """What the gauges whose names are of that form show now, by name."""
        return {name: read() for name, read in sorted(self._gauges.items()) if re.fullmatch(named, name)}

    def add(self, use_case: str, outcome: str, elapsed_ns: int) -> None:
        """Count one call."""
        tally = self._tallies[use_case, outcome]
        tally.buckets[bisect_left(BUCKETS_NS, elapsed_ns)] += 1  # as Tally.add, without one more call
        tally.total_ns += elapsed_ns

    def of(self, use_case: str) -> "Outcomes":
        """The tallies of that use case, for who adds to them itself."""
        return Outcomes(use_case, self._tallies)

    @property
    def tallies(self) -> Mapping[tuple[str, str], Tally]:
        """What was counted, by use case and outcome; it goes on."""
        return self._tallies

    def snapshot(self) -> Sequence[Figure]:
        """The figures as they are now, by use case and outcome."""
        return [
            Figure(*name, tally.count, tally.total_ns / 1_000_000, tuple(tally.buckets))
            for name, tally in sorted(self._tallies.items())
        ]
