"""Sees to it that holds are listed whose listing was lost: by their events, as they are handed on."""

from collections import deque
from collections.abc import Iterable, Sequence

from travio_inventory.kernel.events import Event, Sink
from travio_inventory.protocol.batches import Applied, Batches, IndexEntry, Partition, Table
from travio_inventory.protocol.listings import entry_of
from travio_inventory.seats.events import EventType, HoldCreated, SeatsPurchased, data_of

TOGETHER_MAX = 50
MISSING_MAX = 10_000
"""So many entries are tried again that could not be added: more are missing only while no listing can be written."""

_LISTED = {EventType.HOLD_CREATED, EventType.SEATS_PURCHASED}
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


def _of_events(events: Iterable[Event]) -> list[IndexEntry]:
    found = []
    for event in events:
        data = data_of(event) if event.type in _LISTED else None
        if isinstance(data, HoldCreated | SeatsPurchased):
            created_at_ms = event.at_ms if isinstance(data, HoldCreated) else None
            found.append(entry_of(event.organization, data.user_id, data.hold_id, created_at_ms))
    return found


class ListingSink:
    """Sink. Sees to it that the holds of the events are listed, then hands the events on.

    An entry that cannot be added stops no event: it is tried again with the next ones.
    """

    def __init__(self, batches: Batches, sink: Sink) -> None:
        self._batches = batches
        self._sink = sink
        self._missing: deque[IndexEntry] = deque(maxlen=MISSING_MAX)

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        self._missing.extend(_of_events(events))
        left = list(self._missing)
        for start in range(0, len(left), TOGETHER_MAX):
            part = left[start : start + TOGETHER_MAX]
            if not isinstance(await self._batches.apply(_NOWHERE, (), part), Applied):
                break
            for _ in part:
                self._missing.popleft()
        await self._sink.publish(events)
