"""The rules by which warehouses serve orders are an operator's: reservations go by them, and previews say so."""

import httpx
import pytest

from tests.rest.stock.test_stock import entry, warehouse
from travio_inventory.app.service import running
from travio_inventory.app.stock import BY_PLACE, allocation_of
from travio_inventory.settings import StockSettings
from travio_inventory.stock.allocation import Rule, Rules
from verification.kit.in_process import settings_of

CHEAP_SOUTH = {"stock_allocation": "cost,nearest", "stock_parcel_costs": "north=450,south=390"}
CUPS = [{"sku": "cup", "quantity": 2}]


@pytest.mark.once
async def test_orders_come_from_where_a_parcel_costs_least_and_a_preview_says_so() -> None:
    settings = settings_of(None, http_host="127.0.0.1", http_port=0, **CHEAP_SOUTH)
    async with running(settings, only="http") as app:
        base = f"http://127.0.0.1:{app.http_port}/api/v1"
        async with httpx.AsyncClient(base_url=base) as web:
            for priority, code in enumerate(("north", "south"), 1):
                await entry(web, "cup", 5, warehouseId=await warehouse(web, code, priority=priority))
            told = (await web.post("/allocations/preview", json={"items": CUPS})).json()
            made = (await web.post("/reservations", json={"orderId": "o", "items": CUPS})).json()
            by_priority = {"orderId": "p", "items": CUPS, "rules": ["priority"]}
            first, again = [
                (await web.post("/reservations", json=by_priority, headers={"idempotency-key": "k"})).json()
                for _ in range(2)
            ]
            wrong = await web.post(
                "/reservations", json=by_priority | {"rules": ["cost"]}, headers={"idempotency-key": "k"}
            )
            twice = await web.post("/reservations", json=by_priority | {"rules": ["cost", "cost"]})
            other = (await web.post("/allocations/preview", json={"items": CUPS, "rules": ["priority"]})).json()
    assert [line["warehouseId"] for line in made["lines"]] == [line["warehouseId"] for line in told["lines"]]
    assert [line["warehouseId"] for line in first["lines"]] == [line["warehouseId"] for line in other["lines"]]
    assert again == first
    assert (wrong.status_code, wrong.json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "rules")
    assert "south is number 1 of 2: a parcel costs 390; distance unknown." in told["reasons"]
    assert "2 of 2 cup come from north." in other["reasons"]


def test_rules_are_as_settings_say() -> None:
    assert allocation_of(StockSettings()) == BY_PLACE == Rules()
    said = StockSettings(allocation="priority,cost", parcel_costs="north=450", parcel_cost_per_km=2)
    assert allocation_of(said) == Rules((Rule.PRIORITY, Rule.COST), {"north": 450}, 2)


@pytest.mark.parametrize(
    "said",
    [{"allocation": "luck"}, {"allocation": "cost,cost"}, {"parcel_costs": "north"}, {"parcel_costs": "n=1,n=2"}],
)
def test_rules_that_are_none_are_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must|twice"):
        StockSettings.model_validate(said)
