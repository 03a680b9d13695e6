"""Where a trip file or a seat plan has what a field of the request was made from."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType

from travio_inventory.kernel.refusals import Violation

_IN_A_LIST = re.compile(r"(segments|seat_config\.seats)\[(\d+)\]\.(\w+)")
_OF_A_SECTION = re.compile(r"seat_config\.(sections|features)\[\d+\]\.(\w+)")
IN_A_TRIP: Mapping[str, str] = MappingProxyType(
    {
        "organization_id": "trip.organization",
        "trip_id": "trip.id",
        "vehicle_id": "trip.vehicle",
        "vehicle_type": "trip.vehicle_type",
        "currency": "trip.currency",
        "seats_per_group": "trip.seats_per_group",
        "segments": "stops",
        "seat_config": "sections",
        "seat_config.seats": "sections",
        "seat_config.sections": "sections",
        "seat_config.features": "sections.features",
        "time_zone": "trip.time_zone",
        "station_names": "stops.name",
        "seat_plan": "trip.stored_plan",
    }
)
IN_A_TRIP_WITH_A_PLAN: Mapping[str, str] = MappingProxyType(
    {**IN_A_TRIP, "seat_config": "trip.seat_plan", "seat_config.seats": "trip.seat_plan"}
)
IN_A_PLAN: Mapping[str, str] = MappingProxyType(
    {
        "vehicle_id": "plan.name",
        "vehicle_type": "plan.vehicle_type",
        "currency": "plan.currency",
        "seats_per_group": "plan.seats_per_group",
        "seat_config": "sections",
        "seat_config.seats": "sections",
        "seat_config.sections": "sections",
        "seat_config.features": "sections.features",
    }
)
_OF_SECTION: Mapping[str, str] = MappingProxyType(
    {"row": "rows", "column": "columns", "seat_class": "class", "seat_type": "type", "price_paisa": "price_minor"}
)
_OF_TABLE: Mapping[str, str] = MappingProxyType({"section_id": "id"})
_OF_STOP: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "from_station_id": (0, "station"),
        "departure_time": (0, "departs"),
        "to_station_id": (1, "station"),
        "arrival_time": (1, "arrives"),
    }
)
"""Which of a segment's two stops has it, and under which name."""


def in_the_file(
    violations: Iterable[Violation], seats_by_section: Sequence[int], fields: Mapping[str, str] = IN_A_TRIP
) -> str:
    """The violations by the file's own fields, each field once: seats of a section share most of what they are."""
    sections = list(accumulate(seats_by_section))
    said: dict[str, str] = {}
    for field, description in violations:
        said.setdefault(_named(field, sections, fields), description)
    return "; ".join(f"{field}: {description}" for field, description in said.items())


def _named(field: str, sections: Sequence[int], fields: Mapping[str, str]) -> str:
    """The name of the field in the file; `sections` has the number of seats up to the end of each."""
    if found := _OF_A_SECTION.fullmatch(field):
        of_feature = ".features" if found[1] == "features" else ""
        return f"sections{of_feature}.{_OF_TABLE.get(found[2], found[2])}"
    if field.startswith("station_names["):
        return "stops.name"
    found = _IN_A_LIST.fullmatch(field)
    if found is None:
        return fields.get(field, field)
    of, at, name = found[1], int(found[2]), found[3]
    if of == "segments":
        later, stop_field = _OF_STOP.get(name, (0, name))
        return f"stops[{at + later}].{stop_field}"
    return f"sections[{bisect_right(sections, at)}].{_OF_SECTION.get(name, name)}"
