"""What is asked of a trip or a hold that exists is checked whole: changes, moves, swaps, and seats that are named."""

from collections.abc import Callable
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.commands import (
    HOLD_ID_BYTES_MAX,
    AvailabilityQuery,
    ChangeTripCommand,
    ConfirmHoldCommand,
    ControlSalesCommand,
    GiveBackCommand,
    MoveHoldCommand,
    SalesAction,
    SeatMapQuery,
    SwapVehicleCommand,
)
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.offer import TripChange
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.swapping import NewVehicle
from travio_inventory.seats.trip import Ends
from verification.kit.trips import row_of

Make = Callable[..., object]
EMPTY = "must not be empty"
WHITE = "must not begin or end with white space"
TOO_LONG = f"must have at most {HOLD_ID_BYTES_MAX} bytes"
LONGEST = "x" * HOLD_ID_BYTES_MAX
ENDS = Ends("A", "B")
MOST, TIME, PRICE = limits.SEATS_PER_HOLD_MAX, limits.TIME_S_MAX, limits.PRICE_MINOR_MAX
SEATS = limits.SEATS_MAX
MANY = tuple(f"s{number}" for number in range(MOST + 1))
NOT_MANY = f"must have 0 to {MOST} items, not {MOST + 1}"
TO_SWAP = NewVehicle(row_of(1))
CHANGE = TripChange({"first": PRICE}, {"a": 0}, {})
NO_CHANGE = TripChange({}, {}, {})


def moves(*named: str) -> tuple[tuple[str, str], ...]:
    """Each "old>new"."""
    return tuple((old, new) for old, new in (each.split(">") for each in named))


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (SeatMapQuery, {"trip_id": "t", "ends": ENDS, "section": "c"}),
        (AvailabilityQuery, {"trip_id": "t", "ends": ENDS, "section": "c"}),
        (GiveBackCommand, {"hold_id": LONGEST, "seat_ids": MANY[:MOST]}),
        (ConfirmHoldCommand, {"hold_id": "h", "order_id": "o", "seat_ids": MANY[:MOST]}),
        (MoveHoldCommand, {"hold_id": LONGEST, "moves": tuple((seat, f"n{seat}") for seat in MANY[:MOST])}),
        (MoveHoldCommand, {"hold_id": "h", "moves": moves("a>b", "b>c")}),
        (MoveHoldCommand, {"hold_id": "h", "ends": ENDS}),
        (SwapVehicleCommand, {"trip_id": "t", "vehicle": TO_SWAP, "version": TIME}),
        (SwapVehicleCommand, {"trip_id": "t", "vehicle": NewVehicle(), "plan": "p"}),
        (ChangeTripCommand, {"trip_id": "t", "change": CHANGE, "version": TIME}),
        (ChangeTripCommand, {"trip_id": "t", "change": TripChange({}, {}, {0: (0, 0)})}),
        *((ControlSalesCommand, {"trip_id": "t", "action": action}) for action in SalesAction.__members__),
    ],
)
def test_what_is_right_can_be_made(make: Make, asked: dict[str, Any]) -> None:
    make(**asked)


