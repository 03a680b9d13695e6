"""A list of messages that is longer than it may be, or a map, is refused without being read: that could take half a
minute.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import betterproto2

from tests.api.requests import VALID, each_kind, read
from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.grpc.protobuf import part
from travio_inventory.kernel.refusals import InvalidRequest

ITEMS = 150_000
"""More than any list may have."""
CALLS_MAX = 20_000


def lists(of: Any, depth: int = 2) -> Iterator[bytes]:  # noqa: ANN401 - a descriptor, of which there are two kinds
    """A body for each list of messages, in the message or in one of its own, with empty items; for each map with other
    keys.
    """
    for field in of.fields:
        if field.message_type is None:
            continue
        if is_map(field):
            yield b"".join(part(field.number, part(1, b"%x" % item)) for item in range(ITEMS))
        elif field.is_repeated:
            yield part(field.number, b"") * ITEMS
        elif depth > 1:
            yield from (part(field.number, body) for body in lists(field.message_type, depth - 1))


def is_map(field: Any) -> bool:  # noqa: ANN401 - see above
    return bool(field.message_type.GetOptions().map_entry)


def calls_to_read(kind: type[betterproto2.Message], body: bytes) -> int:
    calls = 0

    def count(_frame: FrameType, event: str, _of: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with suppress(InvalidRequest):
            read(kind, body)
    finally:
        sys.setprofile(None)
    return calls


@each_kind
def test_what_is_too_long_is_not_read(kind: type[betterproto2.Message]) -> None:
    found = [calls_to_read(kind, body) for body in lists(message_type(kind.__name__).DESCRIPTOR)]
    assert max(found, default=0) < CALLS_MAX


def test_there_are_lists_to_be_tried() -> None:
    assert sum(len([*lists(message_type(kind.__name__).DESCRIPTOR)]) for kind in VALID) > 10
