"""The table of events that came in."""

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.columns import ConditionalTable, RowKind, number, text

INCOMING = RowKind(
    "an event of another service",
    "empty",
    "TRAVIO_EVENT_IN_RETENTION_SECONDS from when it was last worked at, longer if the event is dated later",
    (
        text("fingerprint", "a digest of its type and data, which tells it from another event with its id"),
        text("status", "begun, then done: it has taken effect"),
        text("decision", "what was decided about it, so that every attempt does the same; null if nothing"),
        text("outcome", "what came of it, once it is done"),
        number("begun_at_ms", "when it came in first"),
    ),
)
INBOX = ConditionalTable(
    "Events of other services that came in, so that each takes effect once.",
    None,
    text("event", "the event's source and id, joined by U+001F"),
    None,
    {Kind.INCOMING: INCOMING},
)
