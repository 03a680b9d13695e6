"""Broken designs of opening large trips: it never ends, or the trip is on sale before it is whole."""

import pytest

from travio_inventory.protocol.batches import IndexEntry
from travio_inventory.seats.records import definitions
from travio_inventory.seats.records.openings import Openings, opening_entry
from travio_inventory.seats.trip import Trip, TripKey
from verification.simulation.broken import broken
from verification.simulation.plan import Plan


@broken("an opening that nobody lists", "L7", Plan(4, is_large=True))
def _unlisted(patch: pytest.MonkeyPatch) -> None:
    def nowhere(key: TripKey, opened_at_ms: int) -> IndexEntry:
        return opening_entry(key, opened_at_ms)._replace(bucket="nowhere")

    patch.setattr(definitions, "opening_entry", nowhere)


@broken("seat groups are noted although their cells are not made", "L7", Plan(4, is_large=True))
def _not_made(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: Openings, _trip: Trip, _groups: range, _since_s: float) -> None:
        return

    patch.setattr(Openings, "_seed", nothing)


@broken("whoever sees an opening leaves it to the process that began it", "L7", Plan(4, kills=0.6, is_large=True))
def _left_alone(patch: pytest.MonkeyPatch) -> None:
    def another(self: Openings, listed: object, seeded: int) -> bool:
        return bool(seeded) and listed not in self._seen

    patch.setattr(Openings, "_is_another_at_it", another)
