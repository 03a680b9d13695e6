"""What is known of a seat as an answer."""

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.native import selling_models as models
from travio_inventory.seats.explanation import CellNow, SeatExplanation, Trace


def explained(page: SeatExplanation) -> models.Explanation:
    """One page."""
    return models.Explanation(
        segments=list(map(_on_segment, page.cells)),
        traces=list(map(_trace, page.traces)),
        next_page_token=token_of(page.next),
        left_out=page.left_out,
    )


def _on_segment(cell: CellNow) -> models.OnSegment:
    return models.OnSegment(
        segment_index=cell.segment,
        status=cell.status,
        hold_id=cell.owner,
        since_ms=cell.since_ms,
        until_ms=cell.until_ms,
        hold_status=cell.home,
        user_id=cell.holder,
        order_id=cell.order,
        hold_expires_at_ms=cell.expires_at_ms,
    )


def _trace(trace: Trace) -> models.Trace:
    first, last = trace.journey or (None, None)
    return models.Trace(
        source=trace.source.value,
        at_ms=trace.at_ms,
        what=trace.what,
        hold_id=trace.hold,
        user_id=trace.holder,
        order_id=trace.order,
        seat_ids=list(trace.seats),
        from_segment_index=first,
        to_segment_index=last,
        until_ms=trace.until_ms,
        changed_at_ms=trace.changed_at_ms,
        reason=trace.reason,
        actor=trace.actor,
        ordinal=trace.ordinal,
        takers=[
            models.Taker(segment_index=cell.segment, status=cell.status, hold_id=cell.hold, until_ms=cell.until_ms)
            for cell in trace.taken
        ],
    )
