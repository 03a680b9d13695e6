"""Suppliers and purchase orders over HTTP."""

import httpx

from tests.rest.stock.test_stock import entry, warehouse


async def supplier(web: httpx.AsyncClient) -> str:
    made = await web.post("/suppliers", json={"code": "acme", "name": "Acme", "leadDays": 3})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/api/v1/suppliers/{made.json()['supplierId']}"
    return str(made.json()["supplierId"])


async def test_an_order_is_suggested_placed_received_in_parts_and_cancelled(web: httpx.AsyncClient) -> None:
    north, acme = await warehouse(web, "north"), await supplier(web)
    await entry(web, "cup", 2, warehouseId=north)
    (suggested,) = (await web.get("/reorder-suggestions")).json()["items"]
    assert (suggested["quantitySuggested"], suggested["quantityOnOrder"], suggested["supplierId"]) == (50, 0, None)
    line = {"sku": "cup", "warehouseId": north, "quantity": 10}
    body = {"supplierId": acme, "lines": [line], "reference": "offer 7"}
    made = await web.post("/purchase-orders", json=body, headers={"idempotency-key": "k"})
    assert (made.status_code, made.json()["status"]) == (201, "ORDERED"), made.text
    path = f"/purchase-orders/{made.json()['purchaseOrderId']}"
    assert made.headers["location"] == f"/api/v1{path}"
    assert (await web.post("/purchase-orders", json=body, headers={"idempotency-key": "k"})).json() == made.json()
    assert (await web.get("/reorder-suggestions")).json()["items"] == []
    part = {"lines": [{**line, "quantity": 4}]}
    for _ in range(2):
        told = (await web.post(f"{path}/receive", json=part, headers={"idempotency-key": "r"})).json()
        assert (told["status"], told["lines"][0]["quantityOutstanding"]) == ("PARTLY_RECEIVED", 6)
    much = await web.post(f"{path}/receive", json={"lines": [{**line, "quantity": 7}]})
    assert (much.status_code, much.json()["reason"], much.json()["metadata"]) == (
        409, "OVER_RECEIVED", {"outstanding": "6"},
    )  # fmt: skip
    cancelled = (await web.post(f"{path}/cancel")).json()
    assert (cancelled["status"], cancelled["lines"][0]["quantityReceived"]) == ("CANCELLED", 4)
    late = await web.post(f"{path}/receive", json=part)
    assert (late.status_code, late.json()["reason"], late.json()["metadata"]) == (
        409, "PURCHASE_ORDER_STATUS", {"status": "CANCELLED"},
    )  # fmt: skip
    assert (await web.get(path)).json() == cancelled
    assert (await web.get("/purchase-orders", params={"supplierId": acme})).json()["items"] == [cancelled]
    assert (await web.get("/purchase-orders", params={"open": True})).json()["items"] == []
    (stock,) = (await web.get("/inventory/sku/cup")).json()["items"]
    assert stock["quantityTotal"] == 6


async def test_what_is_wrong_with_an_order_is_named(web: httpx.AsyncClient) -> None:
    acme = await supplier(web)
    line = {"sku": "cup", "warehouseId": "w", "quantity": 0}
    wrong = await web.post("/purchase-orders", json={"supplierId": "", "lines": [line, {**line, "warehouseId": ""}]})
    assert wrong.status_code == 422
    assert {each["field"] for each in wrong.json()["errors"]} == {
        "supplierId", "lines[0].quantity", "lines[1].warehouseId", "lines[1].quantity",
    }  # fmt: skip
    two = {"lines": [{**line, "quantity": 1}, {**line, "sku": "plate", "quantity": 1}]}
    unkeyed = await web.post("/purchase-orders/o/receive", json=two)
    assert [each["field"] for each in unkeyed.json()["errors"]] == ["Idempotency-Key"]
    nowhere = await web.post("/purchase-orders", json={"supplierId": acme, "lines": [{**line, "quantity": 1}]})
    assert (nowhere.status_code, nowhere.json()["reason"]) == (404, "NOT_FOUND")
    assert nowhere.json()["detail"] == "there is no such warehouse of cup"
    twice = {"lines": [{**line, "quantity": 1}] * 2}
    refused = await web.post("/purchase-orders/o/receive", json=twice, headers={"idempotency-key": "k"})
    assert "say the sum in one line" in refused.json()["detail"]
    assert (await web.get("/purchase-orders/nothing")).status_code == 404


async def test_a_supplier_is_changed_and_deleted_at_the_version_that_was_seen(web: httpx.AsyncClient) -> None:
    path = f"/suppliers/{await supplier(web)}"
    told = await web.get(path)
    assert (told.headers["etag"], told.json()["leadDays"]) == ('"1"', 3)
    changed = await web.put(path, json={"name": "Acme Ltd"}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["name"], changed.headers["etag"]) == (200, "Acme Ltd", '"2"')
    stale = await web.put(path, json={"name": "Other"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["metadata"]) == (412, {"version": "2"})
    assert (await web.delete(path, headers={"if-match": '"1"'})).status_code == 412
    assert (await web.get("/suppliers")).json()["items"] == [changed.json()]
    gone = await web.delete(path, params={"version": 2})
    assert (gone.status_code, gone.json()["isDeleted"]) == (200, True)
    assert (await web.get("/suppliers")).json() == {"items": [], "nextPageToken": ""}
    other = await web.post("/suppliers", json={"code": "", "name": ""})
    assert {each["field"] for each in other.json()["errors"]} <= {"code", "name"}
