"""What a call of `stock.v1` names by its id and by what else it is called."""

import re
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.stock.test_calls import ORG, request_of, serving
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.wire.stock import v1

TWICE: Any = {"sku": "cup", "warehouse_id": "w", "warehouse_code": "north", "quantity": 1}


@pytest.mark.parametrize(
    ("name", "said", "field"),
    [
        ("GetInventory", {"sku": "cup", "warehouse_id": "w", "warehouse_code": "north"}, "warehouse_code"),
        ("GetInventory", {"inventory_id": "i", "sku": "cup", "warehouse_code": "north"}, "inventory_id"),
        ("GetInventory", {"inventory_id": "i", "sku": "cup"}, "inventory_id"),
        ("ListInventory", {"warehouse_id": "w", "warehouse_code": "north"}, "warehouse_code"),
        ("AddInventory", {**TWICE, "product_id": "p"}, "warehouse_code"),
        ("UpdateStock", {"change": v1.StockLine(**TWICE, reason="x")}, "warehouse_code"),
        ("ReserveStock", {"order_id": "o", "items": [v1.ReservedItem(**TWICE)]}, "items[0].warehouse_code"),
        ("PreviewAllocation", {"items": [v1.ReservedItem(**TWICE)]}, "items[0].warehouse_code"),
        ("DraftTransfer", {"sku": "cup", "from_warehouse_id": "w", "from_warehouse_code": "north",
                           "to_warehouse_code": "south", "quantity": 1}, "from_warehouse_code"),
        ("DraftTransfer", {"sku": "cup", "from_warehouse_code": "north", "to_warehouse_id": "w",
                           "to_warehouse_code": "south", "quantity": 1}, "to_warehouse_code"),
        ("PlacePurchaseOrder", {"supplier_code": "acme", "lines": [v1.OrderedLine(**TWICE)]},
         "lines[0].warehouse_code"),
        ("PlacePurchaseOrder", {"supplier_id": "s", "supplier_code": "acme"}, "supplier_code"),
        ("ReceivePurchaseOrder", {"purchase_order_id": "p", "lines": [v1.OrderedLine(**TWICE)]},
         "lines[0].warehouse_code"),
        ("ListPurchaseOrders", {"supplier_id": "s", "supplier_code": "acme"}, "supplier_code"),
        ("ChangeSupplier", {"supplier_id": "s", "supplier_code": "acme", "delete": True, "version": 1},
         "supplier_code"),
        ("SuggestPurchases", {"warehouse_id": "w", "warehouse_code": "north"}, "warehouse_code"),
    ],
)  # fmt: skip
async def test_what_is_named_twice_must_be_the_same(name: str, said: dict[str, Any], field: str) -> None:
    async with serving(AuthenticationOff()) as stub:
        call = getattr(stub, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
        with pytest.raises(GRPCError) as refused:
            await call(request_of(name, **said, **ORG))
    assert refused.value.status is Status.INVALID_ARGUMENT
    assert f"{field}: must be that of" in str(refused.value.message)
