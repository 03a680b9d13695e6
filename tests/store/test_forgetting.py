"""Rows and entries that are kept for a while: in memory, where an hour takes no time."""

import asyncio
from random import Random

import pytest

from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Applied,
    Index,
    IndexEntry,
    Kind,
    Outcome,
    Partition,
    Refused,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.store.memory import Faults, MemoryBatches
from verification.simulation.virtual_loop import run_virtually

GROUP = Partition(Table.SEAT_GROUPS, "acme", "t1", 0)
HOLD = RowKey(Kind.HOLD, "hold-1")
OTHER = RowKey(Kind.HOLD, "hold-2")
BORN: Row = {"status": "held", "holder": "ann"}
ENDED: Row = {"status": "released"}
BEGIN = Write(HOLD, ABSENT, BORN)
END = Write(HOLD, {"status": "held"}, ENDED, 60)
ENTRY = IndexEntry(Index.EXPIRY, "7", "here", 60)


def store(faults: Faults | None = None) -> MemoryBatches:
    """An empty one."""
    return MemoryBatches(faults, Random(1), asyncio.sleep)


async def standing(batches: MemoryBatches, key: RowKey = HOLD) -> Row | None:
    """The row, None where there is none."""
    return (await batches.get(GROUP, [key])).get(key)


async def tried(batches: MemoryBatches, *writes: Write) -> Outcome:
    """What came of the batch."""
    return await batches.apply(GROUP, writes)


def test_a_row_is_forgotten_whole_when_its_time_is_over() -> None:
    async def day() -> None:
        batches = store()
        await tried(batches, BEGIN)
        assert await tried(batches, END) == Applied()
        assert await standing(batches) == ENDED, "values with an end are the whole row"
        await asyncio.sleep(59)
        assert await tried(batches, BEGIN) == Refused({HOLD: ENDED})
        await asyncio.sleep(2)
        assert await standing(batches) is None
        assert await batches.read(GROUP, Kind.HOLD) == {}
        assert batches.partitions() == []
        assert await tried(batches, BEGIN) == Applied()

    run_virtually(0, day())


def test_a_later_write_moves_the_end_or_takes_it_away() -> None:
    async def day() -> None:
        batches = store()
        await tried(batches, BEGIN, Write(OTHER, ABSENT, BORN))
        await tried(batches, END, Write(OTHER, {}, ENDED, 60))
        await asyncio.sleep(30)
        await tried(batches, Write(HOLD, {}, ENDED, 60), Write(OTHER, {}, BORN, FOR_EVER))
        await asyncio.sleep(50)
        assert await standing(batches) == ENDED
        await asyncio.sleep(86_400)
        assert (await standing(batches), await standing(batches, OTHER)) == (None, BORN)

    run_virtually(0, day())


def test_what_is_written_without_an_end_to_a_row_with_one_outlives_it() -> None:
    async def day() -> None:
        batches = store()
        await tried(batches, Write(HOLD, ABSENT, BORN, 60))
        await tried(batches, Write(HOLD, {}, {"status": "released"}))
        await asyncio.sleep(61)
        assert await standing(batches) == {"status": "released"}

    run_virtually(0, day())


def test_an_entry_is_forgotten_some_time_after_it_was_last_added() -> None:
    async def day() -> None:
        batches = store()
        await batches.apply(GROUP, [], [ENTRY, ENTRY._replace(entry="for ever", keep_s=FOR_EVER)])
        await asyncio.sleep(30)
        await batches.apply(GROUP, [], [ENTRY])
        await asyncio.sleep(59)
        assert await batches.read_index(Index.EXPIRY, "7") == ["for ever", "here"]
        await asyncio.sleep(2)
        assert await batches.read_index(Index.EXPIRY, "7") == ["for ever"]

    run_virtually(0, day())


@pytest.mark.parametrize(
    ("queued_s_max", "decided_at_s", "lands"),
    [(1_000.0, 30, True), (20.0, 30, False), (40.0, 30, True), (20.0, None, True)],
)
def test_a_batch_that_is_no_longer_queued_lands_only_where_nothing_was_decided_since(
    queued_s_max: float, decided_at_s: int | None, lands: bool
) -> None:
    async def day() -> None:
        batches = store(Faults(late=1.0, late_s_max=500.0, queued_s_max=queued_s_max))
        await tried(batches, BEGIN)
        batches.faults = Faults(queued_s_max=queued_s_max)
        if decided_at_s is not None:
            await asyncio.sleep(decided_at_s)
            await standing(batches, OTHER)
        await asyncio.sleep(600 - (decided_at_s or 0))
        assert (HOLD in batches.snapshot(GROUP)) is lands

    run_virtually(0, day())


def test_ends_lie_apart_as_servers_clocks_do() -> None:
    async def day() -> set[bool]:
        batches = store(Faults(ends_apart_s=30.0))
        keys = [RowKey(Kind.HOLD, f"hold-{number}") for number in range(20)]
        await tried(batches, *(Write(key, ABSENT, BORN, 60) for key in keys))
        await asyncio.sleep(60)
        left = len(batches.snapshot(GROUP)) if await standing(batches, OTHER) is None else 0
        assert 0 < left < len(keys)
        await asyncio.sleep(31)
        return {await standing(batches, key) is None for key in keys}

    assert run_virtually(0, day()) == {True}
