"""Tells once what the house does to a trip: in the batch that brings the first of its cells into a new period."""

from collections.abc import Callable

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol import index_entries, rows
from travio_inventory.protocol.batches import ABSENT, Applied, Kind, Row, RowKey, StoreUnavailable, Write
from travio_inventory.protocol.event_rows import only_event
from travio_inventory.protocol.hold import HoldId, digest_of
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.events import VERSION, Data, EventType, data_text
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.records import seat_rows

TRIES_MAX = 8


async def announce(sender: Sender, offer: Offer, kind: EventType, told: Callable[[str], Data]) -> None:
    """Tell what `told` makes of the event's subject, unless the first cell is of the offer's period already, or of a
    later one. Raises BackendUnavailable.
    """
    group = offer.trip.first_group
    partition = seat_rows.group_partition(offer.trip.key, group)
    cell = RowKey(Kind.CELL, offer.trip.seats[0].id)
    period: Row = {"period": offer.period}
    digest = digest_of(kind.value, str(offer.opened_at_ms))  # its own: of this life of the trip
    subject = str(HoldId(offer.trip.key.trip, group, digest, is_late=False))
    for _ in range(TRIES_MAX):
        try:
            standing = (await sender.batches.get(partition, [cell])).get(cell)
        except StoreUnavailable:
            await sender.pause()
            continue
        if standing is not None and rows.number(standing, "period") >= offer.period:
            return
        now = await sender.now()
        write = Write(cell, ABSENT, {**seat_rows.NEW_CELL, **period})
        if standing is not None:
            write = Write(cell, {"status": standing.get("status"), "period": standing.get("period")}, period)
        event = only_event(subject, kind.value, VERSION, ActorKind.HOUSE, data_text(told(subject)), now)
        entry = index_entries.recorded(partition, now.epoch, sender.rules.retention)
        if isinstance(await sender.apply(partition, [write, sender.kept(event)], [entry], at_ms=now.at_ms), Applied):
            return
        await sender.pause()
    raise BackendUnavailable
