"""The tables of conditional batches: their keys, the kinds of rows in them, the columns of each. All stores use them.

`make docs` writes schema.cql and the tables of docs/data-model.md from them. Integers have 64 bits, except in keys. A
moment is an integer too, in milliseconds since 1970; the name of its column ends in `_ms`.
"""

from collections.abc import Iterable, Mapping, Sequence

from travio_inventory.protocol.batches import ABSENT, Kind, Partition, Table, Write
from travio_inventory.protocol.columns import Column, ConditionalTable, RowKind, Type
from travio_inventory.protocol.columns import number as _number
from travio_inventory.protocol.columns import text as _text
from travio_inventory.protocol.dead_letter_table import DEAD_LETTERS
from travio_inventory.protocol.event_table import EVENT
from travio_inventory.protocol.hold_table import HOLD
from travio_inventory.protocol.inbox_table import INBOX
from travio_inventory.protocol.plan_table import SEAT_PLANS
from travio_inventory.protocol.stock_tables import STOCK, WAREHOUSES

_ORGANIZATION = _text("organization", "the organization that sells the trip")
_TRIP = _text("trip", "the trip")

_WITH_TRIP = "as long as the trip"

CELL = RowKind(
    "a seat on a segment",
    "the seat",
    _WITH_TRIP,
    (
        _text("status", "available, held, sold or blocked; closed or forgotten once its trip is over"),
        _text("owner", "the hold that has the cell, with `+` and the number of the move that took it; null while free"),
        _number("until_ms", "when that hold ends at the latest: then its home row is to be read; proves nothing"),
        _number("since_ms", "when that hold took the cell"),
        _number("period", "the period of the trip's sale in which it is sold; null for the first"),
    ),
)
KEY = RowKind(
    "an idempotency key",
    "the key",
    "TRAVIO_IDEMPOTENCY_RETENTION_SECONDS from when it is bound to a hold",
    (
        _text("hold", "the hold that the key stands for"),
        _text("fingerprint", "a digest of the request that bound the key"),
        _number("generation", "how many holds the key has stood for"),
        _number("since_ms", "since when it stands for that hold"),
    ),
)
SLOT = RowKind(
    "a place for one live hold, if their number is limited",
    "the number of the slot, from 0",
    "from when it is taken: as long as any hold can be held and then kept",
    (_text("hold", "the hold that occupies the slot"), _number("since_ms", "when that hold took the slot")),
)
TRIP = RowKind(
    "the trip: its definition, and whether it is sold",
    "empty",
    "until TRAVIO_TRIP_RETENTION_SECONDS after its last arrival, or after its last sale if it has no times; in any "
    "case after its opening",
    (
        _text("definition", "stops, segments and seats, as JSON; of a large trip the digests of its seats instead"),
        _number("opened_at_ms", "when it was opened: it distinguishes successive trips with the same id"),
        _text(
            "stage", "opening while a large trip is opened, null while it is on sale, then closing, closed, forgotten"
        ),
        _number("seeded", "how many seat groups have their cells, while it is opened"),
        _number("version", "how many changes the trip had, the opening included"),
        _number("defined", "the version of its definition"),
        _text("about", "where and when it departs and arrives, and how many seats it has, as JSON"),
        _text("sales", "null while they are open; closed"),
        _text("halt", "null, freezing, frozen, swapping, cancelling or cancelled"),
        _number("period", "how often it was frozen, swapped or cancelled: the period of its sale; null for 0"),
        _number("halted_at_ms", "when its cancellation began"),
        _number("reached", "how many of its seat groups are cancelled"),
        _number("released", "how many holds were released in these"),
        _number("cancelled", "how many bookings were cancelled in these"),
        _text("next", "its definition with the vehicle that it gets, until it has its cells"),
        _number("parts_left", "how often rows of seats were left that its definition names no more"),
        _text("swap", "what the last swap of its vehicle was, and how far it is, as JSON"),
    ),
)
SEATS = RowKind(
    "up to 1,000 seats of a large trip, at most 256 KiB",
    "the digest of what it says",
    "as the trip; a week where no trip came to refer to it",
    (
        _text("seats", "the seats, as JSON"),
        _text("status", "waiting for a definition that names it, then kept, then waiting again; forgotten in the end"),
    ),
)
TAIL = RowKind(
    "the end of the list, which numbers the places",
    "empty",
    _WITH_TRIP,
    (
        _number("sequence", "the number of the last place that was given to anybody"),
        _number("waiting", "how many holders are waiting"),
        _text("status", "null while the list is open; closed or forgotten once its trip is over"),
    ),
)
ENTRY = RowKind(
    "a place on the list",
    "the holder",
    "while the holder waits; when the holder has left, as an ended hold",
    (
        _text("status", "waiting or left; forgotten once the trip is over"),
        _number("sequence", "the number of this place; the lowest number is the head of the list"),
        _number("position", "how many were waiting when the holder joined, the holder included"),
        _number("requested_seats", "the number of seats"),
        _number("joined_at_ms", "when the holder joined"),
    ),
)
PLACES = RowKind(
    "60 places of the list, by which those who wait are counted; these rows are kept when places are forgotten",
    "the number of its first place, divided by 60",
    _WITH_TRIP,
    (
        _number("waiting", "a bit for each of its places, the first one the lowest: whether its holder waits"),
        _text("status", "null, or forgotten once the trip is over"),
    ),
)
CURSOR = RowKind(
    "the progress of a background job",
    "a part of the work, or empty",
    "for ever: three rows for each sink that there ever was and two for each of its slices, 60 for each slow round, "
    "and a few more",
    (_number("reached", "a minute, an epoch, a moment, or how many times the store was probed"),),
)
LEASE = RowKind(
    "which relay of a sink works on a slice of the index, or that a relay lives",
    "the number of the slice, or `~` and the id of the relay",
    "two minutes from when it was renewed last",
    (
        _text("owner", "the id of the relay; empty where the slice is given back"),
        _number("renewed", "a count of the owner, other each time that it renews the row"),
    ),
)

