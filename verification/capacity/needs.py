"""What a sale takes of pods, Redis and the database: arithmetic on costs, with every assumption by name."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from verification.capacity.costs import Costs

MS: Final = 1_000
POD_BUSY_MAX, REDIS_BUSY_MAX, NODE_BUSY_MAX = 0.7, 0.5, 0.5
"""The autoscaler's aim for pods; half for what must do the work of a lost neighbour too."""
NODE_CORES: Final = 8
NODES_MIN: Final = 3
ZONES: Final = 3


@dataclass(frozen=True)
class Sale:
    """What comes."""

    contenders_per_second: float = 100_000
    seats: int = 1_000_000
    sold_within_seconds: float = 600
    maps_per_hour: float = 50_000_000
    lapsed_share: float = 0.25
    """Of holds, those that are not booked."""
    sold_maps_share: float = 0.5
    """Of maps, those of trips that are sold at that moment."""

    @property
    def holds_per_second(self) -> float:
        return self.seats / self.sold_within_seconds / (1 - self.lapsed_share)

    @property
    def steps_per_second(self) -> float:
        """A hold is one step, and its booking or its end another one."""
        return 2 * self.holds_per_second

    @property
    def refusals_per_second(self) -> float:
        return self.contenders_per_second - self.holds_per_second

    @property
    def maps_per_second(self) -> float:
        return self.maps_per_hour / 3_600


@dataclass(frozen=True)
class Needs:
    """Cores that are busy, and what has them."""

    refusing: float
    selling: float
    showing: float
    redis_least: float
    """Everybody wants the same few seats: processes remember what Redis said."""
    redis_most: float
    """The crowd spreads: Redis is asked each time."""
    database: float

    @property
    def pods(self) -> int:
        """Of one process each; the event loop of a process has one core."""
        return ceil((self.refusing + self.selling + self.showing) / POD_BUSY_MAX)

    @property
    def pods_with_a_zone_less(self) -> int:
        return ceil(self.pods * ZONES / (ZONES - 1))

    @property
    def redis_nodes(self) -> tuple[int, int]:
        """Masters of a cluster: at least, and at most. Redis works with one core."""
        return ceil(self.redis_least / REDIS_BUSY_MAX), ceil(self.redis_most / REDIS_BUSY_MAX)

    @property
    def database_nodes(self) -> int:
        """A multiple of the copies, so that each zone has all rows."""
        return max(NODES_MIN, ZONES * ceil(self.database / NODE_CORES / NODE_BUSY_MAX / ZONES))


def needs(sale: Sale, costs: Costs) -> Needs:
    """Of that sale."""
    quiet = (1 - sale.sold_maps_share) * costs.quiet_map
    showing = sale.maps_per_second * (quiet + sale.sold_maps_share * costs.sold_map) / MS
    redis_for_steps = sale.steps_per_second * costs.step_of_redis / MS
    return Needs(
        refusing=sale.refusals_per_second * costs.refusal / MS,
        selling=sale.steps_per_second * costs.step / MS,
        showing=showing,
        redis_least=redis_for_steps + sale.refusals_per_second * costs.refusal_of_redis / MS,
        redis_most=redis_for_steps + sale.refusals_per_second * costs.asking_of_redis / MS,
        database=sale.steps_per_second * costs.step_of_database / MS,
    )
