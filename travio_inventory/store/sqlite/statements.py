"""SQL texts, one per shape of a write, and rows as SQLite keeps them.

`ends_s` is when a row or an entry is forgotten, in Unix seconds; null is never.
"""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from travio_inventory.protocol.batches import PARTITIONS_KNOWN_MAX, Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.plain_tables import INDEXES
from travio_inventory.protocol.tables import COLUMNS, TABLES, check_columns, check_segment, names_of
from travio_inventory.store.sqlite.database import STATEMENTS_CACHED

_KINDS = {kind.value: kind for kind in Kind}
_KEY = ("partition", "kind", "id", "segment")
_END = "ends_s"


@lru_cache(maxsize=PARTITIONS_KNOWN_MAX)
def partition_text(partition: Partition) -> str:
    """One text per partition of a table and one partition per text: no part contains a control character.
    Raises ValueError for a partition that its table cannot have.
    """
    return "\x1f".join(map(str, names_of(partition)))


@lru_cache(maxsize=STATEMENTS_CACHED)
def insert_text(table: Table, kind: Kind, columns: tuple[str, ...], is_whole: bool) -> str:
    """Insert a row with these columns if there is none; binds partition, id and segment, the values, and its end if it
    `is_whole`.
    """
    check_columns(table, kind, columns)
    names = ", ".join((*_KEY, *columns, *([_END] if is_whole else ())))
    marks = ", ".join("?" * (2 + len(columns) + int(is_whole)))
    return f"INSERT INTO {table} ({names}) VALUES (?, '{kind}', {marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - checked names


@lru_cache(maxsize=STATEMENTS_CACHED)
def insert_run_text(table: Table, kind: Kind, columns: tuple[str, ...], is_whole: bool) -> str:
    """Insert the rows of these keys (`keys_json`) that are not there, all alike; binds partition, the values, their end
    if they are whole, and the keys.
    """
    check_columns(table, kind, columns)
    names = ", ".join((*_KEY, *columns, *([_END] if is_whole else ())))
    marks = "".join(", ?" * (len(columns) + int(is_whole)))
    return f"""INSERT INTO {table} ({names})
        SELECT ?, '{kind}', json_extract(value, '$[1]'), json_extract(value, '$[2]'){marks} FROM json_each(?) WHERE TRUE
        ON CONFLICT DO NOTHING"""  # noqa: S608 - checked names


@lru_cache(maxsize=STATEMENTS_CACHED)
def upsert_text(table: Table, kind: Kind, columns: tuple[str, ...], conditions: tuple[str, ...], is_whole: bool) -> str:
    """Insert a row, or update the one that is there if it meets the conditions, all its columns if it `is_whole`.

    Binds partition, id and segment, the values, its end if it `is_whole`, then the conditions.
    """
    check_columns(table, kind, conditions)
    insert = insert_text(table, kind, columns, is_whole).removesuffix("NOTHING")
    values = ", ".join(f"{name} = excluded.{name}" for name in ((*COLUMNS[kind], _END) if is_whole else columns))
    where = " AND ".join(f"{table}.{name} IS ?" for name in conditions) or "TRUE"
    return f"{insert}UPDATE SET {values} WHERE {where}"


@lru_cache(maxsize=STATEMENTS_CACHED)
def update_text(table: Table, kind: Kind, columns: tuple[str, ...], conditions: tuple[str, ...], is_whole: bool) -> str:
    """Update a row that meets the conditions, all its columns if it `is_whole`.

    Binds the values, its end if it `is_whole`, partition, id and segment, then the conditions.
    """
    check_columns(table, kind, (*columns, *conditions))
    cleared = [f"{name} = NULL" for name in COLUMNS[kind] if name not in columns]
    values = [f"{name} = ?" for name in columns] + ([f"{_END} = ?", *cleared] if is_whole else [])
    where = "".join(f" AND {name} IS ?" for name in conditions)
    changes = ", ".join(values) or "id = id"
    return f"UPDATE {table} SET {changes} WHERE partition = ? AND kind = '{kind}' AND id = ? AND segment = ?{where}"  # noqa: S608 - checked names


