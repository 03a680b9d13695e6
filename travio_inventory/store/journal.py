"""Reads back the events that steps recorded, each once while this process lives, in order per hold."""

from collections.abc import Iterable, Sequence
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

LOOK_EVERY_MS = 10_000
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

    A round tells what this process's own steps recorded, and now and then reads the newest events of all blocks that
    the index names. An event that landed late is found when its minute is visited again, or at once where a later
    event of its hold shows that it is missing.

    `is_alone`: no other process writes to the store, so all blocks are looked at only once, after the start.
    """

    def __init__(self, owners: Owners, *, is_alone: bool = False) -> None:
        self._is_alone = is_alone
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
        self._own: dict[BlockKey, list[Row]] = {}
        """Events of this process that were not handed over."""
        self._unread: set[BlockKey] = set()
        """Blocks that are to be read."""
        self._visited: set[BlockKey] = set()
        self._waiting = 0

    async def unpublished(self) -> Sequence[Event]:
        """See Journal. At most EVENTS_PER_ROUND_MAX and one block's: what is left comes in the next round."""
        now_ms = self._round_ms = self._clock.now_ms()
        if not self._own:
            self._own = self._news.take_events()
        events: list[Event] = []
        self._visited = set()
        try:
            await self._minutes.load(now_ms)
            settling = await self._minutes.blocks(list(self._minutes.settling(now_ms)))
            whole = set().union(*settling.values())
            self._unread |= whole
            if not self._looked_ms or (not self._is_alone and now_ms - self._looked_ms >= LOOK_EVERY_MS):
                self._unread = self._unread.union(*(await self._minutes.blocks(self._minutes.live(now_ms))).values())
                self._looked_ms = now_ms
            for block in sorted(self._unread | self._own.keys()):
                events += await self._newest(block, is_whole=block in whole)
                self._visited.add(block)
                if len(events) >= EVENTS_PER_ROUND_MAX:
                    break
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._settling = [minute for minute, named in settling.items() if named <= self._visited]
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
        self._unread -= self._visited
        for block in self._visited:
            self._own.pop(block, None)
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
        if is_whole:
            news = await self._read(block, first_ms)
        else:
            newest_ms = self._newest_ms.get(block, first_ms)
            news = (
                await self._read(block, max(first_ms, newest_ms - LOOKBACK_MS))
                if block in self._unread
                else self._in_order(self._own[block])
            )
            if self._has_gap(news):
                news = await self._read(block, first_ms)
        if news and (is_whole or block in self._unread):  # of what this process alone did, others may lie before
            self._newest_ms[block] = max(self._newest_ms.get(block, 0), *(rows.number(row, "at") for row in news))
        return [rows.read_event(block.trip, row) for row in news]

    async def _read(self, block: BlockKey, from_ms: int) -> list[Row]:
        found = await self._batches.read(rows.block_partition(*block), Kind.EVENT, start=rows.event_id_at(from_ms))
        return self._in_order(found.values())

    def _in_order(self, found: Iterable[Row]) -> list[Row]:
        """Those that were not handed over, hold by hold."""
        news = [row for row in found if rows.number(row, "generation") > self._told_upto(row)]
        return sorted(news, key=_place) if len(news) > 1 else news

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


def _place(row: Row) -> tuple[str, int]:
    return _hold_of(row), rows.number(row, "generation")


def _hold_of(row: Row) -> str:
    return base_id(rows.text(row, "hold"))
