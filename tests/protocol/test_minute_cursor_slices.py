"""Several jobs of one reader share an index: each has a slice of it, and a cursor of its own."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.protocol.parts import Noted
from travio_inventory.protocol.batches import Index, IndexEntry, Kind, Partition, RowKey, Table, Write
from travio_inventory.protocol.index_entries import MINUTE_MS, bucket_of
from travio_inventory.protocol.minute_cursor import MinuteCursor, Place, carried_entry
from travio_inventory.protocol.published_until import PublishedUntil
from travio_inventory.protocol.slices import SLICES, slice_of
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.store.memory import MemoryBatches
from verification.kit.clocks import START_MS, Clock

NOW = START_MS // MINUTE_MS
KEEP_S = 6_000
KEPT_S = 14_400
PARTITION = Partition(Table.CURSORS, "", "journal of far")
LEASE = Write(RowKey(Kind.LEASE, "03"), {"owner": "me"}, {"owner": "me"})


def at(row_id: str, reached: int, condition: dict[str, int] | None = None) -> Write:
    """A cursor, or a moment, that is stored."""
    return Write(RowKey(Kind.CURSOR, row_id), condition, {"reached": reached})


RAN = at("ran", START_MS, {})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Noted:
    return Noted(MemoryBatches(None, Random(1), asyncio.sleep))


async def stored(store: Noted, *writes: Write) -> None:
    """What is there before the job begins."""
    await store.apply(PARTITION, writes)
    store.sent.clear()


def until_of(clock: Clock) -> PublishedUntil:
    return PublishedUntil("far", clock, kept_s=KEPT_S)


def slice_3(store: Noted, clock: Clock, until: PublishedUntil | None = None) -> MinuteCursor:
    return MinuteCursor(
        store, Index.JOURNAL, clock, KEEP_S, look_back=3, reader="far", part=3, until=until, waits=StoreWaits()
    )


def sent(store: Noted) -> list[Sequence[Write]]:
    """The writes of each batch, all of them where the reader's cursors are."""
    assert {batch.partition for batch in store.sent} <= {PARTITION}
    return [list(batch.writes) for batch in store.sent]


async def close(minutes: MinuteCursor, minute: int) -> None:
    await minutes.settled([minute], (minute + 10) * MINUTE_MS)


async def test_a_slice_without_a_cursor_begins_where_the_reader_stopped_that_was_not_split(
    store: Noted, clock: Clock
) -> None:
    await stored(store, at("", NOW - 2), at("until", START_MS - 20_000_000))
    until = until_of(clock)
    minutes = slice_3(store, clock, until)
    await minutes.begin(START_MS)
    assert (minutes.first, until.missed_s) == (NOW - 2, 20_000 - KEPT_S)
    assert sent(store) == [[at("03", NOW - 2), RAN, at("03 until", START_MS - 20_000_000, {})]]


async def test_afterwards_it_begins_where_it_stopped_itself(store: Noted, clock: Clock) -> None:
    await stored(store, at("", NOW - 3), at("until", START_MS - 15_000_000))
    await stored(store, at("03", NOW - 1), at("03 until", START_MS - 20_000_000))
    until = until_of(clock)
    minutes = slice_3(store, clock, until)
    await minutes.begin(START_MS)
    assert (minutes.first, until.missed_s) == (NOW - 1, 20_000 - KEPT_S)
    await close(minutes, NOW - 1)
    assert sent(store) == [[at("03", NOW, {"reached": NOW - 1}), RAN, at("03 until", START_MS - 20_000_000, {})]]


@pytest.mark.parametrize("missing", [None, 6])
async def test_the_cursor_that_is_not_split_follows_the_slice_that_is_farthest_behind(
    store: Noted, clock: Clock, missing: int | None
) -> None:
    """Once all slices have one."""
    for part in range(SLICES):
        if part != missing:
            await stored(store, at(f"{part:02d}", NOW - 2 - (part == 5)))
            await stored(store, at(f"{part:02d} until", START_MS - 7 * (part == 2)))
    minutes = slice_3(store, clock, until_of(clock))
    await minutes.begin(START_MS)
    await close(minutes, NOW - 2)
    of_all = [at("", NOW - 3, {}), at("until", START_MS - 7, {})] if missing is None else []
    own = at("03", NOW - 1, {"reached": NOW - 2})
    assert sent(store) == [[own, RAN, *of_all, at("03 until", START_MS, {})]]


async def test_a_reader_that_is_not_split_moves_its_own_cursor_alone(store: Noted, clock: Clock) -> None:
    await stored(store, at("", NOW - 2), *(at(f"{part:02d}", NOW - 3) for part in range(SLICES)))
    minutes = MinuteCursor(store, Index.JOURNAL, clock, KEEP_S, look_back=3, reader="far", waits=StoreWaits())
    await minutes.begin(START_MS)
    await close(minutes, NOW - 2)
    assert sent(store) == [[at("", NOW - 1, {"reached": NOW - 2}), RAN]]


@pytest.mark.parametrize("is_ours", [True, False])
async def test_the_cursor_of_a_slice_moves_only_while_its_fence_holds(
    store: Noted, clock: Clock, is_ours: bool
) -> None:
    await stored(store, Write(LEASE.key, None, {"owner": "me" if is_ours else "other"}))
    minutes = slice_3(store, clock)
    minutes.fence = lambda: LEASE
    await minutes.begin(START_MS)
    assert sent(store) == [[at("03", NOW - 3), RAN, LEASE]]
    key = RowKey(Kind.CURSOR, "03")
    assert await store.get(PARTITION, [key]) == ({key: {"reached": NOW - 3}} if is_ours else {})
    assert minutes.first == NOW - 3


async def test_each_slice_meets_its_own_entries_those_of_minutes_that_were_carried_on_whole_too(
    store: Noted, clock: Clock
) -> None:
    entries = [f"seat_groups\x1fo\x1ft\x1f{number}" for number in range(40)]
    assert {slice_of(entry) for entry in entries} == set(range(SLICES))
    whole = carried_entry("far", Place(NOW - 5, ""))
    noted = [IndexEntry(Index.JOURNAL, bucket_of(minute), entry) for minute in (NOW, NOW - 5) for entry in entries]
    await store.apply(PARTITION, [], [*noted, IndexEntry(Index.JOURNAL, bucket_of(NOW), whole)])
    for part in range(SLICES):
        minutes = slice_3(store, clock)
        minutes.part = part
        mine = {Place(minute, entry) for minute in (NOW, NOW - 5) for entry in entries if slice_of(entry) == part}
        assert await minutes.named([NOW]) == {NOW: mine}
