"""The spans that callers and events name, for OpenTelemetry. Imported only where traces are on."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from travio_inventory.kernel.events import Event
from travio_inventory.kernel.trace_context import TraceParent, read_trace_parent
from travio_inventory.telemetry.sampling import Sampling

TRACEPARENT: Final = "traceparent"
LINKS_MAX: Final = 128
"""As many as a span keeps of itself."""


def parent_in_metadata(metadata: Any) -> TraceParent | None:  # noqa: ANN401 - grpclib's
    """The caller's span, as metadata of gRPC name it."""
    said = metadata.get(TRACEPARENT)
    return None if said is None else read_trace_parent(said, ",".join(metadata.getall("tracestate", ())))


def parent_in_headers(headers: Iterable[tuple[bytes, bytes]]) -> TraceParent | None:
    """The caller's span, as the headers of a request name it."""
    said: dict[bytes, list[str]] = {b"traceparent": [], b"tracestate": []}
    for name, value in headers:
        if name in said:
            said[name].append(value.decode("latin-1"))
    return read_trace_parent(said[b"traceparent"][0], ",".join(said[b"tracestate"])) if said[b"traceparent"] else None


def context_of(parent: TraceParent | None) -> Context:
    """Of a caller's span, or of one of ours; an empty one begins a trace."""
    return Context() if parent is None else set_span_in_context(NonRecordingSpan(_span_context(parent)), Context())


def links_to(events: Sequence[Event], sampling: Sampling) -> list[Link]:
    """Links to the recorded spans that the events are of, to each once."""
    said = dict.fromkeys((event.traceparent, event.tracestate) for event in events if event.traceparent)
    found = (read_trace_parent(*each) for each in said)
    kept = (each for each in found if each is not None and each.is_sampled and sampling.is_sampled(each))
    return [Link(_span_context(each)) for each in islice(kept, LINKS_MAX)]


def _span_context(of: TraceParent) -> SpanContext:
    trace_id, span_id = int(of.trace_id, 16), int(of.span_id, 16)
    flags = TraceFlags(TraceFlags.SAMPLED if of.is_sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([of.state]) if of.state else None
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags, trace_state=state)
