"""Answers that are too large for clients; and how large the map of a section would be, told before it is read."""

from collections.abc import Iterator
from typing import Final

from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.layout import Section, spoken_label
from travio_inventory.seats.refusals import ReplyTooLarge
from travio_inventory.seats.trip import Trip

REPLY_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest message that clients accept unless they are set otherwise."""
PART_BYTES_MAX: Final = 64
"""What a seat, a row, a stop or anything else of a map has besides its texts."""


def too_large(trip: Trip, section: str, bytes_max: int) -> ReplyTooLarge:
    """The refusal of the map of a section, or of the whole map for ""."""
    sections = () if section else tuple(each.id for each in trip.sections)
    whose = f"of section {section!r}" if section else f"of {len(trip.seats)} seats"
    advice = f"ask for one of the trip's {len(sections)} sections" if sections else "divide its seats into sections"
    said = f"the map {whose} would have more than {bytes_max} bytes; {advice}"
    return ReplyTooLarge([Violation("section_id", said)], sections)


def too_many_free(bytes_max: int) -> ReplyTooLarge:
    """The refusal of a list of free seats."""
    said = f"the free seats would have more than {bytes_max} bytes; ask for a class or a section, or for a summary"
    return ReplyTooLarge([Violation("seat_class", said)])


def too_many_of_event(bytes_max: int) -> ReplyTooLarge:
    """The refusal of the free seats of an event."""
    said = f"the free seats would have more than {bytes_max} bytes; ask for the map of a section of the event's trip"
    return ReplyTooLarge([Violation("event_id", said)])


def summary_too_large(trip: Trip, bytes_max: int) -> ReplyTooLarge:
    """The refusal of a summary."""
    said = f"the summary would have more than {bytes_max} bytes; ask for one section"
    return ReplyTooLarge([Violation("section_id", said)], tuple(each.id for each in trip.sections))


def fits(trip: Trip, section: str, bytes_max: int) -> bool:
    """Whether the map has at most so many bytes for sure; the counting ends where it does not."""
    left = bytes_max
    for texts in _texts(trip, section):
        left -= PART_BYTES_MAX + len(texts.encode())
        if left < 0:
            return False
    return True


def _texts(trip: Trip, section: str) -> Iterator[str]:
    """The texts of each part of the map."""
    yield trip.vehicle + trip.vehicle_type + trip.currency + trip.time_zone
    yield from trip.stops
    yield from (name.name for name in trip.station_names)
    yield from trip.seat_classes
    yield from (each.id + each.label + each.kind for each in trip.sections if section in ("", each.id))
    yield from (each.kind + each.section + each.label for each in trip.features if section in ("", each.section))
    yield from _texts_of_seats(trip, section)


def _texts_of_seats(trip: Trip, section: str) -> Iterator[str]:
    sections: dict[str, Section] = {each.id: each for each in trip.sections}
    row = ("", -1, "")
    for place in trip.places_in(section):
        seat = trip.seats[place]
        yield seat.id + seat.number + seat.seat_type + seat.seat_class + spoken_label(seat, sections.get(seat.section))
        if row != (seat.section, seat.row, seat.row_label):
            row = seat.section, seat.row, seat.row_label
            yield seat.section + seat.row_label
