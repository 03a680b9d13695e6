"""What this process's own steps did: its background jobs need not search for it."""

import asyncio
from collections import defaultdict
from heapq import heappop, heappush

from travio_inventory.protocol.batches import Partition, Row, RowKey, Table

EVENTS_MAX = 50_000
"""Events that wait for one follower."""
DUE_MAX = 200_000


class RecentEvents:
    """Events just recorded that one follower has not taken yet."""

    def __init__(self) -> None:
        self._events: dict[Partition, dict[RowKey, Row]] = {}
        self._count = 0
        self._some = asyncio.Event()

    def add(self, partition: Partition, key: RowKey, event: Row) -> None:
        """The partition has this new event. For a follower that does not fetch them only so many are kept."""
        if self._count < EVENTS_MAX:
            self._events.setdefault(partition, {})[key] = event
            self._count += 1
        self._some.set()

    def take(self) -> dict[Partition, dict[RowKey, Row]]:
        """The new events since the last time."""
        taken, self._events, self._count = self._events, {}, 0
        self._some.clear()
        return taken

    async def some(self) -> None:
        """Wait until there are new events."""
        await self._some.wait()


class LocalSignals:
    """Events just recorded, and moments at which something falls due. It may forget them: the store has them too."""

    def __init__(self) -> None:
        self._followers: list[RecentEvents] = []
        self._due: defaultdict[Table, list[tuple[int, Partition]]] = defaultdict(list)

    def recorded(self, partition: Partition, key: RowKey, event: Row) -> None:
        """The partition has this new event."""
        for follower in self._followers:
            follower.add(partition, key, event)

    def follow(self) -> RecentEvents:
        """The events from now on, for one follower more."""
        self._followers.append(RecentEvents())
        return self._followers[-1]

    def due(self, partition: Partition, at_ms: int) -> None:
        """Something in the partition falls due at that moment, in monotonic time (`Clock.elapsed_ms`)."""
        due = self._due[partition.table]
        if len(due) < DUE_MAX:
            heappush(due, (at_ms, partition))

    def take_due(self, elapsed_ms: int, of: Table = Table.SEAT_GROUPS) -> set[Partition]:
        """The partitions of the table in which something fell due by now."""
        due = self._due[of]
        taken: set[Partition] = set()
        while due and due[0][0] <= elapsed_ms:
            taken.add(heappop(due)[1])
        return taken

    def all_due(self, of: Table = Table.SEAT_GROUPS) -> set[Partition]:
        """The partitions of the table in which something falls due, now or later."""
        return {partition for _, partition in self._due[of]}
