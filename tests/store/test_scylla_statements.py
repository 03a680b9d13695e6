"""The CQL that batches become: few texts, and never a plain write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.driver_batches import values_of
from travio_inventory.protocol.batches import (
    ABSENT,
    FOR_EVER,
    Index,
    IndexEntry,
    Kind,
    Partition,
    Row,
    RowKey,
    Table,
    Write,
)
from travio_inventory.protocol.columns import Type
from travio_inventory.protocol.plain_tables import INDEXES
from travio_inventory.protocol.tables import COLUMNS, TABLES, TYPES
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
    texts = [text.replace(where, "").replace(key, "KEY").replace("?, ?, ?, ?, ?, ?", "KEY", 1) for text in texts]
    assert all("USING TTL ?" in text for text in texts), "an end is bound, so that it needs no text of its own"
    return [text.replace(" USING TTL ?", "") for text in texts]


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


WHOLE = "UPDATE ks.seat_groups SET status = ?, owner = ?, until_ms = ?, since_ms = ?, period = ?"
MARKER = "INSERT INTO ks.seat_groups (KEY) VALUES (KEY)"


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (ABSENT, {"status": "held"}, ["INSERT INTO ks.seat_groups (KEY, status) VALUES (KEY, ?) IF NOT EXISTS"]),
        ({"status": "held"}, {"status": "sold"}, [MARKER, f"{WHOLE} IF status = ?"]),
        ({"status": "held"}, {"owner": None}, [MARKER, f"{WHOLE} IF status = ?"]),
        ({"owner": None}, {"owner": "h"}, [MARKER, f"{WHOLE} IF owner = ?"]),
        (
            {},
            {"status": "sold"},
            ["INSERT INTO ks.seat_groups (KEY, status, owner, until_ms, since_ms, period) VALUES (KEY, ?, ?, ?, ?, ?)"],
        ),
    ],
)
@pytest.mark.parametrize("keep_s", [FOR_EVER, 60])
def test_a_row_with_an_end_is_written_whole_marker_and_all(
    condition: Row | None, values: Row, expected: list[str], keep_s: int
) -> None:
    """What stood in other columns, or a marker without an end, would outlive it."""
    write = Write(KEY, condition, values, keep_s)
    assert texts(write)[: len(expected)] == expected
    assert all(keep_s.to_bytes(4) in values_of(sent) for sent in batch_of("ks", PLACE, [write])[: len(expected)])


def test_of_a_row_that_is_written_once_nothing_is_cleared() -> None:
    """An event lacks columns, and each that is cleared is a tombstone in the range that the relay reads."""
    event = Write(RowKey(Kind.EVENT, "e"), {}, {"type": "hold.created", "at_ms": 3}, 60)
    assert texts(event)[0] == "INSERT INTO ks.seat_groups (KEY, type, at_ms) VALUES (KEY, ?, ?)"


@pytest.mark.parametrize("condition", [{}, {"owner": None}])
def test_an_empty_row_that_may_not_be_there_is_given_no_end(condition: Row) -> None:
    with pytest.raises(ValueError, match="an empty row that may not be there is given an end"):
        batch_of("ks", PLACE, [Write(KEY, condition, {"status": None}, 60)])


def test_an_entry_with_an_end_of_its_own_says_so_and_others_have_their_tables() -> None:
    plain = IndexEntry(Index.EXPIRY, "bucket", "entry")
    text = "INSERT INTO ks.index_entries (index_name, bucket, entry) VALUES (?, ?, ?)"
    without, with_end = entry_of("ks", plain), entry_of("ks", plain._replace(keep_s=60))
    assert (without.text, values_of(without)) == (text, [b"expiry", b"bucket", b"entry"])
    assert with_end.text == f"{text} USING TTL ?"
    assert values_of(with_end) == [*values_of(without), (60).to_bytes(4)]


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
        condition, values = draw(st.none() | rows), draw(rows)
        may_end = condition is ABSENT or any(value is not None for row in (condition, values) for value in row.values())
        keep_s = draw(st.none() | st.integers(0, 99)) if may_end else None
        writes.append(Write(RowKey(kind, str(place)), condition, values, keep_s))
    return table, writes


@pytest.mark.once
@given(_batches())
def test_no_batch_is_ever_a_plain_write(batch: tuple[Table, list[Write]]) -> None:
    """A plain write has a clock's timestamp, which may be before or after all conditional writes."""
    table, writes = batch
    statements = batch_of("ks", place_of(Partition(table, "org" if TABLES[table].organization else "", "name")), writes)
    assert not statements or any(" IF " in statement.text for statement in statements)
    if any(write.condition is ABSENT or write.condition or write.values for write in writes):
        assert statements
    for statement in statements:
        assert statement.text.count("?") == len(values_of(statement))
        assert not isinstance(statement, PlainWrite)


@pytest.mark.parametrize("index", Index)
def test_a_plain_write_adds_to_a_plain_table_and_to_no_other(index: Index) -> None:
    """Only these are written without a condition: the type of the announcements allows nothing else."""
    written = entry_of("ks", IndexEntry(index, "bucket", "entry"))
    assert isinstance(written, PlainWrite)
    assert written.text.startswith(f"INSERT INTO ks.{INDEXES[index].table} (")
    assert INDEXES[index].table.value not in {table.value for table in Table}


def test_the_way_of_plain_writes_takes_no_statement_of_a_batch() -> None:
    """It does not pass mypy, which would tell that there is nothing to ignore if the types let it through."""
    plain: list[PlainWrite] = batch_of("ks", PLACE, [])  # type: ignore[assignment]
    assert plain == []


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
