"""Sees to it that holds are listed whose listing was lost: by their events, when they have been handed on."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from travio_inventory.kernel.events import Event, Sink
from travio_inventory.protocol import listings
from travio_inventory.protocol.batches import FOR_EVER, Applied, Batches, IndexEntry, Partition, Table
from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.events import BookingCancelled, Data, EventType, HoldCreated, SeatsPurchased, data_of

TOGETHER_MAX = 50
MISSING_MAX = 10_000
"""So many entries are tried again that could not be added: more are missing only while no listing can be written."""

_LISTED = {EventType.HOLD_CREATED, EventType.SEATS_PURCHASED, EventType.BOOKING_CANCELLED}
_NOWHERE = Partition(Table.SEAT_GROUPS, "", "")


def _of_events(events: Iterable[Event], retention: Retention) -> Iterator[IndexEntry]:
    for event in events:
        match _data_of(event) if event.type in _LISTED else None:
            case HoldCreated(hold_id=hold_id, user_id=user_id):
                keep_s = retention.listed_s
                yield listings.held(event.organization, user_id, hold_id, event.at_ms, keep_s=keep_s)
            case SeatsPurchased() as data:
                yield from _booked(event, data, keep_s=FOR_EVER)
            case BookingCancelled() as data:
                yield from _booked(event, data, keep_s=retention.ended_s)
            case _:
                pass


def _booked(event: Event, data: SeatsPurchased | BookingCancelled, *, keep_s: int) -> list[IndexEntry]:
    of = event.organization, data.user_id, data.hold_id, data.created_at_ms
    return listings.booked(*of, order=data.order, keep_s=keep_s)


def _data_of(event: Event) -> Data | None:
    """The event's data; None if this release cannot read it: whoever accepted the event can."""
    try:
        return data_of(event)
    except (ValueError, KeyError, TypeError):
        return None


class ListingSink:
    """Sink. Hands the events on, then sees to it that their holds are listed, and for how long: once, however often a
    sink that is down refuses them.

    An entry that cannot be added stops no event: it is tried again with the next ones. Of several steps of a hold the
    last one says how long its entries are kept.
    """

    def __init__(self, batches: Batches, sink: Sink, retention: Retention) -> None:
        self._batches = batches
        self._sink = sink
        self._retention = retention
        self._missing: dict[IndexEntry, IndexEntry] = {}
        """The entries to add, by what they name, for however long."""

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink."""
        await self._sink.publish(events)
        for index_entry in _of_events(events, self._retention):
            self._missing[index_entry._replace(keep_s=FOR_EVER)] = index_entry
        for named in list(self._missing)[:-MISSING_MAX]:
            del self._missing[named]
        while part := dict(islice(self._missing.items(), TOGETHER_MAX)):
            if not isinstance(await self._batches.apply(_NOWHERE, (), list(part.values())), Applied):
                break
            for named in part:
                del self._missing[named]
