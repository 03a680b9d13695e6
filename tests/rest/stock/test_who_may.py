"""Every call about stock with no token, without its scope, with it alone, and by another organization."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.rest.serving import BODIES
from tests.rest.stock.test_purchases import supplier
from tests.rest.stock.test_stock import entry, warehouse
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.tokens import WORDS, TokenAuthentication, TokenRules
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.stock import stock_routers
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.clock import SystemClock
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

READ, RESERVE, ADJUST, APPROVE, ADMIN = (f"stock:{each}" for each in ("read", "reserve", "adjust", "approve", "admin"))
SCOPES = f"{READ} {RESERVE} {ADJUST} {APPROVE} {ADMIN}"
LINE = {"sku": "cup", "warehouseId": "{warehouse}", "quantity": 1}


class Call(NamedTuple):
    """A call, the scope that it needs, what another organization is told, and its body."""

    named: str
    scope: str
    stranger: int = 200
    body: Any = None


CALLS = (
    Call("GET /inventory", READ),
    Call("GET /inventory/product/{product}", READ),
    Call("GET /inventory/sku/{sku}", READ),
    Call("GET /inventory/{entry}", READ, 404),
    Call("GET /inventory/{entry}/shards", READ, 404),
    Call("GET /inventory/{entry}/movements", READ, 404),
    Call("POST /inventory", ADMIN, 404, {"productId": "p", "warehouseId": "{warehouse}", "sku": "jug", "quantity": 1}),
    Call("PUT /inventory/{entry}", ADMIN, 404, {"reorderPoint": 1, "version": 1}),
    Call("POST /inventory/{entry}/adjust", ADJUST, 404, {"quantity": 1, "type": "INBOUND", "reason": "r"}),
    Call("POST /inventory/{entry}/count", ADJUST, 404, {"quantityTotal": 1, "version": 1, "reason": "r"}),
    Call("POST /inventory/bulk", ADJUST, 200, {"lines": [{"inventoryId": "{entry}", "quantity": -1, "reason": "r"}]}),
    Call("GET /approvals", READ),
    Call("GET /approvals/{approval}", READ, 404),
    Call("POST /approvals/{approval}/approve", APPROVE, 404),
    Call("POST /approvals/{approval}/reject", APPROVE, 404),
    Call("GET /warehouses", READ),
    Call("GET /warehouses/{warehouse}", READ, 404),
    Call("GET /warehouses/{warehouse}/inventory", READ, 404),
    Call("POST /warehouses", ADMIN, 201, {"code": "north", "name": "Theirs"}),
    Call("PUT /warehouses/{warehouse}", ADMIN, 404, {"name": "Theirs", "version": 1}),
    Call("POST /availability/check", READ, 200, {"sku": "cup", "quantity": 1}),
    Call("POST /availability/bulk", READ, 200, {"items": [{"sku": "cup", "quantity": 1}]}),
    Call("POST /reservations", RESERVE, 404, {"orderId": "o1", "items": [{"sku": "cup", "quantity": 1}]}),
    Call("GET /reservations/{reservation}", READ, 404),
    Call("GET /reservations/order/{order}", READ, 404),
    Call("POST /reservations/{reservation}/commit", RESERVE, 404),
    Call("POST /reservations/{reservation}/cancel", RESERVE, 404),
    Call(
        "POST /transfers",
        ADJUST,
        404,
        {"sku": "cup", "fromWarehouseId": "{warehouse}", "toWarehouseId": "{south}", "quantity": 1},
    ),
    Call("GET /transfers", READ),
    Call("GET /transfers/{transfer}", READ, 404),
    Call("POST /transfers/{transfer}/ship", ADJUST, 404),
    Call("POST /transfers/{transfer}/receive", ADJUST, 404, {"received": 1}),
    Call("POST /transfers/{transfer}/cancel", ADJUST, 404),
    Call("POST /allocations/preview", READ, 404, {"items": [{"sku": "cup", "quantity": 1}]}),
    Call("GET /suppliers", READ),
    Call("GET /suppliers/{supplier}", READ, 404),
    Call("POST /suppliers", ADMIN, 201, {"code": "acme", "name": "Theirs"}),
    Call("PUT /suppliers/{supplier}", ADMIN, 404, {"name": "Theirs", "version": 1}),
    Call("DELETE /suppliers/{supplier}?version=1", ADMIN, 404),
    Call("POST /purchase-orders", ADJUST, 404, {"supplierId": "{supplier}", "lines": [LINE]}),
    Call("GET /purchase-orders", READ),
    Call("GET /purchase-orders/{purchase}", READ, 404),
    Call("POST /purchase-orders/{purchase}/receive", ADJUST, 404, {"lines": [LINE]}),
    Call("POST /purchase-orders/{purchase}/cancel", ADJUST, 404),
    Call("GET /reorder-suggestions", READ),
    Call("GET /reports/stock", READ),
)
LISTS = ("inventory", "approvals?status=all", "warehouses", "transfers", "suppliers", "purchase-orders")
each_call = pytest.mark.parametrize("call", CALLS, ids=[call.named for call in CALLS])


def by(org: str, scope: str = SCOPES, sub: str = "ann", **more: str) -> dict[str, str]:
    """Headers of a caller."""
    return {"authorization": f"Bearer {token(org=org, sub=sub, scope=scope)}", **more}


class Served(NamedTuple):
    """The face of stock, its routes, and one of everything that the organization `org` has, by name."""

    web: httpx.AsyncClient
    routes: frozenset[str]
    things: Mapping[str, str]

    async def answer(self, call: Call, headers: Mapping[str, str]) -> httpx.Response:
        """What the caller is told about these things."""
        method, path = self._filled(call.named).split(" ", 1)
        body = self._filled(call.body)
        return await self.web.request(method, path, headers={"idempotency-key": call.named, **headers}, json=body)

    def _filled(self, value: Any) -> Any:  # noqa: ANN401 - a text or a body
        match value:
            case str():
                return re.sub(r"\{(\w+)\}", lambda found: self.things[found[1]], value)
            case dict():
                return {key: self._filled(each) for key, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
            case _:
                return value

    async def picture(self) -> list[Any]:
        """All that the organization has."""
        return [(await self.web.get(f"/{each}", headers=by("org"))).json() for each in LISTS]


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    tokens = TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=SystemClock())
    async with open_stock(settings_of(stock_approval_above="50")) as stock:
        routers = list(stock_routers(stock, SystemClock()))
        app = application(routers, Callers(tokens, default_organization="default"), WebRules(BODIES, deadline_s=10))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as web:
            web.headers.update(by("org"))
            things = await one_of_everything(web)
            del web.headers["authorization"]
            routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
            yield Served(web, frozenset(named for route in routes for named in _named(route)), things)


def _named(route: APIRoute) -> Iterator[str]:
    path = re.sub(r"\{[^}]*\}", "{}", route.path.removeprefix("/api/v1"))
    return (f"{method} {path}" for method in route.methods or ())


async def one_of_everything(web: httpx.AsyncClient) -> dict[str, str]:
    """The ids of what is made."""
    north, south, acme = await warehouse(web), await warehouse(web, "south"), await supplier(web)
    cup = (await entry(web, "cup", 40, warehouseId=north))["inventoryId"]
    await entry(web, "cup", 0, warehouseId=south)
    much = {"quantity": 60, "type": "INBOUND", "reason": "found"}
    way = {"sku": "cup", "fromWarehouseId": north, "toWarehouseId": south, "quantity": 2}
    line = {"sku": "cup", "warehouseId": north, "quantity": 5}
    made = {
        "approval": ("approvalId", f"/inventory/{cup}/adjust", much),
        "reservation": ("reservationId", "/reservations", {"orderId": "o1", "items": [{"sku": "cup", "quantity": 3}]}),
        "transfer": ("transferId", "/transfers", way),
        "purchase": ("purchaseOrderId", "/purchase-orders", {"supplierId": acme, "lines": [line]}),
    }
    found = {"warehouse": north, "south": south, "supplier": acme, "entry": cup}
    found |= {"product": "p-cup", "sku": "cup", "order": "o1"}
    for name, (named, path, body) in made.items():
        told = (await web.post(path, json=body)).json()
        found[name] = (told["approval"] if name == "approval" else told)[named]
    return found


async def test_the_table_has_every_call(served: Served) -> None:
    tabled = {re.sub(r"\{\w+\}", "{}", call.named.partition("?")[0]) for call in CALLS}
    assert tabled == served.routes
    assert len(CALLS) == len(tabled)


@each_call
async def test_nobody_without_a_token_may_make_it(served: Served, call: Call) -> None:
    assert (await served.answer(call, {})).status_code == 401


@each_call
async def test_who_has_every_other_scope_may_not_make_it(served: Served, call: Call) -> None:
    others = " ".join(sorted(WORDS - {call.scope}))
    refused = await served.answer(call, by("org", others))
    assert (refused.status_code, refused.json()["metadata"]) == (403, {"scope": call.scope}), refused.text


@each_call
async def test_another_organization_is_told_nothing_and_changes_nothing(served: Served, call: Call) -> None:
    before = await served.picture()
    told = await served.answer(call, by("other", sub="bob"))
    assert told.status_code == call.stranger, told.text
    assert [each for each in served.things.values() if len(each) > 8 and each in told.text] == []
    if told.status_code == 200:
        assert told.json().get("items", []) == [] or call.named.endswith(("warehouses", "suppliers")), told.text
    forged = await served.answer(call, by("other", sub="bob", **{"x-organization-id": "org"}))
    assert (forged.status_code, forged.json()["reason"]) == (403, "PERMISSION_DENIED"), forged.text
    assert await served.picture() == before


async def test_who_has_its_scope_alone_may_make_it(served: Served) -> None:
    """Last, since it changes what there is."""
    for call in CALLS:
        told = await served.answer(call, by("org", call.scope, "bob"))
        assert told.status_code not in (401, 403, 404, 422, 500), f"{call.named}: {told.text}"
