"""The shape `stock`: what happened to stock, flat, as services around a warehouse read it; seats are left out."""

import json

from travio_inventory.events.shapes.equivalents import OF_STOCK
from travio_inventory.events.shapes.message import Message, headers_of
from travio_inventory.events.shapes.moments import moment
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.json_text import encode


def of_stock(event: Event) -> tuple[Message, ...]:
    """A message for an event of stock, none for one of seats. A repeat has the same `eventId`."""
    if not event.type.startswith(OF_STOCK):
        return ()
    about = {"eventId": event.id, "type": event.type, "timestamp": moment(event.at_ms)}
    written = {**json.loads(event.data), **about, "organizationId": event.organization}
    headers = headers_of(event, event.type, event.id)
    body = encode(written).encode()
    return (Message(id=event.id, type=event.type, key=event.partition_key, body=body, headers=headers),)
