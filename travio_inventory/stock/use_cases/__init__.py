"""What is done with stock: one module, one verb."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from travio_inventory.kernel.actor import Actor
from travio_inventory.stock.counts import StockCounts
from travio_inventory.stock.use_cases.adjust_stock import AdjustsStock
from travio_inventory.stock.use_cases.audit_stock import AuditStock
from travio_inventory.stock.use_cases.check_stock import CheckStock
from travio_inventory.stock.use_cases.decide_adjustments import DecidesAdjustments
from travio_inventory.stock.use_cases.keep_stock import KeepStock
from travio_inventory.stock.use_cases.keep_suppliers import KeepSuppliers
from travio_inventory.stock.use_cases.keep_warehouses import KeepWarehouses
from travio_inventory.stock.use_cases.preview_allocation import PreviewAllocation
from travio_inventory.stock.use_cases.purchase_stock import PurchasesStock
from travio_inventory.stock.use_cases.read_stock import ReadStock
from travio_inventory.stock.use_cases.reorder_stock import ReorderStock
from travio_inventory.stock.use_cases.report_stock import ReportStock
from travio_inventory.stock.use_cases.reserve_stock import ReserveStock
from travio_inventory.stock.use_cases.settle_order import SettleOrder
from travio_inventory.stock.use_cases.suggest_orders import SuggestOrders
from travio_inventory.stock.use_cases.transfer_stock import TransfersStock
from travio_inventory.stock.use_cases.update_many import UpdatesMany


@dataclass(frozen=True, slots=True)
class Stock:
    """All use cases."""

    warehouses: KeepWarehouses
    keep: KeepStock
    adjust: AdjustsStock
    read: ReadStock
    check: CheckStock
    approvals: DecidesAdjustments
    update_many: UpdatesMany
    report: ReportStock
    reserve: ReserveStock
    expire: Callable[[Actor], Awaitable[Any]]
    """One round over the places in which a reservation may have run out, by the house."""
    transfers: TransfersStock
    preview: PreviewAllocation
    settle: SettleOrder
    """What other services tell of orders."""
    audit: AuditStock
    suppliers: KeepSuppliers
    purchases: PurchasesStock
    suggest: SuggestOrders
    reorder: ReorderStock
    """One round over the entries that are low, by the house."""
    counts: StockCounts
    """What the use cases did in this process."""
