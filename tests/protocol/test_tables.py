"""Names that no table has are refused, and the refusal says which."""

import pytest

from travio_inventory.protocol import plain_tables, tables
from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.columns import Column, Type, number, text

HOLD = RowKey(Kind.HOLD, "h")
GROUP = Partition(Table.SEAT_GROUPS, "o", "t", 3)


def test_a_partition_has_the_values_of_its_tables_columns() -> None:
    assert tables.names_of(GROUP) == ("o", "t", 3)
    assert tables.names_of(Partition(Table.TRIPS, "o", "t")) == ("o", "t")
    assert tables.names_of(Partition(Table.CURSORS, "", "c")) == ("c",)


@pytest.mark.parametrize(("table", "organization", "number"), [("trips", "o", 1), ("cursors", "o", 0)])
def test_a_partition_that_the_table_has_no_column_for_is_named(table: str, organization: str, number: int) -> None:
    with pytest.raises(ValueError, match=rf"^{table} has no such partition: '{organization}', 'x', {number}$"):
        tables.names_of(Partition(Table(table), organization, "x", number))


def test_columns_that_a_kind_does_not_have_are_named_in_order() -> None:
    tables.check_columns(Table.SEAT_GROUPS, Kind.CELL, ["status", "owner"])
    with pytest.raises(ValueError, match=r"^rows of kind cell in seat_groups have no such columns: a, b$"):
        tables.check_columns(Table.SEAT_GROUPS, Kind.CELL, ["b", "status", "a"])
    with pytest.raises(ValueError, match=r"^trips has no rows of kind cell$"):
        tables.check_columns(Table.TRIPS, Kind.CELL, [])


def test_a_segment_is_refused_where_there_is_none() -> None:
    tables.check_segment(Table.TRIPS, 0)
    tables.check_segment(Table.SEAT_GROUPS, 1)
    with pytest.raises(ValueError, match=r"^trips has no segments: 1$"):
        tables.check_segment(Table.TRIPS, 1)


@pytest.mark.parametrize(
    ("condition", "values", "is_refused"),
    [
        (ABSENT, {}, False),
        ({}, {"status": "held"}, False),
        ({"status": "held"}, {}, False),
        ({"status": None}, {"status": None}, True),
        ({}, {}, True),
    ],
)
def test_an_empty_row_that_may_not_be_there_has_no_end(condition: Row | None, values: Row, is_refused: bool) -> None:
    write = Write(HOLD, condition, values, keep_s=60)
    if is_refused:
        with pytest.raises(ValueError, match=r"^an empty row that may not be there is given an end: RowKey"):
            tables.check(GROUP, [write])
    else:
        tables.check(GROUP, [write])
    tables.check(GROUP, [write._replace(keep_s=None)])


CELL = RowKey(Kind.CELL, "A1", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        Write(RowKey(Kind.KEY, "k"), ABSENT, {}),
        Write(CELL, {"status": "available"}, {"status": "held", "seats": "A1"}),
        Write(CELL, {"seats": "A1"}, {"status": "held"}),
        Write(HOLD, {"until_ms": 1}, {}),
    ],
)
def test_each_write_of_a_batch_is_checked_also_after_one_that_is_like_it(wrong: Write) -> None:
    right = Write(CELL, {"status": "available"}, {"status": "held"})
    tables.check(GROUP, [right, right, right._replace(condition=ABSENT)])
    with pytest.raises(ValueError, match=r"no such columns|no rows of kind"):
        tables.check(GROUP, [right, right._replace(condition=wrong.condition, values=right.values), wrong])


VALUES: Row = {"status": "held"}
WRONG: Row = {"seats": "A1"}


@pytest.mark.parametrize(
    "wrong",
    [Write(RowKey(Kind.KEY, "k"), ABSENT, VALUES), Write(CELL, WRONG, VALUES), Write(CELL, ABSENT, WRONG)],
    ids=["kind", "condition", "values"],
)
def test_a_write_that_differs_in_one_thing_from_the_one_before_it_is_checked(wrong: Write) -> None:
    with pytest.raises(ValueError, match=r"no such columns|no rows of kind"):
        tables.check(GROUP, [Write(CELL, ABSENT, VALUES), wrong])


def test_a_batch_whose_partition_or_segment_is_none_of_its_table_is_refused() -> None:
    key = RowKey(Kind.TRIP, "")
    with pytest.raises(ValueError, match="no such partition"):
        tables.check(Partition(Table.TRIPS, "o", "t", 1), [])
    with pytest.raises(ValueError, match="no segments: 2"):
        tables.check(Partition(Table.TRIPS, "o", "t"), [Write(key._replace(segment=2), ABSENT, {})])
    tables.check(Partition(Table.TRIPS, "o", "t"), [Write(key, ABSENT, {})])


def test_columns_are_declared_with_the_type_of_their_values() -> None:
    assert text("seat", "its id") == Column("seat", Type.TEXT, "its id")
    assert number("at_ms", "when") == Column("at_ms", Type.BIGINT, "when")
    assert (tables.TYPES["status"], tables.TYPES["until_ms"]) == (Type.TEXT, Type.BIGINT)
    assert plain_tables.ENTRY_KEY[0] == Column("index_name", Type.TEXT, "the index")
    assert tables.TABLES[Table.CURSORS].name == Column("name", Type.TEXT, "the name of the job's work")
    assert tables.CURSOR.columns[0].meaning.startswith("a minute")
