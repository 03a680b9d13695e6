"""Which trips' maps may have changed: this process's writes and the edge say so, and live feeds listen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from travio_inventory.seats.trip import TripKey


class MapSignals:
    """Calls whoever listens to a trip. A signal may be lost or come twice: it says only that a look is worth while."""

    def __init__(self) -> None:
        self._listeners: dict[TripKey, list[Callable[[], None]]] = {}

    @contextmanager
    def listening(self, trip: TripKey, on_change: Callable[[], None]) -> Iterator[None]:
        """Call it whenever the trip's map may have changed, until the block is left."""
        listeners = self._listeners.setdefault(trip, [])
        listeners.append(on_change)
        try:
            yield
        finally:
            listeners.remove(on_change)
            if not listeners:
                self._listeners.pop(trip, None)

    def changed(self, trip: TripKey) -> None:
        """Its map may have changed, and what is cached of it from before is not read any more."""
        for on_change in self._listeners.get(trip, ()):
            on_change()

    def all_changed(self) -> None:
        """Any map may have changed: signals may have been missed."""
        for trip in list(self._listeners):
            self.changed(trip)
