"""The HTTP application without a socket, over the inventory in memory, with a trip open."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.rest.described import Checked, Described
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.guard import BodyLimits
from travio_inventory.api.rest.native import PROBLEM_FORMS, native_routers
from travio_inventory.app.service import open_inventory
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.use_cases import Inventory
from verification.kit.in_process import settings_of

BODIES = BodyLimits(usual_max=65_536, large_max=4_194_304, unread_max=8_388_608)
ALICE, BOB = {"x-user-id": "alice"}, {"x-user-id": "bob"}
TRIP = "/v1/trips/T%2F1"
ROUTE = {"from": "A", "to": "C"}


class Web:
    """Calls the face about one trip, A-B-C with the seats 1A to 1D, whose id has a slash."""

    def __init__(self, client: httpx.AsyncClient, inventory: Inventory) -> None:
        self.client = client
        self.inventory = inventory

    async def open(self, **changed: object) -> httpx.Response:
        segments = [
            {"from_station_id": "A", "to_station_id": "B", "departure_time": "2096-10-02T07:06:40Z"},
            {"from_station_id": "B", "to_station_id": "C"},
        ]
        seats = [
            {"seat_id": f"1{letter}", "seat_number": f"no {letter}", "row": 1, "column": at, "price_paisa": at * 100}
            for at, letter in enumerate("ABCD", start=1)
        ]
        body: dict[str, object] = {"trip_id": "T/1", "segments": segments, "seat_config": {"seats": seats}}
        return await self.client.post("/v1/trips", json=body | {"currency": "BDT"} | changed)

    async def hold(
        self, seats: str, who: dict[str, str] = ALICE, *, key: str = "", **changed: object
    ) -> httpx.Response:
        body: dict[str, object] = {"trip_id": "T/1", "from_station_id": "A", "to_station_id": "C"}
        headers = who | ({"idempotency-key": key} if key else {})
        return await self.client.post("/v1/holds", json=body | {"seat_ids": seats.split()} | changed, headers=headers)

    async def held(self, seats: str, who: dict[str, str] = ALICE) -> str:
        """The path of a new hold."""
        answer = await self.hold(seats, who)
        assert answer.status_code == 201
        return answer.headers["location"]

    async def free(self) -> list[str]:
        """The seats that are free from A to C."""
        answer = await self.client.get(f"{TRIP}/availability", params=ROUTE)
        return [seat["seat_id"] for seat in answer.json()["seats"]]

    async def do(self, method: str, path: str, body: object = None, who: dict[str, str] = ALICE) -> Any:  # noqa: ANN401 - JSON
        """The answer of a call that succeeds, None if it has no body."""
        answer = await self.client.request(method, path, json=body, headers=who)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


def as_it_is(inventory: Inventory) -> Inventory:
    """The inventory itself."""
    return inventory


NATIVE: list[Described] = []
"""The description of the face, once it was read: that takes a quarter of a second."""


async def _described(client: httpx.AsyncClient) -> Described:
    if not NATIVE:
        NATIVE.append(Described((await client.get("/openapi.json")).json()))
    return NATIVE[0]


@asynccontextmanager
async def web_of(
    bodies: BodyLimits = BODIES,
    *,
    origins: tuple[str, ...] = (),
    deadline_s: float = 10,
    changed: Callable[[Inventory], Inventory] = as_it_is,
    **settings: object,
) -> AsyncIterator[Web]:
    """The face with these limits and settings, over the inventory with these changes; no trip is open."""
    async with open_inventory(settings_of(None, **settings)) as opened:
        inventory = changed(opened)
        callers = Callers(AuthenticationOff(), default_organization="default")
        rules = WebRules(bodies, deadline_s=deadline_s, origins=origins)
        app = application(native_routers(inventory, SystemClock()), callers, rules, PROBLEM_FORMS)
        transport = Checked(httpx.ASGITransport(app, raise_app_exceptions=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            transport.described = await _described(client)
            yield Web(client, inventory)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """The face with the trip open."""
    async with web_of() as web:
        assert (await web.open()).status_code == 201
        yield web
