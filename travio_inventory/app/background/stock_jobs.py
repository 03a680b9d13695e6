"""The background jobs of stock: its auditor, its sweeper, and its orders."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from travio_inventory.app.background.reorders import ReorderJob
from travio_inventory.app.background.stock_audits import StockAuditJob
from travio_inventory.app.background.supervision import Job
from travio_inventory.app.background.unchecked import Missed
from travio_inventory.app.background.visits import VisitJob
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.settings import Settings

if TYPE_CHECKING:
    from travio_inventory.stock.use_cases import Stock


def stock_jobs(
    stock: "Stock",
    settings: Settings,
    *,
    count_fault: Callable[[str], None],
    missed: Missed,
    waits: StoreWaits,
    jitter: Random,
) -> dict[str, Job]:
    """Each by its name."""
    background, jobs = settings.background, dict[str, Job]()
    if background.audit_seconds:
        jobs["auditor of stock"] = StockAuditJob(
            stock.audit, count=count_fault, missed=missed, waits=waits, jitter=jitter
        ).run
    expire = partial(stock.expire, HOUSE)
    interval_ms = background.sweep_interval_ms
    jobs["sweeper of stock"] = VisitJob("sweep stock", expire, interval_ms=interval_ms, waits=waits, jitter=jitter).run
    if every_s := settings.stock.automatic_orders_seconds:
        jobs["orders of stock"] = ReorderJob(stock.reorder, every_seconds=every_s, waits=waits, jitter=jitter).run
    return jobs
