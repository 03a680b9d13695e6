"""The frames of AMQP 0-9-1 that publish one message: making them is most of what the library's publishing costs."""

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from travio_inventory.events.shapes.message import Message

SHORT_BYTES_MAX = 255
"""Of a short string: the id of a message, a routing key, the name of a header."""
FRAME_BYTES = 8
"""Of each frame beside its payload."""

_HEAD = Struct(">BHL")
_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
_PUBLISH = b"\x00\x3c\x00\x28\x00\x00"
"""Class, method, and what was a ticket."""
_MANDATORY = b"\x01"
_PROPERTIES = Struct(">HHQH")
_CLASS = 60
_NAMED = 1 << 15 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 5 | 1 << 3
"""Content type, headers, delivery mode, message id, type, application: as they follow each other."""
_PERSISTENT = b"\x02"
_LENGTH = Struct(">L")


class Way(NamedTuple):
    """By which messages are published."""

    channel: int
    exchange: str
    app_id: str
    attribute_prefix: str
    frame_max: int


def frames_of(message: Message, way: Way) -> bytes:
    """The frames that publish it: persistent, mandatory, routed by its type, the body in as many frames as it needs.
    Raises ValueError if a short string is too long.
    """
    body, headers = message.body, message.all_headers(prefix=way.attribute_prefix)
    properties = (
        _PROPERTIES.pack(_CLASS, 0, len(body), _NAMED),
        _short(message.content_type),
        _long(b"".join(_short(name) + b"S" + _long(value.encode()) for name, value in sorted(headers.items()))),
        _PERSISTENT,
        _short(message.id),
        _short(message.type),
        _short(way.app_id),
    )
    most = way.frame_max - FRAME_BYTES
    bodies = (_frame(_BODY, way.channel, body[start : start + most]) for start in range(0, len(body), most))
    publish = _publish(way.channel, way.exchange, message.type)
    return b"".join((publish, _frame(_HEADER, way.channel, b"".join(properties)), *bodies))


def is_short(text: str) -> bool:
    """Whether it is a short string."""
    return len(text.encode()) <= SHORT_BYTES_MAX


@lru_cache(maxsize=256)
def _publish(channel: int, exchange: str, routing_key: str) -> bytes:
    return _frame(_METHOD, channel, _PUBLISH + _short(exchange) + _short(routing_key) + _MANDATORY)


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, channel, len(payload)) + payload + _END


def _short(text: str) -> bytes:
    data = text.encode()
    if len(data) > SHORT_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes: a short string has at most {SHORT_BYTES_MAX}")
    return bytes((len(data),)) + data


def _long(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data
