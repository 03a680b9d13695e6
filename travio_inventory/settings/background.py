"""The background jobs of a process that serves."""

from contextlib import suppress
from typing import Literal

from pydantic import TypeAdapter, ValidationError, field_validator

from travio_inventory.settings.component import Component, setting

_ON_OR_OFF = TypeAdapter(bool)


class BackgroundSettings(Component):
    """Sweeper, relay, forgetter and auditor."""

    is_on: bool = setting(
        "BACKGROUND", True, "whether serve also runs the background jobs: sweeper, relay, forgetter, auditor"
    )
    relay: Literal["on", "shared", "off"] = setting(
        "RELAY",
        "on",
        "to which sinks the background jobs relay events: on = to all; shared = only to those on servers, for which "
        "several processes share the work; off = to none, where other processes on the store do",
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

    @field_validator("relay", mode="before")
    @classmethod
    def _as_before(cls, value: object) -> object:
        """It was on or off, in any of the words for that."""
        with suppress(ValidationError):
            return "on" if _ON_OR_OFF.validate_python(value) else "off"
        return value
