"""An event as one sink gets it: what a broker carries and what it routes by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

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
