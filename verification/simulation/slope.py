"""Whether a figure grows: its slope by least squares, with what chance alone may make of it."""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

POINTS_MIN = 4


class Slope(NamedTuple):
    """By how much a figure grows with each step of one, and the standard error of that."""

    each: float
    error: float

    def is_flat(self, most: float) -> bool:
        """Whether it grows by no more than that, so far as can be told: two standard errors are chance."""
        return self.each - 2 * self.error <= most


def slope_of(points: Sequence[tuple[float, float]]) -> Slope:
    """By least squares. Raises ValueError for fewer than POINTS_MIN."""
    count = len(points)
    if count < POINTS_MIN:
        raise ValueError(f"{count} points are too few to tell a slope")
    middle_x, middle_y = (sum(values) / count for values in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    each = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    off = sum((y - middle_y - each * (x - middle_x)) ** 2 for x, y in points)
    return Slope(each, sqrt(off / (count - 2) / spread))
