"""Rows that go by themselves on a real server: however they were made and ended, nothing of them is left."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.store.partitions import Group, new_partition
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Applied,
    Condition,
    Index,
    IndexEntry,
    Kind,
    Row,
    RowKey,
    Write,
)
from travio_inventory.protocol.tables import KINDS
from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions
from verification.kit.stores import scylla_store

pytestmark = pytest.mark.scylla

HOLD = RowKey(Kind.HOLD, "hold-1")
EVENT = RowKey(Kind.EVENT, "event-1")
A1 = RowKey(Kind.CELL, "A1")
HELD: Row = {"status": "held", "holder": "ann", "claimant": "x", "expires_at_ms": 5}
ENDED: Row = {"status": "released", "holder": "ann"}
OTHER: Row = {"status": "aborted", "reason": "late"}
FREE: Row = {"status": "available"}
TAKEN: Row = {"status": "held", "owner": "hold-1", "until_ms": 5}
KEEP_S = 3
OVER_S = KEEP_S + 1.5

WAYS: dict[str, Sequence[Write]] = {
    "made for ever, then ended": [
        Write(HOLD, ABSENT, HELD),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
    "made with an end": [Write(HOLD, ABSENT, HELD, KEEP_S)],
    "made with an end, then with an earlier one": [
        Write(HOLD, ABSENT, HELD, 3_600),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
    "ended, made to stay, and ended again": [
        Write(HOLD, ABSENT, HELD, KEEP_S),
        Write(HOLD, {"status": "held"}, HELD, FOR_EVER),
        Write(HOLD, {"status": "held"}, OTHER, KEEP_S),
    ],
    "made where a column is null": [Write(HOLD, {"status": None}, HELD, KEEP_S)],
    "made for ever where a column is null, then ended so": [
        Write(HOLD, {"status": None}, HELD),
        Write(HOLD, {"order_id": None}, ENDED, KEEP_S),
    ],
    "made without a condition": [Write(HOLD, {}, HELD, KEEP_S)],
    "made for ever without a condition, then ended so": [Write(HOLD, {}, HELD), Write(HOLD, {}, ENDED, KEEP_S)],
    "changed in parts, then ended": [
        Write(HOLD, ABSENT, HELD),
        Write(HOLD, {"status": "held"}, {"extensions": 1, "order_id": "o", "holder": None}),
        Write(HOLD, {"status": "held"}, ENDED, KEEP_S),
    ],
    "emptied": [Write(HOLD, ABSENT, HELD), Write(HOLD, {"status": "held"}, {}, KEEP_S)],
    "made empty": [Write(HOLD, ABSENT, {}, KEEP_S)],
}


@pytest.fixture
async def batches(scylla: ScyllaOptions) -> AsyncIterator[ScyllaBatches]:
    """A store of the test's own."""
    async with scylla_store(scylla) as opened:
        yield opened


def whole(row: Row) -> Row:
    """The row without its nulls."""
    return {name: value for name, value in row.items() if value is not None}


async def test_nothing_is_left_of_a_row_whose_time_is_over(batches: ScyllaBatches) -> None:
    """A ghost, of which all columns are null and the marker stays, would refuse whoever asks for absence."""
    groups = {way: Group(batches, new_partition()) for way in WAYS}
    for way, group in groups.items():
        for write in WAYS[way]:
            await group.stands(write)
        assert await group.row(HOLD) == whole(WAYS[way][-1].values), way
    await asyncio.sleep(OVER_S)
    for way, group in groups.items():
        assert await group.row(HOLD) is None, way
        assert await group.ids(Kind.HOLD) == [], way
        assert await group.apply(Write(HOLD, ABSENT, OTHER)) == Applied(), way


@pytest.mark.parametrize("condition", [{"status": "released"}, {"order_id": None}, {}])
async def test_what_is_to_stay_after_all_stays_whole(batches: ScyllaBatches, condition: Condition) -> None:
    group = Group(batches, new_partition())
    await group.stands(Write(HOLD, ABSENT, HELD, KEEP_S))
    await group.stands(Write(HOLD, {"status": "held"}, ENDED, KEEP_S))
    await group.stands(Write(HOLD, condition, OTHER, FOR_EVER))
    await asyncio.sleep(OVER_S)
    assert await group.row(HOLD) == OTHER
    await group.stands(Write(HOLD, OTHER, dict.fromkeys(OTHER)))
    assert await group.row(HOLD) == {}, "its marker has stayed too"


