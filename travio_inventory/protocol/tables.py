"""What the tables are: their keys, the kinds of rows in them, the columns of each kind. All stores take them from here.

`make docs` writes schema.cql and the tables of docs/data-model.md from them. Integers are 64 bits wide, but for those
in keys; a moment is one too, in milliseconds since 1970, and its column ends in `_ms`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.protocol.batches import Index, Kind, Partition, Table, Write


class Type(StrEnum):
    """What a column holds, as CQL names it."""

    TEXT = "text"
    INT = "int"
    BIGINT = "bigint"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and what it says of its row. In rows it may be null; in keys it may not."""

    name: str
    type: Type
    meaning: str


@dataclass(frozen=True, slots=True)
class RowKind:
    """A kind of row: what it is, what its id is, and the columns that it may have."""

    meaning: str
    id: str
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class ConditionalTable:
    """A table that nothing but conditional batches writes to. `organization`, `name` and `number` are those of the
    partition, and None where the table has no such column.
    """

    meaning: str
    organization: Column | None
    name: Column
    number: Column | None
    kinds: Mapping[Kind, RowKind]
    segment: Column | None = None

    @property
    def partition(self) -> Sequence[Column]:
        """The columns of the partition's name."""
        return [column for column in (self.organization, self.name, self.number) if column is not None]

    @property
    def columns(self) -> Mapping[str, Type]:
        """The columns beside the key, those of all kinds."""
        return {column.name: column.type for kind in self.kinds.values() for column in kind.columns}


class PlainTable(StrEnum):
    """The tables of index entries. Nothing but plain writes adds to them, and what they say is never trusted."""

    INDEX_ENTRIES = "index_entries"
    LISTINGS = "listings"


class DeclaredIndex(NamedTuple):
    """In which table an index is, what it tells, and what its buckets and entries are. U+001F joins what they name."""

    table: PlainTable
    meaning: str
    bucket: str
    entry: str


def _text(name: str, meaning: str) -> Column:
    return Column(name, Type.TEXT, meaning)


def _number(name: str, meaning: str) -> Column:
    return Column(name, Type.BIGINT, meaning)


_ORGANIZATION = _text("organization", "whose trips they are")
_TRIP = _text("trip", "the trip")

CELL = RowKind(
    "a seat on a segment",
    "the seat",
    (
        _text("status", "available, held, sold or blocked"),
        _text("owner", "the hold that has it; null while it is available"),
        _number("until_ms", "when that hold ends at the latest: when to read it, never a fact"),
        _number("since_ms", "when that hold took it"),
    ),
)
HOLD = RowKind(
    "a hold that has its home here, or an id that is fenced",
    "the hold's id",
    (
        _text("status", "held, confirmed, released, expired, cancelled, or aborted where the id is fenced"),
        _text("holder", "who has it; empty where the house blocks seats"),
        _text("seats", "its seats, a line each: seat group, space, seat"),
        _number("first_segment", "where its journey begins"),
        _number("last_segment", "where its journey ends, inclusive"),
        _text("claimant", "a digest of holder and key, by which a repeated request is known"),
        _number("created_at_ms", "when it was taken"),
        _number("expires_at_ms", "until when it is held"),
        _number("extensions", "how often it was extended"),
        _text("order_id", "what it was confirmed for"),
        _text("passengers", "who travels, as JSON: seat, name, number of the identity card"),
        _text("reason", "why seats were blocked, or why the id was fenced"),
        _text("taken", "which cells were taken, and by whom, where the id was fenced for good"),
        _number("event_epoch", "the epoch of its last event"),
        _number("event_at_ms", "the moment of its last event"),
    ),
)
EVENT = RowKind(
    "what a step tells others (docs/events.md)",
    "epoch, moment, subject and ordinal, in which order they are read",
    (
        _text("type", "what happened: hold.created and the like"),
        _number("version", "of the data of this type"),
        _number("at_ms", "when it happened"),
        _text("actor", "who caused it: user, house or system"),
        _text("subject", "what it is about: the hold, or the block of seats off sale"),
        _number("ordinal", "which of its subject's events it is, from 0"),
        _number("previous_epoch", "the epoch of the subject's event before this one"),
        _number("previous_at_ms", "the moment of that event"),
        _text("data", "what is told, as JSON, by type and version"),
    ),
)
KEY = RowKind(
    "an idempotency key",
    "the key",
    (
        _text("hold", "the hold that the key stands for"),
        _text("fingerprint", "a digest of the request that bound the key"),
        _number("generation", "how many holds the key has stood for"),
    ),
)
SLOT = RowKind(
    "room for one live hold, where their number is limited",
    "the number of the slot, from 0",
    (_text("hold", "the hold that has it"), _number("since_ms", "when that hold took it")),
)
TRIP = RowKind("the trip as it was opened", "empty", (_text("definition", "stops, segments and seats, as JSON"),))
TAIL = RowKind(
    "the end of the list, which hands out the places",
    "empty",
    (_number("sequence", "the last place that was handed out"), _number("waiting", "how many wait")),
)
ENTRY = RowKind(
    "a place on the list",
    "the holder",
    (
        _text("status", "waiting or left"),
        _number("sequence", "the place that was handed out; the lowest is next"),
        _number("position", "how many waited when it was, this one included"),
        _number("requested_seats", "for how many seats"),
        _number("joined_at_ms", "since when"),
    ),
)
CURSOR = RowKind(
    "how far a background job has come",
    "a part of the work, or empty",
    (_number("reached", "a minute, an epoch, the moment at which a round began, or how often the store was asked"),),
)

