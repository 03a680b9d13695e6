"""Every route with every kind of caller that may not call it, and with the one that may; a new route is one of them."""

import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, WebSocketRoute

from tests.api.live.test_who_may_watch import SOCKETS
from tests.rest.serving import BODIES
from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.tokens import WORDS, TokenAuthentication, TokenRules
from travio_inventory.api.grpc.service import InventoryService
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers, grant_of
from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.app.readiness import Readiness
from travio_inventory.app.service import open_assembly
from travio_inventory.app.web import FORMS, Web, connect_routes, routers
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.telemetry.meters import Meters
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token, unsigned

FOR_EVERYBODY = re.compile(r"/(livez|readyz|api/inventory/health|openapi\.json|ui/.*|docs|stock|)")
"""Health, the page that sells, what it consists of, and the description."""
CONNECT = "/inventory.v1.InventoryService/{method}"
"""The path of the calls of gRPC over Connect: its own tests have a table of them."""
EVERY_WORD = " ".join(sorted(WORDS))
NOW = int(time.time())
NOT_BELIEVED = {
    "no token": "",
    "not a bearer": f"Basic {token(scope=EVERY_WORD)}",
    "expired": f"Bearer {token(exp=NOW - 60, scope=EVERY_WORD)}",
    "wrong key": f"Bearer {token(secret='x' * 32, scope=EVERY_WORD)}",
    "wrong audience": f"Bearer {token(aud='another', scope=EVERY_WORD)}",
    "wrong issuer": f"Bearer {token(iss='another', scope=EVERY_WORD)}",
    "alg none": f"Bearer {unsigned(scope=EVERY_WORD)}",
}
USERS = " ".join(sorted(WORDS - {Grant.DELEGATE}))

Named: TypeAlias = Mapping[str, str]
NOBODY: Named = MappingProxyType({})
"""Headers that name whom a call is for: none."""


class Call(NamedTuple):
    """One method of a route, and what its caller needs."""

    method: str
    path: str
    needs: Grant

    @property
    def named(self) -> str:
        return f"{self.method} {self.path}"

    async def status(self, client: httpx.AsyncClient, authorization: str, named: Named = NOBODY, **query: str) -> int:
        """The status of the answer; of a problem of authentication it is checked that HTTP says what is missing."""
        path = re.sub(r"\{[^}]*\}", "1", self.path)
        headers = {**named} | ({"authorization": authorization} if authorization else {})
        body: dict[str, object] | None = None if self.method in ("GET", "DELETE") else {}
        async with client.stream(self.method, path, params=query, headers=headers, json=body) as answer:
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith('Bearer realm="travio-inventory"'), self.named
            return answer.status_code


class Face(NamedTuple):
    """The HTTP faces with all their routes."""

    client: httpx.AsyncClient
    routes: list[BaseRoute]
    """Of the application as it is served, whoever has added them."""

    def calls(self) -> Iterator[Call]:
        """Those that need a caller."""
        for route in self.routes:
            if isinstance(route, APIRoute) and (grant := grant_of(route)) is not None:
                yield from (Call(method, route.path, grant) for method in sorted(route.methods or ()))

    async def not_answered(
        self, *expected: int, authorization: str, named: Named = NOBODY, **query: str
    ) -> dict[str, int]:
        """The calls that are answered otherwise than expected."""
        found = {call.named: await call.status(self.client, authorization, named, **query) for call in self.calls()}
        return {named: status for named, status in found.items() if status not in expected}


def _routes_of(app: Any) -> list[BaseRoute]:  # noqa: ANN401 - private parts of it
    """All routes, wherever they come from."""
    routes: list[BaseRoute] = app._app.routes
    return routes


@asynccontextmanager
async def serving(anonymous: Identity | None = None) -> AsyncIterator[Face]:
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    clock, signals, settings = SystemClock(), MapSignals(), settings_of()
    authentication = TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=clock, anonymous=anonymous)
    async with open_assembly(settings, signals=signals) as assembly:
        inventory = assembly.inventory
        feeds = Feeds(inventory.follow_maps, signals, clock)
        readiness, versions = Readiness(lambda _ready: None), SeatVersions(clock)
        contract = InventoryService(inventory, feeds, authentication=authentication, refusals="status", clock=clock)
        web = Web(inventory, feeds, readiness, authentication, clock, settings, versions, contract, Meters())
        made = list(routers(replace(web, stock=assembly.stock)))
        callers = Callers(authentication, default_organization="default")
        others = connect_routes(web, callers, BODIES)
        app = application(made, callers, WebRules(BODIES, deadline_s=10), FORMS, others)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            yield Face(client, _routes_of(app))
        await feeds.close()


@pytest.fixture(scope="module")
async def face() -> AsyncIterator[Face]:
    async with serving() as made:
        yield made


async def test_every_route_says_who_may_call_it_or_is_for_everybody(face: Face) -> None:
    sockets = {route.path for route in face.routes if isinstance(route, WebSocketRoute | APIWebSocketRoute)}
    assert sockets == set(SOCKETS)
    others = {
        getattr(route, "path", repr(route))
        for route in face.routes
        if not isinstance(route, APIRoute | WebSocketRoute | APIWebSocketRoute)
    }
    assert others == {"/openapi.json", CONNECT}, "calls of another kind need such a table of their own"
    undeclared = {
        route.path
        for route in face.routes
        if isinstance(route, APIRoute) and grant_of(route) is None and not FOR_EVERYBODY.fullmatch(route.path)
    }
    assert undeclared == set()
    assert len(list(face.calls())) > 40
    assert {call.needs for call in face.calls()} == set(Grant) - {Grant.HEALTH, Grant.DELEGATE}


