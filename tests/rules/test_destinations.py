"""Where holds are moved: to seats by their names, or to those of another vehicle that stand for theirs."""

from dataclasses import replace

import pytest

from travio_inventory.kernel import limits
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.protocol.hold import Released, late_id
from travio_inventory.protocol.refusals import HoldChanged
from travio_inventory.seats.former import VEHICLES_MAX, FormerVehicle
from travio_inventory.seats.hold import GIVEN_UP_MAX, Hold, HoldRequest
from travio_inventory.seats.layout import Feature, Section
from travio_inventory.seats.move import Move
from travio_inventory.seats.refusals import InvalidSeats, InvalidTrip
from travio_inventory.seats.swapping import (
    NewVehicle,
    Places,
    Reseat,
    Swapped,
    Why,
    has_place,
    match_seats,
    swapped,
    with_former_vehicle,
)
from travio_inventory.seats.trip import Journey, Trip, read_definition
from verification.kit.trips import a_trip, row_of

CAR = a_trip("t", organization="org", seats=row_of(5), seats_per_group=2)
DEARER = tuple(replace(seat, price_minor=9) for seat in row_of(4))


def van() -> Trip:
    """The trip with a smaller vehicle."""
    return NewVehicle(DEARER[:3], 2, "van", "small").of(CAR)


def bus() -> Trip:
    """The trip with a third vehicle."""
    return NewVehicle(DEARER, 3).of(van())


def held(trip: Trip, *seats: str) -> Hold:
    """Seats from the first stop to the third."""
    request = HoldRequest(Actor("org", "ann"), trip, Journey(0, 1), seats, ttl_ms=1_000, key=None)
    return request.hold(request.new_id("0" * 32), 5)


# The trip with its new vehicle


def test_a_trip_has_its_new_vehicle_and_knows_the_old_one() -> None:
    small = van()
    third = bus()
    assert (small.seats, small.seats_per_group, small.vehicle, small.vehicle_type) == (DEARER[:3], 2, "van", "small")
    assert small.former == (FormerVehicle(CAR.seats, 2),)
    assert third.former == (*small.former, FormerVehicle(small.seats, 2))
    assert third.seats_ever == CAR.seats + small.seats + third.seats
    assert read_definition(third.definition) == third


def test_seat_groups_of_the_new_vehicle_are_numbered_behind_those_of_the_old_one() -> None:
    small = van()
    third = bus()
    assert (CAR.groups, small.groups, third.groups) == (range(3), range(3, 5), range(5, 7))
    assert [small.group_of(seat.id) for seat in small.seats] == [3, 3, 4]
    assert [small.seats_in(group) for group in range(5)] == [
        CAR.seats[:2], CAR.seats[2:4], CAR.seats[4:], small.seats[:2], small.seats[2:],
    ]  # fmt: skip
    assert [small.groups_of(places) for places in (range(3), range(2, 3), range(1), range(0))] == [
        range(3, 5), range(4, 5), range(3, 4), range(0),
    ]  # fmt: skip


def test_a_seat_is_found_in_the_vehicle_of_its_seat_group() -> None:
    small = van()
    assert (small.seat_in(0, "A1").price_minor, small.seat_in(3, "A1").price_minor) == (0, 9)
    assert [group for group in range(7) if small.has_in(group, "A1")] == [0, 3]
    places = [(group, seat.id) for group in range(5) for seat in small.seats_in(group)]
    assert [small.place_of(*each) for each in places] == [*range(8)]
    assert [small.group_at(place) for place in range(10)] == [*(group for group, _ in places), 4, 4]


def test_what_a_vehicle_is_chosen_for_must_be_there_and_no_two_seats_become_one() -> None:
    vehicle = replace(NewVehicle(DEARER), chosen={"A1": "A7", "B1": "A2", "A3": "A2"})
    with pytest.raises(InvalidTrip) as refused:
        vehicle.of(CAR)
    assert list(refused.value.violations) == [
        ("seat_mapping", "the new vehicle has no seat 'A7'"),
        ("seat_mapping", "the trip has no seat 'B1'"),
        ("seat_mapping", "two seats cannot become one"),
    ]


