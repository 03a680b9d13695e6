"""What a relay remembers of the events that it published: so that each is published once while its process lives.

An event may be met again for as long as its epoch is open, or the one into which its place was carried on. What is
remembered is thus what the open epochs hold, however much a sink has to catch up on, and what is in the partitions that
cannot be read. A single event that was carried on leads to no other.
"""

from collections.abc import Collection
from math import inf
from typing import NamedTuple

from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Partition
from travio_inventory.protocol.event_places import partition_in, row_id_in
from travio_inventory.protocol.minute_cursor import Place

SUBJECTS_MAX = 1_000_000
"""More only while an epoch cannot be read for long; events of those that are forgotten may be published again."""


class _Last(NamedTuple):
    partition: Partition
    ordinal: int
    epoch: int
    """That of the subject's last published event."""
    until: int
    """The last epoch in which its events may be met again."""


class LastPublished:
    """The last published event of each subject."""

    def __init__(self) -> None:
        self._last: dict[str, _Last] = {}

    def __len__(self) -> int:
        return len(self._last)

    def upto(self, subject: str) -> int:
        """Its ordinal; -1 if none is remembered."""
        last = self._last.get(subject)
        return -1 if last is None else last.ordinal

    def has(self, place: Place) -> bool:
        """Whether it is a single event that was published, while it was not known to be set aside."""
        try:
            subject, ordinal = event_rows.named_in(row_id_in(place) or "")
        except ValueError:
            return False
        return self.upto(subject) >= ordinal

    def add(self, partition: Partition, subject: str, ordinal: int, epoch: int, until: int) -> None:
        """That event of the epoch was published; it may be met again `until` then."""
        before = self._last.pop(subject, None)
        if before is not None:
            ordinal, epoch, until = max(ordinal, before.ordinal), max(epoch, before.epoch), max(until, before.until)
        self._last[subject] = _Last(partition, ordinal, epoch, until)
        if len(self._last) > SUBJECTS_MAX:
            del self._last[next(iter(self._last))]

    def carried(self, places: Collection[Place], into: int) -> None:
        """These places are met again in that epoch, and with them the events of their partitions from then on; all
        events with an epoch that cannot be read, for older ones may have been carried into it.
        """
        is_any = any(not place.entry for place in places)
        oldest: dict[Partition, int] = {}
        for place in places:
            partition = partition_in(place) if place.entry and row_id_in(place) is None else None
            if partition is not None:
                oldest[partition] = min(place.minute, oldest.get(partition, place.minute))
        if not oldest and not is_any:
            return
        for subject, last in self._last.items():
            if is_any or last.epoch >= oldest.get(last.partition, inf):
                self._last[subject] = last._replace(until=max(last.until, into))

    def forget(self, first: int) -> None:
        """Nothing of an epoch before that one is met again."""
        self._last = {subject: last for subject, last in self._last.items() if last.until >= first}
