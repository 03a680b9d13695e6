"""What is drawn of a seat map or a plan: its seats, its sections, and what is no seat."""

from collections.abc import Iterable, Sequence

from travio_inventory.cli.seat_drawing import DrawnFeature, DrawnSeat, DrawnState, Vehicle
from travio_inventory.client import Feature, Seat, Section

DRAWN_STATES = {
    "AVAILABLE": DrawnState.FREE,
    "HELD": DrawnState.HELD,
    "BOOKED": DrawnState.BOOKED,
    "BLOCKED": DrawnState.BLOCKED,
}


def drawn_vehicle(
    seats: Sequence[DrawnSeat], vehicle_type: str, sections: Iterable[Section], features: Iterable[Feature]
) -> Vehicle:
    """The vehicle as it is drawn."""
    return Vehicle(
        seats,
        vehicle_type,
        {each.id: printable_text(each.label or f"{each.kind} {each.id}".strip()) for each in sections},
        [
            DrawnFeature(printable_text(each.kind), each.section, each.row, each.column, each.rows, each.columns)
            for each in features
        ],
    )


def drawn_seat(seat: Seat, state: DrawnState) -> DrawnSeat:
    """The seat as it is drawn."""
    number, row_label = printable_text(seat.number), printable_text(seat.row_label)
    return DrawnSeat(seat.id, number, seat.row, seat.column, state, seat.section, row_label)


def section_title(section: Section) -> str:
    """What people call the section, with the id by which it is asked for where the name does not end with it."""
    name = section.label or section.id
    return name if name.split()[-1:] == [section.id] else f"{name} ({section.id})"


def printable_text(text: str) -> str:
    """The text without control characters."""
    return "".join(sign for sign in text if sign.isprintable())


def feature_as_plain(feature: Feature) -> dict[str, object]:
    """The feature for JSON."""
    place = {"section": feature.section, "row": feature.row, "column": feature.column}
    return {"kind": feature.kind, "label": feature.label, **place, "rows": feature.rows, "columns": feature.columns}
