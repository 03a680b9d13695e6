"""Where events of other services come from."""

from collections.abc import Sequence
from types import MappingProxyType

from pydantic import field_validator

from travio_inventory.events.inbound.choice import FORMS, NONE, parse_sources
from travio_inventory.kernel.ids import fault_of
from travio_inventory.protocol.retention import HOLDS_S_MIN
from travio_inventory.settings.component import Component, setting

DAY_S = 86_400


class EventInSettings(Component):
    """The brokers, and what is taken from them."""

    forms = MappingProxyType({"sources": FORMS, "organizations": "a list of ids, as acme,globex"})

    sources: str = setting(
        "EVENTS_IN",
        NONE,
        "where events of other services are taken in from: trips to open, payments, orders of stock; none = nowhere",
    )
    seconds: int = setting(
        "EVENT_IN_RETENTION_SECONDS",
        7 * DAY_S,
        "how long an event that came in is remembered, and so how old one may be; an older one is a dead letter",
        ge=HOLDS_S_MIN,
        le=30 * DAY_S,
    )
    seat_plan: str = setting(
        "EVENTS_IN_SEAT_PLAN",
        "",
        "the stored seat plan of a trip that comes in with a vehicle for which no plan is stored; unset = none",
    )
    organizations: str = setting(
        "EVENTS_IN_ORGANIZATIONS", "", "the organizations whose events are taken in; unset = those of all"
    )

    organization: str = setting(
        "EVENTS_IN_ORGANIZATION", "", "the organization of events that name none; unset = they are dead letters"
    )

    @field_validator("sources")
    @classmethod
    def _names_sources(cls, value: str) -> str:
        parse_sources(value)
        return value

    @field_validator("organizations")
    @classmethod
    def _are_ids(cls, value: str) -> str:
        organizations_in(value)
        return value

    @field_validator("seat_plan", "organization")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if value and (fault := fault_of(value)):
            raise ValueError(fault)
        return value


def organizations_in(text: str) -> Sequence[str]:
    """The organizations in the text. Raises ValueError."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    if fault := next(filter(None, map(fault_of, named)), ""):
        raise ValueError(f"has an organization that {fault}")
    return named
