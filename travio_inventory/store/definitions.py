"""The definitions of trips, and the seeding of their cells."""

from collections.abc import Sequence

from travio_inventory.domain.errors import BackendUnavailable, OutcomeUnknown, TripDefinedOtherwise
from travio_inventory.domain.trip import Trip, TripKey, read_definition
from travio_inventory.store import rows
from travio_inventory.store.batches import (
    ABSENT,
    Applied,
    Batches,
    Kind,
    NotDone,
    Partition,
    Refused,
    RowKey,
    Rows,
    StoreUnavailable,
    Table,
    Unknown,
    Write,
)

CELLS_PER_BATCH_MAX = 160
"""A prepared text of more rows costs a CQL server too much memory."""
TRIES_MAX = 4

_DEFINITION = RowKey(Kind.TRIP, "")


class Definitions:
    """Implements `engine.ports.Trips` over conditional batches."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def define(self, trip: Trip) -> None:
        """See Trips."""
        values = {"definition": trip.definition, "fingerprint": trip.fingerprint}
        standing = await self._insert(_partition(trip.key), [Write(_DEFINITION, ABSENT, values)])
        if standing and standing[_DEFINITION].get("fingerprint") != trip.fingerprint:
            raise TripDefinedOtherwise

    async def seed(self, trip: Trip, block: int) -> None:
        """See Trips. A chunk of cells stands or falls with its guard row, so none is ever made twice."""
        cells = [
            RowKey(Kind.CELL, seat.id, segment)
            for seat in trip.seats_in(block)
            for segment in range(len(trip.segments))
        ]
        partition = rows.block_partition(trip.key, block)
        for start in range(0, len(cells), CELLS_PER_BATCH_MAX):
            guard = Write(RowKey(Kind.GUARD, f"{start:06d}"), ABSENT, {"status": "seeded"})
            chunk = (Write(cell, {}, rows.FREE) for cell in cells[start : start + CELLS_PER_BATCH_MAX])
            await self._insert(partition, [guard, *chunk])

    async def find(self, key: TripKey) -> Trip | None:
        """See Trips."""
        try:
            standing = await self._batches.get(_partition(key), [_DEFINITION])
        except StoreUnavailable:
            raise BackendUnavailable from None
        row = standing.get(_DEFINITION)
        return None if row is None else read_definition(rows.text(row, "definition"))

    async def _insert(self, partition: Partition, writes: Sequence[Write]) -> Rows:
        """Apply a guarded batch, however often it takes to know; the rows that stood, none where it was new."""
        was_sent = False
        for _ in range(TRIES_MAX):
            match await self._batches.apply(partition, writes):
                case Applied():
                    return {}
                case Refused(rows=standing):
                    return standing
                case Unknown():
                    was_sent = True
                case NotDone():
                    pass
        raise OutcomeUnknown if was_sent else BackendUnavailable


def _partition(key: TripKey) -> Partition:
    return Partition(Table.TRIPS, key.organization, key.trip)
