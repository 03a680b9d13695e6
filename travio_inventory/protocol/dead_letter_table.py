"""The table of dead letters."""

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.columns import ConditionalTable, RowKind, number, text

_KEPT = "TRAVIO_DEAD_LETTER_RETENTION_SECONDS from when it died; an hour from when it is over"

DEAD_LETTER = RowKind(
    "a message that can never take effect as it is, or an event that a sink refused for good",
    "empty",
    _KEPT,
    (
        text("status", "kept; wanted while it is to be given again; over"),
        text("outcome", "what came of it, once it is over"),
        text("reason", "why it is dead, for programs"),
        text("said", "why it is dead, for people"),
        text("topic", "the topic or queue that it came by; the type of an event that goes out"),
        text("place", "where in it, for people; the subject of an event that goes out"),
        text("event", "the event's id; null if it says none that can be read"),
        text("message_key", "what its broker keeps in order, in base64; null if nothing"),
        text("headers", "its headers, as JSON: pairs of a name and a value in base64"),
        text("content_type", "what its broker says of its form; null if nothing"),
        number("at_ms", "since when it is dead"),
        number("sent_at_ms", "when it was sent, as its broker says; null if it does not"),
        number("size", "the length of its body as it came"),
        number("cut", "1 if it was too long to be kept whole; null else"),
        number("tries", "how often it was given again in vain"),
        number("taken_until_ms", "until when a process alone gives it again; null if none did"),
    ),
)
LETTER_BODY = RowKind(
    "its body, or as much of it as is kept",
    "empty",
    _KEPT,
    (text("body", "in base64; empty once the letter is over"),),
)
DEAD_LETTERS = ConditionalTable(
    "What can never take effect as it is, of what came in and of what goes out.",
    None,
    text("letter", "in or out, the source or sink, and a digest of what it says, joined by U+001F"),
    None,
    {Kind.DEAD_LETTER: DEAD_LETTER, Kind.LETTER_BODY: LETTER_BODY},
)
