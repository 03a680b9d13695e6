"""Where sweeper, relay and listings must look: index entries that ride along with batches."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from travio_inventory.protocol.batches import Hint, Index, Partition
from travio_inventory.protocol.rows import block_entry

MINUTE_MS = 60_000

SENT_WITHIN_MS = 60_000
"""A step is sent so soon after the moment that it is stamped with, or not at all: its hints name that minute."""
TRAVELS_MS = 60_000
"""So long after it was sent a batch hardly ever lands; one that does is found by the slow round."""
LANDS_WITHIN_MS = SENT_WITHIN_MS + TRAVELS_MS
"""How long after its moment a step is looked for in its minute."""

_SHARED = frozenset({Index.EXPIRY, Index.JOURNAL})


def minute_of(at_ms: int) -> int:
    """The minute of the time buckets that this moment is in."""
    return at_ms // MINUTE_MS


def bucket_of(number: int) -> str:
    """The name of the bucket of that minute or epoch."""
    return f"{number:010d}"


def due(block: Partition, at_ms: int) -> Hint:
    """Something in the block may be due at that moment."""
    return _in_bucket(Index.EXPIRY, block, minute_of(at_ms))


def recorded(block: Partition, epoch: int) -> Hint:
    """The block may get an event of that epoch."""
    return _in_bucket(Index.JOURNAL, block, epoch)


@lru_cache(maxsize=8_192)
def _in_bucket(index: Index, block: Partition, number: int) -> Hint:
    return Hint(index, bucket_of(number), block_entry(block))


class HintMemory:
    """The hints that are known to be durable, `hints_max` at most: a hot block writes each once a minute."""

    def __init__(self, *, hints_max: int = 100_000) -> None:
        self._hints_max = hints_max
        self._durable: set[Hint] = set()

    def missing(self, hints: Iterable[Hint]) -> list[Hint]:
        """Those that must still be written."""
        return [hint for hint in hints if hint not in self._durable]

    def remember(self, hints: Sequence[Hint]) -> None:
        """A batch that carried these was answered. A listing's entries are each written once anyway."""
        kept = [hint for hint in hints if hint.of in _SHARED]
        if len(self._durable) + len(kept) > self._hints_max:
            self._durable.clear()
        self._durable.update(kept)
