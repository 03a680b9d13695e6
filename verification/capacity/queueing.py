"""Simulates how long calls wait for the event loop of their pod: one server and one queue with a bound each."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from verification.capacity.costs import Costs, Spread
from verification.capacity.needs import MS, Sale

CALLS_MAX: Final = 8_192
"""That one process has at once; more are turned away at once."""
ARRIVALS: Final = 30_000
WARM_UP: Final = 12_000
UNEVEN: Final = 1.1
"""The busiest pod has so many times its share: connections are spread by chance."""


@dataclass(frozen=True)
class Pod:
    """What the busiest of so many pods shows."""

    pods: int
    load: float
    """Work that comes, by what the loop can do."""
    p50_ms: float
    p99_ms: float
    turned_away: float
    """The share of calls."""


def simulated(pods: int, sale: Sale, costs: Costs, *, seed: int = 1) -> Pod:
    """The busiest of so many pods under the sale, once it is under way."""
    random = Random(seed)
    kinds = list(_kinds(sale, costs))
    per_ms = sum(rate for rate, _, _ in kinds) / MS / pods * UNEVEN
    weights = [rate for rate, _, _ in kinds]
    drawn = random.choices(kinds, weights, k=ARRIVALS)
    load = sum(rate * ms for rate, ms, _ in kinds) / MS / pods * UNEVEN
    now = 0.0
    ends = deque(_full(load / per_ms) if load > 1 else ())
    free_at = ends[-1] if ends else 0.0
    times, away = [], 0
    for number, (_, mean_ms, spread) in enumerate(drawn):
        now += random.expovariate(per_ms)
        while ends and ends[0] <= now:
            ends.popleft()
        if len(ends) >= CALLS_MAX:
            away += number >= WARM_UP
            continue
        free_at = max(now, free_at) + mean_ms * spread.at(random.random())
        ends.append(free_at)
        if number >= WARM_UP:
            times.append(free_at - now)
    times.sort()
    return Pod(pods, load, times[len(times) // 2], times[len(times) * 99 // 100], away / (ARRIVALS - WARM_UP))


def _full(mean_ms: float) -> Iterator[float]:
    """When the calls of a full queue end: where more comes than can be done it is full before long."""
    return (number * mean_ms for number in range(1, CALLS_MAX + 1))


def _kinds(sale: Sale, costs: Costs) -> Iterator[tuple[float, float, Spread]]:
    yield sale.refusals_per_second, costs.refusal, costs.refusals
    yield sale.steps_per_second, costs.step, costs.refusals
    quiet = 1 - sale.sold_maps_share
    yield sale.maps_per_second * quiet, costs.quiet_map, costs.maps
    yield sale.maps_per_second * sale.sold_maps_share, costs.sold_map, costs.maps
