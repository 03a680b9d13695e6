"""Reads back the events that steps recorded, for one sink: in order per subject, and each once while the process lives,
unless more are set aside than it remembers, or an index cannot be read.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import count
from math import inf

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Index, Kind, Partition, Row, RowKey, Rows, StoreUnavailable
from travio_inventory.protocol.event_places import FoundEvent, partition_in, place_of, row_id_in
from travio_inventory.protocol.index_entries import MINUTE_MS
from travio_inventory.protocol.last_published import LastPublished
from travio_inventory.protocol.local_signals import RecentEvents
from travio_inventory.protocol.minute_cursor import EPOCH_SETTLES_MS, MINUTES_AT_ONCE, MinuteCursor, Place, Visit
from travio_inventory.protocol.open_epochs import OpenEpochs
from travio_inventory.protocol.published_until import PublishedUntil
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.to_read import ToRead
from travio_inventory.protocol.told_notes import Part

EVENTS_PER_ROUND_MAX = 5_000
EVENTS_PER_READ = 500
READS_AT_ONCE = 8
GAPS_MAX = 100
"""So many missing events of a subject are fetched one by one; more, of an older epoch, with all of their partition."""
HELD_UP_MAX = 100
"""While a sink refuses all events, and these are no more, epochs are closed: what arrives late does not wait for it."""

_BEHIND = ValueError("the event before it was refused")


class _LongGapError(Exception):
    """Older events are read first."""


class EventJournal:
    """Implements `events.relay.Journal` for the sink of that name. Its position is stored under the name: no sink waits
    for another, and a new one begins with the oldest kept event.

    A round takes what this process's own steps recorded, and at intervals reads the newest events of all places
    (partitions in an epoch) in the open epochs. An event that arrived late is found when its epoch is visited again, or
    at once if a later event of its subject shows the gap. What cannot be read is set aside, with all newer events of
    its partition.

    `is_alone`: no other process writes to the store, so open epochs are read only once, after the start. With a `part`
    it reads this slice alone, leaves this process's own events to `OwnEvents`, and skips what is noted as published.
    """

    def __init__(self, sender: Sender, sink: str, *, is_alone: bool = False, part: Part | None = None) -> None:
        self._part = part
        self._opened = OpenEpochs(sender.clock, is_alone=is_alone, is_shared=part is not None)
        self._batches = sender.batches
        self._signals = sender.signals
        self._epochs = sender.epochs
        retention = sender.rules.retention
        self._until = PublishedUntil(sink, sender.clock, kept_s=retention.events_s)
        self._minutes = MinuteCursor(
            sender.batches,
            Index.JOURNAL,
            sender.clock,
            retention.entries_s,
            EPOCH_SETTLES_MS,
            look_back=(retention.events_s * 1_000 + EPOCH_SETTLES_MS[-1]) // MINUTE_MS,
            reader=sink,
            until=self._until,
            part=part and part.slice,
            fence=part and part.fence,
            waits=sender.waits,
        )
        self._to_read = ToRead(f"events for {sink}", sender.clock.elapsed_ms, sender.waits)
        self._recent: RecentEvents | None = None
        self._open = 0
        self._is_new = True  # it is not known yet how far what is taken up reaches
        self._visits: dict[int, Visit] = {}
        """The epochs that are being visited."""
        self._published = LastPublished()
        self._taken: dict[str, int] = {}
        """The last event of each subject in `_pending`."""
        self._pending: dict[str, tuple[Event, FoundEvent]] = {}
        """What was read and not yet published, by event id."""
        self._refused_in = 0
        """The last epoch into which that was carried on."""

    def missed_s(self) -> int:
        """Of how many seconds the events were no longer kept when the relay started, and lost if not yet published."""
        return self._until.missed_s

    @property
    def first(self) -> int:
        """The first open epoch: what is in earlier ones was published, as far as it was found, or is carried on."""
        return self._minutes.first

    @property
    def is_shared(self) -> bool:
        """Whether other processes publish to the sink too."""
        return self._part is not None

    @property
    def _knows_what_is_aside(self) -> bool:
        return not self._minutes.unseen and self._to_read.knows_all(self.first)

    def partition_of(self, event: Event) -> Partition:
        """Where an event is recorded that is about to be published."""
        return self._pending[event.id][1].partition

    def waiting(self) -> Mapping[str, int] | None:
        """The subjects that wait for an event that is set aside, and its ordinal; None while that is not known."""
        return self._to_read.waiting() if self._knows_what_is_aside else None

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. At most about EVENTS_PER_ROUND_MAX: what is left comes in the next round."""
        if self._recent is None and self._part is None:
            self._recent = self._signals.follow()
        were_refused = bool(self._pending)
        if len(self._pending) < EVENTS_PER_ROUND_MAX:
            await self._look()
            await self._take_places()
            if self._recent is not None:
                await self._take_news(self._recent)
        if not self._pending:
            await self._close()
        elif were_refused and len(self._pending) <= HELD_UP_MAX:
            with suppress(BackendUnavailable):
                await self._close()
        return [event for event, _ in self._pending.values()]

    async def news(self) -> None:
        """Wait until this process has recorded events that no round has taken in yet."""
        self._recent = self._recent or self._signals.follow()
        await self._recent.some()

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        for event in events:
            _, found = self._pending.pop(event.id)
            self._is_told(found.partition, found.key, event.subject, event.ordinal)
            if self._to_read.back_off:
                self._to_read.back_off.succeeded(place_of(found))
        if not self._pending:
            await self._close()

    async def set_aside(self, events: Mapping[Event, Exception]) -> None:
        """See Journal. Events of the same subjects that wait behind them are set aside with them."""
        errors, subjects = {event.id: error for event, error in events.items()}, {event.subject for event in events}
        aside = {name: found for name, (event, found) in self._pending.items() if event.subject in subjects}
        try:
            await self._put_aside({place_of(found): errors.get(name, _BEHIND) for name, found in aside.items()})
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._pending = {name: found for name, found in self._pending.items() if name not in aside}
        for subject in subjects:
            self._taken.pop(subject, None)
        if not self._pending:
            await self._close()

    # ---- where to look

    async def _look(self) -> None:
        """Find what to read: in ended epochs, and in the open ones at intervals. Raises BackendUnavailable if nothing
        is known about the epochs.
        """
        try:
            self._open = await self._epochs.keep()
            await self._minutes.begin(self._now_ms)
            if self._is_new:  # what the last relay carried on meanwhile may lie in an epoch that opened since
                self._open = await self._epochs.read()
                self._minutes.reaches(self._open)
                self._is_new = False
            settling = await self._minutes.named(self._to_visit())
            for epoch, places in settling.items():
                self._visits[epoch] = Visit(places, self._now_ms)
                for place in self._to_read.unfinished(places):
                    self._to_read.add(place, self._open)
            if self._opened.is_time_to_look() and len(settling) < MINUTES_AT_ONCE:
                await self._look_into_open_ones()
        except StoreUnavailable:
            if not self._open:
                raise BackendUnavailable from None

    def _to_visit(self) -> list[int]:
        if self._to_read.is_full:
            return []
        return [epoch for epoch in self._minutes.settling(self._now_ms) if epoch not in self._visits]

    async def _look_into_open_ones(self) -> None:
        named = await self._minutes.named(self._minutes.live(self._now_ms))
        for place in self._to_read.unfinished(set().union(*named.values())):
            start = self._to_read.start_of(place)
            self._to_read.add(place, self._open, self._opened.start_of(place) if start is None else start)
        self._opened.looked()

    @property
    def _now_ms(self) -> int:
        return self._open * MINUTE_MS

    # ---- what is there

    async def _take_news(self, news: RecentEvents) -> None:
        """This process's own events, except in partitions with older ones still to read."""
        if len(self._pending) >= EVENTS_PER_ROUND_MAX:
            return
        behind = self._to_read.units()
        for partition, recent in sorted(news.take().items()):
            signals = {key: row for key, row in recent.items() if event_rows.epoch_of(key) >= self._minutes.first}
            if partition not in behind:
                with suppress(StoreUnavailable, _LongGapError):  # its events are in the store: the index leads to them
                    await self._take(partition, signals)

    async def _take_places(self) -> None:
        """Read on, the oldest events of each partition first, until the round has enough. What fails is set aside with
        the newer events of its partition.
        """
        lines = self._to_read.lines()
        while lines and len(self._pending) < EVENTS_PER_ROUND_MAX:
            now = [lines.popleft() for _ in range(min(READS_AT_ONCE, len(lines)))]
            answers = await asyncio.gather(*(self._read(line[0]) for line in now), return_exceptions=True)
            for line, answer in zip(now, answers, strict=True):
                if isinstance(answer, Exception):
                    self._to_read.back_off.failed(line[0], answer)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    if not answer:
                        line.popleft()
                    if line and not self._to_read.back_off.is_waiting(line[0]):
                        lines.append(line)

    async def _read(self, place: Place) -> bool:
        """Take in the place's next events; returns whether there are more. Raises StoreUnavailable, ValueError."""
        partition, row_id = partition_in(place), row_id_in(place)
        if partition is None:
            raise ValueError("not a place that this release can read")
        if row_id is None:
            return await self._read_next(place, partition)
        found = await self._batches.get(partition, [RowKey(Kind.EVENT, row_id)])
        if place not in await self._take(partition, found, place):
            self._to_read.finish(place, max(self._open, place.minute))
        return False

    async def _read_next(self, place: Place, partition: Partition) -> bool:
        start = self._to_read.start_of(place) or event_rows.id_from(place.minute)
        end = event_rows.id_from(place.minute + 1)
        found = await self._batches.read(partition, Kind.EVENT, start=start, end=end, most=EVENTS_PER_READ)
        is_open = place.minute in self._minutes.live(self._now_ms)
        await self._take(partition, self._opened.without_young(place, found) if is_open else found, place)
        self._to_read.back_off.succeeded(place)
        self._opened.read(place, found)
        if len(found) < EVENTS_PER_READ:
            self._to_read.was_read(place)
            return False
        self._to_read.add(place, self._open, next(reversed(list(found))).id + "\0")
        return True

    async def _take(self, partition: Partition, found: Rows, place: Place | None = None) -> set[Place]:
        """Take in those that were not published, subject by subject, with missing ones before them. Returns those that
        are set aside instead. Raises StoreUnavailable, _LongGapError.
        """
        unknown: dict[RowKey, Row] = {}
        farthest, single = 0, row_id_in(place) if place else None
        for key, row in found.items():
            ahead = event_rows.ordinal_of(row) - self._upto(row)
            if ahead > 0 and (key.id == single or not self._to_read.is_aside(key.id)):
                unknown[key], farthest = row, max(farthest, ahead)
        signals = await self._without_told(partition, unknown)
        signals = await self._with_missing(partition, signals, place) if farthest > 1 else signals
        if place and single:
            self._to_read.begin(place)  # until now later events of its subject were set aside behind it
        aside: set[Place] = set()
        for key, row in sorted(signals.items(), key=lambda item: event_rows.turn_of(item[1])):
            event = FoundEvent(partition, key, row)
            try:
                self._add(event)
            except (ValueError, KeyError, TypeError) as error:
                await self._put_aside({place_of(event): error})
                aside.add(place_of(event))
        return aside

    async def _with_missing(self, partition: Partition, signals: Rows, place: Place | None) -> Rows:
        """With the missing ones before them. Raises StoreUnavailable, _LongGapError if so many are missing that the
        partition is read first from the oldest of them on, unless the place is no later.
        """
        for fetched in count():
            missing = self._missing_before(signals, self._all_published_before(partition))
            found = await self._batches.get(partition, missing) if missing else {}
            more = await self._without_told(partition, found)
            if not more:
                break
            oldest = min(map(event_rows.epoch_of, more))
            if fetched >= GAPS_MAX and (place is None or oldest < place.minute):
                self._to_read.add(Place(oldest, rows.partition_entry(partition)), self._open)
                raise _LongGapError
            signals = {**signals, **more}
        return signals

    async def _without_told(self, partition: Partition, found: Rows) -> Rows:
        """Without those that are noted as published. Raises StoreUnavailable."""
        if self._part is None:
            return found
        known = await self._part.told.of_rows(partition, found)
        for key in known:
            self._is_told(partition, key, event_rows.subject_of(found[key]), event_rows.ordinal_of(found[key]))
        return {key: row for key, row in found.items() if key not in known}

    def _add(self, found: FoundEvent) -> None:
        """Publish it next. Raises ValueError and the like if no event can be read from the row."""
        if self._to_read.has_aside and self._to_read.is_aside(event_rows.before(found.row).id):
            raise ValueError("the event before it is set aside")
        event = event_rows.read_event(found.partition, found.row)
        self._pending[event.id] = event, found
        self._taken[event_rows.subject_of(found.row)] = max(event.ordinal, self._upto(found.row))

    def _all_published_before(self, partition: Partition) -> int:
        """The epoch before which all events of the partition were published, or set aside one by one: the first open
        one, or an earlier one in which the partition is still to be read; 0 while it is not known what was set aside.
        """
        first = self._minutes.first
        if not self._knows_what_is_aside:
            return 0
        oldest = self._to_read.oldest(partition)
        return min([first, *self._minutes.unread, first if oldest is None else oldest])

    def _missing_before(self, signals: Rows, first: int) -> list[RowKey]:
        """The events before these from that epoch on that are neither published nor among these."""
        known = {(event_rows.subject_of(row), event_rows.ordinal_of(row)) for row in signals.values()}
        return [
            event_rows.before(row)
            for row in signals.values()
            if rows.number(row, "previous_epoch") >= first
            and self._upto(row) < event_rows.ordinal_of(row) - 1
            and not self._to_read.is_aside(event_rows.before(row).id)
            and (event_rows.subject_of(row), event_rows.ordinal_of(row) - 1) not in known
        ]

    def _upto(self, row: Row) -> int:
        """The last ordinal of the event's subject that is published or about to be."""
        subject = event_rows.subject_of(row)
        return max(self._published.upto(subject), self._taken.get(subject, -1))

    # ---- what is done

    async def _put_aside(self, failed: Mapping[Place, Exception]) -> None:
        """Single events: they are retried later. Raises StoreUnavailable if that cannot be stored."""
        await self._minutes.carry([place for place in failed if not self._to_read.has(place)], self._now_ms)
        for place, error in failed.items():
            self._to_read.back_off.failed(place, error)
            self._to_read.add(place, self._open)

    async def _close(self) -> None:
        """Epochs with nothing left to read count as visited. What is left, or refused, of an ending one is carried."""
        if not self._pending:
            self._taken.clear()
        left = {epoch: self._to_read.left(visit.places) for epoch, visit in self._visits.items()}
        failed = self._to_read.failed() if left else set()
        done = {
            epoch: self._visits[epoch].begun_ms
            for epoch, places in left.items()
            if self._to_read.can_wait(places, failed)
        }
        ending = [epoch for epoch, begun_ms in done.items() if self._minutes.is_last(epoch, begun_ms)]
        first = self._minutes.first
        try:
            await self._carry(set().union(*(left[epoch] for epoch in ending)))
            if ending and self._pending:
                await self._minutes.carry([place_of(found) for _, found in self._pending.values()], self._now_ms)
                self._refused_in = self._open
            for epoch, begun_ms in done.items():
                await self._minutes.settled([epoch], begun_ms)
        except StoreUnavailable:
            raise BackendUnavailable from None
        for epoch in done:
            del self._visits[epoch]
        if self._minutes.first > first:
            for what in (self._published, self._opened, self._to_read):
                what.forget(self._minutes.first)

    async def _carry(self, places: Collection[Place]) -> None:
        """What was told of these places is met again with them. Raises StoreUnavailable."""
        places = [place for place in places if not self._published.has(place)]
        await self._minutes.carry(places, self._now_ms)
        self._published.carried(places, self._open)
        self._to_read.carried(places, self._open)

    def _is_told(self, partition: Partition, key: RowKey, subject: str, ordinal: int) -> None:
        epoch = event_rows.epoch_of(key)
        self._published.add(partition, subject, ordinal, epoch, self._met_until(epoch))

    def _met_until(self, epoch: int) -> int:
        """The last epoch in which an event of that one may be met again: its own; a later one if what it is in was
        carried on, or if it may be fetched as what an epoch hides that cannot be read.
        """
        is_open = self._minutes.first <= epoch < min(self._minutes.unread, default=inf)
        return max(epoch, self._refused_in) if is_open else max(self._open, epoch)
