"""The shape `trips`: which seats of a trip are held, free again or booked, as services before this one were told."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypedDict

from travio_inventory.events.shapes.equivalents import TripsType, told_of
from travio_inventory.events.shapes.message import Message, headers_of
from travio_inventory.events.shapes.moments import moment
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.json_text import encode

Status = Literal["HELD", "AVAILABLE", "BOOKED"]

STATUSES: Final[Mapping[TripsType, Status]] = MappingProxyType(
    {TripsType.HELD: "HELD", TripsType.RELEASED: "AVAILABLE", TripsType.BOOKED: "BOOKED"}
)


class TripPayload(TypedDict):
    """Seats of a trip, and what they are since that moment."""

    trip_id: str
    seat_ids: list[str]
    status: Status
    updated_at: str


class TripMessage(TypedDict):
    """What happened to seats of the trip `aggregate_id`. A repeat has the same `id`."""

    id: str
    type: TripsType
    aggregate_id: str
    timestamp: str
    version: Literal[1]
    payload: TripPayload


def of_trips(event: Event) -> tuple[Message, ...]:
    """A message for each status that seats have by the event, none where all stay as they were."""
    return tuple(
        _message(event, told.id, told.part.trips, told.seats) for told in told_of(event) if told.part.trips is not None
    )


def _message(event: Event, name: str, kind: TripsType, seats: tuple[str, ...]) -> Message:
    trip, at = event.partition_key, moment(event.at_ms)
    payload = TripPayload(trip_id=trip, seat_ids=[*seats], status=STATUSES[kind], updated_at=at)
    written = TripMessage(id=name, type=kind, aggregate_id=trip, timestamp=at, version=1, payload=payload)
    headers = headers_of(event, kind.value, name)
    return Message(id=name, type=kind.value, key=trip, body=encode(written).encode(), headers=headers)
