"""Limits of holds, and what all processes on one store must agree on."""

from travio_inventory.kernel import limits
from travio_inventory.settings.component import Component, setting


class HoldSettings(Component):
    """How long holds last, how many there may be, and the bounds that the hold protocol relies on."""

    in_order = (("ttl_seconds", "ttl_seconds_max"), ("ttl_seconds_max", "total_seconds_max"))

    ttl_seconds: int = setting(
        "HOLD_TTL_SECONDS", 600, "how long a hold lasts if the caller does not say", ge=1, le=86_400
    )
    ttl_seconds_max: int = setting(
        "HOLD_TTL_SECONDS_MAX", 3_600, "longest time that a caller may request", ge=1, le=86_400
    )
    total_seconds_max: int = setting(
        "HOLD_TOTAL_SECONDS_MAX", 7_200, "how long a hold may last with all extensions", ge=1, le=604_800
    )
    seats_max: int = setting("HOLD_SEATS_MAX", 10, "seats of a hold", ge=1, le=limits.SEATS_PER_HOLD_MAX)
    cells_max: int = setting(
        "HOLD_CELLS_MAX", 1_000, "cells of a hold: its seats times its segments", ge=1, le=limits.CELLS_PER_HOLD_MAX
    )
    per_holder_max: int = setting("HOLDS_PER_HOLDER_MAX", 0, "live holds per holder; 0 = any number", ge=0, le=100)
    clock_bound_ms: int = setting(
        "CLOCK_BOUND_MS", 250, "how far the clocks of two machines may differ", ge=0, le=60_000
    )
    attempt_grace_seconds: int = setting(
        "ATTEMPT_GRACE_SECONDS", 10, "how long one attempt may take before others may undo it", ge=1, le=60
    )
    commits_in_flight_max: int = setting(
        "COMMITS_IN_FLIGHT_MAX", 1_000, "steps that commit at once; others wait", ge=1, le=100_000
    )
