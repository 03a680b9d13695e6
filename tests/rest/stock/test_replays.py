"""Each POST that adds something, repeated with its Idempotency-Key after the thing was changed: told as it stands."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import pytest

from tests.rest.stock.test_purchases import supplier
from tests.rest.stock.test_stock import entry, warehouse

KEY = {"idempotency-key": "k"}
Body: TypeAlias = Callable[[httpx.AsyncClient], Awaitable[dict[str, Any]]]


async def _warehouse(_web: httpx.AsyncClient) -> dict[str, Any]:
    return {"code": "west", "name": "West"}


async def _supplier(_web: httpx.AsyncClient) -> dict[str, Any]:
    return {"code": "west", "name": "West"}


async def _entry(web: httpx.AsyncClient) -> dict[str, Any]:
    return {"productId": "p", "warehouseId": await warehouse(web), "sku": "cup", "quantity": 5}


async def _transfer(web: httpx.AsyncClient) -> dict[str, Any]:
    north, south = await warehouse(web), await warehouse(web, "south")
    await entry(web, "cup", 5, warehouseId=north)
    return {"sku": "cup", "fromWarehouseId": north, "toWarehouseId": south, "quantity": 2}


async def _order(web: httpx.AsyncClient) -> dict[str, Any]:
    north = await warehouse(web)
    await entry(web, "cup", 5, warehouseId=north)
    return {"supplierId": await supplier(web), "lines": [{"sku": "cup", "warehouseId": north, "quantity": 2}]}


@pytest.mark.parametrize(
    ("path", "body_of", "named", "change"),
    [
        ("/warehouses", _warehouse, "warehouseId", ("PUT", "", {"name": "East", "version": 1})),
        ("/suppliers", _supplier, "supplierId", ("PUT", "", {"name": "East", "version": 1})),
        (
            "/inventory",
            _entry,
            "inventoryId",
            ("POST", "/adjust", {"quantity": 1, "type": "ADJUSTMENT", "reason": "found"}),
        ),
        ("/inventory", _entry, "inventoryId", ("PUT", "", {"shards": 3, "version": 1})),
        ("/transfers", _transfer, "transferId", ("POST", "/ship", None)),
        ("/purchase-orders", _order, "purchaseOrderId", ("POST", "/cancel", None)),
    ],
)
async def test_what_was_added_is_told_as_it_stands(
    web: httpx.AsyncClient, path: str, body_of: Body, named: str, change: tuple[str, str, Any]
) -> None:
    body = await body_of(web)
    made = await web.post(path, json=body, headers=KEY)
    one = f"{path}/{made.json()[named]}"
    method, step, said = change
    assert (await web.request(method, one + step, json=said)).status_code == 200
    again = await web.post(path, json=body, headers=KEY)
    now = await web.get(one)
    assert (again.status_code, again.json()) == (201, now.json())
    assert again.json() != made.json()
    assert again.headers.get("etag") == now.headers.get("etag")
    (altered,) = [name for name in ("name", "quantity", "lines") if name in body]
    lines = [{**body["lines"][0], "quantity": 3}] if altered == "lines" else None
    other = await web.post(path, json={**body, altered: lines or ("Other" if altered == "name" else 4)}, headers=KEY)
    assert (other.status_code, other.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