def test_a_vehicle_is_swapped_only_so_often() -> None:
    trip = CAR
    for _ in range(VEHICLES_MAX):
        trip = NewVehicle(DEARER).of(trip)
    with pytest.raises(InvalidTrip, match=f"at most {VEHICLES_MAX} times") as refused:
        NewVehicle(DEARER).of(trip)
    assert [violation.field for violation in refused.value.violations] == ["seat_config"]


def test_a_trip_has_the_sections_and_features_of_its_new_vehicle() -> None:
    seats = tuple(replace(seat, section="s") for seat in DEARER)
    trip = NewVehicle(seats, 3, sections=(Section("s"),), features=(Feature("door", 1, 1, section="s"),)).of(CAR)
    assert (trip.seats_per_group, trip.sections) == (3, (Section("s"),))
    assert trip.features == (Feature("door", 1, 1, section="s"),)
    of_plan = NewVehicle().on(trip)
    assert (of_plan.seats_per_group, of_plan.sections, of_plan.features) == (3, trip.sections, trip.features)


def test_two_requests_for_the_same_vehicle_have_one_digest() -> None:
    one = NewVehicle(DEARER, 2, "v", "t", (Section("s"),), (Feature("door", 1, 1),), {"A1": "A2", "A2": "A1"})
    assert replace(one, chosen={"A2": "A1", "A1": "A2"}).digest == one.digest
    others = [
        replace(one, seats=DEARER[:3]), replace(one, seats_per_group=3), replace(one, vehicle="w"),
        replace(one, vehicle_type="u"), replace(one, sections=()), replace(one, features=()), replace(one, chosen={}),
        replace(one, vehicle="t", vehicle_type="v"),
    ]  # fmt: skip
    assert len({one.digest, *(other.digest for other in others)}) == 9


def test_a_vehicle_has_the_seats_of_a_plan_and_what_it_does_not_say_itself() -> None:
    plan = replace(CAR, vehicle="p", vehicle_type="q", features=(Feature("door", 1, 1),))
    assert NewVehicle(seats_per_group=4, chosen={"A1": "A2"}).on(plan) == NewVehicle(
        plan.seats, 4, "p", "q", plan.sections, plan.features, {"A1": "A2"}
    )
    own = NewVehicle(vehicle="v", vehicle_type="t").on(plan)
    assert (own.vehicle, own.vehicle_type) == ("v", "t")


# Holds of the old vehicle


def test_a_hold_gets_the_seats_that_stand_for_its_own_at_its_prices() -> None:
    small = van()
    hold = held(CAR, "A1", "A3")
    moved = Reseat(small, Places(small), 7).of(hold)
    assert moved == hold.reseated(("A1", "A3"), small)
    assert moved is not None
    assert (moved.groups, moved.prices, moved.period) == ((3, 4), (0, 0), 7)
    assert (has_place(small, hold), has_place(small, moved)) == (False, True)
    assert Reseat(small, Places(small), 7).of(moved) is None


def test_a_hold_of_which_one_seat_has_none_keeps_all() -> None:
    small = van()
    hold, places = held(CAR, "A1", "A5"), Places(small)
    assert Reseat(small, places, 7).of(hold) is None
    assert places.of(hold) == Swapped((), {"A5": Why.NOT_THERE})
    assert places.reasons(hold) == {"A5": Why.NOT_THERE}
    assert places.reasons(held(CAR, "A1", "A2")) == {"A1": Why.TAKEN, "A2": Why.TAKEN}


def test_a_hold_is_told_why_a_seat_of_another_class_is_not_its_own() -> None:
    first = NewVehicle(tuple(replace(seat, seat_class="first") for seat in DEARER), 2).of(CAR)
    places = Places(first)
    places.prepare()
    assert [*places._matches] == [0]
    assert places.of(held(CAR, "A1", "A5")).left == {"A1": Why.OTHER_CLASS, "A5": Why.NOT_THERE}
    assert swapped(("A1", "A5"), match_seats(CAR.seats, first.seats)).left["A1"] is Why.OTHER_CLASS


