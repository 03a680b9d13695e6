"""Every call of `stock.v1`: read the request, run the use case, write the reply."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message
from grpclib.const import Handler

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc import stock_messages as messages
from travio_inventory.api.grpc import stock_replies as replies
from travio_inventory.api.grpc.methods import UnaryMethod, methods
from travio_inventory.api.grpc.service import STOCK_SERVICE
from travio_inventory.api.grpc.stock_purchases import PurchaseCalls
from travio_inventory.api.grpc.stock_transfers import TransferCalls
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.answer_deadline import read_off_loop
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.stock.commands import DeleteEntry, SetStock
from travio_inventory.stock.records.movement_days import day_of
from travio_inventory.stock.use_cases import Stock
from travio_inventory.wire.stock import v1

BYTES_OF_A_LINE: Final = 20
"""At least: so a message of few bytes has few lines."""
LINE_WRITTEN_AS: Final = 20
"""A line is written in the time that so much else takes."""


class StockService:
    """StockService over the use cases, to callers whom `authentication` knows. Lines of a bulk are begun within
    `bulk_s` seconds: an answer that says what is left is better than none.
    """

    def __init__(self, stock: Stock, *, authentication: Authentication, clock: Clock, bulk_s: float) -> None:
        self._stock = stock
        self._authentication = authentication
        self._clock = clock
        self._bulk_s = bulk_s
        self._transfers = TransferCalls(stock.transfers)
        self._purchases = PurchaseCalls(stock)

    def __mapping__(self) -> Mapping[str, Handler]:
        """What grpclib serves: each method by its path."""
        return methods(STOCK_SERVICE, self._authentication, self.answers(), {}, v1)

    def answers(self) -> Mapping[str, UnaryMethod]:
        """The methods by their names. Each names the grant that its caller needs."""
        return {
            "GetInventory": (Grant.STOCK_READ, self.get_inventory),
            "CheckAvailability": (Grant.STOCK_READ, self.check_availability),
            "UpdateStock": (Grant.STOCK_ADJUST, self.update_stock),
            "UpdateStockBulk": (Grant.STOCK_ADJUST, self.update_stock_bulk),
            "ListApprovals": (Grant.STOCK_READ, self.list_approvals),
            "GetApproval": (Grant.STOCK_READ, self.get_approval),
            "DecideAdjustment": (Grant.STOCK_APPROVE, self.decide_adjustment),
            "ListInventory": (Grant.STOCK_READ, self.list_inventory),
            "AddInventory": (Grant.STOCK_ADMIN, self.add_inventory),
            "ChangeInventory": (Grant.STOCK_ADMIN, self.change_inventory),
            "ListMovements": (Grant.STOCK_READ, self.list_movements),
            "ListWarehouses": (Grant.STOCK_READ, self.list_warehouses),
            "AddWarehouse": (Grant.STOCK_ADMIN, self.add_warehouse),
            "ChangeWarehouse": (Grant.STOCK_ADMIN, self.change_warehouse),
            "ReserveStock": (Grant.STOCK_RESERVE, self.reserve_stock),
            "GetReservation": (Grant.STOCK_READ, self.get_reservation),
            "CommitReservation": (Grant.STOCK_RESERVE, self.commit_reservation),
            "CancelReservation": (Grant.STOCK_RESERVE, self.cancel_reservation),
            "PreviewAllocation": (Grant.STOCK_READ, self.preview_allocation),
            "GetStockReport": (Grant.STOCK_READ, self.get_stock_report),
            **self._transfers.answers(),
            **self._purchases.answers(),
        }

    async def get_inventory(self, caller: Identity, message: Message) -> v1.GetInventoryResponse:
        entry, shards = await self._stock.read.in_shards(*messages.entry_named(caller, message))
        return v1.GetInventoryResponse(inventory=replies.inventory(entry), shards=list(map(replies.shard, shards)))

    async def check_availability(self, caller: Identity, message: Message) -> v1.CheckAvailabilityResponse:
        return replies.availability(await self._stock.check(*messages.questions_asked(caller, message)))

    async def update_stock(self, caller: Identity, message: Message) -> v1.UpdateStockResponse:
        actor, command = messages.update_asked(caller, message)
        if isinstance(command, SetStock):
            return replies.updated(await self._stock.adjust.to(actor, command))
        return replies.updated(await self._stock.adjust.by(actor, command))

    async def update_stock_bulk(self, caller: Identity, message: Message) -> bytes:
        much = message.ByteSize() // BYTES_OF_A_LINE
        actor, command = await read_off_loop(much, messages.updates_asked, caller, message)
        outcomes = await self._stock.update_many(actor, command, within_s=self._bulk_s)
        return await off_loop(len(outcomes) * LINE_WRITTEN_AS, replies.bulk, outcomes)

    async def list_approvals(self, caller: Identity, message: Message) -> v1.ListApprovalsResponse:
        found = await self._stock.approvals.page(*messages.approvals_asked(caller, message))
        more = token_of(found.after) if found.after else ""
        return v1.ListApprovalsResponse(items=list(map(replies.approval, found.approvals)), next_page_token=more)

    async def get_approval(self, caller: Identity, message: Message) -> v1.GetApprovalResponse:
        found = await self._stock.approvals.one(*messages.approval_named(caller, message))
        return v1.GetApprovalResponse(approval=replies.approval(found))

    async def decide_adjustment(self, caller: Identity, message: Message) -> v1.DecideAdjustmentResponse:
        decided = await self._stock.approvals.decide(*messages.decision_made(caller, message))
        return v1.DecideAdjustmentResponse(approval=replies.approval(decided))

    async def list_inventory(self, caller: Identity, message: Message) -> v1.ListInventoryResponse:
        found = await self._stock.read.page(*messages.entries_asked(caller, message))
        return v1.ListInventoryResponse(
            items=list(map(replies.inventory, found.entries)), next_page_token=token_of(found.after)
        )

    async def add_inventory(self, caller: Identity, message: Message) -> v1.AddInventoryResponse:
        entry = await self._stock.keep.add(*messages.entry_added(caller, message))
        return v1.AddInventoryResponse(inventory=replies.inventory(entry))

    async def change_inventory(self, caller: Identity, message: Message) -> v1.ChangeInventoryResponse:
        actor, command = messages.entry_changed(caller, message)
        if isinstance(command, DeleteEntry):
            entry = await self._stock.keep.delete(actor, command)
        else:
            entry = await self._stock.keep.change(actor, command)
        return v1.ChangeInventoryResponse(inventory=replies.inventory(entry))

    async def list_movements(self, caller: Identity, message: Message) -> v1.ListMovementsResponse:
        actor, query = messages.movements_asked(caller, message)
        found = await self._stock.read.movements(actor, query)
        more = token_of(str(found[-1].version)) if len(found) == query.page_size else ""
        return v1.ListMovementsResponse(items=list(map(replies.movement, found)), next_page_token=more)

    async def list_warehouses(self, caller: Identity, message: Message) -> v1.ListWarehousesResponse:
        found = await self._stock.warehouses.all(messages.warehouses_asked(caller, message))
        return v1.ListWarehousesResponse(items=list(map(replies.warehouse, found)))

    async def add_warehouse(self, caller: Identity, message: Message) -> v1.AddWarehouseResponse:
        added = await self._stock.warehouses.add(*messages.warehouse_added(caller, message))
        return v1.AddWarehouseResponse(warehouse=replies.warehouse(added))

    async def change_warehouse(self, caller: Identity, message: Message) -> v1.ChangeWarehouseResponse:
        changed = await self._stock.warehouses.change(*messages.warehouse_changed(caller, message))
        return v1.ChangeWarehouseResponse(warehouse=replies.warehouse(changed))

    async def reserve_stock(self, caller: Identity, message: Message) -> v1.ReserveStockResponse:
        made = await self._stock.reserve.reserve(*messages.reserve_asked(caller, message))
        return v1.ReserveStockResponse(reservation=replies.reservation(made))

    async def get_reservation(self, caller: Identity, message: Message) -> v1.GetReservationResponse:
        actor, named = messages.reservation_named(caller, message)
        if named.reservation_id:
            found = await self._stock.reserve.one(actor, named.reservation_id)
        else:
            found = await self._stock.reserve.of_order(actor, named.order_id)
        return v1.GetReservationResponse(reservation=replies.reservation(found))

    async def commit_reservation(self, caller: Identity, message: Message) -> v1.CommitReservationResponse:
        committed = await self._stock.reserve.commit(*messages.lines_named(caller, message))
        return v1.CommitReservationResponse(reservation=replies.reservation(committed))

    async def cancel_reservation(self, caller: Identity, message: Message) -> v1.CancelReservationResponse:
        cancelled = await self._stock.reserve.cancel(*messages.lines_named(caller, message))
        return v1.CancelReservationResponse(reservation=replies.reservation(cancelled))

    async def preview_allocation(self, caller: Identity, message: Message) -> v1.PreviewAllocationResponse:
        actor, (asked, order) = messages.allocation_asked(caller, message)
        return replies.allocation(*await self._stock.preview(actor, asked, order=order))

    async def get_stock_report(self, caller: Identity, message: Message) -> v1.GetStockReportResponse:
        actor, query = messages.report_asked(caller, message, day_of(self._clock.now_ms()))
        return replies.report(query, await self._stock.report(actor, query))
