"""The row of a trip: its definition, whether it is sold, in which of its lives it is, and how far it is forgotten."""

from collections.abc import Mapping
from enum import StrEnum
from json import dumps, loads
from types import MappingProxyType
from typing import NamedTuple, Self

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.seats.offer import Offer, SalesState
from travio_inventory.seats.trip import Trip, TripKey

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


class SwapNote(NamedTuple):
    """The last swap of the trip's vehicle: what was asked, the seats chosen, what the trip is when it is over, how many
    of the seat groups that it had are done, and how many holds and bookings have seats then, or none.
    """

    asked: str = ""
    chosen: Mapping[str, str] = MappingProxyType({})
    resumes: str = ""
    reached: int = 0
    moved: int = 0
    left: int = 0

    @property
    def text(self) -> str:
        """As the row keeps it."""
        return dumps([*self[:1], dict(self.chosen), *self[2:]], separators=(",", ":"))


class TripRow(NamedTuple):
    """What the row says; `opened_at_ms` tells the lives of one id apart. `sales` says whether the house closed them,
    and `halt` how far it is frozen or cancelled ("" if it is not).
    """

    definition: str
    opened_at_ms: int
    stage: Stage
    seeded: int = 0
    version: int = 1
    defined: int = 1
    about: str = ""
    sales: str = ""
    halt: str = ""
    period: int = 0
    halted_at_ms: int = 0
    reached: int = 0
    released: int = 0
    cancelled: int = 0
    next: str = ""
    swap: str = ""
    parts_left: int = 0

    @classmethod
    def read(cls, row: Row) -> Self:
        """See `rows`."""
        return cls(
            rows.text(row, "definition"),
            rows.number(row, "opened_at_ms"),
            Stage(rows.text(row, "stage")),
            rows.number(row, "seeded"),
            rows.number(row, "version"),
            rows.number(row, "defined"),
            rows.text(row, "about"),
            rows.text(row, "sales"),
            rows.text(row, "halt"),
            rows.number(row, "period"),
            rows.number(row, "halted_at_ms"),
            rows.number(row, "reached"),
            rows.number(row, "released"),
            rows.number(row, "cancelled"),
            rows.text(row, "next"),
            rows.text(row, "swap"),
            rows.number(row, "parts_left"),
        )

    @property
    def first(self) -> Row:
        """The row of a trip that is opened."""
        values: Row = {
            "definition": self.definition,
            "opened_at_ms": self.opened_at_ms,
            "version": self.version,
            "defined": self.defined,
            "about": self.about,
        }
        return {**values, "stage": self.stage.value} if self.stage.value else values

    @property
    def state(self) -> SalesState:
        """Whether it is sold."""
        return SalesState(self.halt or self.sales or SalesState.OPEN)

    @property
    def is_being_halted(self) -> bool:
        """Whether a freeze, a swap or a cancellation was begun that is not done."""
        under_way = (SalesState.FREEZING, SalesState.SWAPPING, SalesState.CANCELLING)
        return self.stage is Stage.ON_SALE and self.halt in under_way

    @property
    def is_being_swapped(self) -> bool:
        """Whether it gets another vehicle, whose cells may not be known by its definition yet."""
        return self.is_being_halted and self.halt == SalesState.SWAPPING

    @property
    def swapped(self) -> SwapNote:
        """The last swap of its vehicle."""
        return SwapNote(*loads(self.swap)) if self.swap else SwapNote()

    @property
    def seen(self) -> Row:
        """The condition that nothing of it has changed."""
        return {
            "opened_at_ms": self.opened_at_ms,
            "version": self.version,
            "stage": self.stage.value or None,
            "parts_left": self.parts_left or None,
        }

    def changed(self, values: Row) -> Self:
        """The row with these values."""
        return self.read({**self._asdict(), "stage": self.stage.value, **values})

    def departs_at_s(self, segment: int) -> int:
        """When the trip leaves on that segment, 0 where that is not known."""
        return int(loads(self.about)["departs"][segment])

    def offer(self, trip: Trip) -> Offer:
        """The trip of this definition, as it is offered."""
        return Offer(trip, self.state, self.period, self.version, self.defined, self.opened_at_ms)


def about(trip: Trip) -> str:
    """What is read of a definition without reading it."""
    first, last = trip.segments[0], trip.segments[-1]
    plain = {
        "origin": first.origin,
        "destination": last.destination,
        "departs": [segment.departs_at_s for segment in trip.segments],
        "arrives": last.arrives_at_s,
        "seats": len(trip.seats),
    }
    return dumps(plain, separators=(",", ":"))


def partition(key: TripKey) -> Partition:
    """Where the trip's row is."""
    return Partition(Table.TRIPS, key.organization, key.trip)
