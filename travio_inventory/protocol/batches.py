"""Conditional batches on one partition: the one port that every store adapter provides.

A partition is the unit of atomicity. A batch names each row at most once; all conditions see the rows as they
were before it, and all of it happens or nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import NamedTuple, Protocol, TypeAlias

from travio_inventory.kernel.limits import CELLS_PER_GROUP_MAX


class Table(StrEnum):
    """The tables of conditional batches; a partition belongs to one. `tables` says what is in them."""

    __hash__ = str.__hash__  # an enumeration's own is slow, and rows are found by it

    SEAT_GROUPS = "seat_groups"
    LEDGERS = "ledgers"
    TRIPS = "trips"
    WAITLISTS = "waitlists"
    CURSORS = "cursors"


class Kind(StrEnum):
    """What a row of a partition is."""

    __hash__ = str.__hash__  # an enumeration's own is slow, and rows are found by it

    CELL = "cell"
    HOLD = "hold"
    EVENT = "event"
    KEY = "key"
    SLOT = "slot"
    TRIP = "trip"
    TAIL = "tail"
    ENTRY = "entry"
    CURSOR = "cursor"


class Index(StrEnum):
    """Plain indexes: where to look, never what is true."""

    __hash__ = str.__hash__  # an enumeration's own is slow, and rows are found by it

    EXPIRY = "expiry"
    JOURNAL = "journal"
    HOLDS = "holds"
    WAITLISTS = "waitlists"
    TRIPS = "trips"
    TOLD = "told"


FOLLOWING = frozenset({Index.HOLDS})
"""Indexes whose entries follow their batch: they are added once it is applied, or never."""


class Partition(NamedTuple):
    """Names a partition: (organization, trip, seat group), (organization, holder, 0) and the like."""

    table: Table
    organization: str
    name: str
    number: int = 0


class RowKey(NamedTuple):
    """Names a row within its partition. `segment` is 0 for all rows but cells."""

    kind: Kind
    id: str
    segment: int = 0


Value: TypeAlias = str | int | None
Row: TypeAlias = Mapping[str, Value]
"""Columns by name, those of its kind (`tables`). A column that is missing is null, and the other way round."""
Rows: TypeAlias = Mapping[RowKey, Row]
"""Rows that stand; a row that is missing is not there."""

ANY_TIME = inf
"""Of a batch that may be sent however late."""
TOO_OLD = "its time to be sent is over"
"""The cause of a NotDone by `send_by`."""

ROWS_AT_ONCE_MAX = CELLS_PER_GROUP_MAX
"""So many rows of a kind are read as one moment saw them: all cells of a seat group."""

ABSENT = None
"""The condition that there is no such row."""

Condition: TypeAlias = Row | None


class Write(NamedTuple):
    """One row of a batch: on condition that it is ABSENT, or that these columns have these values (null for a
    column that a row, or a row that is missing, does not have; an empty condition is always met), set `values`.

    A null value clears the column. Values on a missing row insert it, unless all of them are null.
    """

    key: RowKey
    condition: Condition
    values: Row


class IndexEntry(NamedTuple):
    """An entry of an index, durable before the batch that carries it is tried; one of a FOLLOWING index is added once
    the batch was applied, and may be lost. A batch without writes adds them all. Adding one again changes nothing.
    """

    of: Index
    bucket: str
    entry: str


def split(writes: Sequence[Write], entries: Sequence[IndexEntry]) -> tuple[Sequence[IndexEntry], Sequence[IndexEntry]]:
    """The index entries that go before these writes, and those that follow them."""
    if not writes or not any(index_entry.of in FOLLOWING for index_entry in entries):
        return entries, ()
    return [index_entry for index_entry in entries if index_entry.of not in FOLLOWING], [
        index_entry for index_entry in entries if index_entry.of in FOLLOWING
    ]


@dataclass(frozen=True, slots=True)
class Applied:
    """Every condition was met and every row is written, durably."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition was not met and nothing changed. `rows` are those of the batch's rows that stand, whole, as they were
    when it was decided or a moment later. A row of which the batch asks nothing may be left out.
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


class Batches(Protocol):
    """Conditional batches, reads and index entries. Every call has a bound; none retries by itself. A partition that
    its table cannot have is a ValueError.
    """

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """Try the batch once. `send_by` is a time of the event loop: a batch that is not on its way by then, however
        long its index entries, its turn or a stopped process took, is NotDone and is never sent.

        Never raises for a store that is away: the outcome says so. Raises ValueError and the like for a batch that
        no store can take: a kind or a column that its table does not have, an integer wider than 64 bits.
        """
        ...

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """Those of the rows that stand. Sees every batch that was answered before, and finishes half-done ones.
        Raises StoreUnavailable.
        """
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

    async def read_index(self, index: Index, bucket: str, *, after: str = "", most: int | None = None) -> Sequence[str]:
        """The first `most` entries of a bucket behind `after`, or all, in order. Raises StoreUnavailable."""
        ...
