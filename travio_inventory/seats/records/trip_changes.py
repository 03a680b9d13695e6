"""Changes the row of a trip, on condition that nothing of it has changed, and its definition."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeAlias

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.batches import Batches, IndexEntry, Partition, Row, StoreUnavailable, Write
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.records.departures import departing
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.records.openings import opening_entry
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S, OPENED, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats, written
from travio_inventory.seats.records.visits import Visit
from travio_inventory.seats.refusals import TripCancelled, TripNotFound, TripOpening
from travio_inventory.seats.trip import Trip, TripKey

TRIES_MAX = 16
NOTHING_ELSE: Row = {}

Change: TypeAlias = Callable[[TripRow], Row | None]
"""What becomes of a trip's row, None for nothing."""


class Found(NamedTuple):
    """A trip's row."""

    key: TripKey
    row: TripRow


class TripChanges:
    """Reads and changes the rows of trips."""

    def __init__(self, batches: Batches, parts: Portions) -> None:
        self._batches = batches
        self._seats = TripSeats(batches)
        self._parts = parts

    async def change(self, key: TripKey, change: Change) -> Found:
        """Write what `change` makes of the trip's row; the row as it is then. What begins something that may be cut
        short is listed, so that others go on with it.

        Raises TripNotFound, TripOpening, TripCancelled, BackendUnavailable, OutcomeUnknown.
        """
        visit, partition = Visit(self._batches), trip_rows.partition(key)
        for _ in range(TRIES_MAX):
            row = await self._read(partition)
            if (values := change(row)) is None:
                return Found(key, row)
            values = {**values, "version": row.version + 1}
            new = row.changed(values)
            entries = [opening_entry(key, row.opened_at_ms)] if new.is_being_halted else []
            if await visit.write(partition, [Write(TRIP, row.seen, values)], entries):
                return Found(key, new)
        raise BackendUnavailable

    async def offer(self, found: Found) -> Offer:
        """The trip as it is offered. Raises BackendUnavailable."""
        return found.row.offer(await self.trip(found.key, found.row.definition))

    async def trip(self, key: TripKey, definition: str) -> Trip:
        """The trip of that definition. Raises BackendUnavailable."""
        trip = await self._seats.read(key, definition)
        if trip is None:
            raise BackendUnavailable  # it is being forgotten at this moment
        return trip

    async def prepare(self, new: Trip) -> str:
        """The definition of the trip, once rows have what it names. Raises InvalidTrip, BackendUnavailable."""
        visit, text = Visit(self._batches), await off_loop(len(new.seats_ever), written, new, self._parts)
        await self._seats.put(new.key, text.parts)
        if text.parts and not await self._seats.keep(new.key, text.definition, send_by=visit.send_by):
            raise BackendUnavailable
        return text.definition

    async def redefine(self, found: Found, trip: Trip, new: Trip, definition: str, beside: Row = NOTHING_ELSE) -> bool:
        """Write the definition, which is prepared, if nothing of the row has changed, and list the trip where it
        belongs then.
        """
        row, visit = found.row, Visit(self._batches)
        entries = _listings(new, row.opened_at_ms)
        version = row.version + 1
        values: Row = {
            "definition": definition, "about": trip_rows.about(new), "version": version, "defined": version, **beside
        }  # fmt: skip
        if not await visit.write(trip_rows.partition(new.key), [Write(TRIP, row.seen, values)], entries):
            return False
        with suppress(BackendUnavailable, OutcomeUnknown):  # the trip is redefined: what is left goes with it
            await self._seats.leave(new.key, row.changed(values), row.definition)
        left = [entry for entry in _listings(trip, row.opened_at_ms) if entry not in entries]
        ended = [entry._replace(keep_s=FORGOTTEN_S) for entry in left]
        await visit.write(trip_rows.partition(new.key), (), [*entries, *ended])
        return True

    async def _read(self, partition: Partition) -> TripRow:
        try:
            standing = (await self._batches.get(partition, [TRIP])).get(TRIP)
        except StoreUnavailable:
            raise BackendUnavailable from None
        row = TripRow.read(standing) if standing is not None else None
        if row is None or row.stage not in OPENED:
            raise TripNotFound
        if row.stage is Stage.OPENING:
            raise TripOpening
        return row


@contextmanager
def once_begun() -> Iterator[None]:
    """For what goes on with a change that a trip's row says: others go on with it too, so a failure is no refusal.
    Raises OutcomeUnknown in place of BackendUnavailable.
    """
    try:
        yield
    except BackendUnavailable:
        raise OutcomeUnknown from None


def unless_cancelled(change: Change) -> Change:
    """The change, unless the trip is cancelled: then it raises TripCancelled."""

    def checked(row: TripRow) -> Row | None:
        if row.state in (SalesState.CANCELLING, SalesState.CANCELLED):
            raise TripCancelled
        return change(row)

    return checked


def unchanged(_row: TripRow) -> Row | None:
    """No change."""
    return None


def _listings(trip: Trip, opened_at_ms: int) -> Sequence[IndexEntry]:
    return [listed(trip, opened_at_ms), departing(trip, opened_at_ms)]
