"""Says how far a sink is by what is stored, without its relay: from where on it may lack events, and how many."""

from typing import NamedTuple

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol import published_until
from travio_inventory.protocol.batches import Batches, Index, Kind, Partition, RowKey, Table
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of
from travio_inventory.protocol.minute_cursor import CARRIED, EPOCH_SETTLES_MS
from travio_inventory.protocol.recorded_events import Position, Wanted, open_epoch, recorded_events
from travio_inventory.protocol.rows import number

SETTLING = EPOCH_SETTLES_MS[-1] // MINUTE_MS + 1
"""So many epochs the cursor of a sink that has everything stays behind the open one: late events are still looked for
in them.
"""
_ROW = RowKey(Kind.CURSOR, "")


class Backlog(NamedTuple):
    """A sink has every event before the epoch `cursor`, and every one that happened before `reached_ms`; both are 0 for
    a sink that never had one. `behind` are the epochs between the cursor and where it is at best.
    """

    cursor: int
    open_epoch: int
    reached_ms: int
    behind: int
    events: int
    """Recorded in the epochs behind."""
    is_more: bool
    """Whether there are more, which were not counted."""
    carried: int
    """Of earlier epochs, what could not be read or published: single events and whole partitions. What was published
    since still counts for some minutes.
    """


async def backlog_of(batches: Batches, clock: Clock, sink: str, *, kept_s: int, events_max: int) -> Backlog:
    """Of the sink of that name. Raises StoreUnavailable."""
    newest = await open_epoch(batches)
    named = Partition(Table.CURSORS, "", f"{Index.JOURNAL} of {sink}")
    found = await batches.get(named, [_ROW, published_until.ROW])
    cursor = number(found.get(_ROW, {}), "reached")
    reached_ms = number(found.get(published_until.ROW, {}), "reached")
    until = newest - SETTLING
    behind = max(until - cursor, 0)
    counted = 0
    if behind:
        after = Position(cursor)
        async for piece in recorded_events(batches, clock, Wanted(0), kept_s=kept_s, after=after):
            if piece.position.epoch >= until or counted >= events_max:
                break
            counted += len(piece.events)
    carried = await _carried(batches, sink, range(max(cursor, until), newest + 1)) if cursor else 0
    return Backlog(cursor, newest, reached_ms, behind, min(counted, events_max), counted >= events_max > 0, carried)


async def _carried(batches: Batches, sink: str, epochs: range) -> int:
    found = [await batches.read_index(Index.JOURNAL, bucket_of(epoch)) for epoch in epochs]
    own = f"{CARRIED}{sink}{CARRIED}"
    return len({entry for entries in found for entry in entries if entry.startswith(own)})
