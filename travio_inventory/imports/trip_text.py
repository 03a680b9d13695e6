"""Writes a trip as a trip file, which is read back as the same trip."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from travio_inventory.imports.plan_text import Fields, assignments, plan_fields, section_lines, size_field, without_none
from travio_inventory.imports.seat_plans import plan_of_trip
from travio_inventory.seats.route import Direction, Segment
from travio_inventory.seats.trip import Trip

TURNED = {
    Direction.FIRST_ROW_AHEAD: Direction.LAST_ROW_AHEAD,
    Direction.LAST_ROW_AHEAD: Direction.FIRST_ROW_AHEAD,
    Direction.UNSPECIFIED: Direction.UNSPECIFIED,
}
"""Which end is ahead once the vehicle has turned."""


def trip_toml(trip: Trip, *, seat_plan: str = "") -> str:
    """The trip as a TOML file: with its seats, or with the name of a file that has them."""
    lines = ["[trip]", *assignments(_head(trip, seat_plan))]
    for stop in _stops(trip):
        lines += ["", "[[stops]]", *assignments(stop)]
    sections: Sequence[Fields] = () if seat_plan else plan_fields(plan_of_trip(trip))["sections"]
    return "\n".join([*lines, *section_lines(sections)]) + "\n"


def _head(trip: Trip, seat_plan: str) -> Fields:
    return without_none(
        {
            "id": trip.key.trip,
            "organization": trip.key.organization,
            "vehicle": trip.vehicle or None,
            "vehicle_type": trip.vehicle_type or None,
            "currency": trip.currency or None,
            "time_zone": trip.time_zone or None,
            "ahead": trip.segments[0].direction.value or None,
            "seats_per_group": size_field(trip.seats_per_group),
            "seat_plan": seat_plan or None,
        }
    )


def _stops(trip: Trip) -> Iterator[Fields]:
    """Each with what its station is called, where that is first said."""
    names, nowhere = dict(trip.station_names), Segment("", "")
    ahead = trip.segments[0].direction
    arriving, leaving = (nowhere, *trip.segments), (*trip.segments, nowhere)
    for station, before, after in zip(trip.stops, arriving, leaving, strict=True):
        goes_on = after.direction if after is not nowhere else ahead
        yield without_none(
            {
                "station": station,
                "name": names.pop(station, None),
                "arrives": _moment(before.arrives_at_s),
                "departs": _moment(after.departs_at_s),
                **_turn(ahead, goes_on),
            }
        )
        ahead = goes_on


def _turn(ahead: Direction, goes_on: Direction) -> Fields:
    """How a stop says which end is ahead from there on, where it is another one."""
    if goes_on is ahead:
        return {}
    return {"turns": True} if goes_on is TURNED[ahead] else {"ahead": goes_on.value}


def _moment(unix_s: int) -> datetime | None:
    return datetime.fromtimestamp(unix_s, UTC) if unix_s else None
