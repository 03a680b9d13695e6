"""CQL texts, few and prepared, with the values that go with them, packed as they travel.

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
PLACES_CACHED = 20_000
CELLS_CACHED = 16_384
ID_BYTES_MAX = 65_535

_Shape: TypeAlias = tuple[str, Table, Kind]
"""Of which rows a text is: keyspace, table, kind."""
_Part: TypeAlias = tuple[str, bytes, bytes]
"""The text of a statement, and what is ahead of the values of its row's key and behind them."""

_ROW_KEY = {
    table: ("kind", "id", "segment") if declared.segment else ("kind", "id") for table, declared in TABLES.items()
}
_PARTITION = {table: tuple(column.name for column in declared.partition) for table, declared in TABLES.items()}


def _equal(*columns: str) -> str:
    return " AND ".join(f"{name} = ?" for name in columns)


_int32 = struct.Struct(">i").pack
_int16 = struct.Struct(">H").pack
_encode = str.encode
_FOUR, _EIGHT, _NULL = _int32(4), _int32(8), _int32(-1)
"""The sizes of numbers, and of a value that is null."""


def _sized(value: bytes) -> bytes:
    """A value as it travels."""
    return _int32(len(value)) + value


def _text(value: str) -> bytes:
    return _sized(value.encode())


def _number(value: int) -> bytes:
    return _FOUR + _int32(value)


def _id(value: str) -> bytes:
    """Raises OverflowError for an id that is longer than servers take: they fail on it, instead of refusing it."""
    encoded = value.encode()
    size = len(encoded)
    if size > ID_BYTES_MAX:
        raise OverflowError(f"an id of {size} bytes")
    return _int32(size) + encoded


_TEXTS = frozenset(name for name, type_ in TYPES.items() if type_ is Type.TEXT)
_KINDS = {kind: _text(kind.value) for kind in Kind}
_INDEXES = {index: _text(index.value) for index in Index}

_NOTHING = frozenset({None})
_WITHOUT_END = _number(FOR_EVER)
_EMPTY: Mapping[Kind, Row] = {kind: dict.fromkeys(columns) for kind, columns in COLUMNS.items()}

# A row that is never there: what asks nothing of any row is asked of it that it has nothing in one column. Without a
# condition a batch would be a plain write.
_NOWHERE = {
    table: _text("nowhere") + _text("") + (_number(0) if declared.segment else b"")
    for table, declared in TABLES.items()
}
_SOME_KIND = {table: next(iter(declared.kinds)) for table, declared in TABLES.items()}


class Statement(NamedTuple):
    """A text to be prepared; and how many values it has, and these in order, as they travel."""

    text: str
    packed: bytes


class PlainWrite(NamedTuple):
    """A statement that adds an entry to an index, in that bucket of it. Nothing else is ever written without a
    condition.
    """

    text: str
    packed: bytes
    bucket: tuple[Index, str]


class Place(NamedTuple):
    """A partition, and the values of its key as they travel."""

    table: Table
    packed: bytes
    routing_key: bytes


@lru_cache(maxsize=PLACES_CACHED)
def place_of(partition: Partition) -> Place:
    """Raises UnicodeEncodeError, OverflowError and struct.error for names that no server takes, and ValueError for a
    partition that its table cannot have.
    """
    parts = [part.encode() if isinstance(part, str) else _int32(part) for part in names_of(partition)]
    framed = [len(part).to_bytes(2, "big") + part + b"\0" for part in parts]  # also says which part is too long
    routing_key = b"".join(framed) if len(parts) > 1 else parts[0]
    return Place(partition.table, b"".join(map(_sized, parts)), routing_key)


def batch_of(keyspace: str, place: Place, writes: Iterable[Write]) -> list[Statement]:
    """The statements of a conditional batch; none where there is nothing to ask and nothing to do.

    Raises ValueError for a row or a column that the table does not have, OverflowError for an integer wider than 64
    bits or an id that is too long.
    """
    table, partition = place.table, place.packed
    row_key = _row_key_of(table)
    statements: list[Statement] = []
    is_conditional = False
    before: Write | None = None
    parts: Sequence[_Part] = ()
    for write in writes:
        key, condition, _, _ = write
        if before is None or not _are_alike(before, write):
            before, parts = write, _parts((keyspace, table, key.kind), write)
            is_conditional = is_conditional or condition is ABSENT or bool(condition)
        row = partition + row_key(key)
        statements += [Statement(text, ahead + row + behind) for text, ahead, behind in parts]
    if statements and not is_conditional:
        statements.append(_nowhere(keyspace, place))
    return statements


