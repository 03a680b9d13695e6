"""Which minutes, or epochs, of an index a background job must still visit.

A batch may arrive long after its entry was written, so a minute is visited while it lasts, again a little later, and
once more when hardly any late batch can arrive; only then is it closed. The first open minute is stored, so that a
restarted job begins there. What cannot be visited is carried into the present minute before its own is closed: one bad
partition delays no other, and is not forgotten.

For an index by epochs, `now_ms` is the open epoch, times MINUTE_MS.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock, in_utc
from travio_inventory.protocol import published_until
from travio_inventory.protocol.back_off import BackOff
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    IndexEntry,
    Kind,
    Partition,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Write,
)
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of, minute_of
from travio_inventory.protocol.published_until import PublishedUntil
from travio_inventory.protocol.rows import number
from travio_inventory.protocol.slices import SLICES, slice_of
from travio_inventory.protocol.store_waits import StoreWaits

SETTLES_MS = (15_000, 130_000)
"""How long after its end a minute is visited again: after slow batches, and after all but the latest.
Until the first of these it is visited in every round.
"""
EPOCH_SETTLES_MS = (MINUTE_MS, 3 * MINUTE_MS, 6 * MINUTE_MS)
"""The same of epochs, in minutes that are open epochs: what is noted in one may be sent two epochs later."""
FIRST_LOOK_MINUTES = 1_440
"""How far back a sweeper begins that has never run on this store, or whose clock was set back."""
MINUTES_AT_ONCE = 64
"""How many ended minutes are visited in one round: after a long stop the rest comes in the next ones."""
SET_BACK_MS = 10_000
"""A clock that goes back by more was set, and may have been ahead for any time."""

_ROW = RowKey(Kind.CURSOR, "")
_RAN = RowKey(Kind.CURSOR, "ran")
"""When the cursor was stored, by the clock, even of an index by epochs."""
CARRIED = "\x1e"
"""Begins an entry that was carried from another minute; ids have no control characters."""

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """An entry of the minute in which it was noted; an empty one is the whole minute, which could not be read."""

    minute: int
    entry: str


def carried_entry(reader: str, place: Place) -> str:
    """The place as it is noted for a reader in another minute."""
    return f"{CARRIED}{reader}{CARRIED}{place.minute}{CARRIED}{place.entry}"


def cursor_of(index: Index, reader: str) -> tuple[Partition, RowKey]:
    """Where the positions of a reader are, and the row that says, as `reached`, which is its first open minute."""
    return Partition(Table.CURSORS, "", _name_of(index, reader)), _ROW


def _name_of(index: Index, reader: str) -> str:
    return f"{index} of {reader}" if reader else str(index)


class Visit(NamedTuple):
    """The places in an ended epoch, and the open epoch when they were read, times MINUTE_MS."""

    places: set[Place]
    begun_ms: int


@dataclass(slots=True)
class MinuteCursor:
    """The minutes of one index from the first open one to now. `begin` before each round.

    `keep_s` is for how long the index keeps an entry, and so the longest time for which a place is carried on.
    `look_back` is how many minutes back the very first job begins. If several jobs read an index independently,
    `reader` names one: each has its own cursor and carried entries. `until` is stored with the cursor. If several jobs
    of one reader share an index, `part` is the slice of this one: it meets the entries of its slice alone, and has a
    cursor of its own, which begins where the reader's does that is not split, and moves only while `fence` holds. The
    one that is not split follows the slice that is farthest behind, for a release that knows no slices.
    """

    batches: Batches
    index: Index
    clock: Clock
    keep_s: int
    settles_ms: tuple[int, ...] = SETTLES_MS
    look_back: int = FIRST_LOOK_MINUTES
    reader: str = ""
    until: PublishedUntil | None = None
    part: int | None = None
    fence: Callable[[], Write] | None = None
    waits: StoreWaits = field(kw_only=True)
    first: int = 0
    back_off: BackOff[int] = field(init=False)
    unread: set[int] = field(default_factory=set)
    """The minutes that are carried on whole."""
    unseen: set[int] = field(default_factory=set)
    """The minutes that were open when this job took up another's work, and that it has not read yet."""
    _settled: dict[int, int] = field(default_factory=dict)
    _stored: int | None = None
    _of_all: Sequence[Write] = ()
    """What the cursor that is not split is to say."""
    _latest_ms: int = 0

    def __post_init__(self) -> None:
        self.back_off = BackOff(f"minutes of {self._name}", self.clock.elapsed_ms, self.waits)

    async def begin(self, now_ms: int) -> None:
        """Read where the last job stopped; go back if that is ahead of the present. Raises StoreUnavailable."""
        if not self.first:
            await self._take_up(now_ms)
        if self.first > minute_of(now_ms) or now_ms < self._latest_ms - SET_BACK_MS:
            self._go_back(now_ms)
        self._latest_ms = now_ms
        if self.until:
            self.until.saw(minute_of(now_ms))

    def reaches(self, minute: int) -> None:
        """Another's work that was taken up goes on to that minute."""
        if self.unseen:
            self.unseen.update(range(self.first, minute + 1))

    def live(self, now_ms: int) -> range:
        """The minutes to visit in every round."""
        return range(max(self.first, minute_of(now_ms - self.settles_ms[0])), minute_of(now_ms) + 1)

    def settling(self, now_ms: int) -> list[int]:
        """The ended minutes for which a later visit is due, oldest first, except those set back_off."""
        ended = range(self.first, minute_of(now_ms))
        due = (
            minute
            for minute in ended
            if self._visits_due(minute, now_ms) > self._settled.get(minute, 0) and not self.back_off.is_waiting(minute)
        )
        return list(islice(due, MINUTES_AT_ONCE))

    async def named(self, minutes: Collection[int]) -> dict[int, set[Place]]:
        """The entries of each minute's bucket. One that cannot be read is set aside and left out; after its last visit
        was due the whole minute is carried on.
        """
        read = await self._read(minutes)
        named: dict[int, set[Place]] = {}
        for minute, entries in read.items():
            if entries is not None:
                named[minute] = entries
            elif self.is_last(minute, self._latest_ms):
                named[minute] = {Place(minute, "")}
        await self._add_carried(named)
        self.unread |= {place.minute for places in named.values() for place in places if not place.entry}
        return named

    async def carry(self, places: Collection[Place], now_ms: int) -> None:
        """Note the places in the open minute, but for those that are older than anything the index leads to. Raises
        StoreUnavailable if that may not be durable.
        """
        bucket = bucket_of(minute_of(now_ms))
        oldest = self._oldest(now_ms)
        if given_up := [place for place in places if place.minute < oldest]:
            log.error("%s: given up, after all this time: %s", self._name, given_up)
            whole = {place.minute for place in given_up if not place.entry}
            self.unread -= whole
            self.unseen -= whole
        carried = [carried_entry(self.reader, place) for place in places if place.minute >= oldest]
        entries = [IndexEntry(self.index, bucket, entry, self.keep_s) for entry in carried]
        if entries and not isinstance(await self.batches.apply(self._partition, [], entries), Applied):
            raise StoreUnavailable("not carried on")

    def is_last(self, minute: int, now_ms: int) -> bool:
        """Whether a visit now is the minute's last one."""
        return self._visits_due(minute, now_ms) == len(self.settles_ms)

    async def settled(self, minutes: Collection[int], now_ms: int) -> None:
        """All entries of these were visited at `now_ms`. Closes what can be closed. Raises StoreUnavailable."""
        for minute in minutes:
            self._settled[minute] = self._visits_due(minute, now_ms)
        while self._settled.get(self.first) == len(self.settles_ms):
            del self._settled[self.first]
            self.first += 1
        if self.first and self.first != self._stored:
            await self._store()

    async def _take_up(self, now_ms: int) -> None:
        """Begin where the last job stopped; if nothing is kept of that any more, with the first that is."""
        found = await self._stored_rows()
        self._stored = number(found[self._row], "reached") if self._row in found else None
        begun = self._stored or number(found.get(_ROW, {}), "reached")
        self.first = self._earliest(now_ms)
        if begun:
            self.first = max(begun, self.first if self.reader else self._oldest(now_ms))
            self.unseen = set(range(self.first, minute_of(now_ms) + 1))
            self._say_if_late(now_ms, number(found.get(_RAN, {}), "reached"))
        if self.until:
            self.until.begin(found.get(self._until_row, found.get(published_until.ROW)))
        if self.reader and not self._stored:
            await self._store()

    def _say_if_late(self, now_ms: int, ran_ms: int) -> None:
        """Log if no job ran for long before this one, whose minutes may be many for other reasons too."""
        is_late = ran_ms and self.clock.now_ms() - ran_ms > MINUTES_AT_ONCE * MINUTE_MS
        if is_late and minute_of(now_ms) - self.first > MINUTES_AT_ONCE:
            log.info("%s: catching up: no background job ran since %s", self._name, in_utc(ran_ms))

    def _go_back(self, now_ms: int) -> None:
        """A clock was ahead: go back over the minutes that may have been closed too early."""
        earliest = self._earliest(now_ms)
        log.warning("%s: a clock was ahead; going back %d minutes", self._name, self.first - earliest)
        self.first = min(self.first, earliest)
        self._settled.clear()

    def _oldest(self, now_ms: int) -> int:
        """Everything that was noted before that minute is forgotten."""
        return minute_of(now_ms - self.keep_s * 1_000)

    def _earliest(self, now_ms: int) -> int:
        return max(minute_of(now_ms) - self.look_back, 1)

    async def _read(self, minutes: Collection[int]) -> dict[int, set[Place] | None]:
        """The places in each bucket, None if it cannot be read: it is set back_off."""
        found: dict[int, set[Place] | None] = dict.fromkeys(minutes)
        asked = [minute for minute in minutes if not self.back_off.is_waiting(minute)]
        reads = (self.batches.read_index(self.index, bucket_of(minute)) for minute in asked)
        for minute, answer in zip(asked, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(answer, StoreUnavailable):
                self.back_off.failed(minute, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self.back_off.succeeded(minute)
                self.unread.discard(minute)
                self.unseen.discard(minute)
                found[minute] = set(self._places(minute, answer))
        return found

    async def _add_carried(self, named: dict[int, set[Place]]) -> None:
        """Put the entries of whole minutes that were carried on and can be read now in their place."""
        unread = {place.minute for places in named.values() for place in places if not place.entry}
        whole = sorted(unread - named.keys())
        if whole:
            for minute, inner in (await self._read(whole)).items():
                for places in named.values():
                    if inner is not None and Place(minute, "") in places:
                        places.remove(Place(minute, ""))
                        places.update(inner)

    def _visits_due(self, minute: int, now_ms: int) -> int:
        age_ms = now_ms - (minute + 1) * MINUTE_MS
        return sum(1 for settle_ms in self.settles_ms if age_ms >= settle_ms)

    async def _store(self) -> None:
        """Advance the cursor; if another process has moved it meanwhile, that position is as good."""
        condition = ABSENT if self._stored is None else {"reached": self._stored}
        ran = Write(_RAN, {}, {"reached": self.clock.now_ms()})
        writes = [Write(self._row, condition, {"reached": self.first}), ran, *self._of_all]
        if self.until:
            writes.append(self.until.write(self.first)._replace(key=self._until_row))
        if self.fence:
            writes.append(self.fence())
        await self.batches.apply(self._partition, writes)
        row = (await self._stored_rows()).get(self._row)
        self._stored = None if row is None else number(row, "reached")

    async def _stored_rows(self) -> Rows:
        """The cursor, and what is stored with it. Raises StoreUnavailable."""
        keys = {self._row, _ROW, _RAN, *([self._until_row, published_until.ROW] if self.until else [])}
        slices = [] if self.part is None else [_rows_of(part) for part in range(SLICES)]
        found = await self.batches.get(self._partition, sorted(keys.union(*slices)))
        self._of_all = [*_least(found, _ROW, slices), *_least(found, published_until.ROW, slices)]
        return found

    @property
    def _partition(self) -> Partition:
        return cursor_of(self.index, self.reader)[0]

    @property
    def _name(self) -> str:
        return _name_of(self.index, self.reader)

    @property
    def _row(self) -> RowKey:
        return _ROW if self.part is None else _rows_of(self.part)[0]

    @property
    def _until_row(self) -> RowKey:
        return published_until.ROW if self.part is None else _rows_of(self.part)[1]

    def _places(self, minute: int, entries: Iterable[str]) -> Iterator[Place]:
        """The places in a minute's entries, except what is in other slices or was carried on by other readers. A minute
        that was carried on whole is met in all slices.
        """
        for entry in entries:
            place = Place(minute, entry)
            if entry.startswith(CARRIED):
                _, reader, noted_in, rest = entry.split(CARRIED, 3)
                if reader != self.reader:
                    continue
                place = Place(int(noted_in), rest)
            if self.part is None or not place.entry or slice_of(place.entry) == self.part:
                yield place


def _rows_of(part: int) -> tuple[RowKey, RowKey]:
    """The cursor of a slice, and the moment before which it was published."""
    return RowKey(Kind.CURSOR, f"{part:02d}"), RowKey(Kind.CURSOR, f"{part:02d} until")


def _least(found: Rows, of_all: RowKey, slices: Sequence[tuple[RowKey, RowKey]]) -> Iterator[Write]:
    """What the row says that is not split, once all slices have one: the least of them."""
    which = int(of_all == published_until.ROW)
    reached = [number(found[keys[which]], "reached") for keys in slices if keys[which] in found]
    if slices and len(reached) == len(slices):
        yield Write(of_all, {}, {"reached": min(reached)})
