"""What can be asked of stock: each value checks itself, and names every field that is wrong."""

from dataclasses import asdict, dataclass
from typing import Self

from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.entry import QUANTITY_MAX, REORDER_POINT_DEFAULT, REORDER_QUANTITY_DEFAULT
from travio_inventory.stock.movement import FALLS, RISES, MovementType
from travio_inventory.stock.warehouse import REGION_BYTES_MAX, SHARDS_MAX, WAREHOUSES_MAX, Site

REASON_BYTES_MAX = 256
VERSION_MAX = 2**53
PAGE_MAX = 100


def check_seen(found: Faults, version: int) -> None:
    """What is changed must have been seen at a version."""
    if version:
        found.number("version", version, 1, VERSION_MAX)
    else:
        found.wrong("version", "must be the one that was seen; over HTTP If-Match may say it")


@dataclass(frozen=True, slots=True)
class AddWarehouse:
    """A repetition with the same `key` adds nothing; "" never repeats. Raises InvalidRequest."""

    code: str
    site: Site
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("code", self.code)
        found.id("idempotency_key", self.key, required=False)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        return digest_of("warehouse", self.code, encode(asdict(self.site)))


@dataclass(frozen=True, slots=True)
class ChangeWarehouse:
    """Say something else of the warehouse, if it is at the version that was seen. Raises InvalidRequest."""

    warehouse_id: str
    site: Site
    version: int

    def __post_init__(self) -> None:
        found = Faults()
        found.id("warehouse_id", self.warehouse_id)
        check_seen(found, self.version)
        found.finish()


@dataclass(frozen=True, slots=True)
class AddEntry:
    """Begin to keep stock of a stock keeping unit in a warehouse. A repetition with the same `cause` adds the same
    entry; "" never repeats. Raises InvalidRequest.
    """

    sku: str
    warehouse_id: str
    product_id: str
    quantity: int = 0
    variant_id: str = ""
    reorder_point: int = REORDER_POINT_DEFAULT
    reorder_quantity: int = REORDER_QUANTITY_DEFAULT
    cause: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        for name in ("sku", "warehouse_id", "product_id"):
            found.id(name, getattr(self, name))
        found.id("variant_id", self.variant_id, required=False)
        found.id("idempotency_key", self.cause, required=False)
        for name in ("quantity", "reorder_point", "reorder_quantity"):
            found.number(name, getattr(self, name), 0, QUANTITY_MAX)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        return digest_of("add", self.product_id, self.variant_id, str(self.quantity), str(self.reorder_point),
                         str(self.reorder_quantity))  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """Set when and how much to order, and in how many shards it lies, if the entry is at the version that was seen;
    None = as it is. Raises InvalidRequest.
    """

    inventory_id: str
    reorder_point: int | None
    reorder_quantity: int | None
    version: int
    shards: int | None = None

    def __post_init__(self) -> None:
        found = Faults()
        found.id("inventory_id", self.inventory_id)
        for name, value in (("reorder_point", self.reorder_point), ("reorder_quantity", self.reorder_quantity)):
            if value is not None:
                found.number(name, value, 0, QUANTITY_MAX)
        if self.shards is not None:
            found.number("shards", self.shards, 1, SHARDS_MAX)
        check_seen(found, self.version)
        found.finish()


@dataclass(frozen=True, slots=True)
class DeleteEntry:
    """Keep no more stock there, if the entry is at the version that was seen. Raises InvalidRequest."""

    inventory_id: str
    version: int

    def __post_init__(self) -> None:
        found = Faults()
        found.id("inventory_id", self.inventory_id)
        check_seen(found, self.version)
        found.finish()


@dataclass(frozen=True, slots=True)
class Why:
    """Why a quantity changes. A repetition with the same `cause` is the same movement; "" never repeats. Raises
    InvalidRequest.
    """

    reason: str
    reference: str = ""
    cause: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.text("reason", "" if self.reason.isspace() else self.reason, REASON_BYTES_MAX, required=True)
        found.text("reference", self.reference, REASON_BYTES_MAX)
        found.id("idempotency_key", self.cause, required=False)
        found.finish()


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Change how many there are by so many; only at the version that was seen, where there is one. Raises
    InvalidRequest.
    """

    inventory_id: str
    quantity: int
    type: MovementType
    why: Why
    version: int = 0

    def __post_init__(self) -> None:
        found = Faults()
        found.id("inventory_id", self.inventory_id)
        found.number("quantity", self.quantity, -QUANTITY_MAX, QUANTITY_MAX)
        fits = RISES if self.quantity > 0 else FALLS
        if not self.quantity:
            found.wrong("quantity", "must not be 0")
        elif self.type not in fits:
            found.wrong("type", f"must be one of {', '.join(sorted(fits))} for {self.quantity:+}, not {self.type}")
        found.number("version", self.version, 0, VERSION_MAX)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        seen = (str(self.version),) if self.version else ()
        return digest_of("adjust", str(self.quantity), self.type, self.why.reason, self.why.reference, *seen)


@dataclass(frozen=True, slots=True)
class SetStock:
    """Set the total as it was counted, if the entry is at the version that was seen. Raises InvalidRequest."""

    inventory_id: str
    total: int
    version: int
    why: Why

    def __post_init__(self) -> None:
        found = Faults()
        found.id("inventory_id", self.inventory_id)
        found.number("quantity_total", self.total, 0, QUANTITY_MAX)
        check_seen(found, self.version)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        return digest_of("set", str(self.total), str(self.version), self.why.reason, self.why.reference)


@dataclass(frozen=True, slots=True)
class EntriesQuery:
    """The entries of which all of this is so; all entries where nothing is named. Raises InvalidRequest."""

    sku: str = ""
    product_id: str = ""
    warehouse_id: str = ""
    region: str = ""
    low_stock: bool = False
    after: str = ""
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        for name in ("sku", "product_id", "warehouse_id"):
            found.id(name, getattr(self, name), required=False)
        found.text("region", self.region, REGION_BYTES_MAX)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


@dataclass(frozen=True, slots=True)
class WarehousesQuery:
    """Warehouses by priority, from the one with that place in the list. Raises InvalidRequest."""

    start: int = 0
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_token", self.start, 0, WAREHOUSES_MAX)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


@dataclass(frozen=True, slots=True)
class MovementsQuery:
    """The movements of an entry after that version of it, oldest first. Raises InvalidRequest."""

    inventory_id: str
    after_version: int = 0
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.id("inventory_id", self.inventory_id)
        found.number("after_version", self.after_version, 0, VERSION_MAX)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()

    def beyond(self, version: int) -> Self:
        """The next page, after that version."""
        return type(self)(self.inventory_id, version, self.page_size)
