"""The rows of reservations, written and read: the only place that knows the meaning of their columns."""

import json
from collections.abc import Sequence
from typing import Final

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Kind, Row, RowKey, Write
from travio_inventory.protocol.hold import Recorded
from travio_inventory.stock.records.stock_rows import MOVEMENTS_KEPT_S
from travio_inventory.stock.refusals import InsufficientStock
from travio_inventory.stock.reservation import Reservation, ReservedLine

COMMITTED_KEPT_S: Final = MOVEMENTS_KEPT_S
"""For so long what was committed can be returned."""
RESERVED, ENDED = "reserved", "ended"
COMMITTED, RETURNED = "committed", "returned"
RETURNING: Final = "returning"
"""The status of a line that was committed, and is returned if its home row says so."""


def line_key(reservation_id: str) -> RowKey:
    """The row of what a reservation keeps in a partition."""
    return RowKey(Kind.LINE, reservation_id)


def sold_key(reservation_id: str) -> RowKey:
    """The row of what a reservation had there when it was committed."""
    return RowKey(Kind.SOLD, reservation_id)


def hold_row(reservation: Reservation) -> Row:
    """What the row of a reservation says."""
    optional: Row = {"given_up": encode(reservation.given_up)} if reservation.given_up else {}
    return {
        **rows.of_hold(reservation),
        "expires_at_ms": reservation.expires_at_ms,
        "lines": encode([list(line) for line in reservation.lines]),
        "asked_by": reservation.reserved_by or None,
        **optional,
    }


def read_reservation(organization: str, reservation_id: str, row: Row, by: ActorKind) -> Reservation:
    """The reservation that its row says, for a step by these."""
    recorded = Recorded(rows.number(row, "event_epoch"), rows.number(row, "event_at_ms"))
    return Reservation(
        reservation_id,
        organization,
        rows.text(row, "holder"),
        read_lines(row),
        rows.number(row, "created_at_ms"),
        rows.text(row, "claimant"),
        rows.read_state(row),
        rows.text(row, "asked_by"),
        rows.number(row, "expires_at_ms"),
        recorded.at_ms,
        rows.number(row, "extensions"),
        recorded,
        tuple(json.loads(rows.text(row, "given_up") or "[]")),
        by=by,
    )


def read_lines(row: Row) -> tuple[ReservedLine, ...]:
    """The lines that the row of a reservation says."""
    return tuple(ReservedLine(*line) for line in json.loads(rows.text(row, "lines") or "[]"))


def line_of(reservation: Reservation, line: ReservedLine, *, at_ms: int, until_ms: int | None) -> Row:
    """A line that is kept."""
    return {
        "status": RESERVED,
        "owner": reservation.id,
        "quantity": line.quantity,
        "order_id": reservation.order_id,
        "performed_by": reservation.reserved_by or None,
        "since_ms": at_ms,
        "until_ms": until_ms,
    }


def sold_of(line: Row) -> Row:
    """What was committed of a line."""
    return {
        "status": COMMITTED,
        "owner": line["owner"],
        "quantity": line["quantity"],
        "order_id": line.get("order_id"),
        "performed_by": line.get("performed_by"),
    }


def moved(key: RowKey, before: Row, after: Row, keep_s: int) -> Write:
    """The row in another status, on condition that it is in the one that was seen; all of it, with an end."""
    return Write(key, {"status": before["status"]}, {**before, **after}, keep_s)


def sold(line: Row) -> Write:
    """The row of a line that is committed now."""
    return Write(sold_key(rows.text(line, "owner")), ABSENT, sold_of(line), COMMITTED_KEPT_S)


def returned(line: Row) -> Write:
    """The row of what was committed of a line, and is returned."""
    after = {**sold_of(line), "status": RETURNED}
    return Write(sold_key(rows.text(line, "owner")), {"status": RETURNING}, after, COMMITTED_KEPT_S)


def reopened(sold: Row, line: Row | None, *, at_ms: int, until_ms: int) -> Sequence[Write]:
    """What was committed, with a line again, that is returned if the home row says so. `line` is the one that ended, if
    it is there still.
    """
    owner = rows.text(sold, "owner")
    again: Row = {**sold_of(sold), "status": RETURNING, "since_ms": at_ms, "until_ms": until_ms}
    key = line_key(owner)
    return [
        moved(sold_key(owner), sold, {"status": RETURNING}, COMMITTED_KEPT_S),
        Write(key, ABSENT if line is None else {"status": ENDED}, again, COMMITTED_KEPT_S),
    ]


def taken_row(available: int, sku: str) -> str:
    """What a fenced row keeps of a refusal."""
    return encode([available, sku])


def read_taken(fenced: Row) -> InsufficientStock:
    """The refusal that it keeps."""
    available, sku = json.loads(rows.text(fenced, "taken") or '[0, ""]')
    return InsufficientStock(available, sku)
