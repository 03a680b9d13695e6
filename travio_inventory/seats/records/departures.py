"""The list of an organization's trips by their departure, month by month, and of those without times."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from json import loads
from typing import NamedTuple

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import FOR_EVER, Batches, Index, IndexEntry, StoreUnavailable
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.offer import TripLine, TripPage
from travio_inventory.seats.records import trip_rows
from travio_inventory.seats.records.trip_rows import OPENED, TRIP, Stage, TripRow
from travio_inventory.seats.records.trip_seats import opening_of
from travio_inventory.seats.trip import Trip, TripKey

UNTIMED = "untimed"
MONTHS_PER_PAGE_MAX = 14
ROWS_AT_ONCE = 16


def departing(trip: Trip, opened_at_ms: int, *, keep_s: int = FOR_EVER) -> IndexEntry:
    """Where the trip is listed, of this life."""
    departs_at_s = trip.segments[0].departs_at_s
    entry = SEPARATOR.join((f"{departs_at_s:012d}", trip.key.trip, str(opened_at_ms)))
    return IndexEntry(Index.DEPARTURES, _bucket(trip.key.organization, _month(departs_at_s)), entry, keep_s)


class Departures:
    """Implements `seats.ports.Departures`. A page reads at most one row for each of its lines, and a few buckets."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def page(self, organization: str, *, from_s: int, before_s: int, after: str, most: int) -> TripPage:
        """See Departures."""
        start = _Place(*after.split(SEPARATOR, 1)) if after else _Place(_month(from_s), f"{from_s:012d}")
        lines: list[TripLine] = []
        try:
            for at, month in enumerate(_months(start.month, before_s)):
                if at == MONTHS_PER_PAGE_MAX or len(lines) == most:
                    return TripPage(lines, SEPARATOR.join((month, "")))
                behind = start.entry if at == 0 else ""
                asked = most - len(lines)
                entries = await self._batches.read_index(
                    Index.DEPARTURES, _bucket(organization, month), after=behind, most=asked
                )
                within = [entry for entry in entries if int(entry.split(SEPARATOR)[0]) < before_s or month == UNTIMED]
                lines += await self._lines(organization, within)
                if len(entries) == asked and len(within) == asked:
                    return TripPage(lines, SEPARATOR.join((month, entries[-1])))
        except StoreUnavailable:
            raise BackendUnavailable from None
        return TripPage(lines, "")

    async def _lines(self, organization: str, entries: Sequence[str]) -> list[TripLine]:
        at_once = asyncio.Semaphore(ROWS_AT_ONCE)

        async def line(entry: str) -> TripLine | None:
            departs, name, opened_at_ms = entry.split(SEPARATOR)
            async with at_once:
                standing = await self._batches.get(trip_rows.partition(TripKey(organization, name)), [TRIP])
            row = TripRow.read(standing.get(TRIP, {}))
            if row.stage not in OPENED or row.opened_at_ms != int(opened_at_ms) or not row.about:
                return None
            read = _line(name, row)
            return read if read.departs_at_s == int(departs) else None

        return [found for found in await asyncio.gather(*map(line, entries)) if found is not None]


class _Place(NamedTuple):
    month: str
    entry: str


def _line(name: str, row: TripRow) -> TripLine:
    about = loads(row.about)
    ends = about["origin"], about["destination"]
    times = about["departs"][0], about["arrives"]
    opening = opening_of(row) if row.stage is Stage.OPENING else None
    return TripLine(name, row.state, row.version, row.opened_at_ms, *ends, *times, about["seats"], opening)


def _month(departs_at_s: int) -> str:
    return datetime.fromtimestamp(departs_at_s, UTC).strftime("%Y-%m") if departs_at_s else UNTIMED


def _months(first: str, before_s: int) -> Iterator[str]:
    """From the first month to the one of the last second before."""
    if first == UNTIMED:
        yield UNTIMED
        return
    last = _month(max(before_s - 1, 1))
    while len(first) == len(last) and first <= last:  # after the last month of 9999 there is none
        yield first
        year, month = map(int, first.split("-"))
        first = f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def _bucket(organization: str, month: str) -> str:
    return SEPARATOR.join((organization, month))
