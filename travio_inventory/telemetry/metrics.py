"""Counts and latencies by use case and outcome, in fixed buckets."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

BUCKETS_MS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Upper bounds, included; one more bucket counts what took longer."""

_BUCKETS_NS = tuple(round(bound * 1_000_000) for bound in BUCKETS_MS)


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


class Figures:
    """What was counted since the start. For one event loop: it takes no lock."""

    def __init__(self) -> None:
        self._tallies: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
        self._gauges: dict[str, Callable[[], int]] = {}

    def gauge(self, name: str, read: Callable[[], int]) -> None:
        """A figure that is read when it is asked for."""
        self._gauges[name] = read

    def gauges(self) -> Mapping[str, int]:
        """What the gauges show now, by name."""
        return {name: read() for name, read in sorted(self._gauges.items())}

    def add(self, use_case: str, outcome: str, elapsed_ns: int) -> None:
        """Count one call."""
        tally = self._tallies[use_case, outcome]
        tally.buckets[bisect_left(_BUCKETS_NS, elapsed_ns)] += 1
        tally.total_ns += elapsed_ns

    def snapshot(self) -> Sequence[Figure]:
        """The figures as they are now, by use case and outcome."""
        return [
            Figure(*name, sum(tally.buckets), tally.total_ns / 1_000_000, tuple(tally.buckets))
            for name, tally in sorted(self._tallies.items())
        ]


class _Tally:
    __slots__ = ("buckets", "total_ns")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BUCKETS_NS) + 1)
        self.total_ns = 0
