"""Whether holds, bookings and the trip itself are on the lists on which they belong."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Batches, IndexEntry, Row
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.audit.findings import Fault, Finding
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.records.departures import departing
from travio_inventory.seats.records.listed_trips import listed
from travio_inventory.seats.trip import TripKey

READS_AT_ONCE = 8
_NEXT_ENTRIES = 4
"""An entry is found among so many that follow its own beginning."""


async def unlisted(
    batches: Batches, key: TripKey, group: int, live: Mapping[str, Row], retention: Retention
) -> list[Finding]:
    """The live holds that a list lacks. Raises StoreUnavailable."""
    asked = [
        (hold_id, index_entry)
        for hold_id, row in live.items()
        for index_entry in listings.of_hold(seat_rows.read_hold(key.organization, hold_id, row), retention)
    ]
    lacking: list[Finding] = []
    for some in _portions(asked):
        is_there = await asyncio.gather(*(_is_listed(batches, index_entry) for _, index_entry in some))
        lacking += [
            Finding(Fault.UNLISTED, key, group, owner=hold_id, other=str(index_entry.of))
            for (hold_id, index_entry), found in zip(some, is_there, strict=True)
            if not found
        ]
    return list(dict.fromkeys(lacking))


async def trip_unlisted(batches: Batches, offer: Offer) -> list[Finding]:
    """The lists that lack the trip. Raises StoreUnavailable."""
    return [
        Finding(Fault.UNLISTED_TRIP, offer.trip.key, 0, other=str(index_entry.of))
        for index_entry in trip_entries(offer)
        if not await _is_listed(batches, index_entry)
    ]


def trip_entries(offer: Offer) -> Sequence[IndexEntry]:
    """Where a trip is listed for as long as it is kept."""
    return listed(offer.trip, offer.opened_at_ms), departing(offer.trip, offer.opened_at_ms)


async def _is_listed(batches: Batches, index_entry: IndexEntry) -> bool:
    of, bucket, entry, _ = index_entry
    return entry in await batches.read_index(of, bucket, after=entry[:-1], most=_NEXT_ENTRIES)


def _portions(asked: Sequence[tuple[str, IndexEntry]]) -> Iterator[Sequence[tuple[str, IndexEntry]]]:
    return (asked[start : start + READS_AT_ONCE] for start in range(0, len(asked), READS_AT_ONCE))
