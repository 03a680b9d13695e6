"""The life of a trip over a channel: sales are closed, frozen and open again, and refused in the service's words."""

from dataclasses import replace

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.serving import Client, serving
from travio_inventory.wire.inventory import v1
from travio_inventory.wire.inventory.v1 import SalesAction, TripState


async def control(client: Client, action: SalesAction) -> TripState:
    request = v1.ControlSalesRequest(trip_id="T", organization_id="org", action=action)
    return (await client.stub.control_sales(request)).state


async def test_sales_are_closed_and_frozen_and_open_again() -> None:
    async with serving() as client:
        for action, state in (
            (SalesAction.CLOSE, TripState.CLOSED),
            (SalesAction.FREEZE, TripState.FROZEN),
            (SalesAction.REOPEN, TripState.FROZEN),
        ):
            assert await control(client, action) is state
            with pytest.raises(GRPCError) as refused:
                await client.hold("u1", "1A")
            assert refused.value.status is Status.FAILED_PRECONDITION
            assert f"sales of this trip are {(state.name or '').lower()}" in str(refused.value.message)
        assert await control(client, SalesAction.UNFREEZE) is TripState.OPEN
        await client.hold("u1", "1A")
        found = await client.stub.get_trip(v1.GetTripRequest(trip_id="T", organization_id="org"))
        assert (found.state, found.version > 3, found.opened_at > 0) == (TripState.OPEN, True, True)


@pytest.mark.parametrize("action", [0, 99])
async def test_an_action_that_is_not_known_is_refused(action: int) -> None:
    async with serving() as client:
        with pytest.raises(GRPCError) as refused:
            await control(client, SalesAction(action))
        assert refused.value.status is Status.INVALID_ARGUMENT
        assert "action: must be one of CLOSE, REOPEN, FREEZE, UNFREEZE" in str(refused.value.message)


async def test_prices_and_times_are_changed_for_the_version_that_was_seen() -> None:
    async with serving() as client:
        asked = v1.ChangeTripRequest(
            trip_id="T",
            organization_id="org",
            seat_prices={"1A": 900},
            times=[v1.SegmentTimes(segment_index=1, departure_time=4_000_000_100)],
            version=1,
        )
        assert (await client.stub.change_trip(asked)).version == 2
        assert (await client.hold("u1", "1A")).price_minor == 900
        found = await client.stub.get_trip(v1.GetTripRequest(trip_id="T", organization_id="org"))
        assert found.segments[1].departure_time == 4_000_000_100
        with pytest.raises(GRPCError) as refused:
            await client.stub.change_trip(replace(asked, seat_prices={"1A": 901}))
        assert refused.value.status is Status.FAILED_PRECONDITION


async def test_trips_are_listed_and_a_cancelled_one_says_so() -> None:
    async with serving() as client:
        hold = await client.hold("u1", "1A")
        await client.confirm("u1", hold.hold_id)
        await client.hold("u1", "1B")
        cancelled = await client.stub.cancel_trip(v1.CancelTripRequest(trip_id="T", organization_id="org"))
        assert (cancelled.released_holds, cancelled.cancelled_bookings) == (1, 1)
        assert cancelled.state is TripState.CANCELLED
        asked = v1.ListTripsRequest(organization_id="org", departs_from=3_999_999_999, departs_before=4_000_000_001)
        (line,) = (await client.stub.list_trips(asked)).trips
        assert (line.trip_id, line.state, line.seat_count) == ("T", TripState.CANCELLED, 4)
        assert (await client.stub.list_trips(v1.ListTripsRequest(organization_id="org"))).trips == []
