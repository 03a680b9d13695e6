"""Requests and answers about entries, warehouses and movements."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.json_types import Body, Int64, Shown
from travio_inventory.api.rest.stock.routing import version_seen
from travio_inventory.stock.approval import Approval
from travio_inventory.stock.availability import QUESTIONS_MAX, StockAnswer, StockQuestion
from travio_inventory.stock.commands import AddEntry, AddWarehouse, AdjustStock, ChangeWarehouse, SetStock, Why
from travio_inventory.stock.entry import REORDER_POINT_DEFAULT, REORDER_QUANTITY_DEFAULT, InventoryEntry
from travio_inventory.stock.movement import Movement, MovementType
from travio_inventory.stock.warehouse import SHARDS_MAX, Site, Warehouse

WAREHOUSE: str = "6b9c2f0e-3d0c-5a53-9c3e-0d9f5a1b7c42"
Sku = Annotated[str, Field(examples=["cup-blue"])]
WarehouseId = Annotated[str, Field(examples=[WAREHOUSE])]
ProductId = Annotated[str, Field(examples=["cup"])]
Reason = Annotated[str, Field(examples=["delivery"])]
Type: TypeAlias = Literal["INBOUND", "OUTBOUND", "ADJUSTMENT", "TRANSFER", "RETURN", "DAMAGE"]
MS = 1_000


class StockBody(Body):
    """A request, whose members are all known."""

    model_config = ConfigDict(alias_generator=to_camel)


class StockTold(BaseModel):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class EntryRequest(StockBody):
    """An entry to add: a stock keeping unit in a warehouse."""

    product_id: ProductId
    variant_id: str = ""
    warehouse_id: WarehouseId
    sku: Sku
    quantity: Annotated[Int64, Field(examples=[100])]
    reorder_point: Int64 = REORDER_POINT_DEFAULT
    reorder_quantity: Int64 = REORDER_QUANTITY_DEFAULT

    def command(self, key: str) -> AddEntry:
        """Raises InvalidRequest."""
        return AddEntry(
            self.sku, self.warehouse_id, self.product_id, self.quantity, self.variant_id, self.reorder_point,
            self.reorder_quantity, key,
        )  # fmt: skip


class EntryChange(StockBody):
    """What is to be otherwise; what is left out stays."""

    reorder_point: Annotated[Int64 | None, Field(examples=[20])] = None
    reorder_quantity: Int64 | None = None
    shards: Annotated[
        Int64 | None, Field(description=f"In how many shards it lies, at most {SHARDS_MAX}.", examples=[1])
    ] = None
    is_deleted: bool = False
    version: Annotated[Int64, Field(examples=[1])] = 0


class Adjustment(StockBody):
    """So many more or fewer, and why."""

    quantity: Annotated[Int64, Field(examples=[20])]
    type: Annotated[Type, Field(examples=["INBOUND"])]
    reason: Reason
    reference: str = ""
    version: Annotated[Int64, Field(description="Only at this version, if it is not 0.")] = 0

    def command(self, inventory_id: str, seen: int, key: str) -> AdjustStock:
        """Raises InvalidRequest."""
        why = Why(self.reason, self.reference, key)
        return AdjustStock(inventory_id, self.quantity, MovementType(self.type), why, version_seen(seen, self.version))


class Count(StockBody):
    """As many as were counted, reserved ones included."""

    quantity_total: Annotated[Int64, Field(examples=[97])]
    reason: Reason
    reference: str = ""
    version: Annotated[Int64, Field(examples=[1])] = 0

    def command(self, inventory_id: str, seen: int, key: str) -> SetStock:
        """Raises InvalidRequest."""
        return SetStock(
            inventory_id, self.quantity_total, version_seen(seen, self.version), Why(self.reason, self.reference, key)
        )


class Inventory(StockTold):
    """An entry as it stands; available and reserved together are the total."""

    inventory_id: str
    product_id: str
    variant_id: str | None
    warehouse_id: str
    sku: str
    quantity_available: int
    quantity_reserved: int
    quantity_total: int
    reorder_point: int
    reorder_quantity: int
    shards: int
    is_deleted: bool
    version: int
    created_at: Shown | None
    updated_at: Shown | None


class InventoryPage(StockTold):
    """Some entries, and where the next ones begin, if there are more."""

    items: list[Inventory]
    next_page_token: str


class StockMovement(StockTold):
    """A change of a total that was made."""

    movement_id: str
    inventory_id: str
    type: Type
    quantity: int
    reason: str
    reference: str
    performed_by: str
    created_at: Shown | None
    balance_after: int


class MovementPage(StockTold):
    """Some movements, oldest first, and where the next ones begin, if there are more."""

    items: list[StockMovement]
    next_page_token: str


class ApprovalShown(StockTold):
    """An adjustment that another person has to approve, or did, or rejected."""

    approval_id: str
    inventory_id: str
    sku: str
    warehouse_id: str
    quantity: int
    type: Type
    reason: str
    reference: str
    status: Literal["PENDING", "APPROVED", "REJECTED", "EXPIRED"]
    requested_by: str
    requested_at: Shown | None
    expires_at: Shown | None
    decided_by: str
    decided_at: Shown | None
    note: str
    movement_id: str | None


class ApprovalPage(StockTold):
    """Some adjustments that were asked for, oldest first, and where the next ones begin, if there are more."""

    items: list[ApprovalShown]
    next_page_token: str


class Decision(StockBody):
    """What whoever decides has to say."""

    note: Annotated[str, Field(examples=["counted again"])] = ""


class Adjusted(Inventory):
    """The entry, and the movement that was made: none where the total stayed, or where an approval waits."""

    movement: StockMovement | None
    approval: ApprovalShown | None


class SiteRequest(StockBody):
    """What is said of a warehouse."""

    name: Annotated[str, Field(examples=["North"])]
    address: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    postal_code: str = ""
    region: Annotated[str, Field(examples=["eu"])] = ""
    is_active: bool = True
    priority: Int64 = 1
    latitude: Annotated[float | None, Field(strict=False)] = None
    longitude: Annotated[float | None, Field(strict=False)] = None

    def site(self) -> Site:
        """Raises InvalidRequest."""
        return Site(
            self.name, self.address, self.city, self.state, self.country, self.postal_code, self.region, self.is_active,
            self.priority, self.latitude, self.longitude,
        )  # fmt: skip


class WarehouseRequest(SiteRequest):
    """A warehouse to add."""

    code: Annotated[str, Field(examples=["north"])]

    def command(self, key: str) -> AddWarehouse:
        """Raises InvalidRequest."""
        return AddWarehouse(self.code, self.site(), key)


class WarehouseChange(SiteRequest):
    """What is said of a warehouse from now on."""

    version: Annotated[Int64, Field(examples=[1])] = 0

    def command(self, warehouse_id: str, seen: int) -> ChangeWarehouse:
        """Raises InvalidRequest."""
        return ChangeWarehouse(warehouse_id, self.site(), version_seen(seen, self.version))


class WarehouseShown(StockTold):
    """A warehouse as it stands."""

    warehouse_id: str
    code: str
    name: str
    address: str
    city: str
    state: str
    country: str
    postal_code: str
    region: str
    is_active: bool
    priority: int
    latitude: float | None
    longitude: float | None
    version: int
    created_at: Shown | None
    updated_at: Shown | None


class WarehousePage(StockTold):
    """Some warehouses, by priority, and where the next ones begin, if there are more."""

    items: list[WarehouseShown]
    next_page_token: str


class AvailabilityRequest(StockBody):
    """How many are asked for, in all warehouses or in those of a region."""

    sku: Sku
    quantity: Annotated[Int64, Field(examples=[2])]
    region: str = ""

    def question(self) -> StockQuestion:
        """Raises InvalidRequest."""
        return StockQuestion(self.sku, self.quantity, self.region)


class AvailabilityRequests(StockBody):
    """Questions that are asked together."""

    items: Annotated[list[AvailabilityRequest], Field(min_length=1, max_length=QUESTIONS_MAX)]


class AvailableShown(StockTold):
    """How many can be had in a warehouse."""

    warehouse_id: str
    available: int


class AvailabilityShown(StockTold):
    """How many can be had in all, and where."""

    sku: str
    requested: int
    available: int
    is_available: bool
    warehouses: list[AvailableShown]


class AvailabilityResults(StockTold):
    """An answer to each question, in their order."""

    results: list[AvailabilityShown]


def entry_members(entry: InventoryEntry) -> dict[str, object]:
    """The members of an entry."""
    available, reserved = entry.quantities
    return {
        "inventory_id": entry.id, "product_id": entry.product_id, "variant_id": entry.variant_id or None,
        "warehouse_id": entry.warehouse_id, "sku": entry.sku, "quantity_available": available,
        "quantity_reserved": reserved, "quantity_total": entry.quantities.total, "reorder_point": entry.reorder_point,
        "reorder_quantity": entry.reorder_quantity, "shards": entry.shards, "is_deleted": entry.is_deleted,
        "version": entry.version,
        "created_at": moment(entry.created_at_ms // MS), "updated_at": moment(entry.updated_at_ms // MS),
    }  # fmt: skip


def entry_shown(entry: InventoryEntry) -> Inventory:
    """An entry as it is told."""
    return Inventory.model_validate(entry_members(entry))


def movement_shown(movement: Movement) -> StockMovement:
    """A movement as it is told."""
    return StockMovement(
        movement_id=movement.movement_id,
        inventory_id=movement.inventory_id,
        type=movement.type.value,
        quantity=movement.quantity,
        reason=movement.reason,
        reference=movement.reference,
        performed_by=movement.performed_by,
        created_at=moment(movement.created_at_ms // MS),
        balance_after=movement.balance_after,
    )


def approval_shown(approval: Approval) -> ApprovalShown:
    """An approval as it is told."""
    return ApprovalShown(
        approval_id=approval.id,
        inventory_id=approval.inventory_id,
        sku=approval.sku,
        warehouse_id=approval.warehouse_id,
        quantity=approval.quantity,
        type=approval.type.value,
        reason=approval.reason,
        reference=approval.reference,
        status=approval.status.value,
        requested_by=approval.requested_by,
        requested_at=moment(approval.requested_at_ms // MS),
        expires_at=moment(approval.expires_at_ms // MS),
        decided_by=approval.decided_by,
        decided_at=moment(approval.decided_at_ms // MS),
        note=approval.note,
        movement_id=approval.movement_id or None,
    )


def warehouse_shown(warehouse: Warehouse) -> WarehouseShown:
    """A warehouse as it is told."""
    site = warehouse.site
    return WarehouseShown(
        warehouse_id=warehouse.id,
        code=warehouse.code,
        name=site.name,
        address=site.address,
        city=site.city,
        state=site.state,
        country=site.country,
        postal_code=site.postal_code,
        region=site.region,
        is_active=site.is_active,
        priority=site.priority,
        latitude=site.latitude,
        longitude=site.longitude,
        version=warehouse.version,
        created_at=moment(warehouse.created_at_ms // MS),
        updated_at=moment(warehouse.updated_at_ms // MS),
    )


def availability_shown(answer: StockAnswer) -> AvailabilityShown:
    """An answer as it is told."""
    return AvailabilityShown(
        sku=answer.question.sku,
        requested=answer.question.quantity,
        available=answer.available,
        is_available=answer.is_available,
        warehouses=[AvailableShown(warehouse_id=each, available=count) for each, count in answer.warehouses],
    )
