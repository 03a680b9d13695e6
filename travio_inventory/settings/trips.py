"""Limits of trips that are opened."""

from travio_inventory.kernel import limits
from travio_inventory.settings.component import Component, setting


class TripSettings(Component):
    """How large a trip may be; a trip that is open already stays as it is."""

    seats_max: int = setting("TRIP_SEATS_MAX", 100_000, "seats of a trip", ge=1, le=limits.SEATS_MAX)
    cells_max: int = setting(
        "TRIP_CELLS_MAX", 2_000_000, "cells of a trip: its seats times its segments", ge=1, le=limits.CELLS_MAX
    )
    segments_max: int = setting("TRIP_SEGMENTS_MAX", 512, "segments of a trip", ge=1, le=limits.SEGMENTS_MAX)
