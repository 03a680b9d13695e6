"""CQL texts, few and prepared, with the values that go with them.

A write is one or two statements on its row. Rows are always made with a row marker, so that one whose columns are
all cleared still stands.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from travio_inventory.protocol.batches import (
    ABSENT,
    COLUMNS,
    INTEGER_COLUMNS,
    TEXT_COLUMNS,
    Index,
    Kind,
    Partition,
    Row,
    RowKey,
    Value,
    Write,
)

TEXTS_CACHED = 1_024
KEYS_PER_READ_MAX = 100
"""As many rows as one SELECT may name on ScyllaDB (max_clustering_key_restrictions_per_query)."""
ID_BYTES_MAX = 65_535

Bytes: TypeAlias = bytes | None
"""A value as it travels; None = null."""

_KEY = ("tenant", "name", "number", "kind", "id", "segment")
_WHERE = " AND ".join(f"{name} = ?" for name in _KEY)
_PARTITION = " AND ".join(f"{name} = ?" for name in _KEY[:3])
_ROW = f"SELECT kind, id, segment, {', '.join(COLUMNS)} FROM"
_LISTINGS = {
    Index.EXPIRY: "hints",
    Index.JOURNAL: "hints",
    Index.TOLD: "hints",
    Index.HOLDS: "listings",
    Index.WAITLISTS: "listings",
    Index.TRIPS: "listings",
}

_int32 = struct.Struct(">i").pack


def _int64(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _id(value: str) -> bytes:
    """Raises OverflowError for an id that is longer than servers take: they fail on it, instead of refusing it."""
    encoded = value.encode()
    if len(encoded) > ID_BYTES_MAX:
        raise OverflowError(f"an id of {len(encoded)} bytes")
    return encoded


_ENCODE = dict.fromkeys(TEXT_COLUMNS, str.encode) | dict.fromkeys(INTEGER_COLUMNS, _int64)
_KINDS = {kind: kind.value.encode() for kind in Kind}
_INDEXES = {index: index.value.encode() for index in Index}

# A row that is never there: what asks nothing of any row is asked of it that it has no status. Without a condition a
# batch would be a plain write.
_NOWHERE = (b"nowhere", b"", _int32(0))


class Statement(NamedTuple):
    """A text to be prepared and its values, in order."""

    text: str
    values: Sequence[Bytes]


class Place(NamedTuple):
    """A partition as it travels."""

    table: str
    parts: tuple[bytes, bytes, bytes]
    routing_key: bytes


def place_of(partition: Partition) -> Place:
    """Raises UnicodeEncodeError, OverflowError and struct.error for names that no server takes."""
    parts = (partition.organization.encode(), partition.name.encode(), _int32(partition.number))
    routing_key = b"".join([len(part).to_bytes(2, "big") + part + b"\0" for part in parts])
    return Place(partition.table.value, parts, routing_key)


def batch_of(keyspace: str, place: Place, writes: Iterable[Write]) -> list[Statement]:
    """The statements of a conditional batch; none where there is nothing to ask and nothing to do.

    Raises ValueError for a column that does not exist, OverflowError for an integer wider than 64 bits or an id that
    is too long.
    """
    table = f"{keyspace}.{place.table}"
    statements: list[Statement] = []
    is_conditional = False
    for key, condition, values in writes:
        row = (*place.parts, _KINDS[key.kind], _id(key.id), _int32(key.segment))
        if condition is ABSENT:
            present = {name: value for name, value in values.items() if value is not None}
            statements.append(_insert(table, row, present, "IF NOT EXISTS"))
            is_conditional = True
        elif condition:
            statements += _conditional(table, row, condition, values)
            is_conditional = True
        elif not _all_null(values):
            statements.append(_insert(table, row, values))
        elif values:
            statements.append(_update(table, row, {}, values))
    if statements and not is_conditional:
        statements.append(_update(table, (*place.parts, *_NOWHERE), {"status": None}, {"status": None}))
    return statements


def _conditional(table: str, row: tuple[bytes, ...], condition: Row, values: Row) -> Iterator[Statement]:
    """An update that must set something sets what it asks for, if there is nothing else."""
    if _all_null(condition) and not _all_null(values):
        yield _insert(table, row, {})
    yield _update(table, row, condition, values or dict([next(iter(condition.items()))]))


def _insert(table: str, row: tuple[bytes, ...], values: Row, end: str = "") -> Statement:
    return Statement(_insert_text(table, tuple(values), end), [*row, *_encoded(values)])


def _update(table: str, row: tuple[bytes, ...], condition: Row, values: Row) -> Statement:
    text = _update_text(table, tuple(values), tuple(condition))
    return Statement(text, [*_encoded(values), *row, *_encoded(condition)])


def _encoded(values: Row) -> list[Bytes]:
    return [None if value is None else _encode(name, value) for name, value in values.items()]


def _encode(name: str, value: Value) -> bytes:
    return _ENCODE[name](value)  # type: ignore[arg-type]  # a value of the wrong type is refused by what encodes it


def _all_null(row: Row) -> bool:
    """Whether a missing row has it as a condition, and stays missing with it as values."""
    return all(value is None for value in row.values())


@lru_cache(maxsize=TEXTS_CACHED)
def _insert_text(table: str, columns: tuple[str, ...], end: str) -> str:
    _check(columns)
    names = (*_KEY, *columns)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) {end}".rstrip()  # noqa: S608 - checked names


@lru_cache(maxsize=TEXTS_CACHED)
def _update_text(table: str, columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    _check((*columns, *conditions))
    values = ", ".join(f"{name} = ?" for name in columns)
    asked = " AND ".join(f"{name} = ?" for name in conditions)
    return f"UPDATE {table} SET {values} WHERE {_WHERE} {'IF ' if asked else ''}{asked}".rstrip()  # noqa: S608 - checked names


def _check(columns: Iterable[str]) -> None:
    unknown = set(columns).difference(COLUMNS)
    if unknown:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")


def reads_of(keyspace: str, place: Place, keys: Sequence[RowKey]) -> Iterator[Statement]:
    """The statements that read these rows, KEYS_PER_READ_MAX each."""
    table = f"{keyspace}.{place.table}"
    if len(keys) == 1:
        (key,) = keys
        row = (_KINDS[key.kind], key.id.encode(), _int32(key.segment))
        yield Statement(f"{_ROW} {table} WHERE {_WHERE}", [*place.parts, *row])
        return
    for start in range(0, len(keys), KEYS_PER_READ_MAX):
        named = _tuples(keys[start : start + KEYS_PER_READ_MAX])
        yield Statement(f"{_ROW} {table} WHERE {_PARTITION} AND (kind, id, segment) IN ?", [*place.parts, named])


def _tuples(keys: Sequence[RowKey]) -> bytes:
    """A list of tuples (kind, id, segment)."""
    parts = [_int32(len(keys))]
    for kind, row_id, segment in keys:
        row = b"".join(map(_sized, (_KINDS[kind], row_id.encode(), _int32(segment))))
        parts.append(_sized(row))
    return b"".join(parts)


def _sized(value: bytes) -> bytes:
    return _int32(len(value)) + value


def read_of(keyspace: str, place: Place, kind: Kind, start: str, end: str, most: int) -> Statement:
    """The statement that reads the first `most` rows of a kind with an id from `start` on and before `end` ("" = no
    bound).
    """
    text = f"{_ROW} {keyspace}.{place.table} WHERE {_PARTITION} AND kind = ?"
    values: list[Bytes] = [*place.parts, _KINDS[kind]]
    for bound, id_bound in ((">=", start), ("<", end)):
        if id_bound:
            text += f" AND id {bound} ?"
            values.append(id_bound.encode())
    return Statement(f"{text} LIMIT ?", [*values, _int32(most)])


def hint_of(keyspace: str, index: Index, bucket: str, entry: str) -> Statement:
    """The statement that adds an entry to a bucket."""
    text = f"INSERT INTO {keyspace}.{_LISTINGS[index]} (index_name, bucket, entry) VALUES (?, ?, ?)"  # noqa: S608 - ours
    return Statement(text, [_INDEXES[index], bucket.encode(), entry.encode()])


def hinted_of(keyspace: str, index: Index, bucket: str, after: str, most: int) -> Statement:
    """The statement that reads the first `most` entries of a bucket, in order, behind `after` ("" = from the first)."""
    text = f"SELECT entry FROM {keyspace}.{_LISTINGS[index]} WHERE index_name = ? AND bucket = ?"  # noqa: S608 - ours
    values: list[Bytes] = [_INDEXES[index], bucket.encode()]
    if after:
        text += " AND entry > ?"
        values.append(after.encode())
    return Statement(f"{text} LIMIT ?", [*values, _int32(most)])
