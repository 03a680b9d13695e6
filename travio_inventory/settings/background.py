"""What goes on by itself in a process that serves."""

from travio_inventory.settings.component import Component, setting


class BackgroundSettings(Component):
    """The sweeper and the relay of events."""

    is_on: bool = setting(
        "BACKGROUND", True, "whether serve also runs the background jobs: the sweeper and the relay of events"
    )
    relay: bool = setting(
        "RELAY", True, "whether the background jobs relay events: off where another process on the store does"
    )
    sweep_interval_ms: int = setting(
        "SWEEP_INTERVAL_MS", 300, "between two rounds that end lapsed holds", ge=10, le=60_000
    )
    relay_interval_ms: int = setting(
        "RELAY_INTERVAL_MS", 500, "between two rounds that publish events", ge=10, le=60_000
    )
