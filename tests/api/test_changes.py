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