TABLES: Mapping[Table, ConditionalTable] = {
    Table.SEAT_GROUPS: ConditionalTable(
        "Some of a trip's seats. A conditional batch is atomic within one partition of one table, so what changes "
        "together is together here: cells, holds and events, told apart by kind, id and segment.",
        _ORGANIZATION,
        _TRIP,
        Column("seat_group", Type.INT, "which of the trip's seat groups, in layout order, from 0"),
        {Kind.CELL: CELL, Kind.HOLD: HOLD, Kind.EVENT: EVENT},
        Column("segment", Type.INT, "the segment of a cell; 0 for other kinds"),
    ),
    Table.LEDGERS: ConditionalTable(
        "A holder's ledger: the idempotency keys, and the slots where the number of holds is limited.",
        _text("organization", "whose customer it is"),
        _text("holder", "the holder"),
        None,
        {Kind.KEY: KEY, Kind.SLOT: SLOT},
    ),
    Table.TRIPS: ConditionalTable(
        "Trips as they were opened.",
        _ORGANIZATION,
        _TRIP,
        None,
        {Kind.TRIP: TRIP},
    ),
    Table.WAITLISTS: ConditionalTable(
        "Waiting lists.",
        _ORGANIZATION,
        _text("trip_and_class", "the trip and the class that is waited for, joined by U+001F"),
        None,
        {Kind.TAIL: TAIL, Kind.ENTRY: ENTRY},
    ),
    Table.CURSORS: ConditionalTable(
        "How far the background jobs have come.",
        None,
        _text("name", "what they work through"),
        None,
        {Kind.CURSOR: CURSOR},
    ),
}

PLAIN_TABLES: Mapping[PlainTable, str] = {
    PlainTable.INDEX_ENTRIES: "Where sweeper and relay look, a bucket for each minute or epoch. An entry is durable "
    "before the batch that it announces, and is written once by each process.",
    PlainTable.LISTINGS: "What a holder has, and which trips there are.",
}
ENTRY_KEY = (
    _text("index_name", "which index"),
    _text("bucket", "where in it: a minute, an epoch, a holder, a shard"),
    _text("entry", "what is to be looked at"),
)
"""The columns of a plain table, all of them in its key: (index_name, bucket) is the partition."""

INDEXES: Mapping[Index, DeclaredIndex] = {
    Index.EXPIRY: DeclaredIndex(
        PlainTable.INDEX_ENTRIES, "where something is due", "a minute", "organization, trip, seat group"
    ),
    Index.JOURNAL: DeclaredIndex(
        PlainTable.INDEX_ENTRIES,
        "where an event was recorded",
        "an epoch",
        "organization, trip, seat group; with the id of an event row, that event alone",
    ),
    Index.TOLD: DeclaredIndex(
        PlainTable.INDEX_ENTRIES, "which events were published", "sink, seat group, hour", "digests of event ids"
    ),
    Index.HOLDS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the holds of a holder, the newest first; their bookings",
        "organization, holder; with `booked`, the bookings",
        "a number that falls as time goes on, the hold; in bookings the hold alone",
    ),
    Index.WAITLISTS: DeclaredIndex(
        PlainTable.LISTINGS, "the lists that a holder ever joined", "the holder", "organization, trip, class"
    ),
    Index.TRIPS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the trips whose seat groups a slow round visits",
        "one of 60 shards",
        "organization, trip, how many seat groups, when it ends",
    ),
}

COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    kind: tuple(column.name for column in rows.columns)
    for table in TABLES.values()
    for kind, rows in table.kinds.items()
}
"""The columns that a row of a kind may have."""
TYPES: Mapping[str, Type] = {name: type_ for table in TABLES.values() for name, type_ in table.columns.items()}
"""The type of a column, which is the same in all tables."""
_TABLE_OF = {kind: table for table, declared in TABLES.items() for kind in declared.kinds}
_KNOWN = {kind: frozenset(columns) for kind, columns in COLUMNS.items()}


def names_of(partition: Partition) -> tuple[str | int, ...]:
    """The partition's values in the columns of its table. Raises ValueError where the table lacks a column for one."""
    table, organization, name, number = partition
    declared = TABLES[table]
    if declared.number is not None:
        return organization, name, number
    if number or (organization and declared.organization is None):
        raise ValueError(f"{table} has no such partition: {organization!r}, {name!r}, {number}")
    return (organization, name) if declared.organization is not None else (name,)


def check_columns(table: Table, kind: Kind, columns: Iterable[str]) -> None:
    """Raises ValueError for a kind that the table does not have, or a column that the kind does not have."""
    if _TABLE_OF[kind] is not table:
        raise ValueError(f"{table} has no rows of kind {kind}")
    if not _KNOWN[kind].issuperset(columns):
        unknown = ", ".join(sorted(set(columns) - _KNOWN[kind]))
        raise ValueError(f"rows of kind {kind} in {table} have no such columns: {unknown}")


def check_segment(table: Table, segment: int) -> None:
    """Raises ValueError for a segment where the table has none."""
    if segment and TABLES[table].segment is None:
        raise ValueError(f"{table} has no segments: {segment}")


def check(partition: Partition, writes: Sequence[Write]) -> None:
    """Raises ValueError for a batch with a row, or a column of a row, that its table does not have."""
    names_of(partition)
    table, of, asked, written = partition.table, None, None, None
    has_segments = TABLES[table].segment is not None
    for (kind, _, segment), condition, values, _ in writes:
        if segment and not has_segments:
            check_segment(table, segment)
        if values is not written or condition is not asked or kind is not of:
            check_columns(table, kind, (*values, *(condition or ())))
            of, asked, written = kind, condition, values
