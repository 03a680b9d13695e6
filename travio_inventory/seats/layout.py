"""What a vehicle or a hall looks like: sections, seats in layout order, and things that are no seats."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, pairwise
from typing import Final

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import Violation

SORTED_AT_ONCE: Final = 5_000
"""Seats; so many are sorted in 5 ms."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part with rows of its own: a car, a deck, a cabin, a saloon, a block of a stand. Kind and label are for
    people.
    """

    id: str
    label: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat as it is sold and drawn; the price is in minor units of the trip's currency. Rows and columns order the
    seats of a section and tell which are neighbours; `number`, `row_label` and `label` are for people.
    """

    id: str
    number: str
    row: int
    column: int
    seat_class: str = ""
    seat_type: str = ""
    price_minor: int = 0
    is_accessible: bool = False
    has_power: bool = False
    is_exit_row: bool = False
    section: str = ""
    row_label: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is no seat, as a door, a toilet, stairs, a table or a stage: so many rows and columns of a section
    from its place on.
    """

    kind: str
    row: int
    column: int
    section: str = ""
    rows: int = 1
    columns: int = 1
    label: str = ""


def spoken_label(seat: Seat, section: Section | None) -> str:
    """How people name the seat: its own label, else made of its section, row, number and type, as in "Car 7, row 12,
    seat A, window"; "" for a seat that has only a number.
    """
    if seat.label or not (section or seat.row_label):
        return seat.label
    parts = (
        (section.label or section.id) if section else "",
        f"row {seat.row_label}" if seat.row_label else "",
        f"seat {seat.number}" if seat.number else "",
        seat.seat_type,
    )
    return ", ".join(filter(None, parts))


def first_repeated(seat_ids: Collection[str]) -> str | None:
    """The first seat that is named twice, None if none is."""
    is_clean = len(set(seat_ids)) == len(seat_ids)
    return None if is_clean else next(each for each, times in Counter(seat_ids).items() if times > 1)


def places_of(sections: Iterable[Section]) -> Mapping[str, int]:
    """The place of each section among the others, by its id."""
    return {section.id: place for place, section in enumerate(sections)}


def in_layout_order(seats: Iterable[Seat], sections: Iterable[Section]) -> tuple[Seat, ...]:
    """The seats by section, row, column, id."""
    places = places_of(sections)
    found: dict[int, list[Seat]] = {}
    for seat in seats:
        found.setdefault(places.get(seat.section, -1), []).append(seat)
    return tuple([seat for place in sorted(found) for seat in _in_order(found[place])])


def _in_order(seats: Sequence[Seat]) -> Iterable[Seat]:
    """A few at a time: other threads wait while `sorted` compares, for 160 ms where it has 100,000."""
    starts = range(0, len(seats), SORTED_AT_ONCE)
    parts = [sorted(seats[start : start + SORTED_AT_ONCE], key=_place) for start in starts]
    if all(_place(part[-1]) <= _place(after[0]) for part, after in pairwise(parts)):
        return chain.from_iterable(parts)
    return merge(*parts, key=_place)


def _place(seat: Seat) -> tuple[int, int, str]:
    return seat.row, seat.column, seat.id


def ranges_of_sections(in_order: Sequence[Seat], sections: Iterable[Section]) -> Mapping[str, range]:
    """The places of each section's seats, which are in layout order."""
    places = places_of(sections)
    found, start = {}, 0
    while start < len(in_order):
        section = in_order[start].section
        end = bisect_right(in_order, places.get(section, -1), start, key=lambda seat: places.get(seat.section, -1))
        found[section] = range(start, end)
        start = end
    return found


def no_section(named: str, sections: Iterable[Section]) -> str:
    """Says that none has that id, and the id of one that people call so."""
    ids = [each.id for each in sections if each.label == named]
    return f"no section {named!r}{f' by its id: {named!r} is the label of {ids[0]!r}' if ids else ''}"


