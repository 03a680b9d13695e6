"""The rows of holds, whatever is reserved, and of ids that were fenced."""

from travio_inventory.protocol.columns import RowKind, number, text

HOLD = RowKind(
    "a hold whose home is here, or a fenced id",
    "the hold's id",
    "while it is held, or is a booking, or has a late booking; then TRAVIO_HOLD_RETENTION_SECONDS, or the retention of "
    "keys if longer",
    (
        text(
            "status",
            "held, confirmed, released, expired, cancelled, or aborted if the id is fenced; closed or forgotten once "
            "its trip is over",
        ),
        text("holder", "the user who holds the seats; empty for blocked seats"),
        text("seats", "its seats, one a line: seat group, space, seat"),
        text("lines", "the lines of a reservation of stock, as JSON; null for seats"),
        text(
            "given_up",
            "seats that it had once, one a line, with those that it got for them, or lines of a reservation, as JSON; "
            "null if none",
        ),
        text("prices", "the currency, then the price of each seat in minor units, joined by spaces; null where none"),
        number("first_segment", "the first segment of its journey, or of the one that was finally refused"),
        number("last_segment", "the last segment of its journey, included"),
        text("claimant", "a digest of holder and idempotency key, which identifies a repeated request"),
        number("created_at_ms", "when it was created, or a final refusal was said"),
        number("expires_at_ms", "when it expires"),
        number("extensions", "how often it was extended, or its seats were changed while its status was not"),
        number("moves", "how often an attempt to move it was made that took effect, or was fenced; null if none was"),
        text("order_id", "the order that it was confirmed for"),
        text("passengers", "the passengers, as JSON: seat, name, identity number"),
        text("reason", "why the seats were blocked, or why the id was fenced"),
        text(
            "taken",
            "if the id was fenced after a final refusal: the cells that were taken, and by whom, or what there was",
        ),
        text("asked_by", "if the id was fenced after a final refusal: the user who was refused; who reserved stock"),
        number("event_epoch", "the epoch of its last event"),
        number("event_at_ms", "the moment of its last event"),
    ),
)
