"""Requests and answers about reservations."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.json_types import Int32, Int64, Shown
from travio_inventory.api.rest.stock.models import MS, Sku, StockBody, StockTold
from travio_inventory.api.rest.stock.transfer_models import RulesSaid, ShipToRequest
from travio_inventory.stock.allocation import rules_named
from travio_inventory.stock.reservation import ITEMS_MAX, LINES_MAX, TTL_S_DEFAULT, Item, Reservation, Reserve, Status

Said: TypeAlias = Literal["PENDING", "COMMITTED", "CANCELLED", "EXPIRED"]


class ItemRequest(StockBody):
    """So many of a stock keeping unit, of one warehouse, or of any."""

    sku: Sku
    quantity: Annotated[Int64, Field(examples=[2])]
    warehouse_id: str = ""


class ReserveRequest(StockBody):
    """Items to reserve for an order: every one, or nothing."""

    order_id: Annotated[str, Field(examples=["order-1"])]
    items: Annotated[list[ItemRequest], Field(min_length=1, max_length=ITEMS_MAX)]
    ttl_seconds: Int32 = TTL_S_DEFAULT
    allow_split: Annotated[bool, Field(description="Whether an item may come from several warehouses.")] = True
    ship_to: Annotated[ShipToRequest | None, Field(description="Chooses the warehouses; by priority without it.")] = (
        None
    )
    rules: RulesSaid = Field(default_factory=list)

    def command(self, key: str) -> Reserve:
        """Raises InvalidRequest."""
        items = [Item(each.sku, each.quantity, each.warehouse_id) for each in self.items]
        to = self.ship_to.value() if self.ship_to else None
        return Reserve(self.order_id, items, key, self.ttl_seconds, self.allow_split, to, rules_named(self.rules))


class LinesRequest(StockBody):
    """Only these lines, by the ids of their entries; all if there are none."""

    inventory_ids: Annotated[list[str], Field(max_length=LINES_MAX)] = Field(default_factory=list)


class ReservationLine(StockTold):
    """So many units of an entry."""

    inventory_id: str
    sku: str
    warehouse_id: str
    quantity: int


class ReservationShown(StockTold):
    """Units kept for an order until a moment."""

    reservation_id: str
    order_id: str
    lines: list[ReservationLine]
    status: Said
    reserved_at: Shown | None
    expires_at: Shown | None
    committed_at: Shown | None
    cancelled_at: Shown | None
    created_at: Shown | None
    updated_at: Shown | None


def reservation_shown(reservation: Reservation) -> ReservationShown:
    """A reservation as it is told."""
    status = reservation.status
    created, updated = moment(reservation.created_at_ms // MS), moment(reservation.updated_at_ms // MS)
    return ReservationShown(
        reservation_id=reservation.known_as,
        order_id=reservation.order_id,
        lines=[
            ReservationLine(
                inventory_id=line.inventory_id, sku=line.sku, warehouse_id=line.warehouse_id, quantity=line.quantity
            )
            for line in reservation.lines
        ],
        status=status.value,
        reserved_at=created,
        expires_at=moment(reservation.expires_at_ms // MS),
        committed_at=updated if status is Status.COMMITTED else None,
        cancelled_at=updated if status is Status.CANCELLED else None,
        created_at=created,
        updated_at=updated,
    )
