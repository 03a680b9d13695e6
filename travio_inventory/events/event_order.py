"""The order in which events that are told together are told: by time, and those of a subject one after the other."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import EventType

ENDS = frozenset(
    {EventType.HOLD_RELEASED, EventType.HOLD_EXPIRED, EventType.BOOKING_CANCELLED, EventType.SEATS_UNBLOCKED}
)
"""What gives seats back, and takes none."""


def in_order(events: Iterable[Event]) -> list[Event]:
    """By time, but for those of a subject whose clocks differed: they take each other's places.

    Of one millisecond the ends come first, then what becomes of other holds, and what begins last: so what a hold gave
    back is told before another one that takes it.
    """
    of_subjects: dict[str, list[Event]] = {}
    for event in events:
        of_subjects.setdefault(event.subject, []).append(event)
    runs: list[tuple[int, int, int, list[Event]]] = []
    for place, of_one in enumerate(of_subjects.values()):
        of_one.sort(key=lambda event: event.ordinal)
        times = sorted(event.at_ms for event in of_one)
        for at_ms, run in groupby(zip(times, of_one, strict=True), key=itemgetter(0)):
            told = [event for _, event in run]
            runs.append((at_ms, _rank(told), place, told))
    runs.sort(key=itemgetter(0, 1, 2))
    return [event for *_, told in runs for event in told]


def _rank(run: Sequence[Event]) -> int:
    """Which turn in its millisecond the events of a subject have."""
    if all(event.type in ENDS for event in run):
        return 0
    if run[0].ordinal:
        return 1
    return 2 if len(run) > 1 else 3  # what begins and ends again in it may give back what the others take
