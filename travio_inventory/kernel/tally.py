"""How often something happened and how long it took, in fixed buckets."""

from bisect import bisect_left

BUCKETS_MS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Upper bounds, included; one more bucket counts what took longer."""

BUCKETS_NS = tuple(round(bound * 1_000_000) for bound in BUCKETS_MS)


class Tally:
    """For one thread: it takes no lock."""

    __slots__ = ("buckets", "total_ns")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS_NS) + 1)
        self.total_ns = 0

    def add(self, elapsed_ns: int) -> None:
        """Count one more."""
        self.buckets[bisect_left(BUCKETS_NS, elapsed_ns)] += 1
        self.total_ns += elapsed_ns

    def include(self, other: "Tally") -> None:
        """Count what another one has counted as well."""
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.total_ns += other.total_ns

    @property
    def count(self) -> int:
        return sum(self.buckets)
