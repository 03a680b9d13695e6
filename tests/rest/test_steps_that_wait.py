"""Who is told that the time is over while a step only waits for its turn is told that nothing was done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.guard import BodyLimits
from travio_inventory.api.rest.native import native_routers
from travio_inventory.store.memory import MemoryBatches
from verification.kit.faulty_batches import any_batch
from verification.kit.sale import STEPS_MAX, Market, Sale

BODIES = BodyLimits(usual_max=65_536, large_max=65_536, unread_max=1_000_000)
TRIP = "/v1/trips/{trip}"
HOLD = {"trip_id": "{trip}", "from_station_id": "A", "to_station_id": "D", "seat_ids": ["A9"], "idempotency_key": "k"}
CALLS: dict[str, tuple[str, str, Any]] = {
    "hold": ("POST", "/v1/holds", HOLD),
    "extend": ("POST", "/v1/holds/{hold}/extend", {}),
    "confirm": ("POST", "/v1/holds/{hold}/confirm", {"order_id": "o"}),
    "move": ("POST", "/v1/holds/{hold}/move", {"moves": [{"from_seat_id": "A1", "to_seat_id": "A9"}]}),
    "release": ("POST", "/v1/holds/{hold}/release", {}),
    "delete": ("DELETE", "/v1/holds/{hold}", None),
    "cancel": ("POST", "/v1/bookings/{booking}/cancel", {}),
    "erase": ("DELETE", "/v1/bookings/{booking}/passengers", None),
    "block": ("POST", TRIP + "/seat-blocks", {"seat_ids": ["A9"]}),
    "unblock": ("DELETE", TRIP + "/seat-blocks?seat_id=A9", None),
    "wait": ("POST", TRIP + "/waitlist", {}),
    "leave": ("DELETE", TRIP + "/waitlist", None),
    "close": ("POST", TRIP + "/close", None),
    "cancel trip": ("POST", TRIP + "/cancel", None),
    "change": ("PATCH", TRIP, {"seat_prices": {"A9": 5}}),
}


@asynccontextmanager
async def face(sale: Sale, deadline_s: float) -> AsyncIterator[httpx.AsyncClient]:
    """The routes over the sale, called by Ann."""
    callers = Callers(AuthenticationOff(), default_organization=sale.trip.key.organization)
    app = application(native_routers(sale.inventory, sale.clock), callers, WebRules(BODIES, deadline_s))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here", headers={"x-user-id": "ann"}) as client:
        yield client


@asynccontextmanager
async def no_turn_left(sale: Sale) -> AsyncIterator[None]:
    """As many steps run as may, while the block lasts."""
    over = asyncio.Event()
    steps = [asyncio.ensure_future(sale.process.steps.run(over.wait())) for _ in range(STEPS_MAX)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        over.set()
        await asyncio.wait(steps)


@pytest.mark.parametrize("name", CALLS)
async def test_a_step_that_waited_until_the_time_was_over_was_not_begun_and_that_is_told(name: str) -> None:
    method, path, body = CALLS[name]
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        sale = await market.open()
        hold, booked = await sale.hold("A1"), await sale.hold("A2")
        await sale.confirm(booked)
        names = {"trip": sale.trip.key.trip, "hold": hold.id, "booking": booked.id}
        if body is HOLD:
            body = HOLD | {"trip_id": names["trip"]}
        place = path.format(**{each: quote(value, safe="") for each, value in names.items()})
        async with face(sale, deadline_s=0.05) as client, no_turn_left(sale):
            written = sale.store.batches
            answer = await client.request(method, place, json=body)
            assert (answer.status_code, answer.json()["reason"]) == (503, "BACKEND_UNAVAILABLE"), answer.text
            assert answer.json()["retry_after_ms"] > 0
            assert sale.store.batches == written
        await sale.settled()
        assert sale.store.batches == written


async def test_a_step_that_has_begun_has_an_unknown_outcome() -> None:
    """It goes on, and is done although nobody was told."""
    async with Market(MemoryBatches(None, Random(1), asyncio.sleep)) as market:
        sale = await market.open()
        async with face(sale, deadline_s=0.05) as client:
            stall = sale.store.stall(any_batch)
            answer = await client.post("/v1/holds", json=HOLD | {"trip_id": sale.trip.key.trip})
            assert (answer.status_code, answer.json()["reason"]) == (503, "OUTCOME_UNKNOWN")
            stall.go.set()
            await sale.settled()
        async with face(sale, deadline_s=10) as client:
            again = await client.post("/v1/holds", json=HOLD | {"trip_id": sale.trip.key.trip})
            assert again.status_code == 201
