"""The shape of our own: the whole envelope as one JSON object (docs/events.md)."""

import json

from travio_inventory.events.shapes.message import Message, headers_of, trace_of
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.json_text import encode_ascii


def native(event: Event) -> tuple[Message, ...]:
    """One message."""
    headers = headers_of(event, event.type, event.id)
    body = line_of(event).encode()
    return (Message(id=event.id, type=event.type, key=event.partition_key, body=body, headers=headers),)


def line_of(event: Event) -> str:
    """The event as JSON on one line."""
    envelope = {
        "id": event.id,
        "type": event.type,
        "version": event.version,
        "at_ms": event.at_ms,
        "actor": event.actor,
        "organization": event.organization,
        "subject": event.subject,
        "ordinal": event.ordinal,
        "partition_key": event.partition_key,
    }
    if event.traceparent:
        envelope |= trace_of(event)
    return f'{encode_ascii(envelope)[:-1]},"data":{data_of_line(event)}}}'


def data_of_line(event: Event) -> str:
    """The data as JSON on one line, in ASCII."""
    return event.data if event.data.isascii() else encode_ascii(json.loads(event.data))
