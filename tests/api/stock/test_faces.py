"""Every face does all that is done with stock: what one of them gains, the others gain too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.api.stock.test_calls import CALLS
from tests.rest.stock.conftest import transport, web
from tests.rest.test_description import operations
from travio_inventory.cli.stock.commands import STOCK_COMMANDS
from travio_inventory.client.blocking_stock import BlockingStock
from travio_inventory.client.stock import StockCalls
from verification.pages.architecture import PACKAGE

__all__ = ["transport", "web"]

ROUTES = {
    "GetInventory": {"GET /inventory/{inventoryId}", "GET /inventory/{inventoryId}/shards"},
    "ListInventory": {
        "GET /inventory", "GET /inventory/product/{productId}", "GET /inventory/sku/{sku}",
        "GET /warehouses/{warehouseId}/inventory",
    },
    "AddInventory": {"POST /inventory"},
    "ChangeInventory": {"PUT /inventory/{inventoryId}"},
    "ListMovements": {"GET /inventory/{inventoryId}/movements"},
    "UpdateStock": {"POST /inventory/{inventoryId}/adjust", "POST /inventory/{inventoryId}/count"},
    "UpdateStockBulk": {"POST /inventory/bulk"},
    "CheckAvailability": {"POST /availability/check", "POST /availability/bulk"},
    "ListApprovals": {"GET /approvals"},
    "GetApproval": {"GET /approvals/{approvalId}"},
    "DecideAdjustment": {"POST /approvals/{approvalId}/approve", "POST /approvals/{approvalId}/reject"},
    "ListWarehouses": {"GET /warehouses", "GET /warehouses/{warehouseId}"},
    "AddWarehouse": {"POST /warehouses"},
    "ChangeWarehouse": {"PUT /warehouses/{warehouseId}"},
    "ReserveStock": {"POST /reservations"},
    "GetReservation": {"GET /reservations/{reservationId}", "GET /reservations/order/{orderId}"},
    "CommitReservation": {"POST /reservations/{reservationId}/commit"},
    "CancelReservation": {"POST /reservations/{reservationId}/cancel"},
    "PreviewAllocation": {"POST /allocations/preview"},
    "DraftTransfer": {"POST /transfers"},
    "ShipTransfer": {"POST /transfers/{transferId}/ship"},
    "ReceiveTransfer": {"POST /transfers/{transferId}/receive"},
    "CancelTransfer": {"POST /transfers/{transferId}/cancel"},
    "GetTransfer": {"GET /transfers/{transferId}"},
    "ListTransfers": {"GET /transfers"},
    "ListSuppliers": {"GET /suppliers", "GET /suppliers/{supplierId}"},
    "AddSupplier": {"POST /suppliers"},
    "ChangeSupplier": {"PUT /suppliers/{supplierId}", "DELETE /suppliers/{supplierId}"},
    "PlacePurchaseOrder": {"POST /purchase-orders"},
    "ReceivePurchaseOrder": {"POST /purchase-orders/{orderId}/receive"},
    "CancelPurchaseOrder": {"POST /purchase-orders/{orderId}/cancel"},
    "GetPurchaseOrder": {"GET /purchase-orders/{orderId}"},
    "ListPurchaseOrders": {"GET /purchase-orders"},
    "SuggestPurchases": {"GET /reorder-suggestions"},
    "GetStockReport": {"GET /reports/stock"},
}  # fmt: skip
"""What a program asks by gRPC, and where it asks the same over HTTP."""
IN_ONE_CALL = {"availabilities"}
"""Methods of the client for many at once, whose command asks for one."""


def public(kind: type) -> set[str]:
    """The methods of the class and of those that it extends."""
    return {name for each in kind.__mro__[:-1] for name, made in vars(each).items()
            if not name.startswith("_") and callable(made)}  # fmt: skip


def methods_called(folder: str, *, on: str) -> Iterator[str]:
    """The names of what is called on an attribute of that name in the modules of the folder."""
    for path in sorted(Path(PACKAGE / folder).glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == on:
                yield node.attr


async def test_every_call_of_grpc_has_its_routes_and_every_route_its_call(web: httpx.AsyncClient) -> None:
    described = dict(operations((await web.get("http://here/openapi.json")).json()))
    assert set(ROUTES) == set(CALLS)
    assert {route.replace("/api/v1", "") for route in described} == set().union(*ROUTES.values())


def test_the_client_makes_every_call_and_waits_for_each_where_asked_to() -> None:
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in CALLS}
    assert set(methods_called("client", on="stub")) >= snake
    assert public(BlockingStock) == public(StockCalls)


def test_every_method_of_the_client_has_a_command() -> None:
    used = set(methods_called("cli/stock", on="stock")) | set(methods_called("cli/stock", on="_stock"))
    assert public(StockCalls) - used == IN_ONE_CALL
    assert len({command.function for command in STOCK_COMMANDS}) == len(STOCK_COMMANDS)
