"""The declaration of the tables, and what is written from it: schema.cql and docs/data-model.md."""

from collections import Counter

import pytest

from travio_inventory.protocol.batches import Index, Kind, Table
from travio_inventory.protocol.tables import INDEXES, PLAIN_TABLES, TABLES, PlainTable, Type
from verification.pages import data_model


def test_the_schema_file_and_the_document_are_what_is_declared() -> None:
    schema, document = data_model.SCHEMA.read_text(), data_model.DOCUMENT.read_text()
    assert data_model.schema(schema) == schema, "run `make docs`"
    assert data_model.document(document) == document, "run `make docs`"


def test_every_table_every_kind_and_every_index_is_declared_once() -> None:
    assert set(TABLES) == set(Table)
    assert Counter(kind for table in TABLES.values() for kind in table.kinds) == dict.fromkeys(Kind, 1)
    assert set(INDEXES) == set(Index)
    assert set(PLAIN_TABLES) == set(PlainTable) == set(INDEXES.values())
    assert {table.value for table in Table}.isdisjoint(PlainTable)


@pytest.mark.parametrize("table", Table)
def test_a_column_has_one_type_and_a_name_that_no_column_of_the_key_has(table: Table) -> None:
    declared = TABLES[table]
    columns = [column for rows in declared.kinds.values() for column in rows.columns]
    assert len({(column.name, column.type) for column in columns}) == len(declared.columns)
    assert declared.columns.keys().isdisjoint(
        {"kind", "id", "segment", *(column.name for column in declared.partition)}
    )
    assert {column.type for column in columns} <= {Type.TEXT, Type.BIGINT}


def test_a_moment_says_its_unit() -> None:
    """No other column is about time."""
    columns = {
        column.name: column for table in TABLES.values() for rows in table.kinds.values() for column in rows.columns
    }
    moments = {
        name
        for name, column in columns.items()
        if column.meaning.startswith(("when ", "until ", "since ", "the moment"))
    }
    assert moments == {name for name in columns if name.endswith("_ms")}
