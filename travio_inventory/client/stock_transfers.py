"""Calls about transfers of stock between warehouses, and what they answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import Any, TypeVar

from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account
from travio_inventory.client.messages import large_number, moment
from travio_inventory.stock.transfer import OnTheWay, TransferStatus
from travio_inventory.wire.stock import v1 as wire

TRANSFERS_DEFAULT = 10_000

_Request = TypeVar("_Request", bound=Any)


@dataclass(frozen=True, slots=True)
class StockTransfer:
    """A transfer as it stands: shipped = received + rejected + lost + returned + in transit."""

    id: str
    sku: str
    from_warehouse_id: str
    to_warehouse_id: str
    quantity: int
    reason: str
    by: str
    status: TransferStatus
    shipped: int
    received: int
    rejected: int
    lost: int
    returned: int
    in_transit: int
    version: int
    created_at: datetime
    updated_at: datetime
    written_off_by: str


class TransferCalls:
    """Transfers of one organization, on behalf of one user."""

    _connection: Connection
    _account: Account

    @property
    def stub(self) -> wire.StockServiceStub:
        """The generated stub: no deadline, no retries, and GRPCError for every refusal."""
        return wire.StockServiceStub(self._connection.channel)

    async def draft_transfer(
        self, sku: str, source: str, target: str, quantity: int, *, reason: str = "", key: str = ""
    ) -> StockTransfer:
        """Plan to bring so many from one warehouse to another, which moves nothing yet. Raises StockNotFound,
        IdempotencyKeyReused.
        """
        request = wire.DraftTransferRequest(
            sku=sku,
            from_warehouse_code=source,
            to_warehouse_code=target,
            quantity=large_number("quantity", quantity),
            reason=reason,
            idempotency_key=key or token_hex(16),
        )
        return read_transfer((await self._connection.write(self.stub.draft_transfer, self._whose(request))).transfer)

    async def ship_transfer(self, transfer: str) -> StockTransfer:
        """All of it leaves the source; repeated, it is answered alike. Raises StockNotFound, TransferEnded,
        InsufficientStock.
        """
        request = self._whose(wire.ShipTransferRequest(transfer_id=transfer))
        return read_transfer((await self._connection.write(self.stub.ship_transfer, request)).transfer)

    async def receive_transfer(
        self, transfer: str, received: int, *, rejected: int = 0, lost: int = 0, key: str = ""
    ) -> StockTransfer:
        """A part of it came, was rejected or is lost. Raises StockNotFound, TransferEnded, NotInTransit, StockFull,
        IdempotencyKeyReused, and OwnAdjustment where more than one person may change are written off.
        """
        request = wire.ReceiveTransferRequest(
            transfer_id=transfer,
            received=large_number("received", received),
            rejected=large_number("rejected", rejected),
            lost=large_number("lost", lost),
            idempotency_key=key or token_hex(16),
        )
        return read_transfer((await self._connection.write(self.stub.receive_transfer, self._whose(request))).transfer)

    async def cancel_transfer(self, transfer: str, *, on_the_way: OnTheWay | None = None) -> StockTransfer:
        """End it; what is in transit goes back or is lost, as is said. Raises StockNotFound, TransferEnded,
        NotInTransit, StockFull, OwnAdjustment.
        """
        request = wire.CancelTransferRequest(transfer_id=transfer, in_transit=on_the_way or "")
        return read_transfer((await self._connection.write(self.stub.cancel_transfer, self._whose(request))).transfer)

    async def transfer(self, transfer: str) -> StockTransfer:
        """The transfer with that id. Raises StockNotFound."""
        request = self._whose(wire.GetTransferRequest(transfer_id=transfer))
        return read_transfer((await self._connection.read(self.stub.get_transfer, request)).transfer)

    async def transfers(
        self, *, sku: str = "", only_in_transit: bool = False, most: int = TRANSFERS_DEFAULT
    ) -> tuple[StockTransfer, ...]:
        """Transfers, oldest first, or those of which something is in transit; at most so many, read page by page."""
        request = self._whose(wire.ListTransfersRequest(sku=sku, in_transit=only_in_transit))
        found: list[StockTransfer] = []
        while True:
            reply = await self._connection.read(self.stub.list_transfers, request)
            found += map(read_transfer, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)

    def _whose(self, request: _Request) -> _Request:
        request.organization_id, request.user_id = self._account
        return request


def read_transfer(said: wire.Transfer | None) -> StockTransfer:
    """The transfer that a reply has."""
    told = said or wire.Transfer()
    return StockTransfer(
        told.transfer_id,
        told.sku,
        told.from_warehouse_id,
        told.to_warehouse_id,
        told.quantity,
        told.reason,
        told.requested_by,
        TransferStatus(told.status),
        told.quantity_shipped,
        told.quantity_received,
        told.quantity_rejected,
        told.quantity_lost,
        told.quantity_returned,
        told.quantity_in_transit,
        told.version,
        moment(told.created_at),
        moment(told.updated_at),
        told.written_off_by,
    )
