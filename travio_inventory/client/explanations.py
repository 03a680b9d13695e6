"""Turns what the service knows of a seat into plain values."""

from collections.abc import Sequence
from datetime import UTC, datetime

from travio_inventory.client.answers import SeatExplanation, SeatOnSegment, SeatTaker, SeatTrace
from travio_inventory.seats.trip import Journey
from travio_inventory.wire.inventory import v1 as wire

EARLIEST = datetime.min.replace(tzinfo=UTC)


def explanation(pages: Sequence[wire.ExplainSeatResponse]) -> SeatExplanation:
    """All pages together, the traces in the order of time."""
    traces = [_trace(trace) for page in pages for trace in page.traces]
    return SeatExplanation(
        segments=tuple(_on_segment(segment) for page in pages for segment in page.segments),
        traces=tuple(sorted(traces, key=lambda trace: trace.at or EARLIEST)),
        left_out=pages[-1].left_out,
    )


def _moment(unix_ms: int) -> datetime | None:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC) if unix_ms else None


def _on_segment(segment: wire.SeatOnSegment) -> SeatOnSegment:
    return SeatOnSegment(
        segment.segment_index,
        segment.status,
        segment.hold_id,
        _moment(segment.since_ms),
        _moment(segment.until_ms),
        segment.hold_status,
        segment.user_id,
        segment.order_id,
        _moment(segment.hold_expires_at_ms),
    )


def _trace(trace: wire.SeatTrace) -> SeatTrace:
    first, last = trace.from_segment_index, trace.to_segment_index
    return SeatTrace(
        at=_moment(trace.at_ms),
        source=(trace.source.name or "unknown").lower(),
        what=trace.what,
        hold=trace.hold_id,
        user=trace.user_id,
        order=trace.order_id,
        seats=tuple(trace.seat_ids),
        journey=Journey(first, last) if first is not None and last is not None else None,
        until=_moment(trace.until_ms),
        changed_at=_moment(trace.changed_at_ms),
        reason=trace.reason,
        actor=trace.actor,
        takers=tuple(
            SeatTaker(taker.segment_index, taker.status, taker.hold_id, _moment(taker.until_ms))
            for taker in trace.takers
        ),
    )
