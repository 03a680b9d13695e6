"""The background jobs of a process that serves."""

from travio_inventory.settings.component import Component, setting


class BackgroundSettings(Component):
    """Sweeper, relay, forgetter and auditor."""

    is_on: bool = setting(
        "BACKGROUND", True, "whether serve also runs the background jobs: sweeper, relay, forgetter, auditor"
    )
    relay: bool = setting(
        "RELAY", True, "whether the background jobs relay events; off where another process on the store does"
    )
    sweep_interval_ms: int = setting(
        "SWEEP_INTERVAL_MS", 300, "time between two rounds of the sweeper, which ends lapsed holds", ge=10, le=60_000
    )
    relay_interval_ms: int = setting(
        "RELAY_INTERVAL_MS",
        500,
        "longest time between two rounds of the relay, which publishes events; what its own process records begins one",
        ge=10,
        le=60_000,
    )
    audit_seconds: int = setting(
        "AUDIT_SECONDS",
        86_400,
        "how often the background jobs audit each trip, slowly and without repairing anything; 0 = never",
        ge=0,
        le=30 * 86_400,
    )
