"""Adjustments that wait for another person over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.rest.serving import BODIES
from tests.rest.stock.test_stock import entry, warehouse
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.tokens import TokenAuthentication, TokenRules
from travio_inventory.api.rest.application import WebRules, application
from travio_inventory.api.rest.callers import Callers
from travio_inventory.api.rest.stock import stock_routers
from travio_inventory.app.stock import open_stock
from travio_inventory.kernel.clock import SystemClock
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

DAMAGE = {"quantity": -8, "type": "DAMAGE", "reason": "water"}


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """Calls the face as ann, where one person may change five units."""
    async with open_stock(settings_of(stock_approval_above="100,org=5")) as stock:
        callers = Callers(AuthenticationOff(), default_organization="default")
        app = application(stock_routers(stock, SystemClock()), callers, WebRules(BODIES, deadline_s=10))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        whose = {"x-organization-id": "org", "x-user-id": "ann"}
        async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1", headers=whose) as client:
            yield client


async def test_an_adjustment_above_the_limit_is_accepted_and_done_once_another_person_approves(
    web: httpx.AsyncClient,
) -> None:
    made = await entry(web, "cup", 20, warehouseId=await warehouse(web, "north"))
    path, key = f"/inventory/{made['inventoryId']}", {"idempotency-key": "k"}
    accepted = await web.post(f"{path}/adjust", json=DAMAGE, headers=key)
    assert (accepted.status_code, accepted.json()["movement"]) == (202, None), accepted.text
    waiting = accepted.json()["approval"]
    assert accepted.headers["location"] == f"/api/v1/approvals/{waiting['approvalId']}"
    assert (waiting["status"], waiting["requestedBy"], waiting["quantity"]) == ("PENDING", "ann", -8)
    assert (await web.get("/approvals")).json()["items"] == [waiting]
    decision = f"/approvals/{waiting['approvalId']}"
    own = await web.post(f"{decision}/approve", json={"note": "mine"})
    assert (own.status_code, own.json()["reason"]) == (403, "OWN_ADJUSTMENT")
    assert (await web.get(path)).json()["quantityTotal"] == 20
    bob = {"x-user-id": "bob"}
    for _ in range(2):
        approved = await web.post(f"{decision}/approve", json={"note": "seen"}, headers=bob)
        assert (approved.status_code, approved.json()["decidedBy"]) == (200, "bob"), approved.text
    assert (await web.get(decision)).json() == approved.json()
    again = await web.post(f"{path}/adjust", json=DAMAGE, headers=key)
    assert (again.status_code, again.json()["movement"]["movementId"]) == (200, approved.json()["movementId"])
    assert (again.json()["quantityTotal"], again.json()["movement"]["balanceAfter"]) == (12, 12)
    late = await web.post(f"{decision}/reject", headers=bob)
    assert (late.status_code, late.json()["metadata"]) == (409, {"status": "APPROVED"})
    assert (await web.get("/approvals")).json()["items"] == []
    assert (await web.get("/approvals", params={"status": "all"})).json()["items"] == [approved.json()]


async def test_nobody_approves_what_they_asked_for_with_another_token_of_theirs() -> None:
    """Each token may do only its part: whose they are decides."""
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    tokens = TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=SystemClock())
    async with open_stock(settings_of(stock_approval_above="5")) as stock:
        callers = Callers(tokens, default_organization="default")
        app = application(stock_routers(stock, SystemClock()), callers, WebRules(BODIES, deadline_s=10))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)

        def with_token(sub: str, scope: str) -> dict[str, str]:
            return {"authorization": f"Bearer {token(org='org', sub=sub, scope=scope)}"}

        async with httpx.AsyncClient(transport=transport, base_url="http://here/api/v1") as web:
            admin = with_token("root", "stock:admin stock:adjust")
            web.headers.update(admin)
            made = await entry(web, "cup", 20, warehouseId=await warehouse(web, "north"))
            del web.headers["authorization"]
            adjusts, approves = with_token("ann", "stock:adjust"), with_token("ann", "stock:approve")
            path = f"/inventory/{made['inventoryId']}/adjust"
            waiting = (await web.post(path, json=DAMAGE, headers=adjusts)).json()["approval"]
            decision = f"/approvals/{waiting['approvalId']}"
            for headers, status, reason in (
                (adjusts, 403, "PERMISSION_DENIED"),
                (
                    with_token("bob", "stock:admin stock:adjust stock:read stock:reserve admin"),
                    403,
                    "PERMISSION_DENIED",
                ),
                (approves, 403, "OWN_ADJUSTMENT"),
                (approves | {"x-user-id": "bob"}, 403, "PERMISSION_DENIED"),
            ):
                for step in ("approve", "reject"):
                    refused = await web.post(f"{decision}/{step}", headers=headers)
                    assert (refused.status_code, refused.json()["reason"]) == (status, reason), refused.text
            decided = await web.post(f"{decision}/approve", headers=with_token("bob", "stock:approve"))
            assert (decided.status_code, decided.json()["decidedBy"]) == (200, "bob")


async def test_what_was_rejected_is_refused_and_lines_of_a_bulk_wait(web: httpx.AsyncClient) -> None:
    made = await entry(web, "cup", 20, warehouseId=await warehouse(web, "north"))
    lines = {"lines": [{"inventoryId": made["inventoryId"], "quantity": each, "reason": "x"} for each in (-2, -9)]}
    told = (await web.post("/inventory/bulk", json=lines, headers={"idempotency-key": "b"})).json()
    assert (told["done"], told["waiting"], [each["status"] for each in told["results"]]) == (1, 1, ["DONE", "WAITING"])
    decision = f"/approvals/{told['results'][1]['approvalId']}/reject"
    rejected = await web.post(decision, headers={"x-user-id": "bob"})
    assert (rejected.status_code, rejected.json()["status"]) == (200, "REJECTED")
    told = (await web.post("/inventory/bulk", json=lines, headers={"idempotency-key": "b"})).json()
    assert [each["reason"] for each in told["results"]] == ["", "ADJUSTMENT_REJECTED"]
    counted = {"quantityTotal": 3, "reason": "count", "version": 4}
    waits = await web.post(f"/inventory/{made['inventoryId']}/count", json=counted)
    assert (waits.status_code, waits.json()["approval"]["quantity"]) == (202, -15), waits.text
    nobody = await web.post("/approvals/nothing/approve", headers={"x-user-id": "bob"})
    assert (nobody.status_code, nobody.json()["reason"]) == (404, "NOT_FOUND")
