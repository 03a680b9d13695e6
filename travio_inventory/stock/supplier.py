"""A supplier, how it is reached, and what is asked about suppliers."""

from dataclasses import asdict, dataclass, field
from typing import Final
from uuid import UUID

from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol.hold import digest_of
from travio_inventory.stock.commands import PAGE_MAX, check_seen
from travio_inventory.stock.warehouse import named_once

SUPPLIERS_MAX: Final = 1_000
"""Of an organization, those that are deleted too."""
LEAD_DAYS_MAX: Final = 1_000
TEXT_BYTES_MAX: Final = 256


def supplier_id(organization: str, code: str) -> str:
    """The id of the supplier with that code; so no two have the same code."""
    return str(UUID(digest_of("supplier", organization, code)))


def supplier_named(organization: str, named: str, code: str) -> str:
    """The id of the supplier that is named by it, by its code, or by both; "" if by neither. Raises InvalidRequest
    where these are two suppliers.
    """
    return named_once(named, supplier_id(organization, code) if code else "", "supplier")


@dataclass(frozen=True, slots=True)
class Contact:
    """What is said of a supplier and may change. Raises InvalidRequest."""

    name: str
    email: str = ""
    phone: str = ""
    address: str = ""
    lead_days: int = 0
    """How long a delivery takes; 0 = nobody knows."""

    def __post_init__(self) -> None:
        found = Faults()
        found.text("name", self.name, required=True)
        for name in ("email", "phone", "address"):
            found.text(name, getattr(self, name), TEXT_BYTES_MAX)
        found.number("lead_days", self.lead_days, 0, LEAD_DAYS_MAX)
        found.finish()


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier as it stands."""

    id: str
    number: int = field(repr=False)
    code: str
    contact: Contact
    is_deleted: bool
    version: int
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class AddSupplier:
    """A repetition with the same `key` adds nothing; "" never repeats. Raises InvalidRequest."""

    code: str
    contact: Contact
    key: str = ""

    def __post_init__(self) -> None:
        found = Faults()
        found.id("code", self.code)
        found.id("idempotency_key", self.key, required=False)
        found.finish()

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        return digest_of("supplier", self.code, encode(asdict(self.contact)))


@dataclass(frozen=True, slots=True)
class ChangeSupplier:
    """Say something else of the supplier, if it is at the version that was seen. Raises InvalidRequest."""

    supplier_id: str
    contact: Contact
    version: int

    def __post_init__(self) -> None:
        _check(self.supplier_id, self.version)


@dataclass(frozen=True, slots=True)
class DeleteSupplier:
    """Order nothing there any more, if it is at the version that was seen. Raises InvalidRequest."""

    supplier_id: str
    version: int

    def __post_init__(self) -> None:
        _check(self.supplier_id, self.version)


@dataclass(frozen=True, slots=True)
class SuppliersQuery:
    """Suppliers by code, from the one with that place in the list. Raises InvalidRequest."""

    start: int = 0
    page_size: int = PAGE_MAX

    def __post_init__(self) -> None:
        found = Faults()
        found.number("page_token", self.start, 0, SUPPLIERS_MAX)
        found.number("page_size", self.page_size, 1, PAGE_MAX)
        found.finish()


def _check(supplier: str, version: int) -> None:
    found = Faults()
    found.id("supplier_id", supplier)
    check_seen(found, version)
    found.finish()
