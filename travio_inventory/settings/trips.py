"""Limits of trips that are opened, how their journeys are named, and until when they are sold."""

from typing import Literal

from travio_inventory.kernel import limits
from travio_inventory.settings.component import Component, setting


class TripSettings(Component):
    """How large a trip may be, which no open trip is measured by again; what an ambiguous journey
    means; and until when trips are sold.
    """

    seats_max: int = setting("TRIP_SEATS_MAX", 100_000, "seats of a trip", ge=1, le=limits.SEATS_MAX)
    cells_max: int = setting(
        "TRIP_CELLS_MAX", 2_000_000, "cells of a trip: its seats times its segments", ge=1, le=limits.CELLS_MAX
    )
    ambiguous_journeys: Literal["refuse", "nearest"] = setting(
        "AMBIGUOUS_JOURNEYS",
        "refuse",
        "a journey whose stations fit several rides of a loop: refuse = name them; nearest = take the first",
    )
    segments_max: int = setting("TRIP_SEGMENTS_MAX", 512, "segments of a trip", ge=1, le=limits.SEGMENTS_MAX)
    sell_departed: bool = setting("SELL_DEPARTED", False, "sell journeys whose first stop the trip has left")
    change_seconds: int = setting(
        "TRIP_CHANGE_SECONDS",
        10,
        "how soon every process goes by a change of a trip: its prices, its times, and whether it is sold",
        ge=2,
        le=600,
    )
