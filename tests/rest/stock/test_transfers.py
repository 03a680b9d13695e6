"""Transfers and the choice of warehouses over HTTP."""

import httpx

from tests.rest.stock.test_stock import entry, warehouse
from tests.rest.test_description import operations


async def two(web: httpx.AsyncClient) -> tuple[str, str]:
    """Five cups in the north, none in the south."""
    north, south = await warehouse(web, "north"), await warehouse(web, "south")
    await entry(web, "cup", 5, warehouseId=north)
    await entry(web, "cup", 0, warehouseId=south)
    return north, south


async def test_a_transfer_is_drafted_shipped_received_and_cancelled_on_the_way(web: httpx.AsyncClient) -> None:
    north, south = await two(web)
    body = {"sku": "cup", "fromWarehouseId": north, "toWarehouseId": south, "quantity": 4, "reason": "sale"}
    made = await web.post("/transfers", json=body, headers={"idempotency-key": "k"})
    assert (made.status_code, made.json()["status"]) == (201, "DRAFT"), made.text
    path = f"/transfers/{made.json()['transferId']}"
    assert made.headers["location"] == f"/api/v1{path}"
    again = await web.post("/transfers", json=body, headers={"idempotency-key": "k"})
    assert again.json() == made.json()
    early = await web.post(f"{path}/receive", json={"received": 1})
    assert (early.status_code, early.json()["reason"]) == (409, "TRANSFER_STATUS")
    assert early.json()["detail"] == "the transfer is draft: ship it before it is received"
    assert (await web.post(f"{path}/ship")).json()["quantityInTransit"] == 4
    part = {"received": 1, "rejected": 1}
    for _ in range(2):
        told = (await web.post(f"{path}/receive", json=part, headers={"idempotency-key": "r"})).json()
        assert (told["status"], told["quantityReceived"], told["quantityInTransit"]) == ("PARTLY_RECEIVED", 1, 2)
    much = await web.post(f"{path}/receive", json={"received": 3})
    assert (much.status_code, much.json()["metadata"]) == (409, {"in_transit": "2"})
    assert much.json()["detail"].startswith("only 2 are in transit: received, rejected and lost together")
    unsaid = await web.post(f"{path}/cancel")
    assert (unsaid.status_code, unsaid.json()["reason"]) == (409, "NOT_IN_TRANSIT")
    back = (await web.post(f"{path}/cancel", json={"inTransit": "BACK"})).json()
    assert (back["status"], back["quantityReturned"], back["quantityInTransit"]) == ("CANCELLED", 2, 0)
    assert (await web.get("/transfers", params={"sku": "cup"})).json() == {"items": [back], "nextPageToken": ""}
    assert (await web.get(path)).json() == back
    entries = (await web.get("/inventory/sku/cup")).json()["items"]
    assert [each["quantityTotal"] for each in entries] == [3, 1]


async def test_what_is_wrong_with_a_transfer_is_named(web: httpx.AsyncClient) -> None:
    north, _ = await two(web)
    body = {"sku": "cup", "fromWarehouseId": north, "toWarehouseId": north, "quantity": 0}
    wrong = await web.post("/transfers", json=body)
    assert {each["field"] for each in wrong.json()["errors"]} == {"toWarehouseId", "quantity"}
    none = await web.get("/transfers/nothing")
    assert (none.status_code, none.json()["reason"]) == (404, "NOT_FOUND")


async def test_what_is_missing_for_a_transfer_is_named(web: httpx.AsyncClient) -> None:
    north, south = await two(web)
    west = await warehouse(web, "west")

    async def told(path: str, body: object = None) -> tuple[int, str]:
        answer = await web.post(path, json=body)
        return answer.status_code, answer.json()["detail"]

    async def drafted(sku: str, source: str, target: str) -> str:
        body = {"sku": sku, "fromWarehouseId": source, "toWarehouseId": target, "quantity": 1}
        return f"/transfers/{(await web.post('/transfers', json=body)).json()['transferId']}"

    body = {"sku": "cup", "fromWarehouseId": "none", "toWarehouseId": south, "quantity": 1}
    assert await told("/transfers", body) == (404, "there is no such source warehouse")
    body = body | {"fromWarehouseId": north, "toWarehouseId": "none"}
    assert await told("/transfers", body) == (404, "there is no such destination warehouse")
    unknown = await drafted("none", north, south)
    assert await told(f"{unknown}/ship") == (404, "there is no such entry of none at the source")
    path = await drafted("cup", north, west)
    assert (await web.post(f"{path}/ship")).status_code == 200
    missing = await told(f"{path}/receive", {"received": 1})
    assert missing == (404, "there is no such entry of cup at the destination")


async def test_a_preview_says_which_warehouses_and_why(web: httpx.AsyncClient) -> None:
    north, _ = await two(web)
    described = dict(operations((await web.get("http://here/openapi.json")).json()))
    asked = described["POST /api/v1/allocations/preview"]["requestBody"]["content"]["application/json"]["example"]
    asked["items"] = [{"sku": "cup", "quantity": 2}]
    told = (await web.post("/allocations/preview", json=asked)).json()
    assert told["lines"] == [{"sku": "cup", "warehouseId": north, "quantity": 2}]
    assert (told["parcels"], told["isFewest"], told["reasons"][0]) == (1, True, "2 of 2 cup come from north.")
    few = await web.post("/allocations/preview", json={"items": [{"sku": "cup", "quantity": 6}], "rules": ["cost"]})
    assert (few.status_code, few.json()["metadata"]) == (409, {"available": "5"})
    assert (await web.post("/allocations/preview", json={"items": [], "rules": ["luck"]})).status_code == 422


async def test_a_preview_says_each_warehouse_once_and_refuses_as_the_order_would_be(web: httpx.AsyncClient) -> None:
    north, south = await two(web)
    named = [{"sku": "cup", "quantity": 2, "warehouseId": north}, {"sku": "cup", "quantity": 1}]
    told = (await web.post("/allocations/preview", json={"items": named})).json()
    assert told["lines"] == [{"sku": "cup", "warehouseId": north, "quantity": 3}]
    assert told["reasons"][0] == "3 of 3 cup come from north."
    made = (await web.post("/reservations", json={"orderId": "o", "items": named})).json()
    assert [(each["warehouseId"], each["quantity"]) for each in made["lines"]] == [(north, 3)]
    await web.put(f"/warehouses/{south}", json={"name": "South", "isActive": False, "version": 1})
    for item in ({"sku": "none"}, {"sku": "cup", "warehouseId": south}, {"sku": "cup", "warehouseId": "none"}):
        items = {"items": [{**item, "quantity": 1}]}
        seen = await web.post("/allocations/preview", json=items)
        order = await web.post("/reservations", json={"orderId": "o2", **items})
        assert (seen.status_code, seen.json()) == (404, order.json()), item
