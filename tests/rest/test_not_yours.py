"""What is somebody else's looks like what is not there: every call, of both protocols, about one of everything."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

import betterproto2
import httpx
import pytest
from grpclib.client import Channel
from grpclib.exceptions import GRPCError

from tests.api.test_who_may_call import CALLS, NEEDS, STREAMS, request_of, unnamed
from tests.rest.test_description import ENDLESS, operations
from travio_inventory.api.auth.identity import Grant
from travio_inventory.app.service import running
from travio_inventory.wire.inventory import v1
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

TOKENS: Final[dict[str, Any]] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
EVERYTHING, OF_USERS = "read hold confirm admin", "read hold confirm"
TRIP, EVENT, SHOWTIME, PLAN, ORDER = "t-anns", 70_001, "show-anns", "plan-anns", "order-anns"
NO_EVENT, NO_HOLD = 90_009, "0" * 32
OF_A_USER: Final = frozenset({"hold_id", "booking_id", "reservation_id"})
"""The names of what belongs to a user, not to all of the organization."""
SEAT = "A1"
STOCK = "/api/v1/"
"""Where the paths begin that have such a table of their own."""
ANY_NUMBER = count()


def shown(organization: str = "acme", user: str = "ann", scope: str = EVERYTHING) -> dict[str, str]:
    """The header of a caller."""
    return {"authorization": f"Bearer {token(org=organization, sub=user, scope=scope)}"}


def snake(name: str) -> str:
    """What `reservationId` is called in our own messages."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Names(NamedTuple):
    """The ids of one of everything, by what they are called in snake case."""

    ids: Mapping[str, Any]

    def fill(self, value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
        """The same value, about these."""
        if snake(name) in self.ids:
            return self.ids[snake(name)]
        if isinstance(value, dict):
            return {each: self.fill(part, each) for each, part in value.items()}
        return [*map(self.fill, value)] if isinstance(value, list) else value

    def masked(self, told: str) -> str:
        """What was told, without these ids."""
        for each in sorted({str(value) for value in self.ids.values()}, key=len, reverse=True):
            told = told.replace(each, "its id")
        return told


MISSING: Final = Names(
    {
        "trip_id": "t-none",
        "hold_id": f"{TRIP}~0~{NO_HOLD}",
        "booking_id": f"{TRIP}~0~{NO_HOLD}",
        "plan_id": "plan-none",
        "order_id": "order-none",
        "event_id": NO_EVENT,
        "reservation_id": f"event-{EVENT}~0~{NO_HOLD}.QTE",
        "showtime_id": "show-none",
    }
)


class Operation(NamedTuple):
    """A call over HTTP as it is described."""

    named: str
    described: dict[str, Any]

    @property
    def names(self) -> set[str]:
        """What of `MISSING` it names, in its path, its query or its body."""
        said = [each["name"] for each in self.described["parameters"] if each["in"] in ("path", "query")]
        body = self.body
        said += [*body] if isinstance(body, dict) else []
        return {*map(snake, said)} & set(MISSING.ids)

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        """The example of one, for whoever calls; None if it has none."""
        body = self.described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        return {name: part for name, part in body.items() if name != "userId"} if isinstance(body, dict) else body

    def _params(self, names: Names) -> dict[str, Any]:
        asked = [each for each in self.described["parameters"] if each["in"] == "query"]
        return {each["name"]: names.fill(SEAT, each["name"]) for each in asked if each["required"]}

    async def ask(self, http: httpx.AsyncClient, names: Names, headers: dict[str, str]) -> str:
        """All that the caller is told; of a stream that it may read, its head."""
        method, _, path = self.named.partition(" ")
        filled = re.sub(r"\{(\w+)\}", lambda found: str(names.fill(SEAT, found[1])), path)
        assert {*map(snake, re.findall(r"\{(\w+)\}", path))} <= {*names.ids, "seat_id"}, f"{path}: whose is that?"
        request = http.build_request(
            method, filled, params=self._params(names), json=names.fill(self.body), headers=headers
        )
        answer = await http.send(request, stream=True)
        try:
            text = "" if path.endswith(ENDLESS.rstrip("$")) and answer.is_success else (await answer.aread()).decode()
        finally:
            await answer.aclose()
        told = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
        return names.masked(f"{answer.status_code} {json.dumps(told)} {text}")


class Served(NamedTuple):
    """A service, over HTTP and gRPC; one of everything that Ann of acme has; and the calls over HTTP."""

    http: httpx.AsyncClient
    stub: v1.InventoryServiceStub
    hers: Names
    operations: list[Operation]

    async def picture(self) -> list[str]:
        """All that Ann and her organization have."""
        ids = self.hers.ids
        paths = [
            *(f"/v1/trips/{ids['trip_id']}{part}" for part in ("", "/seatmap", "/manifest")),
            *(f"/v1/{part}" for part in ("holds", "seat-plans", "waitlist")),
            f"/api/inventory/reservations/{ids['reservation_id']}",
            f"/api/inventory/events/{ids['event_id']}/seats/available",
            f"/availability?showtimeId={ids['showtime_id']}",
        ]
        return [(await self.http.get(path, headers=shown())).text for path in paths]


async def one_of_everything(http: httpx.AsyncClient) -> Names:
    """Ann has a hold, a booking, a reservation, a hold of a showtime, a place on a waiting list; acme sells it all."""

    async def do(method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        answer = await http.request(method, path, json=body, headers=shown())
        assert answer.is_success, answer.text
        return answer.json()

    seats = [{"seat_id": seat, "row": 1, "column": at} for at, seat in enumerate(("A1", "A2", "A3"), 1)]
    segments = [{"from_station_id": "start", "to_station_id": "end"}]
    opened = {"trip_id": TRIP, "segments": segments, "seat_config": {"seats": seats}}
    await do("POST", "/v1/trips", opened)
    await do("PUT", f"/v1/seat-plans/{PLAN}", {"revision": "1", "part": {"seats": seats}})
    hold = await do("POST", "/v1/holds", {"trip_id": TRIP, "seat_ids": ["A1"]})
    booking = await do("POST", "/v1/holds", {"trip_id": TRIP, "seat_ids": ["A2"]})
    await do("POST", f"/v1/holds/{booking['hold_id']}/confirm", {"order_id": ORDER})
    await do("POST", f"/v1/trips/{TRIP}/waitlist", {"requested_seats": 1})
    await do("POST", "/api/inventory/events", {"eventId": EVENT, "seats": [{"seatNumber": "A1"}]})
    made = await do("POST", "/api/inventory/reservations", {"eventId": EVENT, "seatNumbers": ["A1"]})
    await do("POST", "/showtimes", {"showtimeId": SHOWTIME, "seats": ["A1"]})
    return Names(
        {
            "trip_id": TRIP,
            "hold_id": hold["hold_id"],
            "booking_id": booking["hold_id"],
            "plan_id": PLAN,
            "order_id": ORDER,
            "event_id": EVENT,
            "reservation_id": made["reservations"][0]["reservationId"],
            "showtime_id": SHOWTIME,
        }
    )


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with (
        running(settings_of(None, http_host="127.0.0.1", http_port=0, **TOKENS)) as app,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}", timeout=60) as http,
    ):
        hers = await one_of_everything(http)
        described = operations((await http.get("/openapi.json")).json())
        calls = [Operation(named, each) for named, each in described if STOCK not in named and "parameters" in each]
        channel = Channel("127.0.0.1", app.port)
        try:
            yield Served(http, v1.InventoryServiceStub(channel), hers, calls)
        finally:
            channel.close()


def another() -> str:
    """An organization that has nothing yet."""
    return f"stranger-{next(ANY_NUMBER)}"


async def test_what_another_organization_has_looks_over_http_as_if_it_were_not_there(served: Served) -> None:
    before = await served.picture()
    assert len(served.operations) > 40
    for each in served.operations:
        theirs = await each.ask(served.http, served.hers, shown(another()))
        nobodys = await each.ask(served.http, MISSING, shown(another()))
        assert theirs == nobodys, each.named
    assert await served.picture() == before


async def test_what_another_user_has_looks_over_http_as_if_it_were_not_there(served: Served) -> None:
    before = await served.picture()
    asked = [each for each in served.operations if each.names & OF_A_USER]
    assert len(asked) > 12
    for each in asked:
        bobs = shown(user="bob", scope=OF_USERS)
        his = await each.ask(served.http, served.hers, bobs)
        assert his == await each.ask(served.http, MISSING, bobs), each.named
        assert his.startswith(("400", "404")), each.named
    assert await served.picture() == before


def asked_of(name: str, names: Names) -> betterproto2.Message:
    """The call about these, by whoever it is."""
    request = unnamed(request_of(name))
    for part in [request, *getattr(request, "requests", [])]:
        for field, value in names.ids.items():
            if hasattr(part, field):
                setattr(part, field, value)
            if hasattr(part, f"{field}s") and field == "reservation_id":
                setattr(part, f"{field}s", [value])
    return request


def about(name: str) -> Iterator[str]:
    request = request_of(name)
    yield from (field for field in OF_A_USER if hasattr(request, field) or hasattr(request, f"{field}s"))


async def told(served: Served, name: str, names: Names, metadata: dict[str, str]) -> str:
    """All that the caller is told."""
    call = getattr(served.stub, snake(name))
    answer = call(asked_of(name, names), metadata=metadata)
    try:
        return names.masked(repr(await (anext(answer) if name in STREAMS else answer)))
    except GRPCError as refused:
        return names.masked(f"{refused.status} {refused.message} {refused.details}")


async def test_what_another_organization_has_looks_over_grpc_as_if_it_were_not_there(served: Served) -> None:
    before = await served.picture()
    for name in CALLS:
        if NEEDS[name] is not Grant.HEALTH:
            theirs = await told(served, name, served.hers, shown(another()))
            assert theirs == await told(served, name, MISSING, shown(another())), name
    assert await served.picture() == before


async def test_what_another_user_has_looks_over_grpc_as_if_it_were_not_there(served: Served) -> None:
    before = await served.picture()
    asked = [name for name in CALLS if [*about(name)]]
    assert len(asked) > 8
    for name in asked:
        bobs = shown(user="bob", scope=OF_USERS)
        assert await told(served, name, served.hers, bobs) == await told(served, name, MISSING, bobs), name
    assert await served.picture() == before
