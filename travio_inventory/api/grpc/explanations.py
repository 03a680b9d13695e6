"""What is known of a seat as a message."""

from travio_inventory.api.explanation_told import cell_told, taker_told, trace_told
from travio_inventory.api.page_tokens import token_of
from travio_inventory.seats.explanation import SeatExplanation, Source, Trace
from travio_inventory.wire.inventory import v1

_SOURCES = {
    Source.HOLD: v1.SeatTraceSource.HOLD,
    Source.REFUSAL: v1.SeatTraceSource.REFUSAL,
    Source.EVENT: v1.SeatTraceSource.EVENT,
}


def explained(page: SeatExplanation) -> v1.ExplainSeatResponse:
    """One page."""
    return v1.ExplainSeatResponse(
        segments=[v1.SeatOnSegment(**cell_told(cell)) for cell in page.cells],
        traces=list(map(_trace, page.traces)),
        next_page_token=token_of(page.next),
        left_out=page.left_out,
    )


def _trace(trace: Trace) -> v1.SeatTrace:
    takers = [v1.SeatTaker(**taker_told(cell)) for cell in trace.taken]
    return v1.SeatTrace(source=_SOURCES[trace.source], takers=takers, **trace_told(trace))
