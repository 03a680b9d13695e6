"""Index entries for sweeper, relay and listings, which travel with batches."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol.batches import Index, IndexEntry, Partition, Table
from travio_inventory.protocol.retention import Retention
from travio_inventory.protocol.rows import partition_entry

MINUTE_MS = 60_000

SENT_WITHIN_MS = 60_000
"""A step is sent so soon after its timestamp, or not at all: its entries name that minute."""
TRAVELS_MS = 60_000
"""A batch hardly ever arrives so long after it was sent; the slow round finds one that does."""
LANDS_WITHIN_MS = SENT_WITHIN_MS + TRAVELS_MS
"""How long after its timestamp a step is looked for in its minute."""

_SHARED = frozenset({Index.EXPIRY, Index.STOCK_EXPIRY, Index.JOURNAL})


class Repeated(IndexEntry):
    """An entry that many batches carry: who has written it does not write it again for a while."""

    __slots__ = ()


def minute_of(at_ms: int) -> int:
    """The minute of the time buckets that this moment is in."""
    return at_ms // MINUTE_MS


def bucket_of(number: int) -> str:
    """The name of the bucket of that minute or epoch."""
    return f"{number:010d}"


def expiry_of(table: Table) -> Index:
    """The index of what is due in that table."""
    return Index.STOCK_EXPIRY if table is Table.STOCK else Index.EXPIRY


def due(partition: Partition, at_ms: int, retention: Retention) -> IndexEntry:
    """The entry: something in the partition may be due at that moment."""
    return _in_bucket(expiry_of(partition.table), partition, minute_of(at_ms), retention.entries_s)


def recorded(partition: Partition, epoch: int, retention: Retention) -> IndexEntry:
    """The entry: the partition may get an event of that epoch."""
    return _in_bucket(Index.JOURNAL, partition, epoch, retention.entries_s)


@lru_cache(maxsize=8_192)
def _in_bucket(index: Index, partition: Partition, number: int, keep_s: int) -> IndexEntry:
    return IndexEntry(index, bucket_of(number), partition_entry(partition), keep_s)


class DurableEntries:
    """The entries that are known to be durable, `entries_max` at most: a hot partition writes each once a minute.

    They are kept for a while from when they were written, not from when they are needed, and a minute or an epoch may
    go on for long: so each is written again once it has been known for `known_s`, at the latest.
    """

    def __init__(self, clock: Clock, *, known_s: int, entries_max: int = 100_000) -> None:
        self._clock = clock
        self._known_ms = known_s * 1_000
        self._entries_max = entries_max
        self._durable: set[IndexEntry] = set()
        self._since_ms = clock.elapsed_ms()
        """No entry that is known was written before that."""

    def missing(self, entries: Iterable[IndexEntry]) -> list[IndexEntry]:
        """Those that must still be written."""
        if self._clock.elapsed_ms() - self._since_ms >= self._known_ms:
            self._forget()
        return [index_entry for index_entry in entries if index_entry not in self._durable]

    def remember(self, entries: Sequence[IndexEntry], *, sent_ms: int) -> None:
        """Note that a batch with these entries was sent at that time of the stopwatch, and answered. A listing's
        entries are written only once anyway, if they are not `Repeated`.
        """
        kept = [each for each in entries if each.of in _SHARED or isinstance(each, Repeated)]
        if len(self._durable) + len(kept) > self._entries_max:
            self._forget()
        if sent_ms >= self._since_ms:
            self._durable.update(kept)

    def _forget(self) -> None:
        self._durable.clear()
        self._since_ms = self._clock.elapsed_ms()
