"""Large trips that are being opened: found by an index, their cells made portion by portion, each portion noted.

Whoever sees that nobody has noted anything for a while goes on from the last note. Two who do so at once make the same
cells, which does no harm, and only one of them notes it.
"""

import asyncio
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Batches, Index, IndexEntry, Row, StoreUnavailable, Write
from travio_inventory.protocol.until_known import until_known
from travio_inventory.seats.opening import Portions
from travio_inventory.seats.opening_ports import ListedOpening
from travio_inventory.seats.ports import Trips
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.records.trip_rows import FORGOTTEN_S, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import TripSeats
from travio_inventory.seats.sales_ports import TripSales
from travio_inventory.seats.trip import Trip, TripKey

_BUCKET = "all"
STALLED_MS = 5_000
"""So long nobody has noted anything before another process goes on."""
ENDED_MS = 2 * FORGOTTEN_S * 1_000
"""An entry that is still there so long after its end was said has come back."""
GROUPS_AT_ONCE = 16
PORTIONS_PER_VISIT = 16
TRIPS_PER_ROUND = 16


class _Seen(NamedTuple):
    """What a trip's row said, and since when by our stopwatch; None: we noted it ourselves."""

    seeded: int
    since_ms: int | None


class Openings:
    """Implements `seats.ports.TripOpenings` over conditional batches. Several processes may do it at once."""

    def __init__(self, batches: Batches, clock: Clock, trips: Trips, portions: Portions, sales: TripSales) -> None:
        self._sales = sales
        self._batches = batches
        self._clock = clock
        self._trips = trips
        self._portions = portions
        self._seats = TripSeats(batches)
        self._seen: dict[ListedOpening, _Seen] = {}
        self._last: tuple[ListedOpening, Trip] | None = None
        self._after = ""
        self._ended_ms: dict[ListedOpening, int] = {}
        """Those whose end this process has said, and when by its stopwatch, the oldest first."""

    async def begun(self) -> list[ListedOpening]:
        """See TripOpenings. All are listed in turn."""
        try:
            entries = await self._batches.read_index(Index.OPENINGS, _BUCKET, after=self._after, most=TRIPS_PER_ROUND)
        except StoreUnavailable:
            raise BackendUnavailable from None
        self._after = entries[-1] if len(entries) == TRIPS_PER_ROUND else ""
        return [_read_entry(entry) for entry in entries]

    async def visit(self, listed: ListedOpening) -> None:
        """See TripOpenings."""
        since_s = asyncio.get_running_loop().time()
        row = await self._read(listed)
        if row is None:
            await self._end(listed)
        elif row.stage is not Stage.OPENING:
            await self._sales.go_on(listed.key)
        elif not self._is_another_at_it(listed, row.seeded):
            await self._bring_on(listed, row, since_s)

    async def _bring_on(self, listed: ListedOpening, row: TripRow, since_s: float) -> None:
        """Some portions, from the last note on."""
        seeded, send_by = row.seeded, since_s + trip_rows.SEEDED_WITHIN_S
        are_kept = seeded or await self._seats.keep(listed.key, row.definition, send_by=send_by)
        trip = await self._trip(listed, row)
        if trip is None or not are_kept:
            raise BackendUnavailable  # until whoever opens the trip calls again
        for _ in range(PORTIONS_PER_VISIT):
            until = min(seeded + self._portions.groups_max, trip.group_count)
            await self._seed(trip, range(seeded, until), since_s)
            since_s = asyncio.get_running_loop().time()
            if not await self._note(listed, seeded, until, is_whole=until == trip.group_count):
                return
            self._seen[listed] = _Seen(until, None)
            seeded = until
            if seeded == trip.group_count:
                await self._end(listed)
                return

    async def _trip(self, listed: ListedOpening, row: TripRow) -> Trip | None:
        """The trip; the one of the last visit stays in memory until it is on sale."""
        if self._last is None or self._last[0] != listed:
            trip = await self._seats.read(listed.key, row.definition)
            self._last = None if trip is None else (listed, trip)
        return None if self._last is None else self._last[1]

    async def _seed(self, trip: Trip, groups: range, since_s: float) -> None:
        for start in range(groups.start, groups.stop, GROUPS_AT_ONCE):
            some = groups[start - groups.start :][:GROUPS_AT_ONCE]
            made = await asyncio.gather(
                *(self._trips.seed(trip, group, since_s=since_s) for group in some), return_exceptions=True
            )
            for failed in made:
                if failed is not None:
                    raise failed

    async def _note(self, listed: ListedOpening, seeded: int, until: int, *, is_whole: bool) -> bool:
        """Note that the cells of the first seat groups are made; once all are, the trip is on sale. Whether the note
        stands: else another process has come further, or the trip is no longer opened.
        """
        seen: Row = {"opened_at_ms": listed.opened_at_ms, "stage": Stage.OPENING.value, "seeded": seeded or None}
        values: Row = {"seeded": until}
        if is_whole:
            values = {"stage": None, "seeded": None} if seeded else {"stage": None}
        standing = await until_known(self._batches, trip_rows.partition(listed.key), [Write(TRIP, seen, values)])
        if standing is None:
            return True
        now = _of_life(standing.get(TRIP), listed)
        return now is not None and (now.stage, now.seeded) == (Stage.OPENING, until)

    def _is_another_at_it(self, listed: ListedOpening, seeded: int) -> bool:
        now_ms, seen = self._clock.elapsed_ms(), self._seen.get(listed)
        if seen is None and not seeded:
            return False
        if seen is None or seen.seeded != seeded:
            self._seen[listed] = _Seen(seeded, now_ms)
            return True
        return seen.since_ms is not None and now_ms - seen.since_ms < STALLED_MS

    async def _read(self, listed: ListedOpening) -> TripRow | None:
        """The row of a trip that is still being opened, frozen or cancelled."""
        try:
            standing = await self._batches.get(trip_rows.partition(listed.key), [TRIP])
        except StoreUnavailable:
            raise BackendUnavailable from None
        row = _of_life(standing.get(TRIP), listed)
        return row if row is not None and (row.stage is Stage.OPENING or row.is_being_halted) else None

    async def _end(self, listed: ListedOpening) -> None:
        """Nobody needs to look for it any more: said once, for each time its entry stays a while longer."""
        self._seen.pop(listed, None)
        if self._last is not None and self._last[0] == listed:
            self._last = None
        now_ms = self._clock.elapsed_ms()
        while self._ended_ms and next(iter(self._ended_ms.values())) + ENDED_MS <= now_ms:
            del self._ended_ms[next(iter(self._ended_ms))]
        if listed not in self._ended_ms:
            entry = opening_entry(listed.key, listed.opened_at_ms, keep_s=FORGOTTEN_S)
            await until_known(self._batches, trip_rows.partition(listed.key), [], [entry])
            self._ended_ms[listed] = now_ms


def opening_entry(key: TripKey, opened_at_ms: int, *, keep_s: int = 0) -> IndexEntry:
    """Where a trip that is being opened is found."""
    entry = rows.SEPARATOR.join((*key, str(opened_at_ms)))
    return IndexEntry(Index.OPENINGS, _BUCKET, entry, keep_s)


def _read_entry(entry: str) -> ListedOpening:
    organization, trip, opened_at_ms = entry.split(rows.SEPARATOR)
    return ListedOpening(TripKey(organization, trip), int(opened_at_ms))


def _of_life(row: Row | None, listed: ListedOpening) -> TripRow | None:
    read = TripRow.read(row) if row is not None else None
    return read if read is not None and read.opened_at_ms == listed.opened_at_ms else None
