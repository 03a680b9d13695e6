"""Events that arrived after their epoch was closed: found by comparing what is recorded with what was published.

What was published is noted in plain index entries, by partition and hour; the slow round over every partition reads
both. So an event that was missed for whatever reason is published within about an hour of its arrival, though after
later events of its hold. If a note is lost, an event is published once more.
"""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import islice
from math import inf

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Kind, Partition, Row, StoreUnavailable, Table
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.hold import parse_hold_id
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.journal import HELD_UP_MAX, EventJournal
from travio_inventory.protocol.minute_cursor import EPOCH_SETTLES_MS
from travio_inventory.protocol.ports import Everywhere
from travio_inventory.protocol.refusals import HoldNotFound
from travio_inventory.protocol.sending import Sender

HOUR_MS = 3_600_000
SETTLED_EPOCHS = EPOCH_SETTLES_MS[-1] // MINUTE_MS + 4
"""An event that began in an epoch that is younger is the journal's."""
LOOKS_BACK = 3
"""How many slow rounds back events are compared: an event that arrives up to two of them late is found."""
EVENTS_PER_ROUND_MAX = 5_000
EVENTS_PER_READ = 500
TOLD_LATE_MAX = 10_000
DIGEST_BYTES = 8
DIGESTS_PER_ENTRY = 25
ENTRIES_AT_ONCE = 10
_NOWHERE = Partition(Table.CURSORS, "", "told")
"""What index entries without a batch travel to."""
PARTITIONS_AT_ONCE = 8
"""So many partitions are compared in one round, concurrently: what the journal found waits for them."""


class LateEvents:
    """Implements `events.relay.Journal` for a sink: its journal's events, and between them those that were missed."""

    def __init__(
        self, journal: EventJournal, sender: Sender, sink: str, everywhere: Everywhere, *, table: Table, every_ms: int
    ) -> None:
        """`everywhere` visits each partition of the table once in `every_ms`."""
        self._journal = journal
        self._sink = sink
        self._batches = sender.batches
        self._epochs = sender.epochs
        self._told_s = sender.rules.retention.told_s
        self._looks_back = LOOKS_BACK * every_ms // EPOCH_MS
        self._everywhere = everywhere
        self._table = table
        self._late: dict[str, Event] = {}
        """The events about to be published, by id."""
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
        return [*events, *self._late.values()]

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        await self._note(events)
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
        for missed in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(missed, list):
                self._late |= {event.id: event for event in missed if event.ordinal < waiting.get(event.subject, inf)}
            elif not isinstance(missed, StoreUnavailable):
                raise missed

    async def _missed(self, partition: Partition, settled: int) -> list[Event]:
        """The partition's events of epochs before that one that are recorded and were not published, in order per hold.
        What the journal has still to read is not missed. Raises StoreUnavailable.
        """
        start = event_rows.id_from(max(settled - self._looks_back, 0))
        end = event_rows.id_from(max(min(settled, self._journal.first), 0))
        missed: list[Event] = []
        told: dict[int, set[str]] = {}
        while True:
            found = await self._batches.read(partition, Kind.EVENT, start=start, end=end, most=EVENTS_PER_READ)
            for event in readable(partition, found.values()):
                hour = event.at_ms // HOUR_MS
                if hour not in told:
                    told[hour] = await told_in(self._batches, self._sink, partition, hour)
                if digest_of_event(event.id) not in told[hour]:
                    missed.append(event)
            if len(found) < EVENTS_PER_READ or len(missed) > EVENTS_PER_ROUND_MAX:
                return sorted(missed, key=lambda event: (event.subject, event.ordinal))
            start = next(reversed(list(found))).id + "\0"

    async def _note(self, events: Iterable[Event]) -> None:
        """Note that these were published; best effort."""
        digests: defaultdict[str, list[str]] = defaultdict(list)
        for event in events:
            partition = _partition_of(self._table, event)
            if partition is not None:
                digests[_bucket(self._sink, partition, event.at_ms // HOUR_MS)].append(digest_of_event(event.id))
        notes = (
            IndexEntry(Index.TOLD, bucket, entry, self._told_s)
            for bucket, told in digests.items()
            for entry in _entries(told)
        )
        while some := list(islice(notes, ENTRIES_AT_ONCE)):
            await self._batches.apply(_NOWHERE, [], some)


async def told_in(batches: Batches, sink: str, partition: Partition, hour: int) -> set[str]:
    """The digests of the events of the partition and hour that were published to the sink. Raises StoreUnavailable."""
    entries = await batches.read_index(Index.TOLD, _bucket(sink, partition, hour))
    return {digest for entry in entries for digest in entry.split(" ")}


def readable(partition: Partition, found: Iterable[Row]) -> Iterator[Event]:
    """The events of the rows; the journal reports unreadable rows."""
    for row in found:
        with suppress(ValueError):
            yield event_rows.read_event(partition, row)


def _bucket(sink: str, partition: Partition, hour: int) -> str:
    """What was published to the sink of the partition in that hour."""
    return rows.SEPARATOR.join((f"{hour:08d}", sink, rows.partition_entry(partition)))


def _partition_of(table: Table, event: Event) -> Partition | None:
    """Where the event of a hold is; None for one of something else, which is not in the table."""
    try:
        home = parse_hold_id(event.subject).home
    except HoldNotFound:
        return None
    return Partition(table, event.organization, event.partition_key, home)


def _entries(digests: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(digests), DIGESTS_PER_ENTRY):
        yield " ".join(digests[start : start + DIGESTS_PER_ENTRY])


def digest_of_event(event_id: str) -> str:
    """The event as notes name it."""
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).hexdigest()
