"""Notes of what was published to a sink, by partition and hour: plain index entries, written once the sink had it.

A note proves that the sink accepted the event; without one nobody knows. So a lost note costs a repetition, no event.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.kernel.events import Event
from travio_inventory.protocol import event_rows, rows
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Partition, RowKey, Rows, Table, Write

HOUR_MS = 3_600_000
DIGEST_BYTES = 8
DIGESTS_PER_ENTRY = 25
ENTRIES_AT_ONCE = 10
BATCHES_AT_ONCE = 8
_NOWHERE = Partition(Table.CURSORS, "", "told")
"""What index entries without a batch travel to."""


class Noted(NamedTuple):
    """What is noted of some hours of a partition."""

    digests: Mapping[int, frozenset[str]]
    """By hour."""

    def has(self, event_id: str, at_ms: int) -> bool:
        """Whether the event of that moment is noted."""
        return _digest(event_id) in self.digests[at_ms // HOUR_MS]


NOTHING = Noted(MappingProxyType({}))


class ToldNotes:
    """Those of one sink, kept for `kept_s`."""

    def __init__(self, batches: Batches, sink: str, *, kept_s: int) -> None:
        self._batches = batches
        self._sink = sink
        self._kept_s = kept_s

    async def note(self, events: Iterable[tuple[Partition, Event]]) -> None:
        """Note that these were published, which are recorded there; best effort."""
        digests: defaultdict[str, list[str]] = defaultdict(list)
        for partition, event in events:
            digests[bucket_of(self._sink, partition, event.at_ms // HOUR_MS)].append(_digest(event.id))
        notes = (
            IndexEntry(Index.TOLD, bucket, entry, self._kept_s)
            for bucket, told in digests.items()
            for entry in _entries(told)
        )
        while some := list(islice(notes, ENTRIES_AT_ONCE * BATCHES_AT_ONCE)):
            parts = (some[start : start + ENTRIES_AT_ONCE] for start in range(0, len(some), ENTRIES_AT_ONCE))
            await asyncio.gather(*(self._batches.apply(_NOWHERE, [], part) for part in parts))

    async def read(self, partition: Partition, moments_ms: Iterable[int], known: Noted = NOTHING) -> Noted:
        """What is noted of the hours of these moments, besides what is known. Raises StoreUnavailable."""
        hours = sorted({at_ms // HOUR_MS for at_ms in moments_ms} - known.digests.keys())
        found = await asyncio.gather(*(self._hour(partition, hour) for hour in hours))
        return Noted({**known.digests, **dict(zip(hours, found, strict=True))})

    async def of_rows(self, partition: Partition, found: Rows) -> set[RowKey]:
        """Those of the partition's event rows that are noted. Raises StoreUnavailable."""
        told = await self.read(partition, [rows.number(row, "at_ms") for row in found.values()])
        return {key for key, row in found.items() if told.has(event_rows.stable_id(row), rows.number(row, "at_ms"))}

    async def _hour(self, partition: Partition, hour: int) -> frozenset[str]:
        entries = await self._batches.read_index(Index.TOLD, bucket_of(self._sink, partition, hour))
        return frozenset(digest for entry in entries for digest in entry.split(" "))


class Part(NamedTuple):
    """A slice of the index that relays share out, and what was published to the sink, whoever did it."""

    slice: int
    told: ToldNotes
    fence: Callable[[], Write]
    """Holds while this relay works on the slice."""


def bucket_of(sink: str, partition: Partition, hour: int) -> str:
    """The bucket of what was published to the sink of the partition's events of that hour."""
    return rows.SEPARATOR.join((f"{hour:08d}", sink, rows.partition_entry(partition)))


def _entries(digests: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(digests), DIGESTS_PER_ENTRY):
        yield " ".join(digests[start : start + DIGESTS_PER_ENTRY])


def _digest(event_id: str) -> str:
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).hexdigest()
