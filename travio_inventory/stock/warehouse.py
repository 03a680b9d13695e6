"""A warehouse, and where it is."""

from dataclasses import dataclass, field
from uuid import UUID

from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.protocol.hold import digest_of

WAREHOUSES_MAX = 1_000
"""Of an organization."""
SHARDS_MAX = 64
"""Of an entry. So the number of a place has at most six digits, as the home in a hold's id."""
PRIORITY_MAX = 1_000
REGION_BYTES_MAX = 256


def warehouse_id(organization: str, code: str) -> str:
    """The id of the warehouse with that code; so no two have the same code."""
    return str(UUID(digest_of("warehouse", organization, code)))


def warehouse_named(organization: str, named: str, code: str, field: str = "warehouse") -> str:
    """The id of the warehouse that is named by it, by its code, or by both; "" if by neither. Raises InvalidRequest
    where these are two warehouses.
    """
    return named_once(named, warehouse_id(organization, code) if code else "", field)


def named_once(named: str, coded: str, field: str) -> str:
    """What is named by an id, or by a code of which `coded` is the id. Raises InvalidRequest where these differ."""
    if named and coded and named != coded:
        raise InvalidRequest([Violation(f"{field}_code", f"must be that of {field}_id, or be left out")])
    return named or coded


@dataclass(frozen=True, slots=True)
class Site:
    """What is said of a warehouse and may change. Places are in degrees. Raises InvalidRequest."""

    name: str
    address: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    postal_code: str = ""
    region: str = ""
    is_active: bool = True
    priority: int = 1
    latitude: float | None = None
    longitude: float | None = None

    def __post_init__(self) -> None:
        found = Faults()
        found.text("name", self.name, required=True)
        for name in ("address", "city", "state", "country", "postal_code", "region"):
            found.text(name, getattr(self, name), REGION_BYTES_MAX)
        found.number("priority", self.priority, 1, PRIORITY_MAX)
        for name, most in (("latitude", 90), ("longitude", 180)):
            degrees = getattr(self, name)
            if degrees is not None and not -most <= degrees <= most:
                found.wrong(name, f"must be -{most} to {most}, not {degrees}")
        if (self.latitude is None) != (self.longitude is None):
            found.wrong("latitude", "must come with a longitude, or neither")
        found.finish()


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse as it stands. `number` is its place in the names of partitions."""

    id: str
    number: int = field(repr=False)
    code: str
    site: Site
    version: int
    created_at_ms: int
    updated_at_ms: int
