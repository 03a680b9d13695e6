"""The rows of events, which are the same in every table that has some."""

from travio_inventory.protocol.columns import RowKind, number, text

EVENT = RowKind(
    "the event of a step (docs/events.md)",
    "epoch, moment, subject and ordinal, which is the order of reading",
    "TRAVIO_EVENT_RETENTION_SECONDS from when it is recorded",
    (
        text("type", "what happened, for example hold.created"),
        number("version", "the version of the data of this type"),
        number("at_ms", "when it happened"),
        text("actor", "who caused it: user, house (the seller) or system (time ran out)"),
        text("subject", "the hold, or the block, that the event is about"),
        number("ordinal", "the number of the event among those of its subject, from 0"),
        number("previous_epoch", "the epoch of the subject's previous event"),
        number("previous_at_ms", "the moment of the subject's previous event"),
        text("data", "the event's data, as JSON; its form depends on type and version"),
        text(
            "trace",
            "the trace of the call that did it, if it was in one: its traceparent, and its tracestate behind a space",
        ),
    ),
    is_written_once=True,
)
