"""Reads back the events that steps recorded, each once while this process lives, in order per hold."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.domain.errors import BackendUnavailable
from travio_inventory.domain.events import Event
from travio_inventory.domain.hold import base_id
from travio_inventory.engine.ports import BlockKey
from travio_inventory.store import rows
from travio_inventory.store.batches import Index, Kind, Row, StoreUnavailable
from travio_inventory.store.hints import MINUTE_MS, minute_of
from travio_inventory.store.minutes import OpenMinutes
from travio_inventory.store.owners import Owners

LOOK_EVERY_MS = 4_000
"""How often all blocks are read that the index names: for the events of other processes."""
EVENTS_PER_ROUND_MAX = 5_000
LOOKBACK_MS = 1_000
"""How much older than the newest event seen of a block an event may be and still be found in the next round."""


class _Told(NamedTuple):
    """The last event of a hold that was handed over, and the minute it is in."""

    ordinal: int
    minute: int


class EventJournal:
    """Implements `engine.ports.Journal`.

    A round reads the newest events of the blocks in which this process's own steps recorded some, and now and then of
    all that the index names. An event that landed late is found when its minute is visited again, or at once where a
    later event of its hold shows that it is missing.
    """

    def __init__(self, owners: Owners) -> None:
        self._batches = owners.batches
        self._clock = owners.clock
        self._news = owners.news
        self._minutes = OpenMinutes(owners.batches, Index.JOURNAL)
        self._newest_ms: dict[BlockKey, int] = {}
        self._told: dict[str, _Told] = {}
        """How far each hold's events were handed over."""
        self._looked_ms = 0
        self._round_ms = 0
        self._settling: list[int] = []
        self._unread: set[BlockKey] = set()
        self._found_in: set[BlockKey] = set()
        self._waiting = 0

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. At most EVENTS_PER_ROUND_MAX and one block's: what is left comes in the next round."""
        now_ms = self._round_ms = self._clock.now_ms()
        self._unread |= self._news.take_recorded()
        events: list[Event] = []
        try:
            await self._minutes.load(now_ms)
            settling = await self._minutes.blocks(list(self._minutes.settling(now_ms)))
            whole = set().union(*settling.values())
            self._unread |= whole
            if now_ms - self._looked_ms >= LOOK_EVERY_MS:
                self._unread = self._unread.union(*(await self._minutes.blocks(self._minutes.live(now_ms))).values())
                self._looked_ms = now_ms
            read = set[BlockKey]()
            for block in self._unread:
                events += await self._newest(block, is_whole=block in whole)
                read.add(block)
                if len(events) >= EVENTS_PER_ROUND_MAX:
                    break
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._settling = list(settling) if len(read) == len(self._unread) else []
        self._found_in = read
        self._waiting = len(events)
        if not events:
            await self._close()
        return events

    async def mark_published(self, events: Sequence[Event]) -> None:
        """See Journal."""
        for event in events:
            self._told[base_id(event.hold_id)] = _Told(event.ordinal, minute_of(event.at_ms))
        self._waiting -= len(events)
        if self._waiting <= 0:
            await self._close()

    async def _close(self) -> None:
        """All that the round found is handed over: its blocks are read, its minutes count as visited."""
        self._unread -= self._found_in
        first = self._minutes.first
        try:
            await self._minutes.settled(self._settling, self._round_ms)
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._settling = []
        if self._minutes.first > first:
            self._told = {hold: told for hold, told in self._told.items() if told.minute >= self._minutes.first}
            oldest_ms = self._minutes.first * MINUTE_MS
            self._newest_ms = {block: at for block, at in self._newest_ms.items() if at >= oldest_ms}

    async def _newest(self, block: BlockKey, *, is_whole: bool) -> list[Event]:
        """The block's events that were not handed over, in order per hold."""
        first_ms = self._minutes.first * MINUTE_MS
        newest_ms = 0 if is_whole else self._newest_ms.get(block, 0)
        news = await self._read(block, max(first_ms, newest_ms - LOOKBACK_MS))
        if newest_ms and self._has_gap(news):
            news = await self._read(block, first_ms)
        if not news:
            return []
        self._newest_ms[block] = max(self._newest_ms.get(block, 0), *(rows.number(row, "at") for row in news))
        return [rows.read_event(block.trip, row) for row in news]

    async def _read(self, block: BlockKey, from_ms: int) -> list[Row]:
        found = await self._batches.read(rows.block_partition(*block), Kind.EVENT, start=rows.event_id_at(from_ms))
        news = [row for row in found.values() if rows.number(row, "generation") > self._told_upto(row)]
        return sorted(news, key=lambda row: (_hold_of(row), rows.number(row, "generation")))

    def _told_upto(self, row: Row) -> int:
        told = self._told.get(_hold_of(row))
        return -1 if told is None else told.ordinal

    def _has_gap(self, news: Sequence[Row]) -> bool:
        """Whether an event is missing before or among these: a hold's events count up without gaps."""
        told: dict[str, int] = {}
        for row in news:
            hold, ordinal = _hold_of(row), rows.number(row, "generation")
            if ordinal != told.get(hold, self._told_upto(row)) + 1:
                return True
            told[hold] = ordinal
        return False


def _hold_of(row: Row) -> str:
    return base_id(rows.text(row, "hold"))
