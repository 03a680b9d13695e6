"""What a process tells of each family, read when somebody asks: nothing is kept that is not counted anyway."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from travio_inventory.kernel.log_throttle import LogThrottle
from travio_inventory.kernel.tally import Tally
from travio_inventory.telemetry.families import Family, Kind

log = logging.getLogger(__name__)

Labels: TypeAlias = tuple[str, ...]
"""The values of a family's labels, in their order."""
Figure: TypeAlias = int | float | Tally
Read: TypeAlias = Callable[[], Mapping[Labels, Figure]]
"""Reads a family's figures as they are now, by labels: a tally where it is a histogram, else a number."""
Told: TypeAlias = tuple[str, Sequence[str], Sequence[int | float]]
"""A family's name, labels, and figures: one, or for a histogram the seconds in all and the count in each bucket. It
survives JSON.
"""
Snapshot: TypeAlias = Sequence[Told]

NO_LABELS: Final[Labels] = ()
NS: Final = 1_000_000_000


class _Reading(NamedTuple):
    """Where some figures of a family come from."""

    family: Family
    read: Read


class Meters:
    """Where the figures of one process are read. A family may be read from several places with different labels."""

    def __init__(self) -> None:
        self._readings: list[_Reading] = []
        self._log_throttle = LogThrottle()

    def read(self, family: Family, read: Read) -> None:
        """Read (some of) the family's figures there."""
        self._readings.append(_Reading(family, read))

    def read_one(self, family: Family, read: Callable[[], Figure]) -> None:
        """The same for a family without labels."""
        self.read(family, lambda: {NO_LABELS: read()})

    def snapshot(self) -> Snapshot:
        """All figures as they are now. One that cannot be read is left out, and logged."""
        return [told for reading in self._readings for told in self._told(reading)]

    def _told(self, reading: _Reading) -> Iterator[Told]:
        family = reading.family
        try:
            found = reading.read()
        except Exception as failed:
            if self._log_throttle.may_log(family.name):
                log.error("the metric %s cannot be read", family.name, exc_info=failed)
            return
        for labels, figure in found.items():
            yield family.name, labels, _numbers(family, figure)


def _numbers(family: Family, figure: Figure) -> Sequence[int | float]:
    if isinstance(figure, Tally):
        assert family.kind is Kind.HISTOGRAM  # noqa: S101 - a mistake of ours, not an input
        return [figure.total_ns / NS, *figure.buckets]
    return [figure]
