"""Which recorded events a sink lacks although they are old: for whoever audits a partition, beside the relays.

Where relays note what they published, an event without a note is lacking: if the sink's cursor has passed it, once the
slow round must have found it. Elsewhere only what the cursor has not passed can be told, and how long ago it was
recorded is counted in epochs too: while nobody lives, none passes.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import (
    Applied,
    Index,
    IndexEntry,
    Kind,
    Partition,
    RowKey,
    StoreUnavailable,
    Table,
)
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.event_places import FoundEvent, place_of
from travio_inventory.protocol.index_entries import bucket_of
from travio_inventory.protocol.late_events import LOOKS_BACK, readable
from travio_inventory.protocol.minute_cursor import carried_entry, cursor_of
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.told_notes import HOUR_MS, ToldNotes

EVENTS_PER_READ = 500
ENTRIES_AT_ONCE = 100
PASSED_AFTER_MS = (LOOKS_BACK + 1) * HOUR_MS
"""A younger event that a cursor has passed may still be found by the slow round."""
LATE_MS = 7_200_000
EVENTS_MAX = 10_000
"""So many events of a partition are told at once; more, once these are published."""


class OldEvent(NamedTuple):
    """An event, where it is recorded."""

    key: RowKey
    event: Event


class Lacking(NamedTuple):
    """Events that a sink lacks, the oldest first."""

    sink: str
    events: Sequence[OldEvent]


class Unpublished:
    """Looks for what the sinks of these names lack for longer than a bound. `are_noted` are the tables of whose events
    relays note that they were published.
    """

    def __init__(
        self, sender: Sender, sinks: Collection[str], *, are_noted: Collection[Table] = (), late_ms: int = LATE_MS
    ) -> None:
        self._sender = sender
        self._batches = sender.batches
        self._sinks = tuple(sinks)
        self._are_noted = frozenset(are_noted)
        self._late_ms = late_ms

    async def of(self, partition: Partition) -> list[Lacking]:
        """What each sink lacks of the partition's events. Raises StoreUnavailable."""
        old = await self._old(partition) if self._sinks else []
        found = [Lacking(sink, await self._lacking(partition, sink, old)) for sink in self._sinks if old]
        return [lacking for lacking in found if lacking.events]

    async def give_again(self, partition: Partition, lacking: Lacking) -> None:
        """Note for the sink's relay, in the open epoch, where the events are. Raises StoreUnavailable."""
        bucket, keep_s = bucket_of(await self._epoch()), self._sender.rules.retention.entries_s
        places = [place_of(FoundEvent(partition, each.key, {})) for each in lacking.events]
        noted = [IndexEntry(Index.JOURNAL, bucket, carried_entry(lacking.sink, place), keep_s) for place in places]
        cursor, _ = cursor_of(Index.JOURNAL, lacking.sink)
        for start in range(0, len(noted), ENTRIES_AT_ONCE):
            some = noted[start : start + ENTRIES_AT_ONCE]
            if not isinstance(await self._batches.apply(cursor, [], some), Applied):
                raise StoreUnavailable("not given to the relay")

    async def _old(self, partition: Partition) -> list[OldEvent]:
        """The kept events that are older than the bound, in their order."""
        now_ms, kept_ms = self._sender.clock.now_ms(), self._sender.rules.retention.events_s * 1_000
        old: list[OldEvent] = []
        start = ""
        while True:
            found = await self._batches.read(partition, Kind.EVENT, start=start, most=EVENTS_PER_READ)
            for key, row in found.items():
                if self._late_ms <= now_ms - rows.number(row, "at_ms") < kept_ms:
                    old += [OldEvent(key, event) for event in readable(partition, [row])]
            if len(found) < EVENTS_PER_READ:
                return old
            start = f"{next(reversed(list(found))).id}\0"

    async def _lacking(self, partition: Partition, sink: str, old: Sequence[OldEvent]) -> list[OldEvent]:
        cursor, row = cursor_of(Index.JOURNAL, sink)
        first = rows.number((await self._batches.get(cursor, [row])).get(row, {}), "reached")
        if partition.table in self._are_noted:
            return await self._without_note(partition, sink, old, first)
        late_from = await self._epoch() - self._late_ms // EPOCH_MS
        return [each for each in old if first <= event_rows.epoch_of(each.key) < late_from][:EVENTS_MAX]

    async def _without_note(
        self, partition: Partition, sink: str, old: Sequence[OldEvent], first: int
    ) -> list[OldEvent]:
        passed_ms = self._sender.clock.now_ms() - PASSED_AFTER_MS
        known = [each for each in old if event_rows.epoch_of(each.key) >= first or each.event.at_ms <= passed_ms]
        notes = ToldNotes(self._batches, sink, kept_s=self._sender.rules.retention.told_s)
        told = await notes.read(partition, [each.event.at_ms for each in known])
        return [each for each in known if not told.has(each.event.id, each.event.at_ms)][:EVENTS_MAX]

    async def _epoch(self) -> int:
        try:
            return (await self._sender.now()).epoch
        except BackendUnavailable as error:
            raise StoreUnavailable(str(error)) from error
