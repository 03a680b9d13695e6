"""Reservations over HTTP: their members and statuses, and that each step happens once."""

import asyncio

import httpx

from tests.rest.stock.test_stock import entry, warehouse


async def available(web: httpx.AsyncClient, sku: str) -> list[tuple[int, int]]:
    """Of each entry: available and reserved."""
    items = (await web.get(f"/inventory/sku/{sku}")).json()["items"]
    return [(each["quantityAvailable"], each["quantityReserved"]) for each in items]


async def test_a_reservation_is_made_committed_and_told_with_all_that_the_contract_says(web: httpx.AsyncClient) -> None:
    cup = await entry(web, "cup", 5)
    body = {"orderId": "order-1", "items": [{"sku": "cup", "quantity": 2}]}
    made = await web.post("/reservations", json=body, headers={"idempotency-key": "k"})
    assert made.status_code == 201, made.text
    told = made.json()
    path = f"/reservations/{told['reservationId']}"
    assert {name: told[name] for name in ("orderId", "status", "committedAt", "cancelledAt", "lines")} == {
        "orderId": "order-1",
        "status": "PENDING",
        "committedAt": None,
        "cancelledAt": None,
        "lines": [
            {
                "inventoryId": cup["inventoryId"],
                "sku": "cup",
                "warehouseId": cup["warehouseId"],
                "quantity": 2,
            }
        ],
    }
    assert await available(web, "cup") == [(3, 2)]
    again = await web.post("/reservations", json=body, headers={"idempotency-key": "k"})
    assert (again.status_code, again.json()) == (201, told)
    assert (await web.get(path)).json() == (await web.get("/reservations/order/order-1")).json() == told
    committed = await web.post(f"{path}/commit")
    assert (committed.status_code, committed.json()["status"]) == (200, "COMMITTED")
    assert committed.json()["committedAt"] is not None
    assert (await web.post(f"{path}/commit", json={})).json() == committed.json()
    assert await available(web, "cup") == [(3, 0)]
    moved = (await web.get(f"/inventory/{cup['inventoryId']}/movements")).json()["items"]
    assert [each["quantity"] for each in moved] == [5, -2]


async def test_an_order_gets_all_its_items_or_none(web: httpx.AsyncClient) -> None:
    north = await warehouse(web)
    await entry(web, "cup", 5, warehouseId=north)
    await entry(web, "jug", 1, warehouseId=north)
    items = [{"sku": "cup", "quantity": 2}, {"sku": "jug", "quantity": 2}]
    few = await web.post("/reservations", json={"orderId": "o", "items": items})
    assert (few.status_code, few.json()["reason"], few.json()["metadata"]) == (
        409,
        "INSUFFICIENT_STOCK",
        {"available": "1"},
    )
    assert await available(web, "cup") == [(5, 0)]
    unknown = await web.post("/reservations", json={"orderId": "o", "items": [{"sku": "pan", "quantity": 1}]})
    assert unknown.status_code in (404, 409)
    wrong = await web.post("/reservations", json={"orderId": "", "items": [{"sku": "cup", "quantity": 0}]})
    assert {each["field"] for each in wrong.json()["errors"]} == {"orderId", "items[0].quantity"}


async def test_an_order_is_served_by_the_region_that_it_goes_to(web: httpx.AsyncClient) -> None:
    first = await warehouse(web, "first", region="us", priority=1)
    there = await warehouse(web, "there", region="eu", priority=9)
    for each in (first, there):
        await entry(web, "cup", 5, warehouseId=each)
    body = {"orderId": "o", "items": [{"sku": "cup", "quantity": 2}], "shipTo": {"region": "eu"}}
    made = await web.post("/reservations", json=body)
    assert (made.status_code, [line["warehouseId"] for line in made.json()["lines"]]) == (201, [there])
    wrong = await web.post("/reservations", json={**body, "orderId": "p", "shipTo": {"latitude": 91}})
    assert (wrong.status_code, {each["field"] for each in wrong.json()["errors"]}) == (
        422,
        {"shipTo.latitude"},
    )


async def test_a_cancelled_reservation_gives_back_what_it_had(web: httpx.AsyncClient) -> None:
    await entry(web, "cup", 5)
    body = {"orderId": "o", "items": [{"sku": "cup", "quantity": 2}]}
    path = f"/reservations/{(await web.post('/reservations', json=body)).json()['reservationId']}"
    cancelled = await web.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert await available(web, "cup") == [(5, 0)]
    late = await web.post(f"{path}/commit")
    assert (late.status_code, late.json()["reason"]) == (409, "RESERVATION_CANCELLED")
    assert (await web.post("/reservations/none/commit")).status_code == 404
    assert (await web.get("/reservations/order/none")).status_code == 404


async def test_the_last_units_are_reserved_once_however_many_ask(web: httpx.AsyncClient) -> None:
    await entry(web, "cup", 3)
    bodies = [{"orderId": f"o{number}", "items": [{"sku": "cup", "quantity": 1}]} for number in range(8)]
    answers = await asyncio.gather(*(web.post("/reservations", json=body) for body in bodies))
    assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 5
    assert await available(web, "cup") == [(0, 3)]
