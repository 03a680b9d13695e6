"""CQL texts, few and prepared, with the values that go with them.

A write is one or two statements on its row. Rows are always made with a row marker, so that one whose columns are
all cleared still stands. An end is one of the marker and of each column: a row goes when the last of them has gone, so
one that is given an end is written whole, marker and all.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

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
from travio_inventory.protocol.tables import (
    COLUMNS,
    KINDS,
    TABLES,
    TYPES,
    check_columns,
    check_end,
    check_segment,
    names_of,
)

TEXTS_CACHED = 1_024
KEYS_PER_READ_MAX = 100
"""As many rows as one SELECT may name on ScyllaDB (max_clustering_key_restrictions_per_query)."""
ID_BYTES_MAX = 65_535

_Shape: TypeAlias = tuple[str, Table, Kind]
"""Of which rows a text is: keyspace, table, kind."""
Bytes: TypeAlias = bytes | None
"""A value as it travels; None = null."""

_ROW_KEY = {
    table: ("kind", "id", "segment") if declared.segment else ("kind", "id") for table, declared in TABLES.items()
}
_PARTITION = {table: tuple(column.name for column in declared.partition) for table, declared in TABLES.items()}


def _equal(*columns: str) -> str:
    return " AND ".join(f"{name} = ?" for name in columns)


_int32 = struct.Struct(">i").pack


def _int64(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _id(value: str) -> bytes:
    """Raises OverflowError for an id that is longer than servers take: they fail on it, instead of refusing it."""
    encoded = value.encode()
    if len(encoded) > ID_BYTES_MAX:
        raise OverflowError(f"an id of {len(encoded)} bytes")
    return encoded


_ENCODE = {name: str.encode if type_ is Type.TEXT else _int64 for name, type_ in TYPES.items()}
_KINDS = {kind: kind.value.encode() for kind in Kind}
_INDEXES = {index: index.value.encode() for index in Index}

_NULL = frozenset({None})
_WITHOUT_END = _int32(FOR_EVER)
_EMPTY: Mapping[Kind, Row] = {kind: dict.fromkeys(columns) for kind, columns in COLUMNS.items()}

# A row that is never there: what asks nothing of any row is asked of it that it has nothing in one column. Without a
# condition a batch would be a plain write.
_NOWHERE = {table: (b"nowhere", b"", *([_int32(0)] if declared.segment else [])) for table, declared in TABLES.items()}
_SOME_KIND = {table: next(iter(declared.kinds)) for table, declared in TABLES.items()}


class Statement(NamedTuple):
    """A text to be prepared and its values, in order."""

    text: str
    values: Sequence[Bytes]


class PlainWrite(Statement):
    """One that adds an entry to an index. Nothing else is ever written without a condition."""

    __slots__ = ()

    @property
    def bucket(self) -> tuple[Bytes, ...]:
        """The partition that the entry is in: its index and its bucket."""
        return tuple(self.values[:2])


class Place(NamedTuple):
    """A partition as it travels."""

    table: Table
    parts: tuple[bytes, ...]
    routing_key: bytes


def place_of(partition: Partition) -> Place:
    """Raises UnicodeEncodeError, OverflowError and struct.error for names that no server takes, and ValueError for a
    partition that its table cannot have.
    """
    parts = tuple([part.encode() if isinstance(part, str) else _int32(part) for part in names_of(partition)])
    framed = [len(part).to_bytes(2, "big") + part + b"\0" for part in parts]  # also says which part is too long
    return Place(partition.table, parts, b"".join(framed) if len(parts) > 1 else parts[0])


def batch_of(keyspace: str, place: Place, writes: Iterable[Write]) -> list[Statement]:
    """The statements of a conditional batch; none where there is nothing to ask and nothing to do.

    Raises ValueError for a row or a column that the table does not have, OverflowError for an integer wider than 64
    bits or an id that is too long.
    """
    table = place.table
    row_key = _row_key_of(table)
    statements: list[Statement] = []
    is_conditional = False
    for write in writes:
        key, condition, _, _ = write
        of = (keyspace, table, key.kind)
        statements += _written(of, (*place.parts, *row_key(key)), write)
        is_conditional = is_conditional or condition is ABSENT or bool(condition)
    if statements and not is_conditional:
        statements.append(_nowhere(keyspace, place))
    return statements


def _row_key_of(table: Table) -> Callable[[RowKey], tuple[bytes, ...]]:
    return _key_with_segment if TABLES[table].segment is not None else partial(_key_without_segment, table)


def _key_with_segment(key: RowKey) -> tuple[bytes, ...]:
    kind, row_id, segment = key
    return _KINDS[kind], _id(row_id), _int32(segment)


def _key_without_segment(table: Table, key: RowKey) -> tuple[bytes, ...]:
    kind, row_id, segment = key
    check_segment(table, segment)
    return _KINDS[kind], _id(row_id)


def _written(of: _Shape, row: tuple[bytes, ...], write: Write) -> Iterator[Statement]:
    key, condition, values, keep_s = write
    end = _WITHOUT_END if keep_s is None else _int32(keep_s)
    if condition is ABSENT:
        present = {name: value for name, value in values.items() if value is not None}
        yield _insert(of, row, present, end, "IF NOT EXISTS")
        return
    if keep_s is not None:
        check_end(write)
        if not KINDS[key.kind].is_written_once:
            values = {**_EMPTY[key.kind], **values}
    if condition:
        yield from _conditional(of, row, condition, values, end, is_whole=keep_s is not None)
    elif not _all_null(values):
        yield _insert(of, row, values, end)
    elif values:
        yield _update(of, row, {}, values, end)


def _conditional(
    of: _Shape, row: tuple[bytes, ...], condition: Row, values: Row, end: bytes, *, is_whole: bool
) -> Iterator[Statement]:
    """An update writes no marker: one goes with it where the row may be made by it, or is given an end. One that must
    set something sets what it asks for, if there is nothing else.
    """
    if is_whole or (_all_null(condition) and not _all_null(values)):
        yield _insert(of, row, {}, end)
    yield _update(of, row, condition, values or dict([next(iter(condition.items()))]), end)


def _nowhere(keyspace: str, place: Place) -> Statement:
    kind = _SOME_KIND[place.table]
    nothing: Row = {COLUMNS[kind][0]: None}
    row = (*place.parts, *_NOWHERE[place.table])
    return _update((keyspace, place.table, kind), row, nothing, nothing, _WITHOUT_END)


def _insert(of: _Shape, row: tuple[bytes, ...], values: Row, end: bytes, condition: str = "") -> Statement:
    return Statement(_insert_text(of, tuple(values), condition), [*row, *_encoded(values), end])


def _update(of: _Shape, row: tuple[bytes, ...], condition: Row, values: Row, end: bytes) -> Statement:
    text = _update_text(of, tuple(values), tuple(condition))
    return Statement(text, [end, *_encoded(values), *row, *_encoded(condition)])


def _encoded(values: Row) -> list[Bytes]:
    """A value of the wrong type is refused by what encodes it."""
    return [None if value is None else _ENCODE[name](value) for name, value in values.items()]  # type: ignore[arg-type]


def _all_null(row: Row) -> bool:
    """Whether a missing row has it as a condition, and stays missing with it as values."""
    return _NULL.issuperset(row.values())


@lru_cache(maxsize=TEXTS_CACHED)
def _insert_text(of: _Shape, columns: tuple[str, ...], condition: str) -> str:
    keyspace, table, kind = of
    check_columns(table, kind, columns)
    names = (*_key(table), *columns)
    marks = ", ".join("?" * len(names))
    asked = f" {condition}" if condition else ""
    return f"INSERT INTO {keyspace}.{table} ({', '.join(names)}) VALUES ({marks}){asked} USING TTL ?"  # noqa: S608 - checked names


@lru_cache(maxsize=TEXTS_CACHED)
def _update_text(of: _Shape, columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    keyspace, table, kind = of
    check_columns(table, kind, (*columns, *conditions))
    values = ", ".join(f"{name} = ?" for name in columns)
    asked = f" IF {_equal(*conditions)}" if conditions else ""
    return f"UPDATE {keyspace}.{table} USING TTL ? SET {values} WHERE {_equal(*_key(table))}{asked}"  # noqa: S608 - checked names


def _key(table: Table) -> tuple[str, ...]:
    return (*_PARTITION[table], *_ROW_KEY[table])


def reads_of(keyspace: str, place: Place, keys: Sequence[RowKey]) -> Iterator[Statement]:
    """The statements that read these rows, KEYS_PER_READ_MAX each."""
    if len(keys) == 1:
        (key,) = keys
        text = f"{_select(keyspace, place.table, key.kind)} AND {_equal(*_ROW_KEY[place.table])}"
        yield Statement(text, [*place.parts, *_row_key_of(place.table)(key)])
        return
    text = f"{_select(keyspace, place.table)} AND ({', '.join(_ROW_KEY[place.table])}) IN ?"
    for start in range(0, len(keys), KEYS_PER_READ_MAX):
        named = _tuples(place.table, keys[start : start + KEYS_PER_READ_MAX])
        yield Statement(text, [*place.parts, named])


@lru_cache(maxsize=TEXTS_CACHED)
def _select(keyspace: str, table: Table, kind: Kind | None = None) -> str:
    """The rows of a partition, with the columns of that kind, or of all kinds."""
    if kind is not None:
        check_columns(table, kind, ())
    columns = (*_ROW_KEY[table], *(TABLES[table].columns if kind is None else COLUMNS[kind]))
    return f"SELECT {', '.join(columns)} FROM {keyspace}.{table} WHERE {_equal(*_PARTITION[table])}"  # noqa: S608 - ours


def _tuples(table: Table, keys: Sequence[RowKey]) -> bytes:
    """A list of tuples (kind, id, segment)."""
    row_key = _row_key_of(table)
    rows = (_sized(b"".join(map(_sized, row_key(key)))) for key in keys)
    return b"".join((_int32(len(keys)), *rows))


def _sized(value: bytes) -> bytes:
    return _int32(len(value)) + value


def read_of(keyspace: str, place: Place, kind: Kind, start: str, end: str, most: int) -> Statement:
    """The statement that reads the first `most` rows of a kind with an id from `start` on and before `end` ("" = no
    bound).
    """
    text = f"{_select(keyspace, place.table, kind)} AND kind = ?"
    values: list[Bytes] = [*place.parts, _KINDS[kind]]
    for bound, id_bound in ((">=", start), ("<", end)):
        if id_bound:
            text += f" AND id {bound} ?"
            values.append(id_bound.encode())
    return Statement(f"{text} LIMIT ?", [*values, _int32(most)])


def entry_of(keyspace: str, index_entry: IndexEntry) -> PlainWrite:
    """The statement that adds an entry to a bucket. One without an end of its own has its table's, if that has one."""
    index, bucket, entry, keep_s = index_entry
    text = f"INSERT INTO {keyspace}.{INDEXES[index].table} (index_name, bucket, entry) VALUES (?, ?, ?)"  # noqa: S608 - ours
    values = [_INDEXES[index], bucket.encode(), entry.encode()]
    if keep_s == FOR_EVER:
        return PlainWrite(text, values)
    return PlainWrite(f"{text} USING TTL ?", [*values, _int32(keep_s)])


def entries_of(keyspace: str, index: Index, bucket: str, after: str, most: int) -> Statement:
    """The statement that reads the first `most` entries of a bucket, in order, behind `after` ("" = from the first)."""
    text = f"SELECT entry FROM {keyspace}.{INDEXES[index].table} WHERE index_name = ? AND bucket = ?"  # noqa: S608 - ours
    values: list[Bytes] = [_INDEXES[index], bucket.encode()]
    if after:
        text += " AND entry > ?"
        values.append(after.encode())
    return Statement(f"{text} LIMIT ?", [*values, _int32(most)])
