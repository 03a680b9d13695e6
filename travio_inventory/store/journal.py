"""Reads back the events that steps recorded, each once while this process lives, in order per hold."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.domain.errors import BackendUnavailable
from travio_inventory.domain.events import Event
from travio_inventory.domain.hold import base_id
from travio_inventory.engine.ports import BlockKey, Clock
from travio_inventory.store import rows
from travio_inventory.store.batches import Batches, Index, Kind, Row, StoreUnavailable
from travio_inventory.store.hints import MINUTE_MS, minute_of
from travio_inventory.store.minutes import OpenMinutes

LOOKBACK_MS = 1_000
"""How much older than the newest event seen of a block an event may be and still be found in the next round."""


class _Told(NamedTuple):
    """The last event of a hold that was handed over, and the minute it is in."""

    ordinal: int
    minute: int


class EventJournal:
    """Implements `engine.ports.Journal`.

    Rounds read only the newest events of a block. An event that landed late is found when its minute is visited
    again, or at once where a later event of its hold shows that it is missing.
    """

    def __init__(self, batches: Batches, clock: Clock) -> None:
        self._batches = batches
        self._clock = clock
        self._minutes = OpenMinutes(batches, Index.JOURNAL)
        self._newest_ms: dict[BlockKey, int] = {}
        self._told: dict[str, _Told] = {}
        """How far each hold's events were handed over."""
        self._round_ms = 0
        self._settling: list[int] = []
        self._waiting = 0

    async def unpublished(self) -> Sequence[Event]:
        """See Journal."""
        now_ms = self._round_ms = self._clock.now_ms()
        try:
            await self._minutes.load(now_ms)
            settling = await self._minutes.blocks(list(self._minutes.settling(now_ms)))
            live = set().union(*(await self._minutes.blocks(self._minutes.live(now_ms))).values())
            self._settling = list(settling)
            whole = set().union(*settling.values())
            news = [await self._news(block, is_whole=block in whole) for block in live | whole]
        except StoreUnavailable:
            raise BackendUnavailable from None
        events = [event for block in news for event in block]
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
        """All that the round found is handed over: its minutes count as visited."""
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

    async def _news(self, block: BlockKey, *, is_whole: bool) -> list[Event]:
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
        """Whether a hold has an event before these that was not handed over: its events count up without gaps."""
        firsts = {_hold_of(row): row for row in reversed(news)}
        return any(rows.number(row, "generation") > self._told_upto(row) + 1 for row in firsts.values())


def _hold_of(row: Row) -> str:
    return base_id(rows.text(row, "hold"))
