"""What HTTP says of an event's seats and what gRPC says of them are of one kind."""

import asyncio

import httpx
from grpclib.client import Channel

from tests.rest.faces.serving import Client
from travio_inventory.app.service import running
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of


async def version(client: Client) -> int:
    """Of the only seat, as HTTP tells it."""
    (seat,) = (await client("GET", "/api/inventory/events/1/seats/available")).json()["seats"]
    return int(seat["version"])


async def test_a_version_is_greater_than_what_the_other_face_has_told_before() -> None:
    async with (
        running(settings_of(http_host="127.0.0.1", http_port=0)) as app,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}") as http,
    ):
        client, channel = Client(http), Channel("127.0.0.1", app.port)
        stub = v1.InventoryServiceStub(channel)
        await client("POST", "/api/inventory/events", {"eventId": 1, "seats": [{"seatNumber": "A1"}]})
        free = await version(client)
        await asyncio.sleep(0.002)
        reserve = v1.ReserveSeatsRequest(event_id=1, seat_numbers=["A1"], user_id="alice")
        made = (await stub.reserve_seats(reserve)).reservation
        assert made is not None
        await stub.cancel_reservations(v1.CancelReservationsRequest(reservation_ids=[made.reservation_id]))
        assert free < made.seats[0].version < await version(client)
        channel.close()
