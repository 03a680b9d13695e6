"""What a holder has, for lists: an entry for each hold that came to be, and one more for each booking.

An entry is added once the step is committed, so attempts that are refused leave none. One that gets lost is added when
the step's event is handed over. Entries are hints: what they name is read before it is told.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from travio_inventory.kernel.events import Event, Sink
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, Batches, Index, IndexEntry, Partition, Table
from travio_inventory.protocol.resource import Hold
from travio_inventory.seats.events import EventType, HoldCreated, SeatsPurchased, data_of
from travio_inventory.seats.hold import NEVER_MS, Confirmed, base_id

TOGETHER_MAX = 50
MISSING_MAX = 10_000
"""So many entries are tried again that could not be added: more are missing only while no listing can be written."""

_LISTED = {EventType.HOLD_CREATED, EventType.SEATS_PURCHASED}
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


def holds_bucket(organization: str, holder: str) -> str:
    """The holds of this holder, the newest first."""
    return rows.SEPARATOR.join((organization, holder))


def bookings_bucket(organization: str, holder: str) -> str:
    """The bookings of this holder, those that were cancelled too."""
    return rows.SEPARATOR.join((organization, holder, "booked"))


def of_hold(hold: Hold) -> list[IndexEntry]:
    """The entry of a hold that comes to be, or that becomes a booking; none of what is the house's."""
    if not hold.holder:
        return []
    created_at_ms = None if isinstance(hold.state, Confirmed) else hold.created_at_ms
    return [_entry(hold.organization, hold.holder, hold.id, created_at_ms)]


def hold_of(entry: str) -> str:
    """The base id of the hold that an entry of either bucket names."""
    return base_id(entry.rpartition(rows.SEPARATOR)[2])


def _entry(organization: str, holder: str, hold_id: str, created_at_ms: int | None) -> IndexEntry:
    """Of a hold that came to be at that moment, or of a booking."""
    if created_at_ms is None:
        return IndexEntry(Index.HOLDS, bookings_bucket(organization, holder), base_id(hold_id))
    newest_first = f"{NEVER_MS - created_at_ms:016d}"
    return IndexEntry(Index.HOLDS, holds_bucket(organization, holder), f"{newest_first}{rows.SEPARATOR}{hold_id}")


def _of_events(events: Iterable[Event]) -> list[IndexEntry]:
    found = []
    for event in events:
        data = data_of(event) if event.type in _LISTED else None
        if isinstance(data, HoldCreated | SeatsPurchased):
            created_at_ms = event.at_ms if isinstance(data, HoldCreated) else None
            found.append(_entry(event.organization, data.user_id, data.hold_id, created_at_ms))
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
