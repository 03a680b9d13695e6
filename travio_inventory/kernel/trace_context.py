"""The trace that the work of the moment belongs to, as W3C Trace Context writes it: for logs and what is sent on."""

import re
from contextvars import ContextVar
from typing import Final, NamedTuple

STATE_BYTES_MAX: Final = 512
"""A longer `tracestate` is left out, as the standard allows."""
_FORM: Final = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE: Final = re.compile("[ -~]+")
_COMMA: Final = re.compile("[ \t]*,[ \t]*")


class TraceParent(NamedTuple):
    """A span of a trace, whether its trace is recorded, and what tracing systems pass on with it (`tracestate`)."""

    trace_id: str
    span_id: str
    is_sampled: bool
    state: str = ""

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


CURRENT: Final[ContextVar[TraceParent | None]] = ContextVar("trace parent", default=None)


def read_trace_parent(text: str | None, state: str = "") -> TraceParent | None:
    """The span that a `traceparent` names, with that `tracestate` if it is one; None if it names none."""
    found = _FORM.fullmatch(text or "")
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1), _state_of(state))


def _state_of(text: str) -> str:
    state = _COMMA.sub(",", text.strip()) if text else ""
    return state if len(state) <= STATE_BYTES_MAX and _STATE.fullmatch(state) else ""
