"""What a call costs, as docs/measured.json says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any, TypeAlias

Found: TypeAlias = Mapping[str, Any]
ALONE, CROWD = "one caller on a taken seat", "a crowd on one seat"
ASKING = "fifty at once, seat after seat"
MAP_ALONE, MAPS, HOLDS = "one reads a map", "many read a map", "holds of many trips"
REFUSALS, UNCHANGED = "refusals", "unchanged map"
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))


@dataclass(frozen=True)
class Spread:
    """How the time of a call varies, as multiples of its mean: points of its distribution. Between two of them the time
    grows by the same factor for the same share, as long tails do.
    """

    points: Sequence[tuple[float, float]]

    @classmethod
    def of(cls, latency_ms: Mapping[str, float]) -> "Spread":
        """From measured quantiles; the fastest is taken for half of the median."""
        measured = [(0.0, latency_ms["p50"] / 2), *((share, latency_ms[name]) for name, share in SHARES)]
        mean = sum((to - since) * _mean(low, high) for (since, low), (to, high) in pairwise(measured))
        return cls([(share, ms / mean) for share, ms in measured])

    def at(self, share: float) -> float:
        """The multiple that this share of calls does not exceed."""
        for (since, low), (to, high) in pairwise(self.points):
            if share <= to:
                return float(low * (high / low) ** ((share - since) / (to - since)))
        return self.points[-1][1]


def _mean(low: float, high: float) -> float:
    """Of what grows by the same factor for the same share."""
    return (high - low) / log(high / low) if high > low else low


@dataclass(frozen=True)
class Costs:
    """CPU milliseconds of a call, and the spread of calls that wait for no other."""

    refusal: float
    refusal_of_redis: float
    """In a crowd that wants one seat, of which processes remember what Redis said."""
    asking_of_redis: float
    """Where every contender asks Redis."""
    step: float
    step_of_redis: float
    step_of_database: float
    """Of all nodes together, three copies of each row."""
    step_of_one_node: float
    quiet_map: float
    sold_map: float
    """Of a trip that is sold at that moment."""
    refusals: Spread
    maps: Spread


def costs(path: Path) -> Costs:
    """From the file."""
    measured = json.loads(path.read_text())
    found: Found = measured["capacity"]["found"]
    alone, crowd, holds, asking = found[ALONE], found[CROWD], found[HOLDS], measured["asking"]["found"][ASKING]
    of_nodes = {
        name: measured[part]["found"][f"{name}, many trips"]
        for part, name in (("claims", "1 node"), ("claims-3-nodes", "3 nodes"))
    }
    service = "the service, 32 in flight"
    browsing = measured["browsing"]["found"]["500 seats x 5 segments"]
    return Costs(
        refusal=_cpu_ms(crowd[REFUSALS]),
        refusal_of_redis=crowd["redis CPU ms"] / crowd[REFUSALS]["calls"],
        asking_of_redis=asking["redis CPU ms"] / sum(asking["counts"].values()),
        step=_cpu_ms(holds[service]),
        step_of_redis=holds["redis CPU ms"] / holds[service]["calls"],
        step_of_database=of_nodes["3 nodes"][f"{service}: database CPU ms a call"],
        step_of_one_node=of_nodes["1 node"][f"{service}: database CPU ms a call"],
        quiet_map=_cpu_ms(found[MAPS][UNCHANGED]),
        sold_map=_cpu_ms(browsing["during the sale"]),
        refusals=Spread.of(alone[REFUSALS]["latency_ms"]),
        maps=Spread.of(found[MAP_ALONE][UNCHANGED]["latency_ms"]),
    )


def _cpu_ms(one: Found) -> float:
    return float(one["server_cpu_seconds"]) / float(one["calls"]) * 1_000
