"""Puts stock together on the store of an assembly, for whoever asks for it: a service without stock imports nothing."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from random import SystemRandom
from typing import Any

import anyio

from travio_inventory.app.assemble import Unwatched, Watch
from travio_inventory.app.backends import open_batches
from travio_inventory.app.deeds import RecordedVerbs, recorded_call
from travio_inventory.app.service import rules_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.batches import Batches, Reads
from travio_inventory.protocol.sending import Sender
from travio_inventory.protocol.unpublished import Unpublished
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.use_cases.expire_holds import ExpireHolds
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.settings import Settings, StockSettings
from travio_inventory.settings.stock import costs_in, limits_in, order_in
from travio_inventory.stock.allocation import Rule, Rules
from travio_inventory.stock.approval import ApprovalLimits
from travio_inventory.stock.audit.auditing import StockAuditor, StockAuditRules
from travio_inventory.stock.audit.rounds import StockRound
from travio_inventory.stock.counts import StockCounts
from travio_inventory.stock.records.approvals import Approvals
from travio_inventory.stock.records.counted_entries import CountedEntries
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.failures import Failures
from travio_inventory.stock.records.known_reservations import KnownReservations
from travio_inventory.stock.records.known_stock import KnownStock
from travio_inventory.stock.records.known_warehouses import KnownWarehouses
from travio_inventory.stock.records.movement_days import MovementDays
from travio_inventory.stock.records.order_notes import OrderNotes
from travio_inventory.stock.records.purchases import Purchases
from travio_inventory.stock.records.reservations import Reservations
from travio_inventory.stock.records.restocking import Restocking
from travio_inventory.stock.records.shard_marks import ShardMarks
from travio_inventory.stock.records.shown import Shown
from travio_inventory.stock.records.sold_out import NotedBatches, SoldOut
from travio_inventory.stock.records.stock_lapses import StockLapses
from travio_inventory.stock.records.suppliers import Suppliers
from travio_inventory.stock.records.transfers import Transfers
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.use_cases import Stock
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

DRAIN_S = 5
ORDER_NOTES_KEPT_S = 31 * 86_400
"""Longer than events that come in may be remembered."""
UNLIMITED = ApprovalLimits()
BY_PLACE = Rules()


def limits_of(stock: StockSettings) -> ApprovalLimits:
    """How many units one person may change at once."""
    return ApprovalLimits(*limits_in(stock.approval_above))


def allocation_of(stock: StockSettings) -> Rules:
    """What puts one warehouse before another."""
    return Rules(tuple(map(Rule, order_in(stock.allocation))), costs_in(stock.parcel_costs), stock.parcel_cost_per_km)


def assemble_stock(  # noqa: PLR0913 - the keyword-only ones are what operators set
    sender: Sender,
    steps: StepRunner,
    *,
    watch: Watch,
    views: Reads | None = None,
    limits: ApprovalLimits = UNLIMITED,
    rules: Rules = BY_PLACE,
    sinks: Collection[str] = (),
    audit: StockAuditRules | None = None,
    audit_round_ms: int = 86_400_000,
) -> Stock:
    """The use cases of stock, on the sender and the steps of an assembly. What is only shown is read by `views`, events
    go to the sinks of these names.
    """
    sold_out = SoldOut(sender.clock.elapsed_ms)
    known = KnownWarehouses(sender.clock.elapsed_ms)
    marks = ShardMarks(steps.in_background, sender.clock, sender.rules.retention)
    known_stock = KnownStock(sender.clock.elapsed_ms)
    made = KnownReservations(known_stock, views)
    sender = sender.through(NotedBatches(sender.batches, sold_out, known, known_stock, marks, made))
    entries, warehouses = Entries(sender, known_stock), Warehouses(sender.batches, sender.clock, sender.rules.retention)
    marks.shards = entries.shards
    shown = sender.through(Shown(sender.batches, sender.batches if views is None else views, known_stock))
    approvals = Approvals(sender)
    adjust = AdjustsStock(entries, approvals, limits, steps)
    reservations = Reservations(sender, steps.in_background, known_stock, made)
    lapses, transfers = reservations.lapses, Transfers(sender, limits)
    reserve = ReserveStock(
        reservations, entries, warehouses, known, steps, lapses.sweep, sender.random, sold_out, rules=rules
    )
    notes = OrderNotes(sender.batches, sender.clock, kept_s=ORDER_NOTES_KEPT_S)
    settle = SettleOrder(reserve, reservations, notes, Failures(sender), steps)
    round_ = StockRound(sender.batches, sender.clock, every_ms=audit_round_ms)
    outbox = Unpublished(sender, sinks)
    auditor = StockAuditor(reservations.protocol, outbox, round_, audit or StockAuditRules())
    clock, counts, suppliers = (
        sender.clock,
        StockCounts(),
        Suppliers(sender.batches, sender.clock, sender.rules.retention),
    )
    purchases = Purchases(sender, counts)
    restocking = Restocking(sender.batches, entries, transfers)
    return Stock(
        watch.use_case("keep_warehouses", KeepWarehouses(warehouses)),
        watch.use_case("keep_stock", KeepStock(entries, warehouses, steps)),
        watch.use_case("adjust_stock", adjust),
        watch.use_case("read_stock", ReadStock(entries, warehouses)),
        watch.use_case(
            "check_stock",
            CheckStock(Entries(shown, known_stock), Warehouses(shown.batches, clock, sender.rules.retention), known),
        ),
        watch.use_case("decide_adjustments", DecidesAdjustments(approvals, steps)),
        watch.use_case("update_stock", UpdatesMany(adjust)),
        watch.use_case(
            "report_stock",
            ReportStock(CountedEntries(sender.batches), MovementDays(sender.batches), warehouses, transfers),
        ),
        watch.use_case("reserve_stock", reserve),
        ExpireHolds(StockLapses(lapses, transfers, entries.shards)),
        watch.use_case("transfer_stock", TransfersStock(transfers, warehouses, steps)),
        watch.use_case("preview_allocation", PreviewAllocation(entries, warehouses, rules)),
        watch.use_case("settle_order", settle),
        watch.use_case("audit_stock", AuditStock(auditor)),
        watch.use_case("keep_suppliers", KeepSuppliers(suppliers)),
        watch.use_case("purchase_stock", PurchasesStock(purchases, suppliers, warehouses, steps, clock)),
        watch.use_case("suggest_orders", SuggestOrders(restocking, warehouses, clock)),
        watch.use_case("reorder_stock", ReorderStock(restocking, purchases, suppliers, steps, clock, counts)),
        counts,
    )


DEEDS = {
    "warehouses": {"add": "add warehouse", "change": "change warehouse"},
    "keep": {
        "add": "add stock entry",
        "add_everywhere": "add stock entries",
        "change": "change stock entry",
        "delete": "delete stock entry",
    },
    "adjust": {"by": "adjust stock", "to": "count stock"},
    "approvals": {"decide": "decide about stock"},
    "transfers": {
        "draft": "draft transfer",
        "ship": "ship transfer",
        "receive": "receive transfer",
        "cancel": "cancel transfer",
    },
    "suppliers": {"add": "add supplier", "change": "change supplier", "delete": "delete supplier"},
    "purchases": {
        "place": "place purchase order",
        "receive": "receive purchase order",
        "cancel": "cancel purchase order",
    },
}
"""Verbs of use cases of the house, and what they are called in the record. What orders do is in movements alone."""


def recorded_stock(stock: Stock, deeds: Deeds) -> Stock:
    """Stock, whose deeds of the house are recorded."""
    wrapped: dict[str, Any] = {name: RecordedVerbs(getattr(stock, name), deeds, verbs) for name, verbs in DEEDS.items()}
    wrapped["update_many"] = recorded_call(stock.update_many, deeds, "update stock", always=True)
    return replace(stock, **wrapped)


@asynccontextmanager
async def open_stock(settings: Settings) -> AsyncIterator[Stock]:
    """Stock on the store that the settings name; the embedded one has room for no other process. Raises StartFailed."""
    async with open_batches(settings) as store, stock_on(store.batches, settings, store.views) as stock:
        yield stock


@asynccontextmanager
async def stock_on(batches: Batches, settings: Settings, views: Reads | None = None) -> AsyncIterator[Stock]:
    """Stock on that store, by the rules of the settings."""
    rules = rules_of(settings)
    steps = StepRunner(in_flight_max=rules.steps_at_once_max)
    background, clock = steps.in_background, SystemClock()
    sender = Sender(batches, clock=clock, background=background, rules=rules.protocol, random=SystemRandom())
    try:
        limits, allocation = limits_of(settings.stock), allocation_of(settings.stock)
        yield assemble_stock(sender, steps, watch=Unwatched(), views=views, limits=limits, rules=allocation)
    finally:
        with anyio.CancelScope(shield=True):
            await steps.drain(DRAIN_S)
