"""For how long what has ended is kept."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from travio_inventory.protocol.dead_letters import KEPT_S_DEFAULT as LETTERS_S_DEFAULT
from travio_inventory.protocol.dead_letters import LETTERS_MAX_DEFAULT
from travio_inventory.protocol.retention import EVENTS_S_MIN, HOLDS_S_MIN, TRIPS_S_MIN
from travio_inventory.seats.records.deeds import KEPT_S_DEFAULT
from travio_inventory.settings.component import Component, setting

DAY_S = 86_400


class RetentionSettings(Component):
    """How long events, ended holds, idempotency keys and trips are kept. A trip is kept for as long as its events, or a
    late sink would list bookings of a trip that is forgotten.
    """

    in_order = (("events_seconds", "trips_seconds"),)

    @property
    def in_effect(self) -> Mapping[str, str]:
        """A hold is kept for at least as long as the keys that stand for it."""
        if self.keys_seconds <= self.holds_seconds:
            return MappingProxyType({})
        return MappingProxyType({"holds_seconds": f"{self.keys_seconds}, as {self.said('keys_seconds')}"})

    events_seconds: int = setting(
        "EVENT_RETENTION_SECONDS",
        7 * DAY_S,
        "how long an event is kept, and so how long a sink may be away without missing any",
        ge=EVENTS_S_MIN,
        le=30 * DAY_S,
    )
    holds_seconds: int = setting(
        "HOLD_RETENTION_SECONDS",
        DAY_S,
        "how long a hold can still be read after it ended; longer if keys are kept for longer",
        ge=HOLDS_S_MIN,
        le=30 * DAY_S,
    )
    keys_seconds: int = setting(
        "IDEMPOTENCY_RETENTION_SECONDS",
        DAY_S,
        "how long an idempotency key is remembered from its first use; repeated later it is a new request",
        ge=HOLDS_S_MIN,
        le=30 * DAY_S,
    )
    trips_seconds: int = setting(
        "TRIP_RETENTION_SECONDS",
        90 * DAY_S,
        "how long a trip is kept with its bookings, after its last arrival; without times, after its last sale; in any "
        "case after its opening",
        ge=TRIPS_S_MIN,
        le=3_650 * DAY_S,
    )
    deeds_seconds: int = setting(
        "DEED_RETENTION_SECONDS",
        KEPT_S_DEFAULT,
        "how long it is kept what the house did: openings, blocks, cancellations and the like",
        ge=30 * DAY_S,
        le=3_650 * DAY_S,
    )
    dead_letters_seconds: int = setting(
        "DEAD_LETTER_RETENTION_SECONDS",
        LETTERS_S_DEFAULT,
        "how long a dead letter is kept from when it died, unless it is requeued or discarded before",
        ge=DAY_S,
        le=400 * DAY_S,
    )
    dead_letters_max: int = setting(
        "DEAD_LETTERS_MAX",
        LETTERS_MAX_DEFAULT,
        "dead letters of a source or sink, at most, give or take what other processes keep within seconds; what would "
        "be one more waits",
        ge=10,
        le=1_000_000,
    )
    trip_archive: Path | None = setting(
        "TRIP_ARCHIVE",
        None,
        "folder in which trips are archived before they are forgotten, a file each with its bookings; unset = none is",
    )
