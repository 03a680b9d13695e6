"""What the organization reads over a transport in memory: manifests, and the explanation of a seat."""

from dataclasses import replace

from grpclib.const import Status

from tests.api.serving import ALICE, BOB, refused, serving
from travio_inventory.wire.inventory import v1


async def test_a_manifest_is_told_to_the_organization_with_national_ids_only_if_they_are_asked_for() -> None:
    passengers = [v1.PassengerSeat(seat_id="1B", passenger_nid="7", passenger_name="Ada")]
    async with serving() as client:
        held = await client.hold(BOB, "1A", "A-B")
        hold_id = (await client.hold(ALICE, "1B")).hold_id
        await client.stub.confirm_booking(
            v1.ConfirmBookingRequest(
                hold_id=hold_id, order_id="order", user_id=ALICE, organization_id="org", passengers=passengers
            )
        )
        asked = v1.GetManifestRequest(trip_id="T", organization_id="org", page_size=1)
        (booked,) = (await client.stub.get_manifest(asked)).holds
        assert (booked.user_id, booked.order_id, booked.booking_id) == (ALICE, "order", hold_id)
        assert (booked.seat_ids, booked.seat_numbers) == (["1B"], ["no B"])
        assert booked.seat_labels == [""]
        assert booked.passengers == [v1.PassengerSeat(seat_id="1B", passenger_name="Ada")]
        (whole,) = (await client.stub.get_manifest(replace(asked, include_national_ids=True))).holds
        assert whole.passengers == passengers
        first = await client.stub.get_manifest(replace(asked, include_held=True))
        last = await client.stub.get_manifest(replace(asked, include_held=True, page_token=first.next_page_token))
        assert [hold.hold_id for hold in (*first.holds, *last.holds)] == [held.hold_id, hold_id]
        assert last.next_page_token == ""
        assert (await client.stub.get_manifest(replace(asked, boarding_station_id="B"))).holds == []
        async with refused(Status.INVALID_ARGUMENT, "alighting_station_id: this trip does not stop at 'X'"):
            await client.stub.get_manifest(replace(asked, alighting_station_id="X"))
        async with refused(Status.NOT_FOUND, "trip not found"):
            await client.stub.get_manifest(replace(asked, trip_id="X"))


async def test_a_seat_is_explained_to_the_organization_without_passengers() -> None:
    passengers = [v1.PassengerSeat(seat_id="1B", passenger_nid="N-1815", passenger_name="Ada")]
    async with serving() as client:
        hold_id = (await client.hold(ALICE, "1A 1B")).hold_id
        async with refused(Status.FAILED_PRECONDITION, "seat query contention"):
            await client.hold(BOB, "1B", "B-C", key="key", settle=True)
        await client.stub.confirm_booking(
            v1.ConfirmBookingRequest(
                hold_id=hold_id,
                order_id="order",
                user_id=ALICE,
                organization_id="org",
                passengers=[v1.PassengerSeat(seat_id="1A"), *passengers],
            )
        )
        asked = v1.ExplainSeatRequest(trip_id="T", organization_id="org", seat_id="1B")
        found = await client.stub.explain_seat(asked)
        assert [(cell.status, cell.hold_id, cell.user_id, cell.order_id) for cell in found.segments] == [
            ("sold", hold_id, ALICE, "order")
        ] * 2
        told = [(trace.source, trace.what, trace.hold_id) for trace in found.traces]
        assert (v1.SeatTraceSource.HOLD, "confirmed", hold_id) in told
        assert (v1.SeatTraceSource.EVENT, "seats.purchased", hold_id) in told
        (refusal,) = (trace for trace in found.traces if trace.source is v1.SeatTraceSource.REFUSAL)
        assert (refusal.user_id, refusal.from_segment_index, refusal.to_segment_index) == (BOB, 1, 1)
        (taker,) = refusal.takers
        assert (taker.segment_index, taker.status, taker.hold_id) == (1, "held", "")
        assert "lost race" in found.left_out
        assert not any(word in str(found) for word in ("Ada", "N-1815"))
        async with refused(Status.INVALID_ARGUMENT, "seat_id: this trip has no seat 'X'"):
            await client.stub.explain_seat(replace(asked, seat_id="X"))
