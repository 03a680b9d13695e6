"""What a sink gets for each event: the shapes by name."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from travio_inventory.events.shapes.cloudevents import cloud_event
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.shapes.native import native
from travio_inventory.events.shapes.showtimes import of_showtimes
from travio_inventory.events.shapes.stock import of_stock
from travio_inventory.events.shapes.trips import of_trips
from travio_inventory.kernel.events import Event

ToMessages: TypeAlias = Callable[[Event], tuple[Message, ...]]
"""None where a shape leaves the event out. Raises ValueError for an event that this release does not know."""


class Shape(StrEnum):
    """The name of a shape, as an operator writes it."""

    NATIVE = "native"
    CLOUDEVENTS = "cloudevents"
    TRIPS = "trips"
    SHOWTIMES = "showtimes"
    STOCK = "stock"


SHAPES: Mapping[Shape, ToMessages] = MappingProxyType(
    {
        Shape.NATIVE: native,
        Shape.CLOUDEVENTS: cloud_event,
        Shape.TRIPS: of_trips,
        Shape.SHOWTIMES: of_showtimes,
        Shape.STOCK: of_stock,
    }
)
