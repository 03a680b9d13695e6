"""What HTTP says of an event's seats and what gRPC says of them are of one kind."""

import asyncio
from pathlib import Path
from typing import Any

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


async def test_a_key_is_answered_by_the_next_process_too(tmp_path: Path) -> None:
    """Over each face: what a key means is in the store, not in the memory of who was asked first."""
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("/v1/holds", {"trip_id": "event-1", "seat_ids": ["A1"]}, "hold_id"),
        ("/hold", {"showtimeId": "event-1", "seatIds": ["A2"]}, "holdId"),
        ("/api/inventory/reservations", {"eventId": 1, "seatNumbers": ["A3"]}, "reservations"),
    ]
    answers: list[list[object]] = []
    for is_first in (True, False):
        async with (
            running(settings_of(tmp_path, http_host="127.0.0.1", http_port=0)) as app,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}", timeout=30) as http,
        ):
            if is_first:
                seats = [{"seatNumber": seat} for seat in ("A1", "A2", "A3")]
                opened = await http.post("/api/inventory/events", json={"eventId": 1, "seats": seats})
                assert opened.status_code == 201
            told = []
            for path, body, name in asked:
                headers = {"x-user-id": "ann", "idempotency-key": path}
                answer = await http.post(path, json=body, headers=headers)
                assert answer.status_code == 201, answer.text
                told.append(answer.json()[name])
            answers.append(told)
            other = await http.post(
                "/v1/holds", json=asked[0][1] | {"seat_ids": ["A2"]}, headers=headers | {"idempotency-key": "/v1/holds"}
            )
            assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert answers[0] == answers[1]
