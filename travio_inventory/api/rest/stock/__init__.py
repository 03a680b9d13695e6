"""Stock over HTTP: goods per stock keeping unit and warehouse."""

from collections.abc import Iterator

from fastapi import APIRouter

from travio_inventory.api.rest.stock.approvals import ApprovalRoutes
from travio_inventory.api.rest.stock.availability import AvailabilityRoutes
from travio_inventory.api.rest.stock.bulk import BulkRoutes
from travio_inventory.api.rest.stock.inventory import InventoryRoutes
from travio_inventory.api.rest.stock.purchases import PurchaseRoutes, SupplierRoutes
from travio_inventory.api.rest.stock.reports import ReportRoutes
from travio_inventory.api.rest.stock.reservations import ReservationRoutes
from travio_inventory.api.rest.stock.transfers import TransferRoutes
from travio_inventory.api.rest.stock.warehouses import WarehouseRoutes
from travio_inventory.kernel.clock import Clock
from travio_inventory.stock.use_cases import Stock


def stock_routers(stock: Stock, clock: Clock) -> Iterator[APIRouter]:
    """All routes of the face."""
    yield InventoryRoutes(stock).router()
    yield ApprovalRoutes(stock).router()
    yield BulkRoutes(stock).router()
    yield WarehouseRoutes(stock).router()
    yield AvailabilityRoutes(stock).router()
    yield ReservationRoutes(stock).router()
    yield TransferRoutes(stock).router()
    yield SupplierRoutes(stock).router()
    yield PurchaseRoutes(stock).router()
    yield ReportRoutes(stock, clock).router()
