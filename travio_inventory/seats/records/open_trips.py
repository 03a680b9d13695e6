"""A slow round over the seat groups of all open trips: whatever no index leads to is found within about an hour.

A batch may land long after everything that its index entries named was closed: a node hands on what it had kept, or a
later batch finishes what an earlier one began. No bound in time is given for that, so somebody looks everywhere.
"""

from collections.abc import Iterable, Iterator
from random import Random

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol.batches import Batches, Partition
from travio_inventory.seats.ports import ListedTrip
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.listed_trips import EVERY_MS, TripRound

GROUPS_AT_ONCE = 64
"""How many seat groups are visited in one round of a background job."""
KEPT_S = 2 * 86_400
"""So long after its last arrival, or after it was opened, a trip is visited still."""


class SlowRound:
    """The seat groups of open trips, each once in `every_ms` for all that go by the same `name`."""

    def __init__(self, batches: Batches, clock: Clock, *, name: str, random: Random, every_ms: int = EVERY_MS) -> None:
        self._round = TripRound(batches, clock, _groups, name=name, random=random, every_ms=every_ms)

    async def next_partitions(self) -> list[Partition]:
        """The next to visit, at most GROUPS_AT_ONCE; asking for more says that the last ones were visited.

        Raises StoreUnavailable.
        """
        return await self._round.next(GROUPS_AT_ONCE)


def _groups(trips: Iterable[ListedTrip], now_s: int) -> Iterator[Partition]:
    """The seat groups of the trips that are not long over."""
    for trip in trips:
        if not trip.ends_s or now_s < max(trip.ends_s, trip.opened_at_ms // 1_000) + KEPT_S:
            for group in range(trip.group_count):
                yield seat_rows.group_partition(trip.key, group)
