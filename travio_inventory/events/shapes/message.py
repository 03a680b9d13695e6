"""An event as one sink gets it: what a broker carries and what it routes by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from travio_inventory.kernel.events import Event

NOTHING: Mapping[str, str] = MappingProxyType({})
JSON = "application/json"


class Message(NamedTuple):
    """`id` stays the same when the message is published again. Messages of one `key` stay together and in order;
    `type` routes where a broker routes by it. `headers` are as they are; `attributes` are those of CloudEvents, to
    which each broker's binding puts a prefix of its own.
    """

    id: str
    type: str
    key: str
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = NOTHING
    attributes: Mapping[str, str] = NOTHING

    def all_headers(self, *, prefix: str) -> dict[str, str]:
        """The headers, and the attributes with that prefix."""
        return {**self.headers, **{f"{prefix}{name}": value for name, value in self.attributes.items()}}


def headers_of(event: Event, kind: str, name: str) -> dict[str, str]:
    """The headers of a message of that type with that id, which tells of the event or of a part of it."""
    headers = {"event_type": kind, "event_id": name}
    if event.traceparent:
        headers |= trace_of(event)
    return headers


def trace_of(event: Event) -> dict[str, str]:
    """The trace that the event is of, under the names that W3C Trace Context and CloudEvents give it; may be empty."""
    named = {"traceparent": event.traceparent, "tracestate": event.tracestate}
    return {name: value for name, value in named.items() if value}
