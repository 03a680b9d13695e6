"""A part of a seat plan, and a trip that is opened on one: what is wrong with them, and whose fields the trip has."""

from dataclasses import replace
from typing import Any

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.refusals import InvalidTrip
from travio_inventory.seats.route import Segment, StationName
from travio_inventory.seats.seat_plan import (
    AS_PLANNED,
    NOWHERE,
    PlanKey,
    Pricing,
    SeatPlanPart,
    TripOnPlan,
    plan_key,
)
from travio_inventory.seats.trip import ALL_IN_ONE_GROUP, Trip, TripKey
from verification.kit.trips import route, row_of, train

PARTS = limits.PLAN_PARTS_MAX
SEATS = limits.SEATS_MAX
CLASSES, PRICE = limits.SECTIONS_MAX, limits.PRICE_MINOR_MAX
CONTROL = "must not have control characters"
EMPTY = "must not be empty"
NAMES = (StationName("A", "Anywhere"),)
TRIP = TripOnPlan(TripKey("org", "t"), route("ABC"), "hall", 3, "v", "bus", "EUR", "Europe/Berlin", NAMES)
PLAN = replace(train(), segments=NOWHERE, vehicle="w", vehicle_type="tram", currency="USD", station_names=())


def layout(**fields: Any) -> Trip:  # noqa: ANN401 - any field
    """What a part has of a plan, as it is stored: nothing of it is checked yet."""
    right: dict[str, Any] = {"seats": row_of(2), "is_stored": True}
    return Trip(TripKey("o", "p"), NOWHERE, **(right | fields))


