"""What every store keeps: the declared columns, and their values unchanged."""

from uuid import uuid4

import pytest

from tests.store.partitions import Group
from tests.store.written_rows import HOLD
from travio_inventory.protocol.batches import ABSENT, Batches, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.columns import Type
from travio_inventory.protocol.tables import COLUMNS, TABLES, TYPES


def partition_of(table: Table) -> Partition:
    """A new partition of that table."""
    return Partition(table, "store-tests" if TABLES[table].organization else "", uuid4().hex)


KINDS = [(table, kind) for table, declared in TABLES.items() for kind in declared.kinds]


@pytest.mark.parametrize(("table", "kind"), KINDS)
async def test_every_column_of_every_kind_keeps_what_it_is_given(store: Batches, table: Table, kind: Kind) -> None:
    group, key = Group(store, partition_of(table)), RowKey(kind, "x")
    row: Row = {
        name: f"text {name}" if TYPES[name] is Type.TEXT else number
        for number, name in enumerate(COLUMNS[kind], start=7)
    }
    await group.stands(Write(key, ABSENT, row))
    assert await group.row(key) == row
    assert await store.read(group.partition, kind) == {key: row}
    (first, value), *_ = row.items()
    await group.stands(Write(key, row, dict.fromkeys(row) | {first: value}))
    assert await group.row(key) == {first: value}


@pytest.mark.parametrize("table", Table)
@pytest.mark.parametrize("kind", Kind)
async def test_a_row_of_a_kind_or_with_a_column_that_its_table_does_not_have_is_refused(
    store: Batches, table: Table, kind: Kind
) -> None:
    """In a condition or a value, alone or with others; and nothing of the batch is done."""
    group, key = Group(store, partition_of(table)), RowKey(kind, "x")
    declared = TABLES[table].kinds.get(kind)
    known = {column.name for column in declared.columns} if declared else set[str]()
    other = RowKey(next(iter(TABLES[table].kinds)), "y")
    elsewhere = sorted(TYPES.keys() - known)
    for name in [*(elsewhere if declared else elsewhere[:1]), "colour"]:
        for write in (
            Write(key, ABSENT, {name: 1}), Write(key, {}, {name: 1}), Write(key, {name: None}, {}),
            Write(key, {name: None}, {name: 1}), Write(key, {name: 1}, {name: None}),
        ):  # fmt: skip
            for batch in ([write], [Write(other, ABSENT, {}), write]):
                with pytest.raises(ValueError, match=f"{table} ha|{name}"):
                    await group.apply(*batch)
    assert await group.get(other) == {}
    if declared is None:
        with pytest.raises(ValueError, match=f"{table} has no rows of kind {kind}"):
            await store.read(group.partition, kind)


@pytest.mark.parametrize("table", [table for table in Table if table is not Table.SEAT_GROUPS])
async def test_a_partition_or_a_segment_that_the_table_has_no_column_for_is_refused(
    store: Batches, table: Table
) -> None:
    group, (kind, *_) = Group(store, partition_of(table)), TABLES[table].kinds
    with pytest.raises(ValueError, match=f"{table} has no segments"):
        await group.apply(Write(RowKey(kind, "x", 1), ABSENT, {}))
    if TABLES[table].number is not None:
        return
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.apply(group.partition._replace(number=1), [Write(RowKey(kind, "x"), ABSENT, {})])
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.get(group.partition._replace(number=1), [RowKey(kind, "x")])
    with pytest.raises(ValueError, match=f"{table} has no such partition"):
        await store.read(group.partition._replace(number=1), kind)


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
async def test_integers_are_64_bits_wide(group: Group, number: int) -> None:
    await group.stands(Write(HOLD, ABSENT, {"expires_at_ms": number}))
    await group.refused(Write(HOLD, {"expires_at_ms": number + (1 if number < 0 else -1)}, {"expires_at_ms": 1}))
    await group.stands(Write(HOLD, {"expires_at_ms": number}, {"extensions": number}))
    assert await group.row(HOLD) == {"expires_at_ms": number, "extensions": number}


@pytest.mark.parametrize("text", ["", " ", "A1,A2", "1", "null", "\U0001f683 e\u0301", "x" * 20_000])
async def test_a_text_comes_back_as_it_was_and_is_equal_only_to_itself(group: Group, text: str) -> None:
    await group.stands(Write(HOLD, ABSENT, {"seats": text}))
    await group.refused(Write(HOLD, {"seats": text + " "}, {"seats": "other"}))
    await group.refused(Write(HOLD, {"seats": None}, {"seats": "other"}))
    await group.stands(Write(HOLD, {"seats": text}, {"status": "seen"}))
    assert await group.row(HOLD) == {"seats": text, "status": "seen"}
