"""The colours of seat maps, the same in every face: #RRGGBB."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

STATUS_COLORS: Final = {"available": "#00FF00", "held": "#FFFF00", "booked": "#FF0000", "blocked": "#808080"}


def class_color(seat_class: str) -> str:
    """The colour in which the class is drawn, the same on every map, never very dark."""
    red, green, blue = (0x40 + byte % 0xC0 for byte in blake2b(seat_class.encode(), digest_size=3).digest())
    return f"#{red:02X}{green:02X}{blue:02X}"


def class_colors(seat_classes: Iterable[str]) -> dict[str, str]:
    """The colour of each class that has a name, in the order of names."""
    return {name: class_color(name) for name in sorted(seat_classes) if name}
