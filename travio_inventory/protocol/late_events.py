"""Events that arrived after their epoch was closed: found by comparing what is recorded with what was published.

What was published is noted in plain index entries, by partition and hour; the slow round over every partition reads
both. So an event that was missed for whatever reason is published within about an hour of its arrival, though after
later events of its hold. If a note is lost, an event is published once more.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows
from travio_inventory.protocol.batches import Kind, Partition, Row, StoreUnavailable, Table
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.journal import HELD_UP_MAX, EventJournal
from travio_inventory.protocol.minute_cursor import EPOCH_SETTLES_MS
from travio_inventory.protocol.ports import Everywhere
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.told_notes import NOTHING, ToldNotes

SETTLED_EPOCHS = EPOCH_SETTLES_MS[-1] // MINUTE_MS + 4
"""An event that began in an epoch that is younger is the journal's."""
LOOKS_BACK = 3
"""How many slow rounds back events are compared: an event that arrives up to two of them late is found."""
EVENTS_PER_ROUND_MAX = 5_000
EVENTS_PER_READ = 500
TOLD_LATE_MAX = 10_000
PARTITIONS_AT_ONCE = 8
"""So many partitions are compared in one round, concurrently: what the journal found waits for them."""


class LateEvents:
    """Implements `events.relay.Journal` for a sink: its journal's events, and between them those that were missed."""

    def __init__(
        self, journal: EventJournal, sender: Sender, sink: str, everywhere: Everywhere, *, table: Table, every_ms: int
    ) -> None:
        """`everywhere` visits each partition of the table once in `every_ms`."""
        self._journal = journal
        self._batches = sender.batches
        self._epochs = sender.epochs
        self._told = ToldNotes(sender.batches, sink, kept_s=sender.rules.retention.told_s)
        self._looks_back = LOOKS_BACK * every_ms // EPOCH_MS
        self._everywhere = everywhere
        self._table = table
        self._late: dict[str, tuple[Partition, Event]] = {}
        """The events about to be published, by id, and where they are recorded."""
        self._told_late: OrderedDict[str, None] = OrderedDict()
        """The ids of published events."""
        self._to_compare: deque[Partition] = deque()

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. Late events come while the journal has few; others do not wait for a few that are refused."""
        events = await self._unknown(await self._journal.unpublished())
        if len(events) < EVENTS_PER_ROUND_MAX and len(self._late) <= HELD_UP_MAX:
            await self._look()
        mine = {event.id for event in events}
        self._late = {name: event for name, event in self._late.items() if name not in mine}
        return [*events, *(event for _, event in self._late.values())]

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        await self._told.note(self._to_note(events))
        await self._journal.mark_published([event for event in events if event.id not in self._late])
        for event in events:
            if self._late.pop(event.id, None):
                self._told_late[event.id] = None
        while len(self._told_late) > TOLD_LATE_MAX:
            self._told_late.popitem(last=False)

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """See Journal. Late events are retried in the next slow round."""
        mine = {event: error for event, error in events.items() if self._late.pop(event.id, None) is None}
        if mine:
            await self._journal.set_aside(mine)

    def _to_note(self, events: Sequence[Event]) -> Iterator[tuple[Partition, Event]]:
        """What the slow round compares, and what other relays ask about."""
        for event in events:
            late = self._late.get(event.id)
            partition = late[0] if late else self._journal.partition_of(event)
            if partition.table is self._table or self._journal.is_shared:
                yield partition, event

    async def _unknown(self, events: Sequence[Event]) -> Sequence[Event]:
        """Events that were not published as late ones: the journal may meet them afterwards."""
        known = [event for event in events if event.id in self._told_late]
        if known:
            await self._journal.mark_published(known)
        return [event for event in events if event.id not in self._told_late]

    async def _look(self) -> None:
        """Compare the next partitions, once it is known what waits. One that cannot be read is retried in the next slow
        round.
        """
        try:
            if not self._to_compare:
                self._to_compare.extend(await self._everywhere.next_partitions())
            settled = await self._epochs.current() - SETTLED_EPOCHS if self._to_compare else 0
        except (StoreUnavailable, BackendUnavailable):
            return
        waiting = self._journal.waiting() if self._to_compare else None
        if waiting is None:
            return
        partitions = [self._to_compare.popleft() for _ in range(min(PARTITIONS_AT_ONCE, len(self._to_compare)))]
        looks = (self._missed(partition, settled) for partition in partitions)
        found = await asyncio.gather(*looks, return_exceptions=True)
        for partition, missed in zip(partitions, found, strict=True):
            if isinstance(missed, list):
                self._late |= {
                    event.id: (partition, event) for event in missed if event.ordinal < waiting.get(event.subject, inf)
                }
            elif not isinstance(missed, StoreUnavailable):
                raise missed

    async def _missed(self, partition: Partition, settled: int) -> list[Event]:
        """The partition's events of epochs before that one that are recorded and were not published, in order per hold.
        What the journal has still to read is not missed. Raises StoreUnavailable.
        """
        start = event_rows.id_from(max(settled - self._looks_back, 0))
        end = event_rows.id_from(max(min(settled, self._journal.first), 0))
        missed: list[Event] = []
        told = NOTHING
        while True:
            found = await self._batches.read(partition, Kind.EVENT, start=start, end=end, most=EVENTS_PER_READ)
            events = list(readable(partition, found.values()))
            told = await self._told.read(partition, [event.at_ms for event in events], told)
            missed += [event for event in events if not told.has(event.id, event.at_ms)]
            if len(found) < EVENTS_PER_READ or len(missed) > EVENTS_PER_ROUND_MAX:
                return sorted(missed, key=lambda event: (event.subject, event.ordinal))
            start = next(reversed(list(found))).id + "\0"


def readable(partition: Partition, found: Iterable[Row]) -> Iterator[Event]:
    """The events of the rows; the journal reports unreadable rows."""
    for row in found:
        with suppress(ValueError):
            yield event_rows.read_event(partition, row)
