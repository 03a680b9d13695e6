"""Whether stock is kept beside the seats, what one person may change alone, and what is ordered by itself."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import field_validator

from travio_inventory.kernel.ids import fault_of
from travio_inventory.settings.component import Component, setting

UNITS_MAX = 10**12
COST_MAX = 10**9
ALLOCATION_RULES = ("region", "nearest", "priority", "cost")


class StockSettings(Component):
    """What is served of stock: goods by stock keeping unit and warehouse."""

    forms = MappingProxyType(
        {
            "approval_above": "a number for all organizations, others by their ids, as 100,acme=20; empty for none",
            "allocation": f"some of {', '.join(ALLOCATION_RULES)}, each once",
            "parcel_costs": f"codes of warehouses with numbers from 0 to {COST_MAX}, as north=450,south=390",
        }
    )

    is_on: bool = setting("STOCK", True, "whether stock is served beside the seats")
    approval_above: str = setting(
        "STOCK_APPROVAL_ABOVE",
        "",
        "an adjustment or a count that changes more units than that waits for another person; unset = none waits",
    )

    automatic_orders_seconds: int = setting(
        "STOCK_AUTOMATIC_ORDERS_SECONDS",
        0,
        "how often entries that are low are looked for and ordered from whom they were ordered last; 0 = never",
        ge=0,
        le=30 * 86_400,
    )

    allocation: str = setting(
        "STOCK_ALLOCATION",
        "region,nearest,priority",
        "what puts a warehouse before others that need as many parcels, what decides first named first",
    )
    parcel_costs: str = setting(
        "STOCK_PARCEL_COSTS",
        "",
        "what a parcel costs from each warehouse, for the rule cost; unset = nothing, as from others",
    )
    parcel_cost_per_km: int = setting(
        "STOCK_PARCEL_COST_PER_KM", 0, "what each kilometre of its way costs besides", ge=0, le=COST_MAX
    )

    @field_validator("allocation")
    @classmethod
    def _has_rules(cls, value: str) -> str:
        order_in(value)
        return value

    @field_validator("parcel_costs")
    @classmethod
    def _has_costs(cls, value: str) -> str:
        costs_in(value)
        return value

    @field_validator("approval_above")
    @classmethod
    def _has_limits(cls, value: str) -> str:
        limits_in(value)
        return value


def limits_in(text: str) -> tuple[int | None, Mapping[str, int]]:
    """The limit of all organizations, None if there is none, and those of some. Raises ValueError."""
    for_all: int | None = None
    of_some: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        organization, is_named, number = part.rpartition("=")
        if not _is_number(number, most=UNITS_MAX):
            raise ValueError(f"must have numbers of units from 0 to {UNITS_MAX}, as 100,acme=20")
        if not is_named:
            if for_all is not None:
                raise ValueError("must have one number for all organizations")
            for_all = int(number)
        elif (fault := fault_of(organization)) or organization in of_some:
            raise ValueError(f"organization {fault or 'is named twice'}")
        else:
            of_some[organization] = int(number)
    return for_all, MappingProxyType(of_some)


def _is_number(text: str, *, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most


def order_in(text: str) -> Sequence[str]:
    """The rules, in their order. Raises ValueError."""
    order = [each.strip() for each in text.split(",")]
    if len(set(order)) != len(order) or not set(order) <= set(ALLOCATION_RULES):
        raise ValueError(f"must be some of {', '.join(ALLOCATION_RULES)}, each once")
    return order


def costs_in(text: str) -> Mapping[str, int]:
    """What a parcel costs, by the code of its warehouse. Raises ValueError."""
    costs: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        code, _, number = part.rpartition("=")
        if not _is_number(number, most=COST_MAX):
            raise ValueError(f"must have numbers from 0 to {COST_MAX}, as north=450,south=390")
        if (fault := fault_of(code)) or code in costs:
            raise ValueError(f"warehouse {fault or 'is named twice'}")
        costs[code] = int(number)
    return MappingProxyType(costs)
