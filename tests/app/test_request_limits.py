"""Requests are limited over every face alike, by holder, by organization and by address, and nobody else's are."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.api.live.serving import browser_of, selling
from travio_inventory.app.service import App
from travio_inventory.kernel.refusals import RateLimited
from travio_inventory.wire.inventory import v1
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

TOKENS: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
AT_ONCE: Final = 4
ASKED: Final = 5 * AT_ONCE
"""At once: one each second is let through besides."""
SCOPE: Final = "read hold confirm admin"
Headers = Mapping[str, str]
Face = Callable[[App, httpx.AsyncClient, Headers], Awaitable[str]]
"""Asks once; returns the reason of the refusal."""


def over_http(method: str, path: str, body: object = None) -> Face:
    async def ask(_app: App, client: httpx.AsyncClient, headers: Headers) -> str:
        answer = await client.request(method, path, json=body, headers=headers)
        told = answer.json()
        if told.get("code") == "resource_exhausted":  # as Connect has it
            return RateLimited.reason
        assert answer.status_code != 429 or int(answer.headers["retry-after"]) > 0
        return str(told.get("reason"))

    return ask


async def over_a_socket(app: App, _client: httpx.AsyncClient, headers: Headers) -> str:
    shown = headers["authorization"].removeprefix("Bearer ")
    address = {"x-forwarded-for": headers["x-forwarded-for"]}
    asked = connect(
        f"ws://127.0.0.1:{app.http_port}/?tripId=none",
        subprotocols=[Subprotocol("bearer"), Subprotocol(shown)],
        additional_headers=address,
    )
    async with asked as socket:
        return str(json.loads(await socket.recv())["reason"])


async def over_grpc(app: App, _client: httpx.AsyncClient, headers: Headers) -> str:
    channel = Channel("127.0.0.1", app.port)
    try:
        await v1.InventoryServiceStub(channel).get_trip(v1.GetTripRequest(trip_id="none"), metadata=dict(headers))
    except GRPCError as refused:
        return RateLimited.reason if refused.status is Status.RESOURCE_EXHAUSTED else refused.status.name
    finally:
        channel.close()
    return ""


HELD = {"trip_id": "none", "from_station_id": "A", "to_station_id": "D", "seat_ids": ["A1"]}
FACES: Mapping[str, Face] = {
    "a map": over_http("GET", "/v1/trips/none/seatmap?from=A&to=D"),
    "a hold": over_http("POST", "/v1/holds", HELD),
    "another call": over_http("GET", "/v1/trips/none"),
    "events": over_http("GET", "/api/inventory/events/7/seats/available"),
    "showtimes": over_http("GET", "/availability?showtimeId=none"),
    "a stream": over_http("GET", "/v1/trips/none/updates"),
    "Connect": over_http("POST", "/inventory.v1.InventoryService/GetTrip", {"tripId": "none"}),
    "a socket": over_a_socket,
    "gRPC": over_grpc,
}


def caller(whose: str, number: int) -> Headers:
    """Callers of different numbers differ in nothing else."""
    claims = {"holder": {"sub": f"ann-{number}"}, "organization": {"org": f"acme-{number}"}}.get(whose, {})
    address = f"192.0.2.{number if whose == 'address' else 0}"
    return {"authorization": f"Bearer {token(scope=SCOPE, **claims)}", "x-forwarded-for": address}


@pytest.mark.parametrize("whose", ["holder", "organization", "address"])
async def test_who_asks_too_often_is_refused_over_every_face_and_nobody_else(whose: str) -> None:
    limits: dict[str, Any] = {f"requests_per_{whose}_max": 1, "request_burst_seconds": AT_ONCE, "trusted_hops": 1}
    async with selling(**TOKENS, **limits) as app, browser_of(app) as client:
        for number, (name, face) in enumerate(FACES.items(), start=1):
            told = await asyncio.gather(*(face(app, client, caller(whose, 0)) for _ in range(ASKED)))
            assert RateLimited.reason in told, name
            assert await face(app, client, caller(whose, number)) in {"TRIP_NOT_FOUND", "NOT_FOUND", "None"}, name
