"""The CQL that batches become: few texts, and never a plain write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.protocol.batches import ABSENT, Index, IndexEntry, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.protocol.tables import COLUMNS, INDEXES, TABLES, TYPES, Type
from travio_inventory.store.scylla.batches import plain_batch
from travio_inventory.store.scylla.statements import (
    KEYS_PER_READ_MAX,
    PlainWrite,
    batch_of,
    entry_of,
    place_of,
    reads_of,
)

PLACE = place_of(Partition(Table.SEAT_GROUPS, "org", "trip", 3))
KEY = RowKey(Kind.CELL, "A1", 2)


def texts(*writes: Write) -> list[str]:
    """The statements of a batch, without what all have in common."""
    where = " WHERE organization = ? AND trip = ? AND seat_group = ? AND kind = ? AND id = ? AND segment = ?"
    key = "organization, trip, seat_group, kind, id, segment"
    texts = [statement.text for statement in batch_of("ks", PLACE, writes)]
    return [text.replace(where, "").replace(key, "KEY").replace("?, ?, ?, ?, ?, ?", "KEY") for text in texts]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (
            ABSENT,
            {"status": "held", "owner": None},
            ["INSERT INTO ks.seat_groups (KEY, status) VALUES (KEY, ?) IF NOT EXISTS"],
        ),
        (ABSENT, {}, ["INSERT INTO ks.seat_groups (KEY) VALUES (KEY) IF NOT EXISTS"]),
        (
            {"status": "held", "until_ms": 5},
            {"status": "sold", "until_ms": None},
            ["UPDATE ks.seat_groups SET status = ?, until_ms = ? IF status = ? AND until_ms = ?"],
        ),
        (
            {"owner": None},
            {"owner": "h"},
            ["INSERT INTO ks.seat_groups (KEY) VALUES (KEY)", "UPDATE ks.seat_groups SET owner = ? IF owner = ?"],
        ),
        ({"status": "held"}, {}, ["UPDATE ks.seat_groups SET status = ? IF status = ?"]),
        ({"owner": None}, {"owner": None}, ["UPDATE ks.seat_groups SET owner = ? IF owner = ?"]),
    ],
)
def test_a_condition_is_one_statement_with_a_row_marker_where_it_may_make_the_row(
    condition: Row | None, values: Row, expected: list[str]
) -> None:
    assert texts(Write(KEY, condition, values)) == expected


def test_a_write_without_a_condition_rides_along_with_those_that_have_one() -> None:
    assert texts(Write(KEY, {}, {"status": "seeded"}), Write(KEY._replace(segment=1), ABSENT, {})) == [
        "INSERT INTO ks.seat_groups (KEY, status) VALUES (KEY, ?)",
        "INSERT INTO ks.seat_groups (KEY) VALUES (KEY) IF NOT EXISTS",
    ]


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Table, list[Write]]:
    """Any writes on any rows of any table."""
    table = draw(st.sampled_from(Table))
    writes = []
    for place in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(sorted(TABLES[table].kinds)))
        rows = st.dictionaries(st.sampled_from(COLUMNS[kind]), st.none() | st.just(7), max_size=3).map(_fit)
        writes.append(Write(RowKey(kind, str(place)), draw(st.none() | rows), draw(rows)))
    return table, writes


@given(_batches())
def test_no_batch_is_ever_a_plain_write(batch: tuple[Table, list[Write]]) -> None:
    """A plain write carries a clock's time and may lie before, or behind, all conditional ones."""
    table, writes = batch
    statements = batch_of("ks", place_of(Partition(table, "org" if TABLES[table].organization else "", "name")), writes)
    assert not statements or any(" IF " in statement.text for statement in statements)
    if any(write.condition is ABSENT or write.condition or write.values for write in writes):
        assert statements
    for statement in statements:
        assert statement.text.count("?") == len(statement.values)
        assert not isinstance(statement, PlainWrite)


@pytest.mark.parametrize("index", Index)
def test_a_plain_write_adds_to_a_plain_table_and_to_no_other(index: Index) -> None:
    """Nothing but these is written without a condition: the type of what is announced lets nothing else through."""
    written = entry_of("ks", IndexEntry(index, "bucket", "entry"))
    assert isinstance(written, PlainWrite)
    assert written.text.startswith(f"INSERT INTO ks.{INDEXES[index].table} (")
    assert INDEXES[index].table.value not in {table.value for table in Table}


def test_the_way_of_plain_writes_takes_no_statement_of_a_batch() -> None:
    """It does not pass mypy, which would tell that there is nothing to ignore if the types let it through."""
    plain_batch(batch_of("ks", PLACE, []), [])  # type: ignore[arg-type]


def _fit(row: Row) -> Row:
    """Texts for columns of text."""
    return {name: value if value is None or TYPES[name] is Type.BIGINT else str(value) for name, value in row.items()}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"colour": "red"}, ValueError),
        ({"status; DROP TABLE x": ""}, ValueError),
        ({"until_ms": 2**63}, OverflowError),
        ({"status": "\ud800"}, ValueError),
        ({"status": 1}, TypeError),
    ],
)
def test_what_no_store_can_take_is_refused_before_it_is_sent(values: Row, error: type[Exception]) -> None:
    for condition in (ABSENT, {}, {"owner": None}):
        with pytest.raises(error):
            batch_of("ks", PLACE, [Write(KEY, condition, values)])


def test_a_partition_key_that_no_server_takes_is_refused() -> None:
    with pytest.raises(OverflowError):
        place_of(Partition(Table.SEAT_GROUPS, "x" * 70_000, "trip"))


def test_a_hold_of_any_number_of_cells_needs_the_same_few_texts() -> None:
    def hold(cells: int) -> set[str]:
        claim = (
            Write(KEY._replace(segment=number), {"status": "available"}, {"status": "held"}) for number in range(cells)
        )
        return set(texts(Write(RowKey(Kind.HOLD, "h"), ABSENT, {"status": "held"}), *claim))  # fmt: skip

    assert hold(1) == hold(12) == hold(160)
    assert len(hold(1)) == 2


def test_many_rows_are_read_in_as_many_statements_as_servers_allow() -> None:
    keys = [RowKey(Kind.CELL, str(number)) for number in range(2 * KEYS_PER_READ_MAX + 1)]
    assert [statement.text.count("IN ?") for statement in reads_of("ks", PLACE, keys)] == [1, 1, 1]
    assert [len(list(reads_of("ks", PLACE, keys[:number]))) for number in (0, 1, 2, KEYS_PER_READ_MAX)] == [0, 1, 1, 1]


def test_every_column_can_be_written() -> None:
    values: Row = {name: None for name in COLUMNS[Kind.CELL]}  # noqa: C420 - the type of a row
    assert batch_of("ks", PLACE, [Write(KEY, {}, values)])
