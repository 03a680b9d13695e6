"""SQL texts, one per shape of a write, and rows as SQLite keeps them."""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from travio_inventory.protocol.batches import COLUMNS, Kind, Partition, Row, RowKey
from travio_inventory.store.sqlite.database import STATEMENTS_CACHED

_COLUMNS_KNOWN = frozenset(COLUMNS)
_KINDS = {kind.value: kind for kind in Kind}

# A plain string is bound three times as fast as a member of an enumeration.
KIND_TEXT = {kind: kind.value for kind in Kind}

_SELECT = f"SELECT rows.kind, rows.id, rows.segment, {', '.join(f'rows.{name}' for name in COLUMNS)} FROM"
SELECT_KEYS = f"""{_SELECT} json_each(?) AS wanted CROSS JOIN rows
    ON partition = ? AND rows.kind = json_extract(wanted.value, '$[0]')
    AND rows.id = json_extract(wanted.value, '$[1]') AND rows.segment = json_extract(wanted.value, '$[2]')"""
SELECT_KIND = f"{_SELECT} rows WHERE partition = ? AND kind = ? AND id >= ? ORDER BY id, segment LIMIT ?"
SELECT_RANGE = f"{_SELECT} rows WHERE partition = ? AND kind = ? AND id >= ? AND id < ? ORDER BY id, segment LIMIT ?"
SELECT_ENTRIES = "SELECT entry FROM hints WHERE index_name = ? AND bucket = ? AND entry > ? ORDER BY entry LIMIT ?"
INSERT_HINT = "INSERT OR IGNORE INTO hints VALUES (?, ?, ?)"
EXISTS = "SELECT 1 FROM rows WHERE partition = ? AND kind = ? AND id = ? AND segment = ?"


def partition_text(partition: Partition) -> str:
    """One text per partition and one partition per text: no part contains a control character."""
    return f"{partition.table.value}\x1f{partition.organization}\x1f{partition.name}\x1f{partition.number}"


@lru_cache(maxsize=STATEMENTS_CACHED)
def insert_text(columns: tuple[str, ...]) -> str:
    """Insert a row with these columns if there is none; binds the row's key, then the values."""
    _check(columns)
    names = ", ".join(("partition", "kind", "id", "segment", *columns))
    marks = ", ".join("?" * (4 + len(columns)))
    return f"INSERT INTO rows ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - checked names


@lru_cache(maxsize=STATEMENTS_CACHED)
def upsert_text(columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    """Insert a row, or update the one that is there if it meets the conditions.

    Binds the row's key, the values, then the conditions.
    """
    _check(conditions)
    values = ", ".join(f"{name} = excluded.{name}" for name in columns)
    where = " AND ".join(f"rows.{name} IS ?" for name in conditions) or "TRUE"
    return f"{insert_text(columns).removesuffix('NOTHING')}UPDATE SET {values} WHERE {where}"


@lru_cache(maxsize=STATEMENTS_CACHED)
def update_text(columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    """Update a row that meets the conditions; binds the values, the row's key, then the conditions."""
    _check((*columns, *conditions))
    values = ", ".join(f"{name} = ?" for name in columns) or "status = status"
    where = "".join(f" AND {name} IS ?" for name in conditions)
    return f"UPDATE rows SET {values} WHERE partition = ? AND kind = ? AND id = ? AND segment = ?{where}"  # noqa: S608 - checked names


@lru_cache(maxsize=STATEMENTS_CACHED)
def update_run_text(columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    """Update the rows of an id from one segment to another that meet the conditions; binds as `update_text`."""
    return update_text(columns, conditions).replace(" AND segment = ?", " AND segment BETWEEN ? AND ?", 1)


def keys_json(keys: Iterable[RowKey]) -> str:
    """The keys as SELECT_KEYS takes them."""
    return json.dumps([*keys])


def row_of(record: tuple[Any, ...]) -> tuple[RowKey, Row]:
    """A row from a record of SELECT_KEYS or SELECT_KIND."""
    row = {name: value for name, value in zip(COLUMNS, record[3:], strict=True) if value is not None}
    return RowKey(_KINDS[record[0]], record[1], record[2]), row


def _check(columns: Iterable[str]) -> None:
    unknown = set(columns) - _COLUMNS_KNOWN
    if unknown:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
