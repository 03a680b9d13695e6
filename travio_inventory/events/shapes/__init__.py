"""What a sink gets for each event: the shapes by name."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from travio_inventory.events.shapes.message import Message
from travio_inventory.events.shapes.native import native
from travio_inventory.kernel.events import Event

ToMessages: TypeAlias = Callable[[Event], tuple[Message, ...]]
"""None where a shape leaves the event out. Raises ValueError for an event that this release does not know."""


class Shape(StrEnum):
    """The name of a shape, as an operator writes it."""

    NATIVE = "native"


SHAPES: Mapping[Shape, ToMessages] = MappingProxyType({Shape.NATIVE: native})
