"""Index entries for sweeper, relay and listings, which travel with batches."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from travio_inventory.protocol.batches import Index, IndexEntry, Partition
from travio_inventory.protocol.rows import partition_entry

MINUTE_MS = 60_000

SENT_WITHIN_MS = 60_000
"""A step is sent so soon after its timestamp, or not at all: its entries name that minute."""
TRAVELS_MS = 60_000
"""A batch hardly ever arrives so long after it was sent; the slow round finds one that does."""
LANDS_WITHIN_MS = SENT_WITHIN_MS + TRAVELS_MS
"""How long after its timestamp a step is looked for in its minute."""

_SHARED = frozenset({Index.EXPIRY, Index.JOURNAL})


def minute_of(at_ms: int) -> int:
    """The minute of the time buckets that this moment is in."""
    return at_ms // MINUTE_MS


def bucket_of(number: int) -> str:
    """The name of the bucket of that minute or epoch."""
    return f"{number:010d}"


def due(partition: Partition, at_ms: int) -> IndexEntry:
    """The entry: something in the partition may be due at that moment."""
    return _in_bucket(Index.EXPIRY, partition, minute_of(at_ms))


def recorded(partition: Partition, epoch: int) -> IndexEntry:
    """The entry: the partition may get an event of that epoch."""
    return _in_bucket(Index.JOURNAL, partition, epoch)


@lru_cache(maxsize=8_192)
def _in_bucket(index: Index, partition: Partition, number: int) -> IndexEntry:
    return IndexEntry(index, bucket_of(number), partition_entry(partition))


class DurableEntries:
    """The entries that are known to be durable, `entries_max` at most: a hot partition writes each once a minute."""

    def __init__(self, *, entries_max: int = 100_000) -> None:
        self._hints_max = entries_max
        self._durable: set[IndexEntry] = set()

    def missing(self, entries: Iterable[IndexEntry]) -> list[IndexEntry]:
        """Those that must still be written."""
        return [index_entry for index_entry in entries if index_entry not in self._durable]

    def remember(self, entries: Sequence[IndexEntry]) -> None:
        """Note that a batch with these entries was answered. A listing's entries are written only once anyway."""
        kept = [index_entry for index_entry in entries if index_entry.of in _SHARED]
        if len(self._durable) + len(kept) > self._hints_max:
            self._durable.clear()
        self._durable.update(kept)
