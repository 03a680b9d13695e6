"""Events that landed when nobody looked for them any more: found by comparing what is recorded with what was told.

What was told is noted, in plain index entries, by group and hour; a slow round over the groups of all open trips reads
both. So an event that was missed for whatever reason is told within about an hour of its landing; not in the order of
its hold, for that is told already. Where a note is lost, an event is told once more.
"""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import islice

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Row, StoreUnavailable
from travio_inventory.protocol.epochs import EPOCH_MS
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.journal import EventJournal
from travio_inventory.protocol.minute_cursor import EPOCH_SETTLES_MS
from travio_inventory.protocol.open_trips import EVERY_MS, SlowRound
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import parse_hold_id
from travio_inventory.seats.ports import SeatGroupKey
from travio_inventory.seats.trip import TripKey

HOUR_MS = 3_600_000
SETTLED_EPOCHS = EPOCH_SETTLES_MS[-1] // MINUTE_MS + 4
"""An event that began in an epoch that is younger is the journal's."""
LOOKS_BACK = 3
"""So many slow rounds back is looked: an event that lands up to two of them late is found."""
EVENTS_PER_ROUND_MAX = 5_000
EVENTS_PER_READ = 500
TOLD_LATE_MAX = 10_000
DIGEST_BYTES = 8
DIGESTS_PER_ENTRY = 25
ENTRIES_AT_ONCE = 10
GROUPS_AT_ONCE = 8
"""So many seat groups are compared in one round, all at once: what the journal found waits for them."""


class LateEvents:
    """Implements `events.relay.Journal` for a sink: its journal's events, and between them those that were missed."""

    def __init__(self, journal: EventJournal, sender: Sender, sink: str, *, slow_every_ms: int = EVERY_MS) -> None:
        self._journal = journal
        self._sink = sink
        self._batches = sender.batches
        self._epochs = sender.epochs
        self._looks_back = LOOKS_BACK * slow_every_ms // EPOCH_MS
        self._slow = SlowRound(
            sender.batches, sender.clock, name=f"the relay to {sink}", random=sender.random, every_ms=slow_every_ms
        )
        self._late: dict[str, Event] = {}
        """Those that are about to be told, by id."""
        self._told_late: OrderedDict[str, None] = OrderedDict()
        """The ids of those that were told."""
        self._to_compare: deque[SeatGroupKey] = deque()

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. Late ones come where the journal has not much to tell."""
        events = await self._unknown(await self._journal.unpublished())
        if len(events) < EVENTS_PER_ROUND_MAX and not self._late:
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
        """See Journal. Late ones come again in the next slow round."""
        mine = {event: error for event, error in events.items() if self._late.pop(event.id, None) is None}
        if mine:
            await self._journal.set_aside(mine)

    async def _unknown(self, events: Sequence[Event]) -> Sequence[Event]:
        """Those that were not told as late ones: the journal may come upon them afterwards."""
        known = [event for event in events if event.id in self._told_late]
        if known:
            await self._journal.mark_published(known)
        return [event for event in events if event.id not in self._told_late]

    async def _look(self) -> None:
        """Compare the seat groups whose turn it is. One that cannot be read comes again in the next slow round."""
        try:
            if not self._to_compare:
                self._to_compare.extend(await self._slow.next_groups())
            settled = await self._epochs.current() - SETTLED_EPOCHS if self._to_compare else 0
        except (StoreUnavailable, BackendUnavailable):
            return
        groups = [self._to_compare.popleft() for _ in range(min(GROUPS_AT_ONCE, len(self._to_compare)))]
        for missed in await asyncio.gather(*(self._missed(group, settled) for group in groups), return_exceptions=True):
            if isinstance(missed, list):
                self._late |= {event.id: event for event in missed}
            elif not isinstance(missed, StoreUnavailable):
                raise missed

    async def _missed(self, group: SeatGroupKey, settled: int) -> list[Event]:
        """The seat group's events of epochs before that one that are recorded and were not told, in order per hold.

        Raises StoreUnavailable.
        """
        start, end = event_rows.id_from(max(settled - self._looks_back, 0)), event_rows.id_from(max(settled, 0))
        missed: list[Event] = []
        told: dict[int, set[str]] = {}
        while True:
            found = await self._batches.read(
                rows.group_partition(*group), Kind.EVENT, start=start, end=end, most=EVENTS_PER_READ
            )
            for event in _readable(group, found.values()):
                hour = event.at_ms // HOUR_MS
                if hour not in told:
                    told[hour] = await self._told(group, hour)
                if _digest(event.id) not in told[hour]:
                    missed.append(event)
            if len(found) < EVENTS_PER_READ or len(missed) > EVENTS_PER_ROUND_MAX:
                return sorted(missed, key=lambda event: (event.subject, event.ordinal))
            start = next(reversed(list(found))).id + "\0"

    async def _told(self, group: SeatGroupKey, hour: int) -> set[str]:
        entries = await self._batches.read_index(Index.TOLD, _bucket(self._sink, group, hour))
        return {digest for entry in entries for digest in entry.split(" ")}

    async def _note(self, events: Iterable[Event]) -> None:
        """Note that these were told; best effort."""
        digests: defaultdict[str, list[str]] = defaultdict(list)
        for event in events:
            digests[_bucket(self._sink, _group_of(event), event.at_ms // HOUR_MS)].append(_digest(event.id))
        notes = (IndexEntry(Index.TOLD, bucket, entry) for bucket, told in digests.items() for entry in _entries(told))
        while some := list(islice(notes, ENTRIES_AT_ONCE)):
            await self._batches.apply(self._slow.partition, [], some)


def _readable(group: SeatGroupKey, found: Iterable[Row]) -> Iterator[Event]:
    """The events of the rows; a row that none can be read from is the journal's to complain of."""
    for row in found:
        with suppress(ValueError, KeyError, TypeError):
            yield event_rows.read_event(rows.group_partition(*group), row)


def _bucket(sink: str, group: SeatGroupKey, hour: int) -> str:
    """What the sink was told of the seat group in that hour."""
    return rows.SEPARATOR.join((f"{hour:08d}", sink, rows.group_entry(rows.group_partition(*group))))


def _group_of(event: Event) -> SeatGroupKey:
    trip = TripKey(event.organization, event.partition_key)
    return SeatGroupKey(trip, parse_hold_id(event.subject).home)


def _entries(digests: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(digests), DIGESTS_PER_ENTRY):
        yield " ".join(digests[start : start + DIGESTS_PER_ENTRY])


def _digest(event_id: str) -> str:
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).hexdigest()
