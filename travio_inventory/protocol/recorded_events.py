"""Reads the events that are kept, from a moment on, for whoever wants them again: beside the relays, who are not moved.

Events come epoch by epoch and partition by partition, so those of a subject in their order, but for those of an epoch
that processes recorded whose clocks differ. Where a moment is among the epochs nobody noted: one was open for a minute
at least, which says from which one on to look.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Batches, Index, Kind, Partition, RowKey, Rows, Table
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.minute_cursor import CARRIED
from travio_inventory.protocol.published_until import SLACK_MS

EVENTS_PER_READ = 500
AHEAD = 3
"""An event may be of an epoch so far after the open one: a step counts epochs on by itself."""

_OPEN = RowKey(Kind.CURSOR, "open")
_CURSORS = Partition(Table.CURSORS, "", Index.JOURNAL)


class Position(NamedTuple):
    """Everything before it was read: in that epoch the partitions before that entry, and of it the rows before."""

    epoch: int = 0
    entry: str = ""
    row_id: str = ""


BEGINNING = Position()


class Wanted(NamedTuple):
    """Events from a moment until before another one (0 = to the last), of one trip ("" = of all)."""

    from_ms: int
    to_ms: int = 0
    partition_key: str = ""

    def has(self, event: Event) -> bool:
        """Whether the event is wanted."""
        return (
            self.from_ms <= event.at_ms
            and (not self.to_ms or event.at_ms < self.to_ms)
            and self.partition_key in ("", event.partition_key)
        )


class Piece(NamedTuple):
    """The next wanted events, how far they lead, and how far that is: of so many epochs so many are read."""

    events: list[Event]
    position: Position
    epochs_read: int
    epochs: int
    unreadable: int
    """So many rows hold no event that this release can read."""


async def open_epoch(batches: Batches) -> int:
    """The open epoch, 0 if nothing was ever recorded. Raises StoreUnavailable."""
    row = (await batches.get(_CURSORS, [_OPEN])).get(_OPEN)
    return rows.number(row, "reached") if row else 0


async def recorded_events(
    batches: Batches, clock: Clock, wanted: Wanted, *, kept_s: int, after: Position = BEGINNING
) -> AsyncIterator[Piece]:
    """Piece by piece, at most EVENTS_PER_READ at a time. Raises StoreUnavailable."""
    newest = await open_epoch(batches)
    age_ms = min(max(clock.now_ms() - wanted.from_ms, 0), kept_s * 1_000) + SLACK_MS
    first = max(newest - age_ms // EPOCH_MS - 1, after.epoch, 1)
    last = newest + AHEAD
    for epoch in range(first, last + 1):
        done = epoch - first, last - first + 1
        for entry in sorted(await batches.read_index(Index.JOURNAL, bucket_of(epoch))):
            if entry.startswith(CARRIED) or (epoch, entry) < after[:2]:
                continue
            try:
                partition = rows.read_partition_entry(entry)
            except ValueError:
                yield Piece([], Position(epoch, entry), *done, unreadable=1)
                continue
            if wanted.partition_key not in ("", partition.name):
                continue
            start = after.row_id if (epoch, entry) == after[:2] else ""
            async for found in _pages(batches, partition, epoch, start):
                events, unreadable = _events(partition, found)
                position = Position(epoch, entry, f"{next(reversed(list(found))).id}\0")
                yield Piece([event for event in events if wanted.has(event)], position, *done, unreadable)
        yield Piece([], Position(epoch + 1), done[0] + 1, done[1], 0)


async def _pages(batches: Batches, partition: Partition, epoch: int, start: str) -> AsyncIterator[Rows]:
    start, end = start or event_rows.id_from(epoch), event_rows.id_from(epoch + 1)
    while found := await batches.read(partition, Kind.EVENT, start=start, end=end, most=EVENTS_PER_READ):
        yield found
        if len(found) < EVENTS_PER_READ:
            return
        start = f"{next(reversed(list(found))).id}\0"


def _events(partition: Partition, found: Rows) -> tuple[list[Event], int]:
    """The events, and how many rows hold none."""
    events: list[Event] = []
    unreadable = 0
    for row in found.values():
        try:
            events.append(event_rows.read_event(partition, row))
        except ValueError:
            unreadable += 1
    return events, unreadable
