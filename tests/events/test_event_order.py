"""The order of what is told together: by time, ends before beginnings, and each subject in its own order."""

from dataclasses import replace
from random import Random

import pytest

from tests.events.events import event
from travio_inventory.events.event_order import in_order
from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import EventType

STARTS, GOES_ON, ENDS = EventType.HOLD_CREATED, EventType.SEATS_PURCHASED, EventType.HOLD_EXPIRED


def of(subject: str, ordinal: int, at_ms: int, kind: str) -> Event:
    return replace(event(""), id=f"{subject}~{ordinal}", subject=subject, ordinal=ordinal, at_ms=at_ms, type=kind)


@pytest.mark.parametrize(
    "told",
    [
        [of("b", 0, 1, STARTS), of("a", 0, 2, STARTS), of("b", 1, 3, ENDS)],
        [of("b", 1, 7, ENDS), of("a", 0, 7, STARTS)],
        [of("b", 1, 7, ENDS), of("a", 2, 7, GOES_ON)],
        [
            of("d", 1, 7, ENDS),
            of("c", 2, 7, GOES_ON),
            of("b", 0, 7, STARTS),
            of("b", 1, 7, ENDS),
            of("a", 0, 7, STARTS),
        ],
        [of("b", 0, 3, STARTS), of("b", 1, 7, GOES_ON), of("b", 2, 7, ENDS)],
    ],
    ids=["by time", "an end first", "a late booking is no end", "what begins and ends goes before", "one subject"],
)
def test_a_seat_is_told_free_before_it_is_told_taken_again(told: list[Event]) -> None:
    for seed in range(6):
        mixed = list(told)
        Random(seed).shuffle(mixed)
        assert in_order(mixed) == told


def test_events_of_a_subject_whose_clocks_differed_take_each_others_places() -> None:
    early, between, late = of("a", 1, 10, GOES_ON), of("b", 0, 15, STARTS), of("a", 0, 20, STARTS)
    assert in_order([early, between, late]) == [late, between, early]


def test_nothing_to_tell_has_an_order_too() -> None:
    assert in_order([]) == []
