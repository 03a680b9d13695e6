"""Conditional batches on one partition: the one port that every store adapter provides.

A partition is the unit of atomicity. A batch names each row at most once; all conditions see the rows as they
were before it, and all of it happens or nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import inf
from typing import NamedTuple, Protocol, TypeAlias

from travio_inventory.kernel.limits import CELLS_PER_GROUP_MAX


class Table(StrEnum):
    """The tables of conditional batches; a partition belongs to one. `tables` defines their rows."""

    __hash__ = str.__hash__  # Enum's own hash is slow, and rows are looked up by it

    SEAT_GROUPS = "seat_groups"
    LEDGERS = "ledgers"
    TRIPS = "trips"
    SEAT_PLANS = "seat_plans"
    WAITLISTS = "waitlists"
    CURSORS = "cursors"
    INBOX = "inbox"
    DEAD_LETTERS = "dead_letters"
    STOCK = "stock"
    WAREHOUSES = "warehouses"


class Kind(StrEnum):
    """The kinds of rows of a partition."""

    __hash__ = str.__hash__  # Enum's own hash is slow, and rows are looked up by it

    CELL = "cell"
    HOLD = "hold"
    EVENT = "event"
    KEY = "key"
    SLOT = "slot"
    TRIP = "trip"
    SEATS = "seats"
    PLAN = "plan"
    PLAN_PART = "plan part"
    TAIL = "tail"
    ENTRY = "entry"
    PLACES = "places"
    CURSOR = "cursor"
    INCOMING = "incoming"
    DEAD_LETTER = "dead letter"
    LETTER_BODY = "letter body"
    STOCK = "stock"
    CAUSE = "cause"
    LINE = "line"
    SOLD = "sold"
    MOVEMENT = "movement"
    TRANSFER = "transfer"
    APPROVAL = "approval"
    PURCHASE = "purchase"
    ON_ORDER = "on order"
    WAREHOUSE = "warehouse"
    NUMBERS = "numbers"
    SUPPLIER = "supplier"
    PURCHASE_ORDER = "purchase order"
    ADDED = "added"
    LEASE = "lease"


class Index(StrEnum):
    """Plain indexes: they say what to read, never what is true."""

    __hash__ = str.__hash__  # Enum's own hash is slow, and rows are looked up by it

    EXPIRY = "expiry"
    STOCK_EXPIRY = "stock expiry"
    JOURNAL = "journal"
    HOLDS = "holds"
    ORDERS = "orders"
    WAITLISTS = "waitlists"
    TRIPS = "trips"
    OPENINGS = "openings"
    DEPARTURES = "departures"
    TOLD = "told"
    DEEDS = "deeds"
    DEAD_LETTERS = "dead letters"
    STOCK = "stock"


FOLLOWING = frozenset({Index.HOLDS, Index.ORDERS})
"""Indexes whose entries follow their batch: they are added soon after it is applied, or never."""


class Partition(NamedTuple):
    """Names a partition: (organization, trip, seat group), (organization, holder, 0) and the like."""

    table: Table
    organization: str
    name: str
    number: int = 0


PARTITIONS_KNOWN_MAX = 8_192


@lru_cache(maxsize=PARTITIONS_KNOWN_MAX)
def partition_of(table: Table, organization: str, name: str, number: int = 0) -> Partition:
    """The partition of that name, which is the same object for all who ask again."""
    return Partition(table, organization, name, number)


class RowKey(NamedTuple):
    """Names a row within its partition. `segment` is 0 for all rows but cells."""

    kind: Kind
    id: str
    segment: int = 0


Value: TypeAlias = str | int | None
Row: TypeAlias = Mapping[str, Value]
"""Columns by name, those of its kind (`tables`). A missing column is null, and a null column is missing."""
Rows: TypeAlias = Mapping[RowKey, Row]
"""Present rows; an absent row is missing here."""

ANY_TIME = inf
"""For a batch that may be sent at any time."""
TOO_OLD = "its time to be sent is over"
"""The cause of a NotDone by `send_by`."""

ROWS_AT_ONCE_MAX = CELLS_PER_GROUP_MAX
"""So many rows of a kind are read at one moment: all cells of a seat group."""

ABSENT = None
"""The condition that there is no such row."""

Condition: TypeAlias = Row | None


FOR_EVER = 0
"""The `keep_s` of what is kept until a later write ends it."""


class Write(NamedTuple):
    """One row of a batch: on condition that it is ABSENT, or that these columns have these values (null for a missing
    column or row; an empty condition is always met), set `values`.

    A null value clears the column. Values on a missing row insert it, unless all of them are null.

    With `keep_s`, the values are the whole row: columns that they lack are cleared, and the row is forgotten so many
    seconds later, or never (FOR_EVER). A row that has an end may only be written with `keep_s`: else what is written
    may outlive the rest of its row. Values that are all null may have an end only where the condition says that the row
    is there.
    """

    key: RowKey
    condition: Condition
    values: Row
    keep_s: int | None = None


class IndexEntry(NamedTuple):
    """An entry of an index, durable before the batch that carries it is tried; one of a FOLLOWING index is added soon
    after the batch was applied, and may be lost. Reads of this process see it once the batch is answered. A batch
    without writes adds them all. It is forgotten `keep_s` seconds after it was last added; a repetition changes nothing
    else.
    """

    of: Index
    bucket: str
    entry: str
    keep_s: int = FOR_EVER


def split(writes: Sequence[Write], entries: Sequence[IndexEntry]) -> tuple[Sequence[IndexEntry], Sequence[IndexEntry]]:
    """The index entries to write before these writes, and those that follow them."""
    following = [index_entry for index_entry in entries if index_entry.of in FOLLOWING] if writes else ()
    if not following:
        return entries, ()
    if len(following) == len(entries):
        return [], following
    return [index_entry for index_entry in entries if index_entry.of not in FOLLOWING], following


def is_met(condition: Condition, row: Row | None) -> bool:
    """Whether a row, None if it is absent, meets the condition of a write."""
    if condition is ABSENT or row is None:
        return row is None and not any(value is not None for value in (condition or {}).values())
    return all(row.get(name) == value for name, value in condition.items())


@dataclass(frozen=True, slots=True)
class Applied:
    """Every condition was met and every row is written, durably."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition was not met and nothing changed. `rows` are the present ones of the batch's rows, complete, as they
    were when it was decided or a moment later. A row without a condition may be left out.
    """

    rows: Rows


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer: the batch may have been applied, may be applied later, or never."""

    cause: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """The batch has certainly had no effect and never will."""

    cause: str