@lru_cache(maxsize=STATEMENTS_CACHED)
def update_run_text(
    table: Table, kind: Kind, columns: tuple[str, ...], conditions: tuple[str, ...], is_whole: bool
) -> str:
    """Update the rows of an id from one segment to another that meet the conditions; binds as `update_text`."""
    check_segment(table, 1)
    text = update_text(table, kind, columns, conditions, is_whole)
    return text.replace(" AND segment = ?", " AND segment BETWEEN ? AND ?", 1)


@lru_cache(maxsize=STATEMENTS_CACHED)
def exists_text(table: Table, kind: Kind) -> str:
    """Whether there is such a row; binds partition, id and segment."""
    return f"SELECT 1 FROM {table} WHERE partition = ? AND kind = '{kind}' AND id = ? AND segment = ?"  # noqa: S608 - ours


@lru_cache(maxsize=len(Table))
def select_keys_text(table: Table) -> str:
    """The rows of these keys (`keys_json`) in that partition; `rows_of` reads the records."""
    columns = ", ".join(f"found.{name}" for name in ("kind", "id", "segment", *TABLES[table].columns))
    return f"""SELECT {columns} FROM json_each(?) AS wanted CROSS JOIN {table} AS found
        ON partition = ? AND found.kind = json_extract(wanted.value, '$[0]')
        AND found.id = json_extract(wanted.value, '$[1]')
        AND found.segment = json_extract(wanted.value, '$[2]')"""  # noqa: S608 - ours


@lru_cache(maxsize=STATEMENTS_CACHED)
def select_kind_text(table: Table, kind: Kind, *, has_end: bool) -> str:
    """The rows of the kind with an id from one on, and before another if it `has_end`; binds partition, ids, limit."""
    check_columns(table, kind, ())
    columns = ", ".join(("id", "segment", *COLUMNS[kind]))
    end = " AND id < ?" if has_end else ""
    where = f"partition = ? AND kind = '{kind}' AND id >= ?{end}"
    return f"SELECT {columns} FROM {table} WHERE {where} ORDER BY id, segment LIMIT ?"  # noqa: S608 - ours


INSERT_ENTRY = {
    index: f"INSERT INTO {table} (index_name, bucket, entry, ends_s) VALUES ('{index}', ?1, ?2, ?3) "  # noqa: S608 - ours
    "ON CONFLICT DO UPDATE SET ends_s = ?3 WHERE ends_s IS NOT ?3 AND (ends_s BETWEEN ?4 AND ?3) IS NOT TRUE"
    for index, (table, *_) in INDEXES.items()
}
"""Binds bucket, entry, its end and the least end; changes nothing of an entry that ends between these two."""
SELECT_ENTRIES = {
    index: f"SELECT entry FROM {table} WHERE index_name = '{index}' AND bucket = ? AND entry > ? ORDER BY entry LIMIT ?"  # noqa: S608 - ours
    for index, (table, *_) in INDEXES.items()
}


def keys_json(keys: Iterable[RowKey]) -> str:
    """The keys as `select_keys_text` takes them."""
    return json.dumps([*keys], ensure_ascii=False)


_Reader = Callable[[tuple[Any, ...]], tuple[RowKey, Row]]


@lru_cache(maxsize=len(Table))
def row_of(table: Table) -> _Reader:
    """Reads a row from a record of `select_keys_text`."""
    return partial(_row, tuple(TABLES[table].columns))


@lru_cache(maxsize=len(Kind))
def row_of_kind(kind: Kind) -> _Reader:
    """Reads a row from a record of `select_kind_text`."""
    return partial(_row_of_kind, kind, COLUMNS[kind])


def _row(columns: tuple[str, ...], record: tuple[Any, ...]) -> tuple[RowKey, Row]:
    row = {name: value for name, value in zip(columns, record[3:], strict=True) if value is not None}
    return RowKey(_KINDS[record[0]], record[1], record[2]), row


def _row_of_kind(kind: Kind, columns: tuple[str, ...], record: tuple[Any, ...]) -> tuple[RowKey, Row]:
    row = {name: value for name, value in zip(columns, record[2:], strict=True) if value is not None}
    return RowKey(kind, record[0], record[1]), row