def violations(
    kind: type[InvalidRequest], of: type, right: dict[str, Any], wrong: dict[str, Any]
) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        of(**right | wrong)
    assert type(refused.value) is kind
    return list(refused.value.violations)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"key": PlanKey("o", "")}, [("plan_id", EMPTY)]),
        ({"revision": ""}, [("revision", EMPTY)]),
        ({"count": 0}, [("part_count", f"must be 1 to {PARTS}, not 0")]),
        ({"index": 2}, [("part_index", "must be 0 to 1, not 2")]),
        ({"index": -1}, [("part_index", "must be 0 to 1, not -1")]),
        ({"index": 1, "count": 1}, [("part_index", "must be 0 to 0, not 1")]),
        (
            {"layout": layout(seats=row_of(limits.SEATS_PER_PART_MAX + 1))},
            [("part.seats", "must have 0 to 1000 seats, not 1001")],
        ),
        (
            {"index": PARTS, "count": PARTS + 1},
            [
                ("part_count", f"must be 1 to {PARTS}, not {PARTS + 1}"),
                ("part_index", f"must be 0 to {PARTS - 1}, not {PARTS}"),
            ],
        ),
        (
            {"layout": layout(seats=(Seat("", "", 0, 0),), sections=(Section(""),), features=(Feature("", 0, 0),))},
            [
                ("part.sections[0].section_id", EMPTY),
                ("part.seats[0].seat_id", EMPTY),
                ("part.features[0].kind", EMPTY),
            ],
        ),
        (
            {"layout": layout(seats_per_group=ALL_IN_ONE_GROUP - 1, vehicle="\n", currency="x")},
            [
                ("seats_per_group", f"must be {ALL_IN_ONE_GROUP} to {SEATS}, not {ALL_IN_ONE_GROUP - 1}"),
                ("currency", "must be three capital letters (ISO 4217) or empty"),
                ("vehicle_id", CONTROL),
            ],
        ),
        (
            {"layout": layout(seats_per_group=SEATS + 1)},
            [("seats_per_group", f"must be {ALL_IN_ONE_GROUP} to {SEATS}, not {SEATS + 1}")],
        ),
    ],
)
def test_what_is_wrong_with_a_part_is_said(wrong: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    right = {"key": PlanKey("o", "p"), "revision": "r", "index": 0, "count": 2, "layout": layout()}
    assert violations(InvalidRequest, SeatPlanPart, right, wrong) == expected


def test_a_part_has_something_to_say() -> None:
    right: dict[str, Any] = {"key": PlanKey("o", "p"), "revision": "r", "index": 0, "count": 2, "layout": layout()}
    for fields in ({"sections": (Section("s"),)}, {"features": (Feature("door", 1, 1),)}):
        SeatPlanPart(**right | {"layout": layout(seats=(), **fields)})
    assert violations(InvalidRequest, SeatPlanPart, right, {"layout": layout(seats=())}) == [
        ("part.seats", "a part has seats, sections or features")
    ]


def test_a_part_may_be_the_last_of_very_many_and_have_all_its_seats_in_one_group() -> None:
    for per_group in (ALL_IN_ONE_GROUP, SEATS):
        SeatPlanPart(PlanKey("o", "p"), "r", PARTS - 1, PARTS, layout(seats_per_group=per_group))


@pytest.mark.parametrize(
    ("kind", "wrong", "expected"),
    [
        (InvalidRequest, {"key": TripKey("", "")}, [("organization_id", EMPTY), ("trip_id", EMPTY)]),
        (InvalidRequest, {"plan": ""}, [("seat_plan", EMPTY)]),
        (InvalidRequest, {"segments": (Segment("A", ""),)}, [("segments[0].to_station_id", EMPTY)]),
        (InvalidRequest, {"station_names": (StationName("A", ""),)}, [("station_names[A]", EMPTY)]),
        (
            InvalidRequest,
            {"pricing": Pricing(-1, {"": -1, "first": PRICE + 1, " ": 0})},
            [
                ("pricing.price_minor", f"must be 0 to {PRICE}, not -1"),
                ("pricing.class_prices", "must not begin or end with white space"),
                ("pricing.class_prices[]", f"must be 0 to {PRICE}, not -1"),
                ("pricing.class_prices[first]", f"must be 0 to {PRICE}, not {PRICE + 1}"),
            ],
        ),
        (
            InvalidRequest,
            {"pricing": Pricing(PRICE + 1, dict.fromkeys(map(str, range(CLASSES + 1)), -1))},
            [
                ("pricing.price_minor", f"must be 0 to {PRICE}, not {PRICE + 1}"),
                ("pricing.class_prices", f"must have 0 to {CLASSES} items, not {CLASSES + 1}"),
            ],
        ),
        (InvalidTrip, {"segments": route("AA")}, [("segments[0]", "starts and ends at the same station")]),
        (
            InvalidTrip,
            {"station_names": (StationName("Z", "z"),)},
            [("station_names", "must name stations of this trip, each once")],
        ),
    ],
)
def test_what_is_wrong_with_a_trip_on_a_plan_is_said(
    kind: type[InvalidRequest], wrong: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    right = {"key": TripKey("org", "t"), "segments": route("ABC"), "plan": "hall"}
    assert violations(kind, TripOnPlan, right, wrong) == expected


def test_a_trip_has_the_seats_of_its_plan_and_what_it_says_itself() -> None:
    trip = TRIP.trip(PLAN)
    assert (trip.key, trip.segments, trip.time_zone, trip.station_names) == (
        TRIP.key,
        TRIP.segments,
        "Europe/Berlin",
        NAMES,
    )
    assert (trip.seats, trip.sections, trip.features) == (PLAN.seats, PLAN.sections, PLAN.features)
    assert (trip.vehicle, trip.vehicle_type, trip.currency, trip.seats_per_group_asked) == ("v", "bus", "EUR", 3)
    assert TripOnPlan.of(trip, "hall") == TRIP


def test_of_its_vehicle_the_plan_says_what_the_trip_does_not() -> None:
    trip = TripOnPlan(TRIP.key, TRIP.segments, "hall").trip(replace(PLAN, seats_per_group=2))
    assert (trip.vehicle, trip.vehicle_type, trip.currency, trip.seats_per_group_asked) == ("w", "tram", "USD", 2)
    assert (trip.time_zone, trip.station_names) == ("", ())


@pytest.mark.parametrize(
    ("pricing", "prices"),
    [
        (AS_PLANNED, [7, 8, 9]),
        (Pricing(0), [0, 0, 0]),
        (Pricing(PRICE, {"first": 0}), [0, PRICE, PRICE]),
        (Pricing(None, {"first": PRICE, "": 3}), [PRICE, 8, 3]),
    ],
)
def test_a_seat_costs_what_is_said_of_its_class_else_of_all_else_in_the_plan(
    pricing: Pricing, prices: list[int]
) -> None:
    seats = tuple(
        Seat(f"s{price}", "", 0, price, seat_class, price_minor=price)
        for price, seat_class in ((7, "first"), (8, "second"), (9, ""))
    )
    priced = replace(TRIP, pricing=pricing).trip(replace(PLAN, seats=seats, sections=(), features=())).seats
    assert priced == tuple(replace(seat, price_minor=price) for seat, price in zip(seats, prices, strict=True))


def test_a_class_that_no_seat_has_cannot_be_priced() -> None:
    with pytest.raises(InvalidTrip) as refused:
        replace(TRIP, pricing=Pricing(class_prices={"z": 1, "y": 1, "first": 1})).trip(PLAN)
    assert list(refused.value.violations) == [("pricing.class_prices", "no seat is of class 'y'")]


def test_as_many_classes_are_priced_as_a_plan_may_have_sections() -> None:
    Pricing(class_prices=dict.fromkeys(map(str, range(CLASSES)), 0)).check(found := Faults())
    found.finish()


def test_a_plan_is_named_by_an_id() -> None:
    assert plan_key("o", "p") == PlanKey("o", "p")
    with pytest.raises(InvalidRequest, match=f"plan_id: {EMPTY}"):
        plan_key("o", "")
