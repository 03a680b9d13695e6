"""What every store must read: whole rows, ranges in the order of ids, one partition's alone."""

import asyncio
import itertools
import unicodedata
from uuid import uuid4

import pytest

from tests.store.partitions import Group, index_entry, new_partition
from tests.store.written_rows import A1, A2, BORN, FREE, HELD, HOLD, TOLD
from travio_inventory.protocol.batches import (
    ABSENT,
    Applied,
    Batches,
    Index,
    Kind,
    Partition,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.protocol.tables import COLUMNS

ODD_IDS = [
    "e\u0301",
    "\u00e9",
    "a b",
    "'; DROP TABLE rows; --",
    "\u202eabc",
    "\U0001f683",
    "\uffff",
    "~",
    "%_*?",
    "\u05d0",
]


async def test_rows_of_one_id_differ_by_kind_and_segment(group: Group) -> None:
    keys = [RowKey(Kind.CELL, "A1", segment) for segment in range(3)] + [RowKey(Kind.HOLD, "A1")]
    await group.stands(*(Write(key, ABSENT, {"status": str(place)}) for place, key in enumerate(keys)))
    assert await group.get(*keys) == {key: {"status": str(place)} for place, key in enumerate(keys)}


async def test_get_leaves_out_what_is_not_there(group: Group) -> None:
    await group.stands(Write(A1, {}, FREE))
    assert await group.get() == {}
    assert await group.get(HOLD, A1, A2) == {A1: FREE}


async def test_read_gives_one_kind_in_the_order_of_id_and_segment(group: Group) -> None:
    keys = [RowKey(Kind.CELL, seat, segment) for seat in ("B10", "B2", "B", "a") for segment in (10, 9, 0, 1)]
    await group.stands(*(Write(key, {}, FREE) for key in keys), Write(HOLD, ABSENT, BORN))
    rows = await group.store.read(group.partition, Kind.CELL)
    assert list(rows) == sorted(keys)
    assert set(map(repr, rows.values())) == {repr(FREE)}
    assert await group.ids(Kind.EVENT) == []


@pytest.mark.parametrize(
    ("start", "end", "ids"),
    [
        ("", "", ["a", "b", "b~1", "c"]),
        ("b", "", ["b", "b~1", "c"]),
        ("b0", "", ["b~1", "c"]),
        ("d", "", []),
        ("", "b", ["a"]),
        ("a", "b~1", ["a", "b"]),
        ("b", "b", []),
        ("c", "a", []),
    ],
)
async def test_read_takes_a_range_that_begins_at_start_and_ends_before_end(
    group: Group, start: str, end: str, ids: list[str]
) -> None:
    await group.stands(*(Write(RowKey(Kind.EVENT, name), {}, TOLD) for name in ("c", "a", "b~1", "b")))
    assert await group.ids(Kind.EVENT, start=start, end=end) == ids


async def test_odd_ids_are_kept_apart_and_in_the_order_of_their_code_points(group: Group) -> None:
    assert unicodedata.normalize("NFC", ODD_IDS[0]) == ODD_IDS[1]
    await group.stands(*(Write(RowKey(Kind.HOLD, odd), ABSENT, {"holder": odd}) for odd in ODD_IDS))
    assert await group.ids(Kind.HOLD) == sorted(ODD_IDS)
    for odd in ODD_IDS:
        assert await group.row(RowKey(Kind.HOLD, odd)) == {"holder": odd}


@pytest.mark.parametrize(
    "names",
    list(
        itertools.combinations([("a:b", "c"), ("a", "b:c"), ("a/b", "c"), ("a", "b/c"), ("a~b", "c"), ("a", "b~c")], 2)
    ),
)
async def test_partitions_of_names_that_look_alike_are_apart(
    store: Batches, names: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    own = uuid4().hex
    one, other = (Partition(Table.SEAT_GROUPS, f"{own}{organization}", name) for organization, name in names)
    assert isinstance(await store.apply(one, [Write(A1, ABSENT, FREE)]), Applied)
    assert await store.get(other, [A1]) == await store.read(other, Kind.CELL) == {}
    assert isinstance(await store.apply(other, [Write(A1, ABSENT, HELD)]), Applied)
    assert await store.get(one, [A1]) == {A1: FREE}


async def test_partitions_differ_by_table_and_number(store: Batches) -> None:
    base = new_partition()
    others = [(Table.LEDGERS, Kind.SLOT), (Table.WAITLISTS, Kind.ENTRY)]
    rows = [(base._replace(number=number), Kind.HOLD) for number in (0, 4, 33)]
    rows += [(base._replace(table=table, number=0), kind) for table, kind in others]
    for place, (partition, kind) in enumerate(rows):
        outcome = await store.apply(partition, [Write(RowKey(kind, "x"), ABSENT, {COLUMNS[kind][0]: str(place)})])
        assert isinstance(outcome, Applied)
    found = [await store.get(partition, [RowKey(kind, "x")]) for partition, kind in rows]
    assert found == [{RowKey(kind, "x"): {COLUMNS[kind][0]: str(place)}} for place, (_, kind) in enumerate(rows)]


async def test_reads_see_every_batch_that_was_answered(group: Group) -> None:
    """Readers run beside a crowd of writers; each writer reads its own row as soon as it has its answer."""

    async def write_and_read(name: str) -> None:
        key, bucket = RowKey(Kind.HOLD, name), uuid4().hex
        for place in range(5):
            row: Row = {"extensions": place}
            await group.apply(Write(key, {}, row), entries=[index_entry(str(place), bucket)])
            assert await group.row(key) == row
            assert (await group.store.read(group.partition, Kind.HOLD, start=name))[key] == row
            assert len(await group.store.read_index(Index.EXPIRY, bucket)) == place + 1

    await asyncio.gather(*(write_and_read(f"{place:02}") for place in range(40)))


async def test_a_read_sees_one_moment(group: Group) -> None:
    """Every batch sets all rows to one number, so a read that mixes two moments shows two numbers."""
    keys = [RowKey(Kind.CELL, f"{place:03}") for place in range(40)]
    await group.stands(*(Write(key, {}, {"since_ms": 0}) for key in keys))
    seen: set[int | str | None] = set()

    async def write() -> None:
        for number in range(1, 30):
            await group.stands(*(Write(key, {}, {"since_ms": number}) for key in keys))

    writing = asyncio.create_task(write())
    while not writing.done():
        rows = await group.store.read(group.partition, Kind.CELL)
        numbers = {row["since_ms"] for row in rows.values()}
        assert len(numbers) == 1
        seen |= numbers
    await writing
    assert len(seen) > 3


@pytest.mark.parametrize(
    ("start", "end", "most", "ids"),
    [
        ("", "", 1, ["a"]),
        ("", "", 3, ["a", "b", "c"]),
        ("", "", 9, ["a", "b", "c", "d"]),
        ("b", "", 2, ["b", "c"]),
        ("b\0", "", 2, ["c", "d"]),
        ("b", "c", 2, ["b"]),
    ],
)
async def test_read_takes_so_many_rows_and_goes_on_behind_the_last(
    group: Group, start: str, end: str, most: int, ids: list[str]
) -> None:
    await group.stands(*(Write(RowKey(Kind.EVENT, name), {}, TOLD) for name in ("c", "a", "d", "b")))
    found = await group.store.read(group.partition, Kind.EVENT, start=start, end=end, most=most)
    assert [key.id for key in found] == ids
