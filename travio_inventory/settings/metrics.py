"""Where metrics are told, and of which trips."""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator

from travio_inventory.kernel.addresses import HOST_FORM, plain_host
from travio_inventory.kernel.ids import fault_of
from travio_inventory.settings.component import Component, setting

WATCHED_MAX = 100


class MetricsSettings(Component):
    """The listener of metrics and health, which has no TLS, and what it tells besides."""

    forms = MappingProxyType(
        {
            "host": HOST_FORM,
            "port": "off, or a whole number from 0 to 65535",
            "watched_trips": f"ORGANIZATION/TRIP,ORGANIZATION/TRIP,... of at most {WATCHED_MAX} trips",
        }
    )

    host: str = setting("METRICS_HOST", "0.0.0.0", "address to listen on for metrics; :: is every one")  # noqa: S104 - scrapers are elsewhere
    port: Annotated[int, Field(ge=0, le=65_535)] | Literal["off"] = setting(
        "METRICS_PORT", 9090, "port for /metrics, /livez and /readyz; 0 = any free one; off = none"
    )
    socket: Path | None = setting(
        "METRICS_SOCKET",
        None,
        "UNIX socket where the process tells its figures to the listener of all (set by --workers); unset = none",
    )
    watched_trips: str = setting("WATCHED_TRIPS", "", "trips whose seats are told by travio_trip_seats; unset = none")
    watch_seconds: int = setting("WATCH_SECONDS", 15, "how often the seats of watched trips are read", ge=1, le=3_600)

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return plain_host(value)

    @field_validator("watched_trips")
    @classmethod
    def _names_trips(cls, value: str) -> str:
        trips_in(value)
        return value

    @property
    def is_on(self) -> bool:
        return self.port != "off"


def trips_in(text: str) -> Sequence[tuple[str, str]]:
    """The trips in the text, each with its organization first. Raises ValueError."""
    named = [tuple(part.strip().partition("/")[::2]) for part in text.split(",") if part.strip()]
    if any(map(fault_of, (name for trip in named for name in trip))) or len(named) > WATCHED_MAX:
        raise ValueError("is wrong")
    return [(organization, trip) for organization, trip in dict.fromkeys(named)]
