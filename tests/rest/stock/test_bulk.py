"""Many changes in one request, and reports, over HTTP; and the examples of the description."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.rest.stock.test_stock import entry, warehouse
from tests.rest.test_description import operations


async def test_each_line_is_told_and_the_same_key_does_nothing_twice(web: httpx.AsyncClient) -> None:
    jug = await entry(web, "jug", 2)
    await entry(web, "cup", 5)
    lines: list[dict[str, Any]] = [
        {"sku": "cup", "warehouseCode": "north", "quantity": 3, "type": "INBOUND", "reason": "delivery"},
        {"inventoryId": jug["inventoryId"], "quantity": -9, "reason": "x"},
        {"inventoryId": jug["inventoryId"], "quantityTotal": 4, "version": 1, "reason": "counted"},
        {"sku": "cup", "quantity": 1, "reason": "x"},
    ]
    first = await web.post("/inventory/bulk", json={"lines": lines}, headers={"idempotency-key": "k"})
    assert first.status_code == 200
    told = first.json()
    assert [(each["line"], each["status"], each["reason"]) for each in told["results"]] == [
        (1, "DONE", ""),
        (2, "REFUSED", "INSUFFICIENT_STOCK"),
        (3, "DONE", ""),
        (4, "REFUSED", "INVALID_REQUEST"),
    ]
    assert told["results"][3]["detail"] == "inventoryId: must be named, or a sku with its warehouse"
    assert [each["quantityTotal"] for each in told["results"]] == [8, None, 4, None]
    assert (told["done"], told["refused"], told["unknown"], told["notDone"]) == (2, 2, 0, 0)
    again = await web.post("/inventory/bulk", json={"lines": lines}, headers={"idempotency-key": "k"})
    assert [each["movementId"] for each in again.json()["results"]] == [each["movementId"] for each in told["results"]]
    cups = (await web.get("/inventory/sku/cup")).json()["items"]
    assert [each["quantityTotal"] for each in cups] == [8]


async def test_lines_without_a_key_or_of_another_form_are_refused_as_a_whole(web: httpx.AsyncClient) -> None:
    line = {"sku": "cup", "warehouseCode": "north", "quantity": 3, "reason": "x"}
    no_key = await web.post("/inventory/bulk", json={"lines": [line]})
    assert (no_key.status_code, no_key.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    wrong = {"lines": [line, line | {"quantity": "3"}]}
    form = await web.post("/inventory/bulk", json=wrong, headers={"idempotency-key": "k"})
    assert (form.status_code, form.json()["errors"][0]["field"]) == (422, "lines[1].quantity")


async def test_a_line_that_names_two_entries_changes_none(web: httpx.AsyncClient) -> None:
    north = await warehouse(web, "north")
    cup = (await entry(web, "cup", warehouseId=north))["inventoryId"]
    jug = (await entry(web, "jug", warehouseId=north))["inventoryId"]
    line = {"inventoryId": cup, "quantity": 1, "reason": "x"}
    lines = [
        line,
        {**line, "sku": "cup", "warehouseCode": "north"},
        {**line, "sku": "cup", "warehouseId": north, "warehouseCode": "north"},
        {**line, "sku": "jug", "warehouseCode": "north"},
        {**line, "sku": "jug"},
        {**line, "inventoryId": "", "sku": "cup", "warehouseId": north, "warehouseCode": "south"},
    ]
    told = await web.post("/inventory/bulk", json={"lines": lines}, headers={"idempotency-key": "k"})
    assert [each["status"] for each in told.json()["results"]] == [*["DONE"] * 3, *["REFUSED"] * 3], told.text
    named = [each["detail"].partition(":")[0] for each in told.json()["results"]]
    assert named[3:] == ["inventoryId", "inventoryId", "warehouseCode"]
    totals = [(await web.get(f"/inventory/{each}")).json()["quantityTotal"] for each in (cup, jug)]
    assert totals == [8, 5]


async def test_a_report_is_json_or_csv(web: httpx.AsyncClient) -> None:
    await warehouse(web, region="eu")
    await entry(web, "cup", 5, warehouseId=(await web.get("/warehouses")).json()["items"][0]["warehouseId"])
    today = datetime.now(UTC).date()
    days = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}
    told = (await web.get("/reports/stock", params=days)).json()
    assert told["regions"][0] | {"movements": []} == {
        "region": "eu", "warehouses": 1, "entries": 1, "lowStockEntries": 1, "quantityAvailable": 5,
        "quantityReserved": 0, "quantityTotal": 5, "quantityInTransit": 0, "movements": [],
    }  # fmt: skip
    assert [(each["type"], each["quantity"]) for each in told["regions"][0]["movements"]] == [("INBOUND", 5)]
    as_csv = await web.get("/reports/stock", params={**days, "format": "csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(as_csv.text.splitlines()))
    assert [(line["region"], line["total"], line["moved"]) for line in lines] == [("eu", "5", ""), ("eu", "", "5")]
    await warehouse(web, "south", region="=1+1")
    no_formula = await web.get("/reports/stock", params={"region": "=1+1", "format": "csv"})
    assert [line["region"] for line in csv.DictReader(no_formula.text.splitlines())] == ["'=1+1"]
    wrong = await web.get("/reports/stock", params={"from": str(today), "to": str(today - timedelta(days=1))})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "to")


BEFORE = ("inventory", "warehouses", "suppliers")
"""What the others are about."""


async def test_every_example_of_a_request_is_one_that_succeeds(web: httpx.AsyncClient) -> None:
    described = dict(operations((await web.get("http://here/openapi.json")).json()))
    bodies = {
        name: operation["requestBody"]["content"]["application/json"]["example"]
        for name, operation in described.items()
        if "requestBody" in operation
    }
    assert len(bodies) >= 9
    added = await web.post("/warehouses", json=bodies["POST /api/v1/warehouses"])
    where = added.json()["warehouseId"]
    example = bodies["POST /api/v1/inventory"] | {"warehouseId": where}
    made = await web.post("/inventory", json=example)
    acme = (await web.post("/suppliers", json=bodies["POST /api/v1/suppliers"])).json()["supplierId"]
    ids = {"warehouseId": where, "inventoryId": made.json()["inventoryId"], "supplierId": acme}
    bodies = {name: _with(body, {"warehouseId": where, "supplierId": acme}) for name, body in bodies.items()}
    for name, body in bodies.items():
        method, _, path = name.partition(" ")
        if path.removeprefix("/api/v1/") in BEFORE or "transfer" in path or "approval" in path:
            continue  # these need two warehouses, or two persons
        if "{reservationId}" in path:
            order = bodies["POST /api/v1/reservations"] | {"orderId": name.replace(" ", "-")}
            ids["reservationId"] = (await web.post("/reservations", json=order)).json()["reservationId"]
        if "purchase-orders" in path:
            order = bodies["POST /api/v1/purchase-orders"]
            ids["orderId"] = (await web.post("/purchase-orders", json=order)).json()["purchaseOrderId"]
        now = await web.get(f"http://here{path.format(**ids)}".removesuffix("/count").removesuffix("/adjust"))
        headers = {"idempotency-key": name.replace(" ", "-")}
        if "etag" in now.headers:
            headers["if-match"] = now.headers["etag"]
            body = _with(body, {"version": now.json()["version"]})  # noqa: PLW2901 - as it was seen
        answer = await web.request(method, f"http://here{path.format(**ids)}", json=body, headers=headers)
        assert answer.is_success, (name, answer.text)


def _with(said: Any, named: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """The same about what there is."""
    if isinstance(said, list):
        return [_with(each, named) for each in said]
    if not isinstance(said, dict):
        return said
    return {name: named.get(name) or _with(each, named) for name, each in said.items()}


async def test_too_many_lines_and_numbers_that_are_none_are_refused_by_their_field(web: httpx.AsyncClient) -> None:
    line = {"sku": "cup", "warehouseCode": "north", "quantity": 3, "reason": "x"}
    for lines, field in (
        ([line] * 10_001, "lines"),
        ([line, line | {"quantity": 2**63}], "lines[1].quantity"),
        ([line | {"quantityTotal": 1.5}], "lines[0].quantityTotal"),
        ([line | {"version": True}], "lines[0].version"),
        ([line | {"amount": 1}], "lines[0].amount"),
    ):
        told = await web.post("/inventory/bulk", json={"lines": lines}, headers={"idempotency-key": "k"})
        assert (told.status_code, told.json()["errors"][0]["field"]) == (422, field), told.text
    most = await web.post("/inventory/bulk", json={"lines": [line] * 10_000}, headers={"idempotency-key": "k"})
    results = most.json()["results"]
    assert [each["line"] for each in results] == [*range(1, 10_001)]
    assert {each["reason"] for each in results} <= {"NOT_FOUND", "NOT_TRIED"}, "as many as there was time for"