Outcome: TypeAlias = Applied | Refused | Unknown | NotDone


class StoreUnavailable(Exception):
    """A read was not answered."""


class Reads(Protocol):
    """Reads of rows. Every call has a bound; none retries by itself. A partition that its table cannot have raises
    ValueError.
    """

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """The present ones of the rows. Sees every batch that was answered before. Raises StoreUnavailable."""
        ...

    async def read(
        self, partition: Partition, kind: Kind, *, start: str = "", end: str = "", most: int | None = None
    ) -> Rows:
        """The first `most` rows of a kind, at least one, or all, with an id from `start` on and before `end` ("" = to
        the last), in the order of (id, segment), as one moment saw them; beyond ROWS_AT_ONCE_MAX rows, as a later
        moment may have. Sees every batch that was answered before. Raises StoreUnavailable, and ValueError for a kind
        that the table does not have.
        """
        ...


class Batches(Reads, Protocol):
    """Conditional batches, reads and index entries; see Reads, whose promises hold for all calls. A read also finishes
    half-done batches.

    What is forgotten is absent for conditions, reads and refusals. It is forgotten a few seconds early or late where
    clocks differ, and later by a store that forgets at intervals.
    """

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """Try the batch once. `send_by` is a time of the event loop: a batch that was not sent by then, however long
        its index entries, the limits or a stopped process took, is NotDone and is never sent.

        Never raises if the store is down: the outcome says so. Raises ValueError and the like for an impossible batch:
        a kind or a column that its table does not have, an integer wider than 64 bits.
        """
        ...

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """The first `most` entries of a bucket after `after`, or all, in order. Raises StoreUnavailable."""
        ...