async def test_a_step_that_ends_a_hold_leaves_what_it_frees(batches: ScyllaBatches) -> None:
    """Rows with ends and without share a batch; a repeated event moves its end."""
    group = Group(batches, new_partition())
    event = Write(EVENT, {}, {"type": "hold.released", "at_ms": 3}, KEEP_S)
    await group.stands(Write(HOLD, ABSENT, HELD), Write(A1, ABSENT, TAKEN))
    await group.stands(Write(HOLD, HELD, ENDED, KEEP_S), event, Write(A1, {"owner": "hold-1"}, {**FREE, "owner": None}))
    assert set(await group.get(HOLD, EVENT, A1)) == {HOLD, EVENT, A1}
    await asyncio.sleep(1)
    await group.stands(event)
    await asyncio.sleep(OVER_S - 1)
    assert await group.row(HOLD) is None
    await asyncio.sleep(1)
    left = await group.get(HOLD, EVENT, A1)
    assert {key: whole(row) for key, row in left.items()} == {A1: {"status": "available", "until_ms": 5}}
    assert await group.ids(Kind.EVENT) == []


async def test_refusals_bring_whole_rows_of_those_that_were_to_end(batches: ScyllaBatches) -> None:
    group, end = Group(batches, new_partition()), Write(HOLD, {"status": "held"}, ENDED, KEEP_S)
    free = Write(A1, {"owner": "hold-1"}, FREE)
    await group.stands(Write(HOLD, ABSENT, OTHER), Write(A1, ABSENT, TAKEN))
    assert await group.refused(end, free) == {HOLD: OTHER, A1: TAKEN}
    assert await group.refused(end, free, Write(EVENT, ABSENT, {"type": "x"}, KEEP_S)) == {HOLD: OTHER, A1: TAKEN}
    assert await group.row(HOLD) == OTHER, "the marker that goes with an end is refused with it"
    missing = RowKey(Kind.HOLD, "missing")
    assert await group.refused(Write(missing, {"status": "held"}, ENDED, KEEP_S), free) == {A1: TAKEN}
    assert await group.row(missing) is None


async def test_entries_go_when_they_say_so(batches: ScyllaBatches) -> None:
    """In both tables; the first to be added again stays for its new time."""
    partition = new_partition()
    for index in (Index.EXPIRY, Index.HOLDS):
        kept = [IndexEntry(index, partition.name, entry, keep_s) for entry, keep_s in (("a", 60), ("b", KEEP_S))]
        await batches.apply(partition, [], [*kept, kept[0]._replace(entry="c", keep_s=FOR_EVER)])
        assert await batches.read_index(index, partition.name) == ["a", "b", "c"]
    await asyncio.sleep(OVER_S)
    for index in (Index.EXPIRY, Index.HOLDS):
        assert await batches.read_index(index, partition.name) == ["a", "c"]


async def test_ends_of_any_length_need_no_texts_of_their_own(batches: ScyllaBatches) -> None:
    group = Group(batches, new_partition())
    for keep_s in range(1, 200):
        key = RowKey(Kind.HOLD, f"hold-{keep_s}")
        await group.stands(Write(key, ABSENT, HELD), Write(EVENT, {}, {"type": "x"}, keep_s))
        await group.stands(Write(key, {"status": "held"}, dict(list(ENDED.items())[: keep_s % 3]), keep_s))
    assert texts_prepared(batches) <= 4


def texts_prepared(batches: ScyllaBatches) -> int:
    """How many texts its connection knows."""
    (node,) = batches.path.nodes
    connection = node.connection()
    assert connection is not None
    return len(connection.prepared)


def test_only_events_and_movements_are_written_once() -> None:
    """Every other row may be written again, with other columns, so its values are cleared where it lacks them."""
    written_once = {kind for kind, rows in KINDS.items() if rows.is_written_once}
    assert written_once == {Kind.EVENT, Kind.MOVEMENT, Kind.CAUSE}
