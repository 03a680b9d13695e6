"""The calls of `stock.v1` about transfers: read the request, run the use case, write the reply."""

from collections.abc import Mapping

from google.protobuf.message import Message

from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.grpc.actor import member_of
from travio_inventory.api.grpc.decoding import paged
from travio_inventory.api.grpc.messages import Fields, asked
from travio_inventory.api.grpc.methods import UnaryMethod
from travio_inventory.api.page_tokens import token_of
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.checking import Faults
from travio_inventory.stock.commands import PAGE_MAX
from travio_inventory.stock.transfer import (
    CancelTransfer,
    DraftTransfer,
    ReceiveTransfer,
    Transfer,
    TransfersQuery,
    cancel_asked,
    transfer_named,
)
from travio_inventory.stock.use_cases.transfer_stock import TransfersStock
from travio_inventory.stock.warehouse import warehouse_named
from travio_inventory.wire.stock import v1

MS = 1_000


class TransferCalls:
    """Each is a step of a transfer, which happens once."""

    def __init__(self, transfers: TransfersStock) -> None:
        self._transfers = transfers

    def answers(self) -> Mapping[str, UnaryMethod]:
        """The methods by their names, each with the grant that its caller needs."""
        return {
            "DraftTransfer": (Grant.STOCK_ADJUST, self.draft_transfer),
            "ShipTransfer": (Grant.STOCK_ADJUST, self.ship_transfer),
            "ReceiveTransfer": (Grant.STOCK_ADJUST, self.receive_transfer),
            "CancelTransfer": (Grant.STOCK_ADJUST, self.cancel_transfer),
            "GetTransfer": (Grant.STOCK_READ, self.get_transfer),
            "ListTransfers": (Grant.STOCK_READ, self.list_transfers),
        }

    async def draft_transfer(self, caller: Identity, message: Message) -> v1.DraftTransferResponse:
        made = await self._transfers.draft(*_drafted(caller, message))
        return v1.DraftTransferResponse(transfer=told(made))

    async def ship_transfer(self, caller: Identity, message: Message) -> v1.ShipTransferResponse:
        made = await self._transfers.ship(*_named(caller, message))
        return v1.ShipTransferResponse(transfer=told(made))

    async def receive_transfer(self, caller: Identity, message: Message) -> v1.ReceiveTransferResponse:
        made = await self._transfers.receive(*asked(caller, message, member_of, _receipt))
        return v1.ReceiveTransferResponse(transfer=told(made))

    async def cancel_transfer(self, caller: Identity, message: Message) -> v1.CancelTransferResponse:
        made = await self._transfers.cancel(*_cancelled(caller, message))
        return v1.CancelTransferResponse(transfer=told(made))

    async def get_transfer(self, caller: Identity, message: Message) -> v1.GetTransferResponse:
        found = await self._transfers.one(*_named(caller, message))
        return v1.GetTransferResponse(transfer=told(found))

    async def list_transfers(self, caller: Identity, message: Message) -> v1.ListTransfersResponse:
        found = await self._transfers.page(*asked(caller, message, member_of, _query))
        more = token_of(found.after) if found.after else ""
        return v1.ListTransfersResponse(items=list(map(told, found.transfers)), next_page_token=more)


def _named(caller: Identity, message: Fields) -> tuple[Actor, str]:
    """Read ShipTransferRequest or GetTransferRequest."""
    return asked(caller, message, member_of, lambda message: transfer_named(message.transfer_id))


def _drafted(caller: Identity, message: Fields) -> tuple[Actor, DraftTransfer]:
    organization = caller.organization_for(message.organization_id)

    def command(message: Fields) -> DraftTransfer:
        found = Faults()
        with found:
            source = warehouse_named(
                organization, message.from_warehouse_id, message.from_warehouse_code, "from_warehouse"
            )
        with found:
            target = warehouse_named(organization, message.to_warehouse_id, message.to_warehouse_code, "to_warehouse")
        found.finish()
        return DraftTransfer(message.sku, source, target, message.quantity, message.reason, message.idempotency_key)

    return asked(caller, message, member_of, command)


def _receipt(message: Fields) -> ReceiveTransfer:
    return ReceiveTransfer(
        message.transfer_id, message.received, message.rejected, message.lost, message.idempotency_key
    )


def _cancelled(caller: Identity, message: Fields) -> tuple[Actor, CancelTransfer]:
    return asked(caller, message, member_of, lambda message: cancel_asked(message.transfer_id, message.in_transit))


def _query(message: Fields) -> TransfersQuery:
    return paged(
        message,
        lambda after: TransfersQuery(message.sku, after, message.page_size or PAGE_MAX, message.in_transit),
    )


def told(transfer: Transfer) -> v1.Transfer:
    """A transfer as it is told."""
    counts = transfer.counts
    return v1.Transfer(
        transfer_id=transfer.id,
        sku=transfer.sku,
        from_warehouse_id=transfer.from_warehouse_id,
        to_warehouse_id=transfer.to_warehouse_id,
        quantity=transfer.quantity,
        reason=transfer.reason,
        requested_by=transfer.requested_by,
        status=transfer.status.value,
        quantity_shipped=counts.shipped,
        quantity_received=counts.received,
        quantity_rejected=counts.rejected,
        quantity_lost=counts.lost,
        quantity_returned=counts.returned,
        quantity_in_transit=counts.in_transit,
        version=transfer.version,
        created_at=transfer.created_at_ms // MS,
        updated_at=transfer.updated_at_ms // MS,
        written_off_by=transfer.written_off_by,
    )