@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
async def test_a_caller_who_is_not_believed_is_unauthenticated(face: Face, shown: str) -> None:
    assert await face.not_answered(401, authorization=shown) == {}


UNREADABLE: Mapping[str, tuple[bytes, Named]] = {
    "no JSON": (b"{", {"content-type": "application/json"}),
    "a member twice": (b'{"a": 1, "a": 2}', {"content-type": "application/json"}),
    "another type": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}),
    "compressed": (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}),
}


@pytest.mark.parametrize(("body", "headers"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_wrong_with_a_request_is_told_to_those_alone_who_may_make_it(
    face: Face, body: bytes, headers: Named
) -> None:
    for call in face.calls():
        path = re.sub(r"\{[^}]*\}", "1", call.path)
        others = token(scope=" ".join(sorted(WORDS - {call.needs.word})))
        for shown, status in ({}, 401), ({"authorization": f"Bearer {others}"}, 403):
            answer = await face.client.request(call.method, path, content=body, headers={**headers, **shown})
            assert answer.status_code == status, call.named
            answer = await face.client.request(call.method, f"{path}?a=1&a=2", headers=shown)
            assert answer.status_code == status, call.named


async def test_a_caller_needs_the_scope_of_the_call(face: Face) -> None:
    for call in face.calls():
        others = " ".join(sorted(WORDS - {call.needs.word}))
        assert await call.status(face.client, f"Bearer {token(scope=others)}") == 403, call.named


async def test_a_caller_with_that_scope_alone_may_make_it(face: Face) -> None:
    for call in face.calls():
        status = await call.status(face.client, f"Bearer {token(scope=call.needs.word)}")
        assert status not in (401, 403, 500), call.named


async def test_a_caller_asks_nothing_of_another_organization_and_for_no_other_user(face: Face) -> None:
    assert await face.not_answered(403, authorization=f"Bearer {token(scope=EVERY_WORD)}", org_id="other") == {}
    assert await face.not_answered(403, authorization=f"Bearer {token(scope=USERS)}", user_id="bob") == {}
    for header, words in (("x-organization-id", EVERY_WORD), ("x-user-id", USERS)):
        shown = f"Bearer {token(scope=words)}"
        assert await face.not_answered(403, authorization=shown, named={header: "other"}) == {}


NAMING: Mapping[str, Mapping[str, object]] = {
    "/v1/holds": {"trip_id": "named", "seat_ids": ["A1"]},
    "/hold": {"showtimeId": "named", "seatIds": ["A1"]},
    "/release": {"holdId": "named~0~h"},
    "/purchase": {"holdId": "named~0~h", "orderId": "o"},
    "/showtimes": {"showtimeId": "named", "seats": ["A1"]},
    "/api/inventory/events": {"eventId": 1, "seats": [{"seatNumber": "A1"}]},
    "/api/inventory/reservations": {"eventId": 1, "seatNumbers": ["A1"]},
    "/api/inventory/reservations/named~0~h.QTE/confirm": {"bookingId": "b"},
}
"""Bodies that may say whom they are for: their clients say more than is read. Others know each of their members."""


async def test_a_body_names_whom_a_call_is_for_as_its_query_does(face: Face) -> None:
    shown = {"authorization": f"Bearer {token(sub='ann', org='acme', scope=USERS + ' admin')}"}
    for path, body in NAMING.items():
        user, *organizations = ("user_id", "org_id", "organization_id")
        if not path.startswith("/v1/"):
            user, *organizations = ("userId", "orgId", "organizationId")
        one, other = organizations
        for own in ({}, {user: "ann"}, {user: None}, {one: "acme", other: "acme"}):
            answer = await face.client.post(path, json={**body, **own}, headers=shown)
            assert answer.status_code in (200, 201, 404, 409), (path, own, answer.text)
        for others in ({user: "bob"}, {user: 7}, {one: "other"}, {other: "other"}):
            answer = await face.client.post(path, json={**body, **others}, headers=shown)
            assert answer.status_code == 403, (path, others, answer.text)
        answer = await face.client.post(path, json={**body, one: "acme", other: "other"}, headers=shown)
        assert answer.status_code in (400, 422), (path, answer.text)


async def test_an_organization_is_named_by_either_name(face: Face) -> None:
    shown = {"authorization": f"Bearer {token(org='acme', scope='read')}"}
    for asked, status in (
        ("organization_id=other", 403),
        ("organization_id=acme&org_id=acme", 404),
        ("organization_id=other&org_id=acme", 422),
    ):
        assert (await face.client.get(f"/v1/trips/nowhere/seatmap?{asked}", headers=shown)).status_code == status


async def test_where_anybody_may_look_nobody_does_more_without_a_token() -> None:
    async with serving(ANYONE) as face:
        for call in face.calls():
            status = await call.status(face.client, "", org_id="acme")
            assert (status == 401) == (call.needs is not Grant.VIEW), call.named
