"""Requests and answers about transfers, and about the choice of warehouses."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.json_types import Int64, Shown
from travio_inventory.api.rest.stock.models import MS, WAREHOUSE, Sku, StockBody, StockTold
from travio_inventory.stock.allocation import ITEMS_MAX, Allocation, Asked, Rule, ShipTo, Wanted
from travio_inventory.stock.transfer import CancelTransfer, DraftTransfer, OnTheWay, ReceiveTransfer, Transfer

Said: TypeAlias = Literal["DRAFT", "SHIPPED", "PARTLY_RECEIVED", "CLOSED", "CANCELLED"]
RuleSaid: TypeAlias = Literal["region", "nearest", "priority", "cost"]
RulesSaid: TypeAlias = Annotated[
    list[RuleSaid],
    Field(
        max_length=len(Rule), description="What decides first named first; the rules of the service if there are none."
    ),
]


class TransferRequest(StockBody):
    """So many, from one warehouse to another."""

    sku: Sku
    from_warehouse_id: Annotated[str, Field(examples=[WAREHOUSE])]
    to_warehouse_id: Annotated[str, Field(examples=["0b1f6c1e-5a3d-5d0b-8f5e-2f6f3f6c9a11"])]
    quantity: Annotated[Int64, Field(examples=[2])]
    reason: str = ""

    def command(self, key: str) -> DraftTransfer:
        """Raises InvalidRequest."""
        return DraftTransfer(self.sku, self.from_warehouse_id, self.to_warehouse_id, self.quantity, self.reason, key)


class ReceiptRequest(StockBody):
    """What came of a part of a shipment."""

    received: Annotated[Int64, Field(examples=[1])]
    rejected: Int64 = 0
    lost: Int64 = 0

    def command(self, transfer_id: str, key: str) -> ReceiveTransfer:
        """Raises InvalidRequest."""
        return ReceiveTransfer(transfer_id, self.received, self.rejected, self.lost, key)


class CancelRequest(StockBody):
    """What becomes of what is on the way; needed where something is."""

    in_transit: Annotated[Literal["BACK", "LOST"] | None, Field(examples=["BACK"])] = None

    def command(self, transfer_id: str) -> CancelTransfer:
        """Raises InvalidRequest."""
        return CancelTransfer(transfer_id, None if self.in_transit is None else OnTheWay(self.in_transit))


class TransferShown(StockTold):
    """A transfer; shipped = received + rejected + lost + returned + in transit."""

    transfer_id: str
    sku: str
    from_warehouse_id: str
    to_warehouse_id: str
    quantity: int
    reason: str
    requested_by: str
    written_off_by: Annotated[str, Field(description="Who said last that some were rejected or are lost.")]
    status: Said
    quantity_shipped: int
    quantity_received: int
    quantity_rejected: int
    quantity_lost: int
    quantity_returned: int
    quantity_in_transit: int
    version: int
    created_at: Shown | None
    updated_at: Shown | None


class TransferPage(StockTold):
    """Some transfers, oldest first, and where the next ones begin, if there are more."""

    items: list[TransferShown]
    next_page_token: str


def transfer_shown(transfer: Transfer) -> TransferShown:
    """A transfer as it is told."""
    counts = transfer.counts
    return TransferShown(
        transfer_id=transfer.id,
        sku=transfer.sku,
        from_warehouse_id=transfer.from_warehouse_id,
        to_warehouse_id=transfer.to_warehouse_id,
        quantity=transfer.quantity,
        reason=transfer.reason,
        requested_by=transfer.requested_by,
        written_off_by=transfer.written_off_by,
        status=transfer.status.value,
        quantity_shipped=counts.shipped,
        quantity_received=counts.received,
        quantity_rejected=counts.rejected,
        quantity_lost=counts.lost,
        quantity_returned=counts.returned,
        quantity_in_transit=counts.in_transit,
        version=transfer.version,
        created_at=moment(transfer.created_at_ms // MS),
        updated_at=moment(transfer.updated_at_ms // MS),
    )


class WantedRequest(StockBody):
    """So many of a stock keeping unit, of one warehouse, or of any."""

    sku: Sku
    quantity: Annotated[Int64, Field(examples=[2])]
    warehouse_id: str = ""


class ShipToRequest(StockBody):
    """Where an order goes."""

    latitude: Annotated[float | None, Field(examples=[52.52])] = None
    longitude: Annotated[float | None, Field(examples=[13.405])] = None
    region: str = ""

    def value(self) -> ShipTo:
        """Raises InvalidRequest."""
        return ShipTo(self.latitude, self.longitude, self.region)


class AllocationRequest(StockBody):
    """An order that is to be served."""

    items: Annotated[list[WantedRequest], Field(min_length=1, max_length=ITEMS_MAX)]
    ship_to: ShipToRequest = Field(default_factory=ShipToRequest)
    allow_split: bool = True
    rules: RulesSaid = Field(default_factory=list)

    def asked(self) -> Asked:
        """Raises InvalidRequest."""
        items = [Wanted(each.sku, each.quantity, each.warehouse_id) for each in self.items]
        return Asked(items, self.ship_to.value(), self.allow_split)


class TakenShown(StockTold):
    """So many from there."""

    sku: str
    warehouse_id: str
    quantity: int


class AllocationShown(StockTold):
    """What would come from where, and why."""

    lines: list[TakenShown]
    parcels: int
    is_fewest: bool
    reasons: list[str]


def allocation_shown(allocation: Allocation, reasons: Sequence[str]) -> AllocationShown:
    """A choice as it is told."""
    lines = [
        TakenShown(sku=sku, warehouse_id=warehouse, quantity=quantity) for sku, warehouse, quantity in allocation.taken
    ]
    return AllocationShown(
        lines=lines, parcels=allocation.parcels, is_fewest=allocation.is_fewest, reasons=list(reasons)
    )
