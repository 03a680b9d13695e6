"""A visit to a trip that is over: what it writes counts only while what it read of the trip's row is true."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TypeVar

from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import (
    Applied,
    Batches,
    IndexEntry,
    Kind,
    NotDone,
    Partition,
    Refused,
    Row,
    RowKey,
    Unknown,
    Write,
)
from travio_inventory.seats.records.trip_rows import VISIT_S

ROWS_TOGETHER_MAX = 160
"""A prepared text of more rows costs a CQL server too much memory; a single hold may have more."""
READ_TOGETHER = 1_000

T = TypeVar("T")


class Visit:
    """One visit to one trip, begun before its row was read. Nothing is written long after that: the id may stand for
    another trip by then.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.send_by = asyncio.get_running_loop().time() + VISIT_S

    async def write(self, partition: Partition, writes: Sequence[Write], entries: Sequence[IndexEntry] = ()) -> bool:
        """Whether the batch was applied; if not, somebody came in between. Raises BackendUnavailable where it certainly
        was not applied, for whatever reason; OutcomeUnknown.
        """
        if asyncio.get_running_loop().time() > self.send_by:
            raise BackendUnavailable
        match await self.batches.apply(partition, writes, entries, send_by=self.send_by):
            case Applied():
                return True
            case Refused():
                return False
            case NotDone():
                raise BackendUnavailable
            case Unknown():
                raise OutcomeUnknown

    async def rows(
        self, partition: Partition, kind: Kind, *, together: int = READ_TOGETHER
    ) -> AsyncIterator[tuple[RowKey, Row]]:
        """All rows of a kind, so many read at once. Raises StoreUnavailable."""
        start = ""
        while True:
            found = await self.batches.read(partition, kind, start=start, most=together)
            for key, row in found.items():
                if key.id != start or not start:
                    yield key, row
            if len(found) < together:
                return
            start = max(found).id


def portions(all_of_them: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many together as one batch may have."""
    for start in range(0, len(all_of_them), ROWS_TOGETHER_MAX):
        yield all_of_them[start : start + ROWS_TOGETHER_MAX]


def together(groups: Iterable[Sequence[Write]]) -> Iterator[list[Write]]:
    """Writes that belong together, with others in one batch as far as there is room."""
    batch: list[Write] = []
    for writes in groups:
        if batch and len(batch) + len(writes) > ROWS_TOGETHER_MAX:
            yield batch
            batch = []
        batch.extend(writes)
    if batch:
        yield batch
