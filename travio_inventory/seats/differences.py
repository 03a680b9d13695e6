"""What differs between a definition that a trip is opened with again and the one that stands, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.refusals import SWAPPED
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, OUR_CHOICE, Trip

_OTHERS = {
    "vehicle": "vehicle",
    "vehicle_type": "vehicle type",
    "currency": "currency",
    "sections": "sections",
    "features": "features",
    "time_zone": "time zone",
    "station_names": "station names",
}


def differences(asked: Trip, standing: Trip) -> tuple[str, ...]:
    """Their names, such as "stops", "times", "seats" and "prices": none where `asked.asks_for(standing)`; SWAPPED where
    it had the seats that are asked for.
    """
    route = _of_route(asked, standing)
    if any(_are_alike(asked.seats, vehicle.seats) for vehicle in standing.former):
        return (*route, SWAPPED)
    return (*route, *_of_seats(asked, standing), *_of_vehicle(asked, standing))


def _of_route(asked: Trip, standing: Trip) -> Iterator[str]:
    if asked.stops != standing.stops:
        yield "stops"
        return
    if any(one.direction != other.direction for one, other in zip(asked.segments, standing.segments, strict=True)):
        yield "directions"
    times = [[(each.departs_at_s, each.arrives_at_s) for each in trip.segments] for trip in (asked, standing)]
    if times[0] != times[1]:
        yield "times"


def _of_seats(asked: Trip, standing: Trip) -> Iterator[str]:
    if asked.seats != standing.seats:
        yield "prices" if _are_alike(asked.seats, standing.seats) else "seats"


def _are_alike(some: Sequence[Seat], others: Sequence[Seat]) -> bool:
    """Whether they are the same seats, whatever they cost."""
    if len(some) != len(others):
        return False
    changed = ((one, other) for one, other in zip(some, others, strict=True) if one != other)
    return all(replace(one, price_minor=other.price_minor) == other for one, other in changed)


def _of_vehicle(asked: Trip, standing: Trip) -> Iterator[str]:
    yield from (word for name, word in _OTHERS.items() if getattr(asked, name) != getattr(standing, name))
    is_free = asked.seats_per_group_asked in (OUR_CHOICE, ALL_IN_ONE_GROUP)
    if not is_free and asked.seats_per_group != standing.seats_per_group:
        yield "seats per group"
