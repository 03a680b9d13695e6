"""The row of a trip: its definition, in which of its lives it is, and how far it is forgotten."""

from enum import StrEnum
from typing import NamedTuple, Self

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.seats.trip import TripKey

TRIP = RowKey(Kind.TRIP, "")

FORGOTTEN_S = 3_000
"""How long a forgotten row stands: longer than anybody works by what they read of it before, and shorter than a slow
round takes, which then finds that it is gone.
"""
SEEDED_WITHIN_S = 600
"""So soon after the definition was read cells are made, or not at all."""
VISIT_S = 600
"""So long one visit goes by what it read of the trip's row."""


class Stage(StrEnum):
    """How far a trip is opened or forgotten."""

    OPENING = "opening"
    """Its cells are being made; nobody can hold any before it is on sale."""
    ON_SALE = ""
    CLOSING = "closing"
    """Nobody finds the trip; what of it can still change is being closed."""
    CLOSED = "closed"
    """Nothing of it can change any more, and it is archived: its rows are being forgotten."""
    FORGOTTEN = "forgotten"
    """Nothing else is left of it."""


OPENED = (Stage.OPENING, Stage.ON_SALE)
"""Whoever opens the trip again finds it as it is."""


class TripRow(NamedTuple):
    """What the row says; `opened_at_ms` tells the lives of one id apart."""

    definition: str
    opened_at_ms: int
    stage: Stage
    seeded: int = 0

    @classmethod
    def read(cls, row: Row) -> Self:
        """See `rows`."""
        return cls(
            rows.text(row, "definition"),
            rows.number(row, "opened_at_ms"),
            Stage(rows.text(row, "stage")),
            rows.number(row, "seeded"),
        )


def partition(key: TripKey) -> Partition:
    """Where the trip's row is."""
    return Partition(Table.TRIPS, key.organization, key.trip)
