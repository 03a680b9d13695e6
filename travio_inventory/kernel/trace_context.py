"""The trace that the work of the moment belongs to, as W3C Trace Context writes it: for logs and what is sent on."""

import re
from contextvars import ContextVar
from typing import Final, NamedTuple

_FORM: Final = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceParent(NamedTuple):
    """A span of a trace, and whether its trace is recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


CURRENT: Final[ContextVar[TraceParent | None]] = ContextVar("trace parent", default=None)


def read_trace_parent(text: str | None) -> TraceParent | None:
    """The span that a `traceparent` names; None if it names none."""
    found = _FORM.fullmatch(text or "")
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1))
