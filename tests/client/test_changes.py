"""Changes of holds and bookings as the client asks for them: some of the seats, other seats, no passengers."""

from dataclasses import replace

import pytest

from tests.client.service import ScriptedService
from travio_inventory.client import ClientError, HoldChanged, InventoryClient, Journey, OutcomeUnknown, seat_plans
from travio_inventory.definition_messages import read_feature, read_seat, read_section
from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.records.seat_plans import PART_CHARS_MAX
from travio_inventory.seats.seat_plan import NOWHERE
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.wire.inventory import v1 as wire
from verification.kit.trips import a_trip


async def test_some_seats_are_named_in_the_request(service: ScriptedService, inventory: InventoryClient) -> None:
    assert await inventory.release("h1", seats=["1A"]) == 1
    assert await inventory.cancel("h1", seats=["1B"]) == 2
    await inventory.confirm("h1", "o1", seats=["1C"])
    assert [asked.seat_ids for asked in service.seen(wire.ReleaseSeatsRequest)] == [["1A"]]
    assert [asked.seat_ids for asked in service.seen(wire.CancelBookingRequest)] == [["1B"]]
    assert [asked.seat_ids for asked in service.seen(wire.ConfirmBookingRequest)] == [["1C"]]


async def test_a_hold_that_gave_some_seats_back_still_has_others_to_give_back(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    async with inventory.hold("t1", "A", "C", ["1A", "1B"]) as hold:
        await hold.release(seats=["1A"])
    assert [asked.seat_ids for asked in service.seen(wire.ReleaseSeatsRequest)] == [["1A"], []]


async def test_a_move_says_from_where_to_where(service: ScriptedService, inventory: InventoryClient) -> None:
    moved = await inventory.move("h1", {"1A": "2A"}, ends=("A", "C"), segments=Journey(0, 1), version=0)
    assert (moved.id, moved.seats, moved.version) == ("h1", ("2A",), 1)
    (asked,) = service.seen(wire.MoveHoldRequest)
    assert asked.moves == [wire.SeatMove(from_seat_id="1A", to_seat_id="2A")]
    assert (asked.from_station_id, asked.to_station_id, asked.expected_version) == ("A", "C", 0)
    assert (asked.from_segment_index, asked.to_segment_index) == (0, 1)
    await inventory.move("h1", {"1A": "2A"})
    assert service.seen(wire.MoveHoldRequest)[1].expected_version is None
    service.next(wire.MoveHoldRequest, OutcomeUnknown())
    await inventory.move("h1", {"1A": "2A"})
    assert [asked.settle for asked in service.seen(wire.MoveHoldRequest)] == [False, False, False, True]


async def test_a_move_that_is_refused_says_what_the_hold_is_now(
    service: ScriptedService, inventory: InventoryClient
) -> None:
    service.next(wire.MoveHoldRequest, HoldChanged(7))
    with pytest.raises(HoldChanged) as refused:
        await inventory.move("h1", {"1A": "2A"}, version=3)
    assert refused.value.version == 7
    service.replies[wire.MoveHoldRequest] = wire.MoveHoldResponse()
    with pytest.raises(ClientError, match="without a hold"):
        await inventory.move("h1", {"1A": "2A"})


async def test_passengers_are_erased(service: ScriptedService, inventory: InventoryClient) -> None:
    await inventory.erase_passengers("b1")
    assert [asked.booking_id for asked in service.seen(wire.ErasePassengersRequest)] == ["b1"]


async def test_calls_about_all_seats_of_a_trip_wait_longer_unless_a_deadline_is_set(
    service: ScriptedService, target: str
) -> None:
    trip = a_trip("t1")
    for deadline_s, usual_s, whole_s in ((None, 5, 60), (7, 7, 7)):
        async with InventoryClient(target, deadline_s=deadline_s) as inventory:
            service.seconds_given.clear()
            await inventory.find_hold("h1")
            await inventory.open_trip(trip)
            await inventory.trip("t1")
            await inventory.trip_summary("t1", "A", "B")
            await inventory.put_seat_plan("p", trip)
        given = [
            most_s
            for most_s, seconds in zip((usual_s, *[whole_s] * 4), service.seconds_given, strict=True)
            if most_s - 3 < (seconds or 0) <= most_s
        ]
        assert given == [usual_s, *[whole_s] * 4], service.seconds_given


def test_the_parts_of_a_plan_are_as_large_as_the_service_stores_them() -> None:
    """Of letters that are not English, which take more room there."""
    text = "ব" * 40
    seats = tuple(Seat(f"{text}{at}", text, at, 1, text, text, row_label=text, label=text) for at in range(600))
    cars = tuple(Section(f"{text}{at}", text) for at in range(200))
    tables = tuple(Feature("table", at, 2, label=text) for at in range(1_000))
    layout = Trip(TripKey("o", "t"), NOWHERE, seats, sections=cars, features=tables, is_stored=True)
    parts = seat_plans.parts_of("p", "o", layout)
    kept = [part.part for part in parts if part.part]
    assert [seat.seat_id for part in kept for seat in part.seats] == [seat.id for seat in layout.seats]
    assert [read_section(section) for part in kept for section in part.sections] == [*layout.sections]
    assert [read_feature(feature) for part in kept for feature in part.features] == [*layout.features]
    for part in kept:
        shown = replace(
            layout,
            seats=tuple(map(read_seat, part.seats)),
            sections=tuple(map(read_section, part.sections)),
            features=tuple(map(read_feature, part.features)),
            is_stored=True,
        )
        assert len(shown.definition) <= PART_CHARS_MAX
    assert len({part.revision for part in parts}) == 1