def features_in_order(features: Iterable[Feature], sections: Iterable[Section]) -> tuple[Feature, ...]:
    """The features by section, row, column, kind."""
    places = places_of(sections)
    return tuple(sorted(features, key=lambda each: (places.get(each.section, -1), each.row, each.column, each.kind)))


def check_layout(
    found: Faults,
    seats: Sequence[Seat],
    sections: Sequence[Section],
    features: Sequence[Feature],
    *,
    seats_min: int = 1,
) -> None:
    """Each field by itself, everything in the order in which it was given."""
    if found.count("sections", sections, 0, limits.SECTIONS_MAX):
        for index, section in enumerate(sections):
            _check_section(found.at(f"sections[{index}]."), section)
    if found.count("seats", seats, seats_min, limits.SEATS_MAX):
        for index, seat in enumerate(seats):
            _check_seat(found.at(f"seats[{index}]."), seat)
    if found.count("features", features, 0, limits.FEATURES_MAX):
        for index, feature in enumerate(features):
            _check_feature(found.at(f"features[{index}]."), feature)


def layout_violations(
    seats: Sequence[Seat], sections: Sequence[Section], features: Sequence[Feature]
) -> Iterator[Violation]:
    """What contradicts itself, the seats in layout order."""
    if repeated := _repeated(seat.id for seat in seats):
        yield Violation("seat_config.seats", f"seat {repeated!r} is defined twice")
    if repeated := _repeated(section.id for section in sections):
        yield Violation("seat_config.sections", f"section {repeated!r} is defined twice")
    yield from _section_violations(seats, places_of(sections))
    unknown = {feature.section for feature in features} - ({*places_of(sections)} or {""})
    if unknown:
        name = max(unknown)
        said = f"there is no section {name!r}" if name else "one is in no section, and the trip has sections"
        yield Violation("seat_config.features", said)


def _section_violations(seats: Sequence[Seat], known: Mapping[str, int]) -> Iterator[Violation]:
    """A trip with sections has each seat in one of them."""
    members = Counter(seat.section for seat in seats)
    for section, count in members.items():
        if section not in known and (section or known):
            seat = next(seat.id for seat in seats if seat.section == section)
            said = f"there is no section {section!r}" if section else "is in no section, and the trip has sections"
            yield Violation("seat_config.seats", f"seat {seat!r}: {said}")
        elif section and count > limits.SECTION_SEATS_MAX:
            said = f"section {section!r} has {count} seats; at most {limits.SECTION_SEATS_MAX}, divide it"
            yield Violation("seat_config.sections", said)


def _repeated(ids: Iterable[str]) -> str | None:
    """The one that is most often there, None if each is there once."""
    return next((each for each, times in Counter(ids).most_common(1) if times > 1), None)


def _check_section(found: Faults, section: Section) -> None:
    found.id("section_id", section.id)
    found.text("label", section.label)
    found.text("kind", section.kind)


def _check_seat(found: Faults, seat: Seat) -> None:
    found.id("seat_id", seat.id)
    found.text("seat_number", seat.number)
    found.number("row", seat.row, 0, limits.ROW_MAX)
    found.number("column", seat.column, 0, limits.ROW_MAX)
    found.id("seat_class", seat.seat_class, required=False)
    found.text("seat_type", seat.seat_type)
    found.number("price_paisa", seat.price_minor, 0, limits.PRICE_MINOR_MAX)
    found.id("section_id", seat.section, required=False)
    found.text("row_label", seat.row_label)
    found.text("label", seat.label)


def _check_feature(found: Faults, feature: Feature) -> None:
    found.text("kind", feature.kind, required=True)
    found.id("section_id", feature.section, required=False)
    found.number("row", feature.row, 0, limits.ROW_MAX)
    found.number("column", feature.column, 0, limits.ROW_MAX)
    found.number("rows", feature.rows, 1, limits.ROW_MAX)
    found.number("columns", feature.columns, 1, limits.ROW_MAX)
    found.text("label", feature.label)
