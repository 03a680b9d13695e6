"""Where events go."""

from typing import Literal

from travio_inventory.settings.component import Component, setting


class EventSettings(Component):
    """The sink of events."""

    sink: Literal["jsonlines", "none"] = setting(
        "EVENTS", "jsonlines", "where events go: jsonlines = events.jsonl in TRAVIO_DATA; none = nowhere, for good"
    )
