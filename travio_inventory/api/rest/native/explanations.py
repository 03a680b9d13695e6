"""What is known of a seat as an answer."""

from travio_inventory.api.explanation_told import cell_told, taker_told, trace_told
from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.native import selling_models as models
from travio_inventory.seats.explanation import SeatExplanation, Trace


def explained(page: SeatExplanation) -> models.Explanation:
    """One page."""
    return models.Explanation(
        segments=[models.OnSegment(**cell_told(cell)) for cell in page.cells],
        traces=list(map(_trace, page.traces)),
        next_page_token=token_of(page.next),
        left_out=page.left_out,
    )


def _trace(trace: Trace) -> models.Trace:
    takers = [models.Taker(**taker_told(cell)) for cell in trace.taken]
    return models.Trace(source=trace.source.value, takers=takers, **trace_told(trace))
