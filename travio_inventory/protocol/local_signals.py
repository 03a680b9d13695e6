"""What this process's own steps did: its background jobs need not search for it."""

from asyncio import Event as Flag
from heapq import heappop, heappush

from travio_inventory.protocol.batches import Partition, Row, RowKey

EVENTS_MAX = 50_000
"""Events that wait for one follower."""
DUE_MAX = 200_000


class RecentEvents:
    """Events just recorded that one follower has not taken yet."""

    def __init__(self) -> None:
        self._events: dict[Partition, dict[RowKey, Row]] = {}
        self._count = 0
        self.are_there = Flag()
        """Whether there are any."""

    def add(self, partition: Partition, key: RowKey, event: Row) -> None:
        """The partition has this new event. For a follower that does not fetch them only so many are kept."""
        if self._count < EVENTS_MAX:
            self._events.setdefault(partition, {})[key] = event
            self._count += 1
            self.are_there.set()

    def take(self) -> dict[Partition, dict[RowKey, Row]]:
        """The new events since the last time."""
        taken, self._events, self._count = self._events, {}, 0
        self.are_there.clear()
        return taken


class LocalSignals:
    """Events just recorded, and moments at which something falls due. It may forget them: the store has them too."""

    def __init__(self) -> None:
        self._followers: list[RecentEvents] = []
        self._due: list[tuple[int, Partition]] = []

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
        if len(self._due) < DUE_MAX:
            heappush(self._due, (at_ms, partition))

    def take_due(self, elapsed_ms: int) -> set[Partition]:
        """The partitions in which something fell due by now."""
        taken: set[Partition] = set()
        while self._due and self._due[0][0] <= elapsed_ms:
            taken.add(heappop(self._due)[1])
        return taken

    def all_due(self) -> set[Partition]:
        """The partitions in which something falls due, now or later."""
        return {partition for _, partition in self._due}
