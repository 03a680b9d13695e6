"""Whether stock is kept beside the seats, what one person may change alone, and what is ordered by itself."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import field_validator

from travio_inventory.kernel.ids import fault_of
from travio_inventory.settings.component import Component, setting

UNITS_MAX = 10**12


class StockSettings(Component):
    """What is served of stock: goods by stock keeping unit and warehouse."""

    forms = MappingProxyType(
        {"approval_above": "a number for all organizations, others by their ids, as 100,acme=20; empty for none"}
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
        if not (number.isascii() and number.isdecimal()) or int(number) > UNITS_MAX:
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
