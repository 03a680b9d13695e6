"""Where events go."""

from types import MappingProxyType

from pydantic import field_validator

from travio_inventory.events.choice import FORMS, JSON_LINES, parse_sinks
from travio_inventory.settings.component import Component, setting


class EventSettings(Component):
    """The sinks of events."""

    forms = MappingProxyType({"sinks": FORMS})

    sinks: str = setting(
        "EVENTS",
        JSON_LINES,
        "where events go (docs/events.md): json-lines = events.jsonl in TRAVIO_DATA; several, each with a name, hold "
        "up nobody but themselves; none = nowhere. A sink that is new begins with the first event that is kept",
        may_have_secrets=True,
    )

    @field_validator("sinks")
    @classmethod
    def _names_sinks(cls, value: str) -> str:
        parse_sinks(value)
        return value
