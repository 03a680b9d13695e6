"""A large message over gRPC keeps nobody waiting; with more parts than any has it is refused, not parsed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.large_messages import BODY_BYTES, TURN_S_MAX, longest_turn_s, of_seats
from travio_inventory.api.grpc.large_messages import PARTS_MAX
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import SERVICE
from travio_inventory.app.service import running
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of


@pytest.fixture(params=["lean", pytest.param("grpclib", marks=pytest.mark.once)])
async def opening(request: pytest.FixtureRequest) -> AsyncIterator["UnaryUnaryMethod[object, object]"]:
    """InitializeTripInventory of a service that listens, on each engine."""
    settings = settings_of(None, grpc_host="127.0.0.1", grpc_port=0, server=request.param)
    async with running(settings, only="grpc") as app:
        channel = Channel("127.0.0.1", app.port, codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        path, answer = f"/{SERVICE}/InitializeTripInventory", v1.InitializeTripInventoryResponse
        yield UnaryUnaryMethod(channel, path, bytes, answer)
        channel.close()


@pytest.mark.parametrize("seat", [b"", b"\x18\x01"], ids=["empty", "short"])
async def test_nobody_waits_for_what_is_refused(opening: "UnaryUnaryMethod[object, object]", seat: bytes) -> None:
    asking = asyncio.ensure_future(opening(of_seats(seat, BODY_BYTES // (len(seat) + 2))))
    assert await longest_turn_s(asking) < TURN_S_MAX
    with pytest.raises(GRPCError, match=f"seat_config.seats: a message has at most {PARTS_MAX} parts") as refused:
        await asking
    assert refused.value.status is Status.INVALID_ARGUMENT


async def test_a_message_that_is_large_is_served(opening: "UnaryUnaryMethod[object, object]") -> None:
    seats = [v1.SeatDefinition(seat_id=f"s{at}", seat_number="1" * 30, row=at + 1, column=1) for at in range(2_000)]
    asked = v1.InitializeTripInventoryRequest(
        trip_id="t",
        organization_id="default",
        segments=[v1.SegmentDefinition(from_station_id="A", to_station_id="B")],
        seat_config=v1.SeatConfiguration(seats=seats),
    )
    assert isinstance(await opening(bytes(asked)), v1.InitializeTripInventoryResponse)
