"""Seats are put in layout order, a few at a time."""

import sys
from collections.abc import Iterable
from random import Random
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as some

from travio_inventory.seats import layout
from travio_inventory.seats.layout import Seat, Section, in_layout_order

SECTIONS = tuple(map(Section, "XY"))
SEATS = some.lists(
    some.builds(
        Seat, some.text("ab", max_size=2), some.just(""), some.integers(0, 3), some.integers(0, 3),
        section=some.sampled_from("XY"),
    )
)  # fmt: skip


def in_one_go(seats: Iterable[Seat]) -> tuple[Seat, ...]:
    return tuple(sorted(seats, key=lambda seat: (seat.section, seat.row, seat.column, seat.id)))


@given(SEATS, some.integers(1, 5))
def test_a_few_at_a_time_come_to_the_same_order(seats: list[Seat], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "SORTED_AT_ONCE", at_once)
        assert in_layout_order(seats, SECTIONS) == in_one_go(seats)


class Id(str):
    """An id that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __lt__(self, other: str) -> bool:
        Id.compared += 1
        return str.__lt__(self, other)


def test_seats_in_no_order_are_never_sorted_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SORTED_AT_ONCE", 20)
    numbers = Random(1).sample(range(100, 700), 600)
    seats = [Seat(Id(number), "", 0, 0) for number in numbers]
    most = began = 0

    def watch(_: FrameType, event: str, called: object) -> None:
        nonlocal most, began
        if called is sorted and event == "c_call":
            began = Id.compared
        elif called is sorted:
            most = max(most, Id.compared - began)

    sys.setprofile(watch)
    try:
        ordered = in_layout_order(seats, ())
    finally:
        sys.setprofile(None)
    assert [seat.id for seat in ordered] == [str(number) for number in range(100, 700)]
    assert 20 <= most <= 20 * 5, "log2 of 20 comparisons of each"