def test_a_trip_is_seen_as_it_was_with_a_former_vehicle(monkeypatch: pytest.MonkeyPatch) -> None:
    seats = tuple(replace(seat, section="s") for seat in DEARER)
    first = NewVehicle(seats, 3, sections=(Section("s"),), features=(Feature("door", 1, 1, section="s"),)).of(CAR)
    now = NewVehicle(DEARER, 2, features=(Feature("door", 2, 2),)).of(first)
    was = with_former_vehicle(now, 1)
    assert (was.key, was.seats, was.seats_per_group, was.former) == (CAR.key, first.seats, 3, first.former)
    assert (was.sections, was.features) == ((Section("s"),), ())
    assert (with_former_vehicle(now, 0).seats, with_former_vehicle(now, 0).former) == (CAR.seats, ())
    monkeypatch.setattr(limits, "CELLS_MAX", 1)
    assert with_former_vehicle(now, 0).seats == CAR.seats, "whatever the limits are now"


def test_no_more_is_named_of_a_vehicle_than_one_refusal_says() -> None:
    chosen = {f"Z{number}": "A1" for number in range(VIOLATIONS_MAX + 1)}
    with pytest.raises(InvalidTrip) as refused:
        NewVehicle(DEARER, 2, chosen=chosen).of(CAR)
    assert len(refused.value.violations) == VIOLATIONS_MAX


def test_a_place_is_one_of_a_row() -> None:
    old, new = (replace(CAR.seats[0], id=name, row=row) for name, row in (("a", 1), ("b", 2)))
    assert match_seats([old], [new]).left == {"a": Why.NOT_THERE}


def test_chosen_seats_are_those_of_the_last_vehicle() -> None:
    small = van()
    third = bus()
    places = Places(third, {"A2": "A4"})
    assert places.of(held(small, "A2")).seats == ("A4",)
    assert places.of(held(CAR, "A2")).seats == ("A2",)
    assert places.of(held(CAR, "A1", "A4")).seats == ("A1", "A4")


# Holds that their holder moves


def test_a_hold_is_moved_once_whatever_version_its_caller_saw_before() -> None:
    hold = held(CAR, "A1", "A2")
    for onto in ({"A1": "A3"}, {"A1": "A2", "A2": "A3"}):
        move = Move(CAR, onto, version=0, period=7)
        moved = move.of(hold)
        assert moved == hold.moved(onto, CAR, hold.journey)
        assert moved is not None
        assert ({*moved.seats}, moved.period) == ({"A2", "A3"}, 7)
        assert move.of(moved) is None


def test_a_move_is_done_though_the_hold_has_moved_on_since() -> None:
    first, second = Move(CAR, {"A1": "A3", "A2": "A4"}), Move(CAR, {"A3": "A5"})
    there = first.of(held(CAR, "A1", "A2"))
    assert there is not None
    now = second.of(there)
    assert now is not None
    assert now.seats == ("A4", "A5")
    assert (first.of(now), second.of(now)) == (None, None)
    with pytest.raises(InvalidSeats, match="not A1"):
        Move(CAR, {"A1": "A2"}).of(now)
    with pytest.raises(InvalidSeats, match="not A1"):
        replace(first, journey=Journey(1, 2)).of(now)


def test_a_move_with_other_places_for_the_same_seats_is_another_one() -> None:
    there = Move(CAR, {"A1": "A3", "A2": "A4"}).of(held(CAR, "A1", "A2"))
    assert there is not None
    with pytest.raises(InvalidSeats, match="has the seats A3, A4, not A1, A2"):
        Move(CAR, {"A1": "A4", "A2": "A3"}).of(there)
    with pytest.raises(InvalidSeats, match="has the seats A3, A4, not A5"):
        Move(CAR, {"A5": "A3"}).of(there)
    long_ago = replace(there, given_up=tuple(f"B{at}" for at in range(GIVEN_UP_MAX)), replaced=())
    assert Move(CAR, {"A1": "A3"}).of(long_ago) is None, "what it had is not known any more"


