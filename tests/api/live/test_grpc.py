"""WatchSeatMap: the live feed as gRPC tells it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpclib.const import Status

from tests.api.serving import ALICE, Client, refused, serving
from travio_inventory.api.grpc import live_replies
from travio_inventory.wire.inventory import v1

SNAPSHOT, CHANGE, HEARTBEAT = v1.WatchSeatMapKind.SNAPSHOT, v1.WatchSeatMapKind.CHANGE, v1.WatchSeatMapKind.HEARTBEAT


def watching(client: Client, journey: str = "A-C", position: str = "") -> AsyncIterator[v1.WatchSeatMapResponse]:
    """The messages to one who watches the trip."""
    origin, destination = journey.split("-")
    request = v1.WatchSeatMapRequest(
        trip_id="T", from_station_id=origin, to_station_id=destination, organization_id="org", position=position
    )
    return client.stub.watch_seat_map(request)


async def next_of(kind: v1.WatchSeatMapKind, told: AsyncIterator[v1.WatchSeatMapResponse]) -> v1.WatchSeatMapResponse:
    """The next message of that kind."""
    async with asyncio.timeout(60):
        while (message := await anext(told)).kind != kind:
            pass
    return message


async def test_a_watcher_is_sent_a_snapshot_then_what_changes_then_heartbeats() -> None:
    async with serving() as client:
        told = watching(client, "B-C")
        snapshot = await anext(told)
        assert (snapshot.kind, snapshot.reason, snapshot.after) == (SNAPSHOT, v1.WatchSeatMapReason.BEGIN, "")
        assert [(seat.seat_id, seat.status) for seat in snapshot.seats] == [
            (f"1{letter}", v1.SeatStatus.AVAILABLE) for letter in "ABCD"
        ]
        assert snapshot.as_of > 1_700_000_000
        held = await client.hold(ALICE, "1B 1C")
        change = await next_of(CHANGE, told)
        assert change.after == snapshot.position
        assert [(seat.seat_id, seat.status, seat.hold_expires_at) for seat in change.seats] == [
            (seat, v1.SeatStatus.HELD, held.expires_at) for seat in ("1B", "1C")
        ]
        await client.confirm(ALICE, held.hold_id)
        booked = await next_of(CHANGE, told)
        assert [(seat.seat_id, seat.status, seat.hold_expires_at) for seat in booked.seats] == [
            (seat, v1.SeatStatus.BOOKED, 0) for seat in ("1B", "1C")
        ]
        assert change.seats[0].version < booked.seats[0].version
        assert (booked.after, (await next_of(HEARTBEAT, told)).position) == (change.position, booked.position)


async def test_a_watcher_goes_on_from_where_it_was() -> None:
    async with serving() as client:
        first = await anext(watching(client))
        assert (await anext(watching(client, position=first.position))).kind == HEARTBEAT
        await client.hold(ALICE, "1A")
        again = await anext(watching(client, position=first.position))
        assert (again.kind, again.after, [seat.seat_id for seat in again.seats]) == (CHANGE, first.position, ["1A"])
        gap = await anext(watching(client, position="of another process-7"))
        assert (gap.kind, gap.reason) == (SNAPSHOT, v1.WatchSeatMapReason.GAP)


async def test_what_is_wrong_is_refused() -> None:
    async with serving() as client:
        async with refused(Status.INVALID_ARGUMENT, ""):
            await anext(watching(client, "C-A"))
        async with refused(Status.INVALID_ARGUMENT, "trip_id"):
            await anext(client.stub.watch_seat_map(v1.WatchSeatMapRequest(organization_id="org")))
        async with refused(Status.NOT_FOUND, ""):
            await anext(
                client.stub.watch_seat_map(
                    v1.WatchSeatMapRequest(
                        trip_id="none", from_station_id="A", to_station_id="C", organization_id="org"
                    )
                )
            )


async def test_a_snapshot_that_clients_would_not_accept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_replies, "REPLY_BYTES_MAX", 30)
    too_large = "section_id: the map of 4 seats would have more than 30 bytes"
    async with serving() as client, refused(Status.INVALID_ARGUMENT, too_large):
        await anext(watching(client))
