"""Entries, warehouses and movements over HTTP: their members, statuses, versions and pages."""

from typing import Any

import httpx
import pytest


async def warehouse(web: httpx.AsyncClient, code: str = "north", **said: object) -> str:
    answer = await web.post("/warehouses", json={"code": code, "name": "A warehouse", **said})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["warehouseId"])


async def entry(web: httpx.AsyncClient, sku: str = "cup", quantity: int = 5, **said: object) -> dict[str, Any]:
    where = said.pop("warehouseId", None) or await warehouse(web)
    body = {"productId": f"p-{sku}", "warehouseId": where, "sku": sku, "quantity": quantity, **said}
    answer = await web.post("/inventory", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_an_entry_is_told_with_all_that_the_contract_says(web: httpx.AsyncClient) -> None:
    north = await warehouse(web)
    body = {"productId": "p", "warehouseId": north, "sku": "cup", "quantity": 5}
    added = await web.post("/inventory", json=body, headers={"idempotency-key": "k1"})
    again = await web.post("/inventory", json=body, headers={"idempotency-key": "k1"})
    other = await web.post("/inventory", json=body)
    made = added.json()
    assert {name: made[name] for name in made.keys() - {"inventoryId", "createdAt", "updatedAt"}} == {
        "productId": "p", "variantId": None, "warehouseId": north, "sku": "cup", "quantityAvailable": 5,
        "quantityReserved": 0, "quantityTotal": 5, "reorderPoint": 10, "reorderQuantity": 50, "shards": 1, "version": 1,
        "isDeleted": False,
    }  # fmt: skip
    assert made["createdAt"].endswith("Z")
    assert added.headers["location"] == f"/api/v1/inventory/{made['inventoryId']}"
    assert (again.status_code, again.json()) == (201, made)
    assert (other.status_code, other.json()["reason"]) == (409, "STOCK_EXISTS")
    assert other.json()["detail"].endswith("in that warehouse already: adjust or count that one")
    read = await web.get(f"/inventory/{made['inventoryId']}")
    assert (read.json(), read.headers["etag"]) == (made, '"1"')


async def test_an_entry_is_changed_only_at_the_version_that_was_seen(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    changed = await web.put(path, json={"reorderPoint": 3}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["reorderPoint"], changed.json()["reorderQuantity"]) == (3, 50)
    late = await web.put(path, json={"reorderQuantity": 9}, headers={"if-match": '"1"'})
    assert (late.status_code, late.json()["reason"], late.json()["metadata"]) == (
        412,
        "VERSION_CONFLICT",
        {"version": "2"},
    )
    for headers, field in (({}, "version"), ({"if-match": "*"}, "If-Match"), ({"if-match": "2"}, "If-Match")):
        unseen = await web.put(path, json={"reorderQuantity": 9}, headers=headers)
        assert (unseen.status_code, unseen.json()["errors"][0]["field"]) == (422, field)
    in_body = await web.put(path, json={"reorderQuantity": 9, "version": 2})
    assert (in_body.status_code, in_body.json()["version"]) == (200, 3)


@pytest.mark.parametrize("condition", ['"0"', "", '"01"', "1"])
async def test_a_condition_that_no_version_meets_is_refused_and_never_passed_over(
    web: httpx.AsyncClient, condition: str
) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    more = {"quantity": 1, "type": "INBOUND", "reason": "x"}
    refused = await web.post(f"{path}/adjust", json=more, headers={"if-match": condition})
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, ["If-Match"])
    assert (await web.get(path)).json()["version"] == 1


async def test_two_versions_that_a_request_names_are_refused_and_none_is_asked_for(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    at = f"/warehouses/{await warehouse(web, 'south')}"
    made = (await web.post("/suppliers", json={"code": "acme", "name": "Acme"})).json()
    seller = f"/suppliers/{made['supplierId']}"
    for method, where, body in (
        ("POST", f"{path}/adjust", {"quantity": 1, "type": "INBOUND", "reason": "x"}),
        ("POST", f"{path}/count", {"quantityTotal": 9, "reason": "x"}),
        ("PUT", path, {"reorderPoint": 3}),
        ("PUT", at, {"name": "South"}),
        ("PUT", seller, {"name": "Acme"}),
    ):
        two = await web.request(method, where, json={**body, "version": 2}, headers={"if-match": '"1"'})
        assert [each["field"] for each in two.json()["errors"]] == ["version"], two.text
        if not where.endswith("/adjust"):
            none = await web.request(method, where, json=body)
            assert (none.status_code, "If-Match" in none.json()["detail"]) == (422, True)
        one = await web.request(method, where, json={**body, "version": 1}, headers={"if-match": '"1"'})
        assert one.status_code in {200, 412}, one.text
    two = await web.delete(seller, params={"version": 3}, headers={"if-match": '"2"'})
    assert (two.status_code, [each["field"] for each in two.json()["errors"]]) == (422, ["version"])


async def test_an_entry_with_stock_is_not_deleted(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web, quantity=2))['inventoryId']}"
    refused = await web.put(path, json={"isDeleted": True, "version": 1})
    assert (refused.status_code, refused.json()["reason"]) == (409, "STOCK_LEFT")
    await web.post(f"{path}/adjust", json={"quantity": -2, "type": "OUTBOUND", "reason": "thrown away"})
    deleted = await web.put(path, json={"isDeleted": True, "version": 2})
    assert (deleted.status_code, deleted.json()["isDeleted"]) == (200, True)
    assert (await web.get("/inventory")).json()["items"] == []