def test_a_hold_is_moved_to_another_journey_on_its_seats() -> None:
    hold, move = held(CAR, "A1", "A2"), Move(CAR, {}, Journey(1, 2))
    moved = move.of(hold)
    assert moved is not None
    assert (moved.seats, moved.journey, moved.moves) == (hold.seats, (1, 2), 1)
    assert move.of(moved) is None


def test_a_move_to_another_journey_is_done_also_where_the_vehicle_has_its_seats_no_more() -> None:
    moved = Move(CAR, {}, Journey(1, 2)).of(held(CAR, "A5"))
    assert moved is not None
    assert Move(van(), {}, Journey(1, 2)).of(moved) is None


def test_a_hold_of_the_old_vehicle_is_moved_to_seats_of_the_same_name() -> None:
    small = van()
    moved = Move(small, {"A1": "A1"}).of(held(CAR, "A1"))
    assert moved is not None
    assert moved.groups == (3,)


def test_seats_that_the_new_vehicle_has_not_must_give_way_all_together() -> None:
    hold = held(CAR, "A1", "A4", "A5")
    with pytest.raises(InvalidSeats, match="has no seat A4, A5 any more"):
        Move(van(), {"A1": "A2"}).of(hold)
    moved = Move(van(), {"A4": "A2", "A5": "A3"}).of(hold)
    assert moved is not None
    assert (moved.seats, moved.groups) == (("A1", "A2", "A3"), (3, 3, 4))
    with pytest.raises(InvalidSeats, match=r"not A2, A3$"):
        Move(CAR, {"A2": "A1", "A3": "A4"}).of(held(CAR, "A5"))


def test_a_move_is_done_though_one_of_its_seats_was_given_back_since() -> None:
    swap = Move(CAR, {"A1": "A2", "A2": "A1"}, Journey(1, 2))
    there = swap.of(held(CAR, "A1", "A2"))
    assert there is not None
    one = replace(there, seats=("A1",), prices=there.prices[:1], given_up=("A2",))
    assert swap.is_done(one)
    alone = Move(CAR, {"A1": "A3"})
    assert alone.is_done(replace(held(CAR, "A3"), given_up=tuple(f"B{at}" for at in range(GIVEN_UP_MAX))))


def test_of_a_hold_that_has_ended_only_what_was_moved_says_that_a_move_is_done() -> None:
    live, stays = held(CAR, "A1"), Move(CAR, {"A1": "A1"})
    ended = replace(live, state=Released())
    late = replace(ended, id=late_id(ended.id))
    said = [stays.is_done(hold) for hold in (live, ended, replace(ended, moves=1), late)]
    assert said == [True, False, True, True], "a late booking has no number of moves"
    small = van()
    onto_small = Reseat(small, Places(small), 7)
    there = onto_small.of(live)
    assert there is not None
    gone = replace(there, state=Released())
    holds = (live, there, gone, replace(gone, moves=0), replace(there, moves=0))
    assert [onto_small.is_done(hold) for hold in holds] == [False, True, True, False, True]


@pytest.mark.parametrize("version", [0, 2])
def test_a_hold_that_has_changed_is_not_moved(version: int) -> None:
    hold = replace(held(CAR, "A1"), extensions=1)
    with pytest.raises(HoldChanged) as refused:
        Move(CAR, {"A1": "A2"}, version=version).of(hold)
    assert refused.value.version == 1
    assert Move(CAR, {"A1": "A2"}, version=1).of(hold)


@pytest.mark.parametrize(
    ("onto", "field", "said"),
    [
        ({"A5": "A1", "A4": "A5"}, "moves", "the hold has the seats A1, A2, A3, A4, not A5"),
        ({"A3": "A2", "A2": "A1"}, "moves", "the hold has A1 already"),
        ({"A3": "A2", "A4": "A1"}, "moves", "the hold has A1, A2 already"),
        ({"A3": "Z9"}, "moves", "this trip has no seat 'Z9'"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(onto: dict[str, str], field: str, said: str) -> None:
    with pytest.raises(InvalidSeats) as refused:
        Move(CAR, onto).of(held(CAR, "A1", "A2", "A3", "A4"))
    assert list(refused.value.violations) == [(field, said)]
