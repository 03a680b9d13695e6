"""Maps and availability by section over a transport in memory, as the client reads them."""

from datetime import UTC, datetime, timedelta

import pytest
from grpclib.const import Status

from tests.api.serving import Client, refused, serving
from travio_inventory.api import map_sizes
from travio_inventory.api.grpc.summaries import SummaryReplies
from travio_inventory.client import Direction, SeatMap, messages
from travio_inventory.seats.seat import AVAILABLE, SOLD
from travio_inventory.seats.seat_map import SeatMap as MapOfSeats
from travio_inventory.seats.seat_map import encode_states
from travio_inventory.seats.summary import ClassSummary, summaries
from travio_inventory.seats.trip import Journey
from travio_inventory.seats.use_cases.summarize_trip import TripSummary
from travio_inventory.wire.inventory import v1
from verification.kit.trips import train


async def draw(client: Client, section: str = "", journey: str = "A-C") -> SeatMap:
    origin, destination = journey.split("-")
    request = v1.GetSeatMapRequest(
        trip_id="train",
        from_station_id=origin,
        to_station_id=destination,
        organization_id="org",
        section_id=section,
    )
    return messages.seat_map(await client.stub.get_seat_map(request))


async def test_a_map_tells_people_where_seats_are_and_where_they_go() -> None:
    before = datetime.now(UTC)
    async with serving() as client:
        await client.stub.initialize_trip_inventory(messages.trip_request(train()))
        drawn = await draw(client)
    assert [seat.id for seat, _, _ in drawn.seats] == [seat.id for seat in train().seats]
    assert (drawn.sections, drawn.features) == (train().sections, train().features)
    assert drawn.seats[5].seat.label == "Car 9, row 1, seat B, window"
    assert (drawn.seats[5].seat.section, drawn.seats[5].seat.row_label) == ("c9", "1")
    assert (drawn.currency, drawn.time_zone, drawn.journey) == ("EUR", "Europe/Vienna", (0, 1))
    assert [(stop.station, stop.name) for stop in drawn.stops] == [("A", "Aachen"), ("B", ""), ("C", "Celle")]
    assert drawn.stops[0].direction is Direction.LAST_ROW_AHEAD
    assert drawn.as_of is not None
    assert before - timedelta(seconds=3) <= drawn.as_of <= datetime.now(UTC) - timedelta(seconds=1)


async def test_a_section_has_a_map_and_availability_of_its_own() -> None:
    """Its seats share a seat group with those of the section before."""
    async with serving() as client:
        await client.stub.initialize_trip_inventory(messages.trip_request(train()))
        held = v1.HoldSeatsRequest(
            trip_id="train",
            from_station_id="A",
            to_station_id="B",
            seat_ids=["c9-1A", "c10-2B"],
            user_id="ann",
            organization_id="org",
        )
        await client.stub.hold_seats(held)
        manifest = v1.GetManifestRequest(trip_id="train", organization_id="org", include_held=True)
        (listed,) = (await client.stub.get_manifest(manifest)).holds
        assert listed.seat_labels == ["Car 10, row 2, seat B, window", "Car 9, row 1, seat A, window"]
        drawn = await draw(client, "c9")
        assert [seat.id for seat, _, _ in drawn.seats] == ["c9-1A", "c9-1B", "c9-2A", "c9-2B"]
        assert [status for _, status, _ in drawn.seats] == [v1.SeatStatus.HELD, *[v1.SeatStatus.AVAILABLE] * 3]
        assert [section.id for section in drawn.sections] == ["c9"]
        assert (await draw(client, "c10")).features == ()
        question = v1.CheckAvailabilityRequest(
            trip_id="train", from_station_id="A", to_station_id="C", organization_id="org", section_id="c9"
        )
        found = messages.availability(await client.stub.check_availability(question))
        assert [(seat.id, seat.section) for seat in found.seats] == [
            (each, "c9") for each in ("c9-1B", "c9-2A", "c9-2B")
        ]
        assert found.seats[0].label == "Car 9, row 1, seat B, window"


async def test_a_section_that_is_not_there_is_refused() -> None:
    async with serving() as client:
        await client.stub.initialize_trip_inventory(messages.trip_request(train()))
        async with refused(Status.INVALID_ARGUMENT, "section_id: this trip has no section 'c1'"):
            await draw(client, "c1")


async def test_a_map_that_clients_would_not_accept_is_refused_by_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_sizes, "PART_BYTES_MAX", 500_000)
    async with serving() as client:
        await client.stub.initialize_trip_inventory(messages.trip_request(train()))
        async with refused(
            Status.INVALID_ARGUMENT, "section_id: the map of 8 seats would have more than 4194304 bytes"
        ):
            await draw(client)


async def test_a_summary_has_each_class_of_each_section_in_numbers() -> None:
    async with serving() as client:
        await client.stub.initialize_trip_inventory(messages.trip_request(train()))

        async def summary(section: str = "", destination: str = "C") -> v1.GetTripSummaryResponse:
            request = v1.GetTripSummaryRequest(
                trip_id="train",
                from_station_id="A",
                to_station_id=destination,
                organization_id="org",
                section_id=section,
            )
            return await client.stub.get_trip_summary(request)

        first = await summary()
        assert [(each.section_label, each.seat_class, each.free, each.largest_run) for each in first.classes] == [
            (car, seat_class, 2, 2) for car in ("Car 10", "Car 9") for seat_class in ("first", "second")
        ]
        assert [each.lowest_price_paisa for each in first.classes] == [2_000, 1_000] * 2
        held = v1.HoldSeatsRequest(
            trip_id="train",
            from_station_id="B",
            to_station_id="C",
            seat_ids=["c9-1A"],
            user_id="ann",
            organization_id="org",
        )
        await client.stub.hold_seats(held)
        then = await summary()
        assert then.classes[:2] == first.classes[:2]
        assert (then.classes[2].free, then.classes[2].held, then.classes[2].largest_run) == (1, 1, 1)
        assert (await summary("c9")).classes == then.classes[2:]
        assert (await summary(destination="B")).classes == first.classes
        assert (then.currency, then.to_segment_index) == ("EUR", 1)
        assert then.as_of
        async with refused(Status.INVALID_ARGUMENT, "section_id: this trip has no section 'c1'"):
            await summary("c1")


async def test_a_section_is_counted_again_only_when_one_of_its_seats_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def count(seat_map: MapOfSeats) -> tuple[ClassSummary, ...]:
        counted.append(seat_map.section)
        return summaries(seat_map)

    monkeypatch.setattr("travio_inventory.api.grpc.summaries.summaries", count)
    replies, trip = SummaryReplies(), train(per_group=4)
    free, taken = encode_states([AVAILABLE] * 8), encode_states([SOLD] * 8)
    first = await replies.summary(TripSummary(MapOfSeats(trip, Journey(0, 1), (free, free))))
    assert await replies.summary(TripSummary(MapOfSeats(trip, Journey(0, 1), (free, free)))) == first
    assert counted == ["c10", "c9"]
    then = await replies.summary(TripSummary(MapOfSeats(trip, Journey(0, 1), (free, taken))))
    assert counted == ["c10", "c9", "c9"]
    lines = v1.GetTripSummaryResponse.FromString(then).classes
    assert [(line.section_id, line.free, line.booked) for line in lines] == [
        ("c10", 2, 0), ("c10", 2, 0), ("c9", 0, 2), ("c9", 0, 2),
    ]  # fmt: skip
    await replies.summary(TripSummary(MapOfSeats(trip, Journey(0, 0), (free, taken))))
    assert len(counted) == 5
