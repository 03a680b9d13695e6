"""Events over gRPC: what callers of the event system send, and every field that they read."""

import asyncio
import time

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.event_serving import ALICE, BOB, of_seat, serving, told
from tests.api.serving import refused
from travio_inventory.api.grpc.service import Refusals
from travio_inventory.wire.inventory import v1


async def test_a_free_seat_is_told_with_every_field() -> None:
    asked_at_ms = time.time_ns() // 10**6
    async with serving() as client:
        seats = await client.free()
    versions = {seat.version for seat in seats}
    assert asked_at_ms <= min(versions) <= max(versions) <= time.time_ns() // 10**6
    (version,) = versions
    vip = v1.Seat(
        event_id=7,
        seat_number="A1",
        section="stalls",
        row_number="A",
        seat_type="VIP",
        price=125.5,
        status="AVAILABLE",
        version=version,
    )
    regular = v1.Seat(
        event_id=7,
        seat_number="A2",
        section="stalls",
        row_number="A",
        seat_type="REGULAR",
        price=99.99,
        status="AVAILABLE",
        version=version,
    )
    premium = v1.Seat(
        event_id=7,
        seat_number="B1",
        section="stalls",
        row_number="2",
        seat_type="PREMIUM",
        price=1.0,
        status="AVAILABLE",
        version=version,
    )
    assert seats == [vip, regular, premium]


async def test_a_reservation_has_all_seats_of_its_call_and_every_field() -> None:
    async with serving() as client:
        asked_at = int(time.time())
        made = await client.reserve("A1 B1")
        assert (made.event_id, made.user_id, made.status) == (7, ALICE, "ACTIVE")
        assert asked_at <= made.created_at <= time.time()
        assert made.expires_at - made.created_at in (599, 600)
        first, second = made.seats
        assert (first.seat_number, first.status, first.reserved_by) == ("A1", "RESERVED", ALICE)
        assert (first.reserved_until, first.price, first.row_number) == (made.expires_at, 125.5, "A")
        assert (second.seat_number, second.event_id, second.seat_type) == ("B1", 7, "PREMIUM")
        assert await client.find(made.reservation_id) == made
        assert [seat.seat_number for seat in await client.free()] == ["A2"]


async def test_a_version_grows_with_every_change_of_the_seat_and_with_nothing_else() -> None:
    async with serving() as client:
        before = {seat.seat_number: seat.version for seat in await client.free()}
        await asyncio.sleep(0.002)
        made = await client.reserve("A1")
        reserved = made.seats[0].version
        await asyncio.sleep(0.002)
        await client.cancel(made.reservation_id)
        after = {seat.seat_number: seat.version for seat in await client.free()}
        assert before["A1"] < reserved < after["A1"]
        assert {**after, "A1": before["A1"]} == before


async def test_confirming_books_and_is_repeated_with_the_same_answer() -> None:
    async with serving() as client:
        made = await client.reserve("A1 A2")
        (booked,) = await client.confirm(made.reservation_id)
        assert (booked.reservation_id, booked.status, booked.expires_at) == (made.reservation_id, "CONFIRMED", 0)
        assert {(seat.status, seat.reserved_by, seat.reserved_until) for seat in booked.seats} == {("BOOKED", ALICE, 0)}
        (again,) = await client.confirm(made.reservation_id)
        assert told([again]) == told([booked])
        async with refused(Status.FAILED_PRECONDITION, ""):
            await client.confirm(made.reservation_id, booking="another")
        assert (await client.find(made.reservation_id)).status == "CONFIRMED"


async def test_cancelling_gives_up_what_is_reserved_and_cancels_what_is_booked() -> None:
    async with serving() as client:
        reserved, booked = await client.reserve("A1"), await client.reserve("A2")
        await client.confirm(booked.reservation_id)
        ids = reserved.reservation_id, booked.reservation_id
        for _ in range(2):
            cancelled = await client.cancel(*ids)
            assert told(cancelled) == [("CANCELLED", "A1"), ("CANCELLED", "A2")]
            assert {seat.status for each in cancelled for seat in each.seats} == {"AVAILABLE"}
        assert len(await client.free()) == 3
        async with refused(Status.FAILED_PRECONDITION, ""):
            await client.confirm(reserved.reservation_id)


async def test_of_one_call_the_seats_that_are_named_are_booked_and_the_others_given_up() -> None:
    async with serving() as client:
        made = await client.reserve("A1 A2 B1")
        named = of_seat(made, "A1"), of_seat(made, "B1")
        assert told(await client.confirm(*named)) == [("CONFIRMED", "A1 B1")]
        assert [seat.seat_number for seat in await client.free()] == ["A2"]
        assert told(await client.confirm(*named)) == [("CONFIRMED", "A1 B1")]
        assert told(await client.cancel(named[0])) == [("CONFIRMED", "B1")]
        assert [seat.seat_number for seat in await client.free()] == ["A1", "A2"]


async def test_a_seat_of_a_reservation_is_given_up_alone() -> None:
    async with serving() as client:
        made = await client.reserve("A1 A2")
        assert told(await client.cancel(of_seat(made, "A2"))) == [("ACTIVE", "A1")]
        assert told(await client.cancel(of_seat(made, "A2"), of_seat(made, "A1"))) == [("CANCELLED", "A1")]


