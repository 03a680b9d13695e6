"""What is recorded: as anybody can see it, and as the record and its events tell it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.seats.events import EventType
from travio_inventory.seats.hold import base_id, parse_hold_id
from travio_inventory.seats.records import seat_rows
from travio_inventory.seats.refusals import TripNotFound
from verification.kit.asking import definition
from verification.kit.sale import Sale


class Picture(NamedTuple):
    """What anybody can see, and the existing holds, without what differs from one play to the next."""

    seats: Mapping[str, str]
    holds: Sequence[tuple[object, ...]]

    def without_bob(self) -> list[tuple[object, ...]]:
        """The holds that a step of ann's, or of the house, is about."""
        return [told for told in self.holds if told[0] != "bob"]

    def without_expiry(self) -> "Picture":
        """The same before the lapsed holds are ended."""
        holds = [(by, "held" if status == "expired" else status, *rest) for by, status, *rest in self.holds]
        return self._replace(holds=sorted(holds, key=repr))


async def picture(sale: Sale) -> Picture:
    """As a new process sees it."""
    try:
        await know_vehicle(sale)
        seats = await sale.elsewhere().map()
    except TripNotFound:
        seats = {}
    told = [
        (row.get("holder", ""), row["status"], row["seats"], row["extensions"], _is_late(key))
        for key, row in (await group_rows(sale, Kind.HOLD)).items()
        if row["status"] != "aborted"
    ]
    return Picture(seats, sorted(told, key=repr))


async def know_vehicle(sale: Sale) -> None:
    """Have the sale know the seats that the trip has now, whoever swapped its vehicle. Raises TripNotFound,
    TripOpening.
    """
    sale.trip = await definition(sale.elsewhere().inventory, sale.trip.key)


async def group_rows(sale: Sale, kind: Kind) -> dict[RowKey, Row]:
    """Those of all seat groups."""
    groups = (seat_rows.group_partition(sale.trip.key, number) for number in range(sale.trip.group_count))
    found = await asyncio.gather(*(sale.market.store.read(each, kind) for each in groups))
    return {key: row for standing in found for key, row in standing.items()}


async def assert_events_tell_what_stands(sale: Sale) -> None:
    """Each step of each hold exactly once, and the cancellation or the swap of the trip as well."""
    recorded = Counter((row["subject"], row["type"]) for row in (await group_rows(sale, Kind.EVENT)).values())
    of_trip = [told for told in recorded if told[1] in (EventType.TRIP_CANCELLED, EventType.VEHICLE_SWAPPED)]
    assert sum(map(recorded.pop, of_trip)) <= 1
    holds = await group_rows(sale, Kind.HOLD)
    assert recorded == Counter((base_id(key.id), event) for key, row in holds.items() for event in _events_of(key, row))


ENDS = {
    "released": EventType.HOLD_RELEASED,
    "expired": EventType.HOLD_EXPIRED,
    "cancelled": EventType.BOOKING_CANCELLED,
}


def _events_of(key: RowKey, row: Row) -> Iterator[EventType]:
    """The events of a hold up to its present state."""
    status = str(row["status"])
    if status == "aborted":
        return
    if not row.get("holder"):
        yield from [EventType.SEATS_BLOCKED] * (1 + rows.number(row, "extensions"))
        yield from [EventType.SEATS_UNBLOCKED] * (status == "released")
        return
    if not _is_late(key):
        yield EventType.HOLD_CREATED
        yield from [_changed(row)] * rows.number(row, "extensions")
    if status in ("confirmed", "cancelled"):
        yield EventType.SEATS_PURCHASED
    if status in ENDS:
        yield ENDS[status]


def _changed(row: Row) -> EventType:
    """What the steps were that left the status as it was: in a scene all of them are of one kind."""
    if row.get("passengers") == seat_rows.NOBODY:
        return EventType.PASSENGERS_ERASED
    if not (row.get("given_up") or row.get("moves")):
        return EventType.HOLD_EXTENDED
    return EventType.BOOKING_CHANGED if row["status"] in ("confirmed", "cancelled") else EventType.HOLD_CHANGED


def _is_late(key: RowKey) -> bool:
    return parse_hold_id(key.id).is_late
