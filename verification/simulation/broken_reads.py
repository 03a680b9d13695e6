"""Broken designs of what the organization reads: a page looks where it need not look, or not where it must."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import Index, IndexEntry, Row
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.queries import SeatPlace
from travio_inventory.seats.records import explanations, seat_rows
from travio_inventory.seats.records.manifests import Manifests
from travio_inventory.seats.refusals import TakenCell
from travio_inventory.seats.trip import Trip
from verification.simulation.broken import GROUPS_OF_ONE, broken
from verification.simulation.plan import Plan

CHANGING = replace(GROUPS_OF_ONE, changes=0.8)
QUIET = Plan(0, faults=0.0, kills=0.0)


@broken("a manifest that looks for bookings in their homes only", "I13", CHANGING.with_seed(1))
def _list_at_home(patch: pytest.MonkeyPatch) -> None:
    """A booking may have given up every seat that it had there."""
    owners = Manifests._owners

    async def at_home(self: Manifests, trip: Trip, group: int) -> list[Hold]:
        return [hold for hold in await owners(self, trip, group) if hold.home == group]

    patch.setattr(Manifests, "_owners", at_home)


@broken("a manifest that lists a booking in each of its seat groups", "I13", GROUPS_OF_ONE)
def _list_everywhere(patch: pytest.MonkeyPatch) -> None:
    async def listed(self: Manifests, trip: Trip, groups: range) -> list[tuple[SeatPlace, Hold]]:
        found = [(group, hold) for group in groups for hold in await self._owners(trip, group)]
        return [(SeatPlace(group, hold.journey.first), hold) for group, hold in found]

    patch.setattr(Manifests, "_listed", listed)


@broken("an explanation that looks in the seat's own group only", "I13", GROUPS_OF_ONE)
def _look_here(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(explanations, "_group", lambda trip, seat, _: trip.group_of(seat))


@broken("a final refusal that does not keep who was refused", "I13", QUIET)
def _keep_no_name(patch: pytest.MonkeyPatch) -> None:
    _without(patch, "asked_by")


@broken("a final refusal that does not keep for which journey", "I13", QUIET)
def _keep_no_journey(patch: pytest.MonkeyPatch) -> None:
    _without(patch, "first_segment", "last_segment")


def _without(patch: pytest.MonkeyPatch, *columns: str) -> None:
    """The rows of final refusals lack these columns."""
    refusal_row = seat_rows.refusal_row

    def kept(refused: Hold, taken: Sequence[TakenCell]) -> Row:
        return {column: value for column, value in refusal_row(refused, taken).items() if column not in columns}

    patch.setattr(seat_rows, "refusal_row", kept)


@broken("a booking that neither its confirm nor its event lists for its order", "I13", QUIET)
def _no_order(patch: pytest.MonkeyPatch) -> None:
    booked = listings.booked

    def without(*of: Any, **more: Any) -> list[IndexEntry]:  # noqa: ANN401 - whatever it is called with
        return [entry for entry in booked(*of, **more) if entry.of is not Index.ORDERS]

    patch.setattr(listings, "booked", without)