def _are_alike(one: Write, other: Write) -> bool:
    """Whether they do the very same to two rows, as a hold does to its cells."""
    key, condition, values, keep_s = one
    return (
        other.values is values
        and other.condition is condition
        and other.key.kind is key.kind
        and other.keep_s == keep_s
    )


def _row_key_of(table: Table) -> Callable[[RowKey], bytes]:
    return _key_with_segment if TABLES[table].segment is not None else partial(_key_without_segment, table)


def _key_with_segment(key: RowKey) -> bytes:
    return _known_cell(key) if key.kind is Kind.CELL else _packed_key(key)


def _packed_key(key: RowKey) -> bytes:
    kind, row_id, segment = key
    return _KINDS[kind] + _id(row_id) + _number(segment)


_known_cell = lru_cache(maxsize=CELLS_CACHED)(_packed_key)
"""Cells are few, and trips name their seats alike."""


def _key_without_segment(table: Table, key: RowKey) -> bytes:
    kind, row_id, segment = key
    check_segment(table, segment)
    return _KINDS[kind] + _id(row_id)


def _parts(of: _Shape, write: Write) -> Sequence[_Part]:
    """The statements of a write, without its row."""
    key, condition, values, keep_s = write
    end = _WITHOUT_END if keep_s is None else _number(keep_s)
    if condition is ABSENT:
        return (_insert(of, _present(values), end, "IF NOT EXISTS"),)
    if keep_s is not None:
        check_end(write)
        if not KINDS[key.kind].is_written_once:
            values = {**_EMPTY[key.kind], **values}
    if condition:
        return _conditional(of, condition, values, end, is_whole=keep_s is not None)
    if not _all_null(values):
        return (_insert(of, values, end),)
    return (_update(of, {}, values, end),) if values else ()


def _conditional(of: _Shape, condition: Row, values: Row, end: bytes, *, is_whole: bool) -> Sequence[_Part]:
    """An update writes no marker: one goes with it where the row may be made by it, or is given an end. One that must
    set something sets what it asks for, if there is nothing else.
    """
    update = _update(of, condition, values or dict([next(iter(condition.items()))]), end)
    if is_whole or (_all_null(condition) and not _all_null(values)):
        return (_insert(of, {}, end), update)
    return (update,)


def _nowhere(keyspace: str, place: Place) -> Statement:
    kind = _SOME_KIND[place.table]
    nothing: Row = {COLUMNS[kind][0]: None}
    text, ahead, behind = _update((keyspace, place.table, kind), nothing, nothing, _WITHOUT_END)
    return Statement(text, ahead + place.packed + _NOWHERE[place.table] + behind)


def _insert(of: _Shape, values: Row, end: bytes, condition: str = "") -> _Part:
    text, count = _insert_text(of, tuple(values), condition)
    return text, count, _packed(values) + end


def _update(of: _Shape, condition: Row, values: Row, end: bytes) -> _Part:
    text, count = _update_text(of, tuple(values), tuple(condition))
    return text, count + end + _packed(values), _packed(condition)


def _packed(values: Row) -> bytes:
    """A value of the wrong type is refused by what encodes it."""
    parts = []
    for name, value in values.items():
        if value is None:
            parts.append(_NULL)
        elif name in _TEXTS:
            encoded = _encode(value)  # type: ignore[arg-type]
            parts += (_int32(len(encoded)), encoded)
        else:
            parts += (_EIGHT, value.to_bytes(8, "big", signed=True))  # type: ignore[union-attr]
    return b"".join(parts)


def _present(values: Row) -> Row:
    return {name: value for name, value in values.items() if value is not None} if None in values.values() else values


def _all_null(row: Row) -> bool:
    """Whether a missing row has it as a condition, and stays missing with it as values."""
    return _NOTHING.issuperset(row.values())


@lru_cache(maxsize=TEXTS_CACHED)
def _insert_text(of: _Shape, columns: tuple[str, ...], condition: str) -> tuple[str, bytes]:
    """And how many values it has."""
    keyspace, table, kind = of
    check_columns(table, kind, columns)
    names = (*_key(table), *columns)
    marks = ", ".join("?" * len(names))
    asked = f" {condition}" if condition else ""
    return _counted(f"INSERT INTO {keyspace}.{table} ({', '.join(names)}) VALUES ({marks}){asked} USING TTL ?")  # noqa: S608 - checked names