TABLES: Mapping[Table, ConditionalTable] = {
    Table.SEAT_GROUPS: ConditionalTable(
        "Seats of a trip, with the holds whose home they are and their events. A conditional batch is atomic within "
        "one partition of one table, so all that must change together is in one partition. Kind, id and segment "
        "distinguish the rows.",
        _ORGANIZATION,
        _TRIP,
        Column(
            "seat_group",
            Type.INT,
            "the number of the seat group within the trip, in layout order, from 0; those of a later vehicle follow",
        ),
        {Kind.CELL: CELL, Kind.HOLD: HOLD, Kind.EVENT: EVENT},
        Column("segment", Type.INT, "the segment of a cell; 0 for other kinds"),
    ),
    Table.LEDGERS: ConditionalTable(
        "The ledger of a holder: idempotency keys, and slots if the number of live holds is limited.",
        _text("organization", "the organization whose customer the holder is"),
        _text("holder", "the holder"),
        None,
        {Kind.KEY: KEY, Kind.SLOT: SLOT},
    ),
    Table.TRIPS: ConditionalTable(
        "Trips as they were opened.", _ORGANIZATION, _TRIP, None, {Kind.TRIP: TRIP, Kind.SEATS: SEATS}
    ),
    Table.SEAT_PLANS: SEAT_PLANS,
    Table.WAITLISTS: ConditionalTable(
        "Waiting lists.",
        _ORGANIZATION,
        _text("trip_and_class", "the trip and the seat class, joined by U+001F"),
        None,
        {Kind.TAIL: TAIL, Kind.ENTRY: ENTRY, Kind.PLACES: PLACES},
    ),
    Table.CURSORS: ConditionalTable(
        "The progress of background jobs.",
        None,
        _text("name", "the name of the job's work"),
        None,
        {Kind.CURSOR: CURSOR, Kind.LEASE: LEASE},
    ),
    Table.INBOX: INBOX,
    Table.DEAD_LETTERS: DEAD_LETTERS,
    Table.STOCK: STOCK,
    Table.WAREHOUSES: WAREHOUSES,
}

KINDS: Mapping[Kind, RowKind] = {kind: rows for table in TABLES.values() for kind, rows in table.kinds.items()}
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    kind: tuple(column.name for column in rows.columns) for kind, rows in KINDS.items()
}
"""The columns that a row of a kind may have."""
TYPES: Mapping[str, Type] = {name: type_ for table in TABLES.values() for name, type_ in table.columns.items()}
"""The type of a column, which is the same in all tables."""
_KNOWN = {kind: frozenset(columns) for kind, columns in COLUMNS.items()}


def names_of(partition: Partition) -> tuple[str | int, ...]:
    """The partition's values in the columns of its table. Raises ValueError if the table has no column for one."""
    table, organization, name, number = partition
    declared = TABLES[table]
    if declared.number is not None:
        return organization, name, number
    if number or (organization and declared.organization is None):
        raise ValueError(f"{table} has no such partition: {organization!r}, {name!r}, {number}")
    return (organization, name) if declared.organization is not None else (name,)


def check_columns(table: Table, kind: Kind, columns: Iterable[str]) -> None:
    """Raises ValueError for a kind that the table does not have, or a column that the kind does not have."""
    if kind not in TABLES[table].kinds:
        raise ValueError(f"{table} has no rows of kind {kind}")
    if not _KNOWN[kind].issuperset(columns):
        unknown = ", ".join(sorted(set(columns) - _KNOWN[kind]))
        raise ValueError(f"rows of kind {kind} in {table} have no such columns: {unknown}")


def check_segment(table: Table, segment: int) -> None:
    """Raises ValueError for a segment if the table has none."""
    if segment and TABLES[table].segment is None:
        raise ValueError(f"{table} has no segments: {segment}")


def check_end(write: Write) -> None:
    """Raises ValueError for values that are a whole row and empty, where no condition says that the row is there: a
    store cannot give an end to a row without making it.
    """
    condition, values = write.condition, write.values
    if condition is not ABSENT and not any(value is not None for row in (condition, values) for value in row.values()):
        raise ValueError(f"an empty row that may not be there is given an end: {write.key}")


def check(partition: Partition, writes: Sequence[Write]) -> None:
    """Raises ValueError for a batch with a row, or a column of a row, that its table does not have."""
    names_of(partition)
    table, of, asked, written = partition.table, None, None, None
    has_segments = TABLES[table].segment is not None
    for write in writes:
        (kind, _, segment), condition, values, keep_s = write
        if keep_s is not None:
            check_end(write)
        if segment and not has_segments:
            check_segment(table, segment)
        if values is not written or condition is not asked or kind is not of:
            check_columns(table, kind, (*values, *(condition or ())))
            of, asked, written = kind, condition, values
