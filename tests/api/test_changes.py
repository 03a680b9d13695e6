"""Changes of holds over the wire: some seats are released, booked or cancelled."""

from grpclib.const import Status

from tests.api.serving import ALICE, refused, serving
from travio_inventory.wire.inventory import v1


async def test_some_seats_are_released_booked_and_cancelled() -> None:
    async with serving() as client:
        held = await client.hold(ALICE, "1A 1B 1C 1D")
        hold = held.hold_id

        async def release(seat: str) -> v1.ReleaseSeatsResponse:
            return await client.stub.release_seats(
                v1.ReleaseSeatsRequest(hold_id=hold, user_id=ALICE, organization_id="org", seat_ids=[seat])
            )

        for _ in range(2):
            released = await release("1D")
            assert (released.success, released.released_count) == (True, 1)
            assert released.remaining_seat_ids == ["1A", "1B", "1C"]
        booked = await client.stub.confirm_booking(
            v1.ConfirmBookingRequest(
                hold_id=hold, order_id="order", user_id=ALICE, organization_id="org", seat_ids=["1A", "1B"]
            )
        )
        assert [seat.seat_id for seat in booked.confirmed_seats] == ["1A", "1B"]
        assert booked.price_minor == 300
        cancel = v1.CancelBookingRequest(
            booking_id=booked.booking_id, user_id=ALICE, organization_id="org", seat_ids=["1B"]
        )
        cancelled = await client.stub.cancel_booking(cancel)
        assert (cancelled.cancelled_count, cancelled.remaining_seat_ids) == (1, ["1A"])
        found = await client.find(ALICE, held.hold_id)
        assert found is not None
        assert (found.seat_ids, found.price_minor) == (["1A"], 100)
        async with refused(Status.INVALID_ARGUMENT, "seat_ids: the hold has the seats 1A, not 2Z"):
            await release("2Z")


async def test_a_booking_moves_with_its_tickets_and_forgets_its_passengers() -> None:
    async with serving() as client:
        held = await client.hold(ALICE, "1A 1B")
        hold = held.hold_id
        named = [v1.PassengerSeat(seat_id=seat, passenger_name=f"in {seat}") for seat in ("1A", "1B")]
        booked = await client.stub.confirm_booking(
            v1.ConfirmBookingRequest(
                hold_id=hold, order_id="order", user_id=ALICE, organization_id="org", passengers=named
            )
        )
        move = v1.MoveHoldRequest(
            hold_id=booked.booking_id,
            user_id=ALICE,
            organization_id="org",
            moves=[v1.SeatMove(from_seat_id="1A", to_seat_id="1D")],
            expected_version=0,
        )
        for _ in range(2):
            moved = await client.stub.move_hold(move)
            assert moved.hold is not None
            assert (moved.hold.seat_ids, moved.hold.seat_prices_minor, moved.hold.version) == (
                ["1B", "1D"],
                [200, 400],
                1,
            )
            assert {each.seat_id: each.passenger_name for each in moved.hold.passengers} == {
                "1D": "in 1A",
                "1B": "in 1B",
            }
            assert moved.confirmed_seats[0] == booked.confirmed_seats[1], "who stays keeps the ticket"
        elsewhere = v1.MoveHoldRequest(
            hold_id=hold, user_id=ALICE, organization_id="org", from_station_id="B", to_station_id="C"
        )
        shorter = await client.stub.move_hold(elsewhere)
        assert shorter.hold is not None
        assert (shorter.hold.from_station_id, shorter.hold.seat_ids) == ("B", ["1B", "1D"])
        move.moves = [v1.SeatMove(from_seat_id="1B", to_seat_id="1C")]
        async with refused(Status.FAILED_PRECONDITION, "the hold has changed since: its version is 2"):
            await client.stub.move_hold(move)
        erase = v1.ErasePassengersRequest(booking_id=booked.booking_id, user_id=ALICE, organization_id="org")
        for _ in range(2):
            assert (await client.stub.erase_passengers(erase)).success
        found = await client.find(ALICE, hold)
        assert found is not None
        assert (found.passengers, found.seat_ids) == ([], ["1B", "1D"])
        async with refused(Status.INVALID_ARGUMENT, "moves: name the seats to move, or another journey"):
            await client.stub.move_hold(v1.MoveHoldRequest(hold_id=hold, user_id=ALICE, organization_id="org"))