@lru_cache(maxsize=TEXTS_CACHED)
def _update_text(of: _Shape, columns: tuple[str, ...], conditions: tuple[str, ...]) -> tuple[str, bytes]:
    """And how many values it has."""
    keyspace, table, kind = of
    check_columns(table, kind, (*columns, *conditions))
    values = ", ".join(f"{name} = ?" for name in columns)
    asked = f" IF {_equal(*conditions)}" if conditions else ""
    return _counted(f"UPDATE {keyspace}.{table} USING TTL ? SET {values} WHERE {_equal(*_key(table))}{asked}")  # noqa: S608 - checked names


def _counted(text: str) -> tuple[str, bytes]:
    return text, _int16(text.count("?"))


def _statement(text: str, *values: bytes) -> Statement:
    return Statement(text, _int16(text.count("?")) + b"".join(values))


def _key(table: Table) -> tuple[str, ...]:
    return (*_PARTITION[table], *_ROW_KEY[table])


def reads_of(keyspace: str, place: Place, keys: Sequence[RowKey]) -> Iterator[Statement]:
    """The statements that read these rows, KEYS_PER_READ_MAX each."""
    if len(keys) == 1:
        (key,) = keys
        text = f"{_select(keyspace, place.table, key.kind)} AND {_equal(*_ROW_KEY[place.table])}"
        yield _statement(text, place.packed, _row_key_of(place.table)(key))
        return
    text = f"{_select(keyspace, place.table)} AND ({', '.join(_ROW_KEY[place.table])}) IN ?"
    for start in range(0, len(keys), KEYS_PER_READ_MAX):
        yield _statement(text, place.packed, _tuples(place.table, keys[start : start + KEYS_PER_READ_MAX]))


def neighbours_of(keyspace: str, partition: Partition, numbers: Sequence[int], key: RowKey) -> Statement:
    """The statement that reads one row of each partition with these numbers beside the one given, and its number."""
    table = partition.table
    *names, number = _PARTITION[table]
    columns = (number, *_ROW_KEY[table], *COLUMNS[key.kind])
    text = f"SELECT {', '.join(columns)} FROM {keyspace}.{table} WHERE {_equal(*names)} AND {number} IN ? AND "  # noqa: S608 - ours
    several = _sized(_int32(len(numbers)) + b"".join(map(_number, numbers)))
    name = b"".join(_text(str(part)) for part in names_of(partition)[:-1])
    return _statement(text + _equal(*_ROW_KEY[table]), name, several, _row_key_of(table)(key))


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
    return _sized(b"".join((_int32(len(keys)), *(_sized(row_key(key)) for key in keys))))


def read_of(keyspace: str, place: Place, kind: Kind, start: str, end: str, most: int) -> Statement:
    """The statement that reads the first `most` rows of a kind with an id from `start` on and before `end` ("" = no
    bound).
    """
    text = f"{_select(keyspace, place.table, kind)} AND kind = ?"
    bounds = [(sign, bound) for sign, bound in ((">=", start), ("<", end)) if bound]
    text += "".join(f" AND id {sign} ?" for sign, _ in bounds)
    values = b"".join(_text(bound) for _, bound in bounds)
    return _statement(f"{text} LIMIT ?", place.packed, _KINDS[kind], values, _number(most))


def entry_of(keyspace: str, index_entry: IndexEntry) -> PlainWrite:
    """The statement that adds an entry to a bucket. One without an end of its own has its table's, if that has one."""
    index, bucket, entry, keep_s = index_entry
    text, count = _entry_text(keyspace, index, has_end=keep_s != FOR_EVER)
    packed = count + _INDEXES[index] + _text(bucket) + _text(entry)
    return PlainWrite(text, packed if keep_s == FOR_EVER else packed + _number(keep_s), (index, bucket))


@lru_cache(maxsize=TEXTS_CACHED)
def _entry_text(keyspace: str, index: Index, *, has_end: bool) -> tuple[str, bytes]:
    """And how many values it has."""
    text = f"INSERT INTO {keyspace}.{INDEXES[index].table} (index_name, bucket, entry) VALUES (?, ?, ?)"  # noqa: S608 - ours
    return _counted(f"{text} USING TTL ?" if has_end else text)


def entries_of(keyspace: str, index: Index, bucket: str, after: str, most: int) -> Statement:
    """The statement that reads the first `most` entries of a bucket, in order, behind `after` ("" = from the first)."""
    text = f"SELECT entry FROM {keyspace}.{INDEXES[index].table} WHERE index_name = ? AND bucket = ?"  # noqa: S608 - ours
    behind = [_text(after)] if after else []
    text += " AND entry > ?" * len(behind)
    return _statement(f"{text} LIMIT ?", _INDEXES[index], _text(bucket), *behind, _number(most))
