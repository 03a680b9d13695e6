"""What this process's own steps did: its workers need not search for it."""

from heapq import heappop, heappush

from travio_inventory.protocol.batches import Row, RowKey
from travio_inventory.seats.ports import SeatGroupKey

EVENTS_MAX = 50_000
DUE_MAX = 200_000


class LocalSignals:
    """Events just recorded, and moments at which something falls due. It may forget: the store knows it too."""

    def __init__(self) -> None:
        self._events: dict[SeatGroupKey, dict[RowKey, Row]] = {}
        self._events_count = 0
        self._due: list[tuple[int, SeatGroupKey]] = []

    def recorded(self, group: SeatGroupKey, key: RowKey, event: Row) -> None:
        """The seat group has this new event."""
        if self._events_count < EVENTS_MAX:
            self._events.setdefault(group, {})[key] = event
            self._events_count += 1

    def due(self, group: SeatGroupKey, at_ms: int) -> None:
        """Something in the seat group falls due at that moment, by the time that passes (`Clock.elapsed_ms`)."""
        if len(self._due) < DUE_MAX:
            heappush(self._due, (at_ms, group))

    def take_events(self) -> dict[SeatGroupKey, dict[RowKey, Row]]:
        """The new events since the last time."""
        taken, self._events, self._events_count = self._events, {}, 0
        return taken

    def take_due(self, elapsed_ms: int) -> set[SeatGroupKey]:
        """The seat groups in which something fell due by now."""
        taken: set[SeatGroupKey] = set()
        while self._due and self._due[0][0] <= elapsed_ms:
            taken.add(heappop(self._due)[1])
        return taken

    def all_due(self) -> set[SeatGroupKey]:
        """The seat groups in which something falls due, now or later."""
        return {group for _, group in self._due}
