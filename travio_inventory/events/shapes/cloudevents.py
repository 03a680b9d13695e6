"""The shape of CloudEvents 1.0, in its binary mode: the data alone is the body, all else are attributes."""

from typing import Final
from urllib.parse import quote

from travio_inventory.events.shapes.message import Message, trace_of
from travio_inventory.events.shapes.moments import moment
from travio_inventory.events.shapes.native import data_of_line
from travio_inventory.kernel.events import Event

SPEC_VERSION: Final = "1.0"
TYPES: Final = "travio.inventory"
SOURCE: Final = "/travio-inventory/organizations/"


def cloud_event(event: Event) -> tuple[Message, ...]:
    """One message. `ordinal`, `actor`, `organization` and `partitionkey` are extensions. So is the trace, which is a
    header of the broker's too, where instruments look for it.
    """
    kind = cloud_type(event.type, event.version)
    attributes = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": SOURCE + quote(event.organization, safe=""),
        "type": kind,
        "subject": event.subject,
        "time": moment(event.at_ms),
        "partitionkey": event.partition_key,
        "organization": event.organization,
        "actor": event.actor.value,
        "ordinal": str(event.ordinal),
    }
    trace = trace_of(event)
    attributes |= trace
    body = data_of_line(event).encode()
    return (Message(event.id, kind, event.partition_key, body, headers=trace, attributes=attributes),)


def cloud_type(kind: str, version: int) -> str:
    """The type of a CloudEvent: ours, with the version of its data."""
    return f"{TYPES}.{kind}.v{version}"
