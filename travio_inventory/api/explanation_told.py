"""What is known of a seat in the words of every face: times in Unix milliseconds, since disputes are about moments."""

from typing import Any

from travio_inventory.seats.explanation import CellNow, Trace
from travio_inventory.seats.refusals import TakenCell


def cell_told(cell: CellNow) -> dict[str, Any]:
    """The seat on one segment."""
    return {
        "segment_index": cell.segment,
        "status": cell.status,
        "hold_id": cell.owner,
        "since_ms": cell.since_ms,
        "until_ms": cell.until_ms,
        "hold_status": cell.home,
        "user_id": cell.holder,
        "order_id": cell.order,
        "hold_expires_at_ms": cell.expires_at_ms,
    }


def trace_told(trace: Trace) -> dict[str, Any]:
    """What is kept about the seat, without what tells it and who had the seat then."""
    first, last = trace.journey or (None, None)
    return {
        "at_ms": trace.at_ms,
        "what": trace.what,
        "hold_id": trace.hold,
        "user_id": trace.holder,
        "order_id": trace.order,
        "seat_ids": list(trace.seats),
        "from_segment_index": first,
        "to_segment_index": last,
        "until_ms": trace.until_ms,
        "changed_at_ms": trace.changed_at_ms,
        "reason": trace.reason,
        "actor": trace.actor,
        "ordinal": trace.ordinal,
    }


def taker_told(cell: TakenCell) -> dict[str, Any]:
    """Who had the seat on one segment when somebody was refused it."""
    return {
        "segment_index": cell.segment,
        "status": cell.status,
        "hold_id": cell.hold,
        "until_ms": cell.until_ms,
    }
