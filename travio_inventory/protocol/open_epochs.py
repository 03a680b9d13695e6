"""How far the open epochs were read: at intervals, from the newest event of each place on.

Where relays share an index, each process publishes the events of its own steps at once, so a relay leaves those alone
that were recorded a moment ago, and finds in the next look what was not published.
"""

from math import inf

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Rows
from travio_inventory.protocol.minute_cursor import Place

LOOK_EVERY_MS = 10_000
"""How often the partitions in open epochs are read, for the events of other processes."""
LOOKBACK_MS = 1_000
"""How much older than the newest known event of a place an event may be and still be found by the next read."""
YOUNG_MS = 6_000
"""So long an event is left to the process that recorded it; one that seems to come from a later moment is not."""


class OpenEpochs:
    """What was read of them. `is_alone`: no other process writes, so they are read only once, after the start."""

    def __init__(self, clock: Clock, *, is_alone: bool, is_shared: bool) -> None:
        self._clock = clock
        self._is_alone = is_alone
        self._is_shared = is_shared
        self._looked_ms: int | None = None
        self._newest_ms: dict[Place, int] = {}
        self._left_ms: dict[Place, float] = {}
        """The first event of a place that was left alone."""

    def is_time_to_look(self) -> bool:
        """Whether the last look is long enough ago."""
        if self._looked_ms is None:
            return True
        return not self._is_alone and self._clock.elapsed_ms() - self._looked_ms >= LOOK_EVERY_MS

    def looked(self) -> None:
        """The places are about to be read, each from its `start_of` on."""
        self._looked_ms = self._clock.elapsed_ms()

    def start_of(self, place: Place) -> str:
        """With a clock ahead of this one the newest event may seem newer than the last read."""
        looked_at_ms = self._clock.now_ms() - self._clock.elapsed_ms() + (self._looked_ms or 0)
        newest_ms = min(self._newest_ms.get(place, 0), looked_at_ms, self._left_ms.pop(place, inf))
        return event_rows.id_from(place.minute, round(newest_ms) - LOOKBACK_MS)

    def without_young(self, place: Place, found: Rows) -> Rows:
        """Those of the place's rows that are not left alone: all of them unless it is open and relays share it."""
        if not self._is_shared:
            return found
        now_ms = self._clock.now_ms()
        times_ms = {key: rows.number(row, "at_ms") for key, row in found.items()}
        young = {key: at_ms for key, at_ms in times_ms.items() if abs(now_ms - at_ms) < YOUNG_MS}
        if young:
            self._left_ms[place] = min(*young.values(), self._left_ms.get(place, inf))
        return {key: row for key, row in found.items() if key not in young}

    def read(self, place: Place, found: Rows) -> None:
        """These rows of the place were read."""
        times_ms = (rows.number(row, "at_ms") for row in found.values())
        self._newest_ms[place] = max([self._newest_ms.get(place, 0), *times_ms])

    def forget(self, first: int) -> None:
        """Nothing of an epoch before that one is read again."""
        self._newest_ms = {place: at for place, at in self._newest_ms.items() if place.minute >= first}
        self._left_ms = {place: at for place, at in self._left_ms.items() if place.minute >= first}
