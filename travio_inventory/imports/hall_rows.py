"""Puts rows of seats that another system knows on a map of ours, with the prices that the operator names."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.seat_plans import SeatPlan
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.layout import Feature, Seat, Section

NAMELESS = "hall"
"""The id of a section without a name, among others."""


class HallSeat(NamedTuple):
    """A seat of a row, from left to right; `gap` empty places are before it."""

    id: str
    label: str
    seat_class: str
    gap: int = 0
    is_accessible: bool = False


class HallRow(NamedTuple):
    """A row with the label that people know it by; rows of one section follow one another."""

    section: str
    label: str
    seats: Sequence[HallSeat]


class HallFeature(NamedTuple):
    """What is no seat, with what it is called: before the rows of a section, or behind them."""

    section: str
    label: str
    is_before: bool


@dataclass(frozen=True)
class Prices:
    """What a seat costs, in minor units: by class, where the operator names one, else 0."""

    currency: str = ""
    by_class: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Converted:
    """A plan from another system, and how much of what is no seat was left out, by its kind."""

    plan: SeatPlan
    left_out: Counter[str]


def plan_of(
    source: str, name: str, rows: Sequence[HallRow], prices: Prices, features: Sequence[HallFeature] = ()
) -> SeatPlan:
    """The plan with these rows one behind the other, in sections if there is more than one. Raises WrongFile."""
    classes = {seat.seat_class for row in rows for seat in row.seats}
    for unknown in sorted(set(prices.by_class) - classes):
        raise WrongFile(f"{source}: no seat has class {unknown!r}; the classes are {', '.join(sorted(classes))}")
    names = list(dict.fromkeys(row.section for row in rows))
    sections = [Section(name.strip() or NAMELESS, label=name) for name in names] if len(names) > 1 else []
    try:
        return SeatPlan(
            name=name,
            seats=tuple(_seats(rows, prices.by_class, has_sections=bool(sections))),
            currency=prices.currency,
            sections=tuple(sections),
            features=tuple(_features(features, rows, has_sections=bool(sections))),
        )
    except InvalidRequest as refusal:
        raise WrongFile(f"{source}: {refusal}") from None


def natural(label: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts labels as people do: 2 before 10."""
    return tuple((not digits, int(digits or 0), digits or word) for digits, word in _PARTS.findall(label))


_PARTS = re.compile(r"([0-9]+)|([^0-9]+)")


def _features(features: Sequence[HallFeature], rows: Sequence[HallRow], *, has_sections: bool) -> Iterator[Feature]:
    """In the row before the first one of their section, or in the one behind the last."""
    counted = Counter(row.section for row in rows)
    for each in features:
        row = 0 if each.is_before else counted[each.section] + 1
        section = (each.section.strip() or NAMELESS) if has_sections else ""
        yield Feature(each.label.lower(), row, 1, section, label=each.label)


def _seats(rows: Sequence[HallRow], prices: Mapping[str, int], *, has_sections: bool) -> Iterator[Seat]:
    """Rows are counted within each section."""
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row.section] += 1
        column = 0
        for seat in row.seats:
            column += 1 + seat.gap
            yield Seat(
                id=seat.id,
                number=seat.label if has_sections else "-".join(filter(None, (row.label, seat.label))),
                row=counted[row.section],
                column=column,
                seat_class=seat.seat_class,
                price_minor=prices.get(seat.seat_class, 0),
                is_accessible=seat.is_accessible,
                section=(row.section.strip() or NAMELESS) if has_sections else "",
                row_label=row.label if has_sections else "",
            )