@pytest.mark.parametrize(
    ("make", "asked", "expected"),
    [
        (SeatMapQuery, {"trip_id": "t", "ends": ENDS, "section": " "}, [("section_id", WHITE)]),
        (AvailabilityQuery, {"trip_id": "t", "ends": ENDS, "section": " "}, [("section_id", WHITE)]),
        (GiveBackCommand, {"hold_id": ""}, [("hold_id", EMPTY)]),
        (GiveBackCommand, {"hold_id": LONGEST + "x", "field": "booking_id"}, [("booking_id", TOO_LONG)]),
        (GiveBackCommand, {"hold_id": "h", "seat_ids": ("a", " ")}, [("seat_ids[1]", WHITE)]),
        (
            MoveHoldCommand,
            {"hold_id": "", "moves": moves("a>b", " > "), "ends": Ends("", " ")},
            [
                ("hold_id", EMPTY),
                ("moves[1].from_seat_id", WHITE),
                ("moves[1].to_seat_id", WHITE),
                ("from_station_id", EMPTY),
                ("to_station_id", WHITE),
            ],
        ),
        (MoveHoldCommand, {"hold_id": LONGEST + "x", "ends": ENDS}, [("hold_id", TOO_LONG)]),
        (MoveHoldCommand, {"hold_id": "h"}, [("moves", "name the seats to move, or another journey")]),
        (
            MoveHoldCommand,
            {"hold_id": "h", "moves": moves("a>b", "a>c")},
            [("moves", "each from_seat_id must be another seat")],
        ),
        (
            MoveHoldCommand,
            {"hold_id": "h", "moves": moves("a>c", "b>c")},
            [("moves", "each to_seat_id must be another seat")],
        ),
        (
            MoveHoldCommand,
            {"hold_id": "h", "moves": moves("a>b", "b>a")},
            [("moves", "the seats stay the same: name the ones that take their places")],
        ),
        (
            SwapVehicleCommand,
            {"trip_id": "", "vehicle": NewVehicle(chosen={"": " "}), "plan": " ", "version": -1},
            [
                ("trip_id", EMPTY),
                ("seat_plan", WHITE),
                ("seat_mapping", EMPTY),
                ("seat_mapping", WHITE),
                ("version", f"must be 0 to {TIME}, not -1"),
            ],
        ),
        (
            SwapVehicleCommand,
            {
                "trip_id": "t",
                "vehicle": NewVehicle((Seat("", "", 0, 0),), sections=(Section(""),), features=(Feature("", 0, 0),)),
                "version": TIME + 1,
            },
            [
                ("seat_config.sections[0].section_id", EMPTY),
                ("seat_config.seats[0].seat_id", EMPTY),
                ("seat_config.features[0].kind", EMPTY),
                ("version", f"must be 0 to {TIME}, not {TIME + 1}"),
            ],
        ),
        (
            ChangeTripCommand,
            {"trip_id": "", "change": NO_CHANGE, "version": -1},
            [
                ("trip_id", EMPTY),
                ("version", f"must be 0 to {TIME}, not -1"),
                ("class_prices", "name a price or a time to change"),
            ],
        ),
        (
            ChangeTripCommand,
            {"trip_id": "t", "change": TripChange({"first": -1}, {"a": PRICE + 1}, {}), "version": TIME + 1},
            [
                ("version", f"must be 0 to {TIME}, not {TIME + 1}"),
                ("class_prices[first]", f"must be 0 to {PRICE}, not -1"),
                ("seat_prices[a]", f"must be 0 to {PRICE}, not {PRICE + 1}"),
            ],
        ),
        (
            ChangeTripCommand,
            {"trip_id": "t", "change": TripChange({}, dict.fromkeys(map(str, range(SEATS + 1)), 0), {})},
            [("seat_prices", f"must have 0 to {SEATS} items, not {SEATS + 1}")],
        ),
        (
            ChangeTripCommand,
            {"trip_id": "t", "change": TripChange({"": 1, " ": 1}, {"a\n": 1, "": 1}, {0: (-1, TIME + 1)})},
            [
                ("class_prices", WHITE),
                ("seat_prices", "must not have control characters or other invisible ones"),
                ("seat_prices", EMPTY),
                ("times[0].departure_time", f"must be 0 to {TIME}, not -1"),
                ("times[0].arrival_time", f"must be 0 to {TIME}, not {TIME + 1}"),
            ],
        ),
        (
            ControlSalesCommand,
            {"trip_id": "", "action": "STOP"},
            [("trip_id", EMPTY), ("action", "must be one of CLOSE, REOPEN, FREEZE, UNFREEZE")],
        ),
    ],
)
def test_all_that_is_wrong_is_named(make: Make, asked: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(**asked)
    assert type(refused.value) is InvalidRequest
    assert list(refused.value.violations) == expected


@pytest.mark.parametrize(
    ("make", "asked", "expected"),
    [
        (GiveBackCommand, {"hold_id": "h", "seat_ids": MANY}, ("seat_ids", NOT_MANY)),
        (GiveBackCommand, {"hold_id": "h", "seat_ids": ("a", "b", "a")}, ("seat_ids", "seat 'a' is named twice")),
        (ConfirmHoldCommand, {"hold_id": "h", "order_id": "o", "seat_ids": MANY}, ("seat_ids", NOT_MANY)),
        (MoveHoldCommand, {"hold_id": "h", "moves": tuple((seat, f"n{seat}") for seat in MANY)}, ("moves", NOT_MANY)),
    ],
)
def test_a_wrong_number_of_seats_alone_has_a_refusal_of_its_own(
    make: Make, asked: dict[str, Any], expected: tuple[str, str]
) -> None:
    with pytest.raises(InvalidSeats) as refused:
        make(**asked)
    assert list(refused.value.violations) == [expected]


def test_all_seats_are_meant_where_none_is_named() -> None:
    assert GiveBackCommand(hold_id="h").parts is None
    assert GiveBackCommand(hold_id="h", seat_ids=("a",)).parts == ("a",)


def test_no_more_seats_are_chosen_than_a_trip_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEATS_MAX", 1)
    with pytest.raises(InvalidRequest) as refused:
        SwapVehicleCommand(trip_id="t", vehicle=NewVehicle(chosen={"a": "b", "c": "d"}), plan="p")
    assert list(refused.value.violations) == [("seat_mapping", "must have 0 to 1 items, not 2")]