async def test_an_adjustment_is_a_movement_once_for_each_key(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    body = {"quantity": -2, "type": "DAMAGE", "reason": "fell", "reference": "case 7"}
    headers = {"idempotency-key": "fall-1", "x-user-id": "ann"}
    first = await web.post(f"{path}/adjust", json=body, headers=headers)
    again = await web.post(f"{path}/adjust", json=body, headers=headers)
    assert first.status_code == again.status_code == 200
    movement = first.json()["movement"]
    assert movement == again.json()["movement"]
    assert (movement["quantity"], movement["balanceAfter"], movement["performedBy"]) == (-2, 3, "ann")
    assert first.json()["quantityTotal"] == 3
    reused = await web.post(f"{path}/adjust", json=body | {"quantity": -1}, headers=headers)
    assert (reused.status_code, reused.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    few = await web.post(f"{path}/adjust", json=body | {"quantity": -4})
    assert (few.status_code, few.json()["reason"], few.json()["metadata"]) == (
        409,
        "INSUFFICIENT_STOCK",
        {"available": "3"},
    )
    moved = (await web.get(f"{path}/movements")).json()["items"]
    assert [(each["type"], each["quantity"]) for each in moved] == [("INBOUND", 5), ("DAMAGE", -2)]


async def test_an_adjustment_may_name_the_version_that_was_seen(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    body, first, key = {"quantity": 2, "type": "INBOUND", "reason": "x"}, {"if-match": '"1"'}, {"idempotency-key": "k"}
    done = [await web.post(f"{path}/adjust", json=body, headers=first | key) for _ in range(2)]
    assert [(each.status_code, each.json()["quantityTotal"]) for each in done] == [(200, 7), (200, 7)]
    for late in (
        await web.post(f"{path}/adjust", json=body, headers=first),
        await web.post(f"{path}/adjust", json=body | {"version": 1}),
    ):
        assert (late.status_code, late.json()["metadata"]) == (412, {"version": "2"})
    other = await web.post(f"{path}/adjust", json=body, headers={"if-match": '"2"'} | key)
    assert other.json()["reason"] == "IDEMPOTENCY_KEY_REUSED"
    line = {"sku": "cup", "warehouseCode": "north", "quantity": 1, "reason": "x", "version": 1}
    told = await web.post("/inventory/bulk", json={"lines": [line, line | {"version": 2}]}, headers=key)
    assert [(each["status"], each["reason"]) for each in told.json()["results"]] == [
        ("REFUSED", "VERSION_CONFLICT"),
        ("DONE", ""),
    ]


async def test_a_condition_that_nothing_looks_at_is_refused(web: httpx.AsyncClient) -> None:
    await entry(web)
    order = {"orderId": "o1", "items": [{"sku": "cup", "quantity": 1}]}
    refused = await web.post("/reservations", json=order, headers={"if-match": '"1"'})
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (422, ["If-Match"])
    made = await web.post("/reservations", json=order, headers={"if-match": "*"})
    step = f"/reservations/{made.json()['reservationId']}/commit"
    assert (await web.post(step, headers={"if-match": '"9"'})).status_code == 422
    assert (await web.post(step)).json()["status"] == "COMMITTED"


async def test_a_count_sets_the_total_at_the_version_that_was_seen(web: httpx.AsyncClient) -> None:
    path = f"/inventory/{(await entry(web))['inventoryId']}"
    counted = await web.post(f"{path}/count", json={"quantityTotal": 9, "reason": "x"}, headers={"if-match": '"1"'})
    assert (counted.status_code, counted.json()["movement"]["quantity"]) == (200, 4)
    late = await web.post(f"{path}/count", json={"quantityTotal": 8, "reason": "x", "version": 1})
    assert late.status_code == 412
    same = await web.post(f"{path}/count", json={"quantityTotal": 9, "reason": "x", "version": 2})
    assert (same.status_code, same.json()["movement"]) == (200, None)


async def test_lists_come_page_by_page(web: httpx.AsyncClient) -> None:
    north, south = await warehouse(web, region="eu"), await warehouse(web, "south", region="us")
    for number in range(5):
        await entry(web, f"cup{number}", number * 4, warehouseId=south if number % 2 else north)

    async def all_of(path: str, **query: str | bool) -> list[str]:
        found, token = [], ""
        while True:
            page = (await web.get(path, params={**query, "page_size": 2, "page_token": token})).json()
            found += [each["sku"] if "sku" in each else each["code"] for each in page["items"]]
            token = page["nextPageToken"]
            if not token:
                return found

    assert await all_of("/inventory") == [f"cup{number}" for number in range(5)]
    assert await all_of("/inventory", region="us", lowStock=True) == ["cup1"]
    assert await all_of("/inventory", warehouseId=north) == ["cup0", "cup2", "cup4"]
    assert await all_of(f"/warehouses/{north}/inventory") == ["cup0", "cup2", "cup4"]
    assert await all_of("/inventory/sku/cup3") == ["cup3"]
    assert await all_of("/inventory/product/p-cup4") == ["cup4"]
    assert await all_of("/warehouses") == ["north", "south"]


async def test_a_warehouse_is_added_read_and_changed(web: httpx.AsyncClient) -> None:
    body = {"code": "north", "name": "North", "region": "eu", "latitude": 48, "longitude": 11.5}
    added = await web.post("/warehouses", json=body)
    assert (added.status_code, (await web.post("/warehouses", json=body)).status_code) == (201, 201)
    clash = await web.post("/warehouses", json=body | {"name": "Other"})
    assert (clash.status_code, clash.json()["reason"]) == (409, "STOCK_EXISTS")
    assert clash.json()["detail"].endswith("change that one, or choose another code")
    path = f"/warehouses/{added.json()['warehouseId']}"
    changed = await web.put(path, json={"name": "North", "isActive": False}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["isActive"], changed.json()["version"]) == (200, False, 2)
    assert (await web.put(path, json={"name": "N"}, headers={"if-match": '"1"'})).status_code == 412
    assert (await web.get(path)).json() == changed.json()


async def test_availability_is_told_in_all_and_by_warehouse(web: httpx.AsyncClient) -> None:
    north, south = await warehouse(web, region="eu"), await warehouse(web, "south", region="us")
    await entry(web, "cup", 3, warehouseId=north)
    await entry(web, "cup", 4, warehouseId=south)
    checked = await web.post("/availability/check", json={"sku": "cup", "quantity": 5, "region": "us"})
    assert checked.json() == {
        "sku": "cup", "requested": 5, "available": 4, "isAvailable": False,
        "warehouses": [{"warehouseId": south, "available": 4}],
    }  # fmt: skip
    items = [{"sku": "cup", "quantity": 7}, {"sku": "jug", "quantity": 1}]
    bulk = (await web.post("/availability/bulk", json={"items": items})).json()["results"]
    assert [(each["available"], each["isAvailable"]) for each in bulk] == [(7, True), (0, False)]
    wrong = await web.post("/availability/bulk", json={"items": [items[0], {"sku": "", "quantity": 0}]})
    assert [each["field"] for each in wrong.json()["errors"]] == ["items[1].sku", "items[1].quantity"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason", "field"),
    [
        ("GET", "/inventory/none", None, 404, "NOT_FOUND", ""),
        ("GET", "/warehouses/none/inventory", None, 404, "NOT_FOUND", ""),
        ("GET", "/inventory?page_size=0", None, 422, "INVALID_REQUEST", "page_size"),
        ("GET", "/inventory?productId=%0A", None, 422, "INVALID_REQUEST", "productId"),
        ("GET", "/inventory?page_token=x", None, 422, "INVALID_REQUEST", "page_token"),
        ("POST", "/inventory", {"sku": "a", "quantity": -1, "productId": "p", "warehouseId": ""}, 422,
         "INVALID_REQUEST", "warehouseId"),
        ("POST", "/inventory", {"sku": "a", "quantity": 1, "productId": "p", "warehouseId": "w"}, 404, "NOT_FOUND", ""),
        ("POST", "/warehouses", {"code": "a", "name": "A", "postcode": "1"}, 422, "INVALID_REQUEST", "postcode"),
        ("POST", "/availability/check", {"sku": "a", "quantity": 0}, 422, "INVALID_REQUEST", "quantity"),
        ("POST", "/inventory/x/adjust", {"quantity": 1, "type": "DAMAGE", "reason": "x"}, 422, "INVALID_REQUEST",
         "type"),
        ("POST", "/inventory/x/count", {"quantityTotal": -1, "version": 1, "reason": "x"}, 422, "INVALID_REQUEST",
         "quantityTotal"),
        ("GET", f"/reservations/order/{'o' * 129}", None, 422, "INVALID_REQUEST", "orderId"),
        ("GET", f"/reservations/{'r' * 129}", None, 422, "INVALID_REQUEST", "reservationId"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_a_problem_that_names_the_field(
    web: httpx.AsyncClient, method: str, path: str, body: object, status: int, reason: str, field: str
) -> None:
    answer = await web.request(method, path, json=body)
    told = answer.json()
    assert (answer.status_code, told["reason"]) == (status, reason), told
    assert answer.headers["content-type"] == "application/problem+json"
    assert not field or field in [each["field"] for each in told["errors"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/warehouses", {"code": "a", "name": "A"}),
        ("/suppliers", {"code": "a", "name": "A"}),
        ("/inventory", {"sku": "a", "quantity": 1, "productId": "p", "warehouseId": "w"}),
        ("/inventory/x/adjust", {"quantity": 1, "type": "INBOUND", "reason": "x"}),
        ("/inventory/x/count", {"quantityTotal": 1, "version": 1, "reason": "x"}),
        ("/reservations", {"orderId": "o", "items": [{"sku": "a", "quantity": 1}]}),
        ("/transfers", {"sku": "a", "fromWarehouseId": "v", "toWarehouseId": "w", "quantity": 1}),
    ],
)
async def test_a_key_that_is_no_id_is_refused_by_the_name_of_its_header(
    web: httpx.AsyncClient, path: str, body: object
) -> None:
    refused = await web.post(path, json=body, headers={"idempotency-key": "k" * 129})
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["errors"]] == ["Idempotency-Key"]