async def test_a_refusal_ends_the_call_and_what_was_done_before_it_stays() -> None:
    async with serving() as client:
        mine, hers = await client.reserve("A1"), await client.reserve("A2", user=BOB)
        async with refused(Status.NOT_FOUND, "hold not found"):
            await client.confirm(mine.reservation_id, hers.reservation_id)
        assert (await client.find(mine.reservation_id)).status == "CONFIRMED"
        assert (await client.find(hers.reservation_id)).status == "ACTIVE"


async def test_whoever_may_act_for_others_and_names_nobody_acts_for_whom_the_reservation_is() -> None:
    async with serving() as client:
        made = await client.reserve("A1")
        assert told(await client.confirm(made.reservation_id, user="")) == [("CONFIRMED", "A1")]
        assert told(await client.cancel(made.reservation_id, user="")) == [("CANCELLED", "A1")]


@pytest.mark.parametrize("refusals", ["status", "legacy"])
async def test_a_refusal_is_a_status_in_both_forms(refusals: Refusals) -> None:
    async with serving(refusals) as client:
        made = await client.reserve("A1")
        async with refused(Status.FAILED_PRECONDITION, "seat query contention - please retry"):
            await client.reserve("A1 A2", user=BOB)
        await client.confirm(made.reservation_id)
        with pytest.raises(GRPCError) as sold:
            await client.reserve("A1", user=BOB)
        assert sold.value.status is Status.FAILED_PRECONDITION
        assert [seat.seat_number for seat in await client.free()] == ["A2", "B1"]
        async with refused(Status.NOT_FOUND, "hold not found"):
            await client.confirm(made.reservation_id, user=BOB)
        async with refused(Status.NOT_FOUND, "trip not found"):
            await client.free(8)


async def test_what_is_wrong_is_named_as_callers_of_events_call_it() -> None:
    async with serving() as client:
        async with refused(Status.INVALID_ARGUMENT, "seat_numbers: this trip has no seat 'Z9'"):
            await client.reserve("Z9")
        async with refused(Status.INVALID_ARGUMENT, "seat_numbers: must have 1 to 50 items, not 0"):
            await client.reserve("")
        async with refused(Status.INVALID_ARGUMENT, "user_id: must not be empty"):
            await client.reserve("A1", user="")
        async with refused(Status.INVALID_ARGUMENT, "reservation_ids: must have 1 to 50 items, not 0"):
            await client.confirm()
        async with refused(Status.INVALID_ARGUMENT, "reservation_ids: must have 1 to 50 items, not 51"):
            await client.cancel(*[f"event-7~0~{0:032}"] * 51)
        for bad, said in (("", "empty"), ("x" * 1_000, "have at most"), ("a\nb", "not have control characters")):
            for ask, field in ((client.find, "reservation_id"), (client.cancel, "reservation_ids")):
                with pytest.raises(GRPCError, match=f"{field}: must (not be )?{said}"):
                    await ask(bad)
        made = await client.reserve("A1")
        async with refused(Status.INVALID_ARGUMENT, "booking_id: must not be empty"):
            await client.confirm(made.reservation_id, booking="")
        async with refused(Status.INVALID_ARGUMENT, "seat_numbers: the hold has the seats A1, not A2"):
            await client.confirm(of_seat(made, "A2"))


@pytest.mark.parametrize(
    "unknown",
    [
        "no reservation",
        f"event-7~0~{1:032}",
        f"event-07~0~{0:032}",
        f"event-{'9' * 100}~0~{0:032}",
        f"t~0~{0:032}",
    ],
)
async def test_what_is_no_reservation_is_not_found(unknown: str) -> None:
    async with serving() as client:
        for ask in (client.find, client.confirm, client.cancel):
            async with refused(Status.NOT_FOUND, "hold not found"):
                await ask(unknown)


async def test_a_hold_of_another_trip_is_no_reservation_and_stays_as_it_is() -> None:
    async with serving() as client:
        await client.open("T")
        request = v1.HoldSeatsRequest(
            trip_id="T",
            from_station_id="start",
            to_station_id="end",
            seat_ids=["A1"],
            user_id=ALICE,
            organization_id="default",
        )
        held = await client.stub.hold_seats(request)
        for ask in (client.find, client.confirm, client.cancel):
            async with refused(Status.NOT_FOUND, "hold not found"):
                await ask(held.hold_id)
        named = v1.GetHoldRequest(hold_id=held.hold_id, user_id=ALICE, organization_id="default")
        found = (await client.stub.get_hold(named)).hold
        assert found is not None
        assert found.status is v1.HoldStatus.HELD


@pytest.mark.parametrize("sweeps", [True, False])
async def test_a_reservation_whose_time_is_over_has_expired_whether_or_not_it_was_swept(sweeps: bool) -> None:
    async with serving(hold_ttl_seconds=1, background="on" if sweeps else "off") as client:
        made = await client.reserve("A1")
        await asyncio.sleep(1.1)
        assert (await client.find(made.reservation_id)).status == "EXPIRED"
        assert told(await client.confirm(made.reservation_id)) == [("CONFIRMED", "A1")]  # nobody else wanted it


async def test_of_fifty_who_want_one_seat_one_gets_it() -> None:
    async with serving() as client:
        asked = [client.reserve("A1", user=f"u{number}") for number in range(50)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    lost = [answer for answer in answers if isinstance(answer, GRPCError)]
    (won,) = [answer for answer in answers if isinstance(answer, v1.Reservation)]
    assert won.status == "ACTIVE"
    assert {answer.status for answer in lost} <= {Status.ABORTED, Status.FAILED_PRECONDITION}
    assert len(lost) == 49
