"""The CQL that batches become: few texts, and never a plain write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.protocol.batches import ABSENT, COLUMNS, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.store.scylla.statements import KEYS_PER_READ_MAX, batch_of, place_of, reads_of

PLACE = place_of(Partition(Table.SEAT_GROUPS, "org", "trip", 3))
KEY = RowKey(Kind.CELL, "A1", 2)
_VALUES = st.dictionaries(st.sampled_from(["status", "owner", "until"]), st.none() | st.just(7), max_size=3)


def texts(*writes: Write) -> list[str]:
    """The statements of a batch, without what all have in common."""
    where = " WHERE tenant = ? AND name = ? AND number = ? AND kind = ? AND id = ? AND segment = ?"
    key = "tenant, name, number, kind, id, segment"
    texts = [statement.text for statement in batch_of("ks", PLACE, writes)]
    return [text.replace(where, "").replace(key, "KEY").replace("?, ?, ?, ?, ?, ?", "KEY") for text in texts]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (
            ABSENT,
            {"status": "held", "owner": None},
            ["INSERT INTO ks.blocks (KEY, status) VALUES (KEY, ?) IF NOT EXISTS"],
        ),
        (ABSENT, {}, ["INSERT INTO ks.blocks (KEY) VALUES (KEY) IF NOT EXISTS"]),
        (
            {"status": "held", "until": 5},
            {"status": "sold", "until": None},
            ["UPDATE ks.blocks SET status = ?, until = ? IF status = ? AND until = ?"],
        ),
        (
            {"hold": None},
            {"hold": "h"},
            ["INSERT INTO ks.blocks (KEY) VALUES (KEY)", "UPDATE ks.blocks SET hold = ? IF hold = ?"],
        ),
        ({"status": "held"}, {}, ["UPDATE ks.blocks SET status = ? IF status = ?"]),
        ({"hold": None}, {"hold": None}, ["UPDATE ks.blocks SET hold = ? IF hold = ?"]),
    ],
)
def test_a_condition_is_one_statement_with_a_row_marker_where_it_may_make_the_row(
    condition: Row | None, values: Row, expected: list[str]
) -> None:
    assert texts(Write(KEY, condition, values)) == expected


def test_a_write_without_a_condition_rides_along_with_those_that_have_one() -> None:
    assert texts(Write(KEY, {}, {"status": "seeded"}), Write(KEY._replace(segment=1), ABSENT, {})) == [
        "INSERT INTO ks.blocks (KEY, status) VALUES (KEY, ?)",
        "INSERT INTO ks.blocks (KEY) VALUES (KEY) IF NOT EXISTS",
    ]


@given(st.lists(st.tuples(st.none() | _VALUES, _VALUES), max_size=4))
def test_no_batch_is_ever_a_plain_write(shapes: list[tuple[Row | None, Row]]) -> None:
    """A plain write carries a clock's time and may lie before, or behind, all conditional ones."""
    fitting = [(_fit(condition), _fit(values) or {}) for condition, values in shapes]
    writes = [Write(KEY._replace(segment=place), *shape) for place, shape in enumerate(fitting)]
    statements = batch_of("ks", PLACE, writes)
    assert not statements or any(" IF " in statement.text for statement in statements)
    if any(condition is ABSENT or condition or values for condition, values in fitting):
        assert statements
    for statement in statements:
        assert statement.text.count("?") == len(statement.values)


def _fit(row: Row | None) -> Row | None:
    """Texts for columns of text."""
    return row and {name: value if name == "until" or value is None else str(value) for name, value in row.items()}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"colour": "red"}, ValueError),
        ({"status; DROP TABLE x": ""}, ValueError),
        ({"until": 2**63}, OverflowError),
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
    values: Row = {name: None for name in COLUMNS}  # noqa: C420 - the type of a row
    assert batch_of("ks", PLACE, [Write(KEY, {}, values)])
