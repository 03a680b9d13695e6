"""What a journal is about to read: partitions in an epoch, and the single events that were set aside."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.back_off import BackOff
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.event_places import row_id_in, unit_of
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.store_waits import StoreWaits

PLACES_MAX = 10_000
"""While more partitions wait to be read, no further epochs are read."""
SINGLES_MAX = 10_000
"""So many single events are remembered; the index leads to the others. While there are others, events of their
partitions may be published again.
"""


class ToRead:
    """Places, each with the event row id from which it is to be read; those that failed wait."""

    def __init__(self, what: str, elapsed_ms: Callable[[], int], waits: StoreWaits) -> None:
        self.back_off = BackOff[Place](what, elapsed_ms, waits)
        self._partitions: dict[Place, str] = {}
        self._singles: dict[Place, str] = {}
        self._aside: set[str] = set()
        self._finished: dict[Place, int] = {}
        """Single events that have been read since, and the last epoch in which they may be met again."""
        self._dropped_in = 0
        """The last epoch in which a single event may be noted that is not remembered."""

    def __len__(self) -> int:
        return len(self._partitions) + len(self._singles)

    @property
    def is_full(self) -> bool:
        """Whether so much is to be read that no further epochs should be."""
        return len(self._partitions) > PLACES_MAX

    def add(self, place: Place, open_epoch: int, start: str = "") -> None:
        """Read it from that row id on, or that single event; beyond SINGLES_MAX the first ones are forgotten."""
        row_id = row_id_in(place)
        if row_id is None:
            self._partitions[place] = start
            return
        self._finished.pop(place, None)
        self._singles[place] = row_id
        self._aside.add(row_id)
        while len(self._singles) > SINGLES_MAX:
            first = next(iter(self._singles))
            self._aside.discard(self._singles.pop(first))
            self._dropped_in = open_epoch

    def start_of(self, place: Place) -> str | None:
        """From where a partition in an epoch is to be read; None if it is not."""
        return self._partitions.get(place)

    def has(self, place: Place) -> bool:
        """Whether it is to be read."""
        return place in self._partitions or place in self._singles

    @property
    def has_aside(self) -> bool:
        """Whether any event is known to be set aside."""
        return bool(self._aside)

    def is_aside(self, row_id: str) -> bool:
        """Whether that event is known to be set aside."""
        return row_id in self._aside

    def waiting(self) -> dict[str, int]:
        """The subjects that wait for a single event, and its ordinal, also while it is being tried again."""
        waiting: dict[str, int] = {}
        for row_id in self._singles.values():
            with suppress(ValueError):  # nobody can read it
                subject, ordinal = event_rows.named_in(row_id)
                waiting[subject] = min(ordinal, waiting.get(subject, ordinal))
        return waiting

    def knows_all(self, first: int) -> bool:
        """Whether all single events that are set aside are known, if that epoch is the first open one."""
        return self._dropped_in < first

    def units(self) -> set[object]:
        """Partitions with something to read."""
        return set(map(unit_of, self._partitions))

    def oldest(self, partition: Partition) -> int | None:
        """The first epoch in which the partition is to be read."""
        entry = rows.partition_entry(partition)
        return min((place.minute for place in self._partitions if place.entry == entry), default=None)

    def lines(self) -> deque[deque[Place]]:
        """What to read now: the oldest place of each partition; single events one by one."""
        lines: defaultdict[object, deque[Place]] = defaultdict(deque)
        for place in sorted([*self._partitions, *self._singles]):
            lines[unit_of(place)].append(place)
        return deque(line for line in lines.values() if not self.back_off.is_waiting(line[0]))

    # ---- what was read

    def was_read(self, place: Place) -> None:
        """All of a partition in an epoch."""
        self._partitions.pop(place, None)

    def begin(self, place: Place) -> None:
        """That single event is about to be taken in, and may be set aside again."""
        self._aside.discard(self._singles.get(place, ""))

    def finish(self, place: Place, until: int) -> None:
        """That single event was taken in; it may be met again until that epoch."""
        self._singles.pop(place, None)
        self._finished[place] = until

    def forget(self, first: int) -> None:
        """Nothing of an epoch before that one is met again."""
        self._finished = {place: epoch for place, epoch in self._finished.items() if epoch >= first}

    # ---- what is left of an epoch

    def unfinished(self, places: Iterable[Place]) -> list[Place]:
        """Those of the places that are to be read, the ones that failed first: they are the first to be forgotten."""
        unfinished = [place for place in places if place.entry and place not in self._finished]
        return sorted(unfinished, key=self.back_off.has, reverse=True)

    def left(self, places: Iterable[Place]) -> set[Place]:
        """Those of the places that have been visited and still are to be read, or could not be."""
        return {place for place in places if not place.entry or self.has(place) or self._is_dropped(place)}

    def failed(self) -> set[Place]:
        """The places that cannot be read, and the later ones of their partitions, which wait for them."""
        failed = {place for place in self._singles if self.back_off.has(place)}
        waiting: set[object] = set()
        for place in sorted(self._partitions):
            if unit_of(place) in waiting or self.back_off.has(place):
                waiting.add(unit_of(place))
                failed.add(place)
        return failed

    def can_wait(self, left: Collection[Place], failed: Collection[Place]) -> bool:
        """Whether the epoch of these counts as visited: they failed, or wait only for room."""
        return all(not place.entry or place in failed or self._is_dropped(place) for place in left)

    def carried(self, left: Iterable[Place], open_epoch: int) -> None:
        """These were noted again in that epoch."""
        if any(map(self._is_dropped, left)):
            self._dropped_in = open_epoch

    def _is_dropped(self, place: Place) -> bool:
        return row_id_in(place) is not None and place not in self._singles and place not in self._finished
