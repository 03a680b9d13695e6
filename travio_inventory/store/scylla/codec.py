"""CQL messages as bytes. What is sent all the time is written here; all else, and what servers answer, by the driver's
own codec. This is the only place that uses it, and its test fails when that changes, or writes a request otherwise.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from cassandra import cqltypes
from cassandra.metadata import Metadata
from cassandra.protocol import (
    AuthChallengeMessage,
    AuthenticateMessage,
    AuthResponseMessage,
    AuthSuccessMessage,
    ErrorMessage,
    OptionsMessage,
    PreparedQueryNotFound,
    PrepareMessage,
    ProtocolHandler,
    ReadyMessage,
    ResultMessage,
    StartupMessage,
    SupportedMessage,
)
from cassandra.protocol_features import ProtocolFeatures
from cassandra.tablets import Tablet

from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.driver_internals import add_tablet
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import Levels

PROTOCOL = 4
"""Version 5 has an error for unknown outcomes that the driver does not know."""
HEADER = struct.Struct(">BBhBi")
"""Version, flags, stream, opcode, and the length of the body."""
EXECUTE, BATCH, RESULT = 0x0A, 0x0D, 0x08
CQL_VERSION = "3.0.0"
"""Every server of that protocol takes it."""

Message: TypeAlias = Any
"""One of the driver's, which ships no types."""
Reply: TypeAlias = ResultRows | Failure | None
"""Rows, an error, or nothing."""

PLAIN = ProtocolFeatures()
"""Before a server has said what it supports."""

ANSWER_BYTES_KNOWN, ANSWERS_KNOWN = 160, 64
"""So many answers that are no larger are known by their bytes: "done", and "applied" of each table."""
_VOID_OR_ROWS = (struct.pack(">i", 1), struct.pack(">i", 2))

_int16 = struct.Struct(">H").pack
_LOGGED, _UNLOGGED = b"\0", b"\1"
_PREPARED = b"\1"
_WITH_VALUES, _WITH_SERIAL = 0x01, 0x10

_SHARDING = "biased-token-round-robin"
_TABLET = "tablets-routing-v1"
_TABLET_TYPE = cqltypes.lookup_casstype("TupleType(LongType, LongType, ListType(TupleType(UUIDType, Int32Type)))")

__all__ = [
    "AuthChallengeMessage",
    "AuthSuccessMessage",
    "AuthenticateMessage",
    "ErrorMessage",
    "ReadyMessage",
    "SupportedMessage",
]


class Frame(NamedTuple):
    """What is sent, but for its stream."""

    opcode: int
    body: bytes


class Shards(NamedTuple):
    """How a server divides its partitions, and the port where a client may choose the shard."""

    number: int
    port: int
    of_token: Callable[[int], int]
    """Which of them has a token."""


def batch(ids: Sequence[bytes], values: Sequence[bytes], levels: Levels, *, is_logged: bool) -> Frame:
    """All of the statements in one request; conditional ones are of the logged kind, as the driver sends them."""
    parts = [_LOGGED if is_logged else _UNLOGGED, _int16(len(ids))]
    for id_, packed in zip(ids, values, strict=True):
        parts += (_PREPARED, id_, packed)
    before, behind = _asked(levels, 0)
    parts += (before, behind)
    return Frame(BATCH, b"".join(parts))


def execute(id_: bytes, values: bytes, levels: Levels) -> Frame:
    """One statement."""
    before, behind = _asked(levels, _WITH_VALUES)
    return Frame(EXECUTE, b"".join((id_, before, values, behind)))


@lru_cache(maxsize=64)
def _asked(levels: Levels, flags: int) -> tuple[bytes, bytes]:
    """What a request says of its levels, before and behind the values of one statement."""
    consistency, serial = levels
    if serial is None:
        return _int16(consistency) + bytes([flags]), b""
    return _int16(consistency) + bytes([flags | _WITH_SERIAL]), _int16(serial)


def prepare(text: str) -> Message:
    """Prepare a statement on one server."""
    return PrepareMessage(text)


def options() -> Message:
    """Ask what the server supports."""
    return OptionsMessage()


def startup(features: ProtocolFeatures) -> Message:
    """The first message that counts, with the server's own features that we understand."""
    asked: dict[str, str] = {}
    features.add_startup_options(asked)
    return StartupMessage(CQL_VERSION, asked)


def auth_response(token: bytes | str | None) -> Message:
    """An answer to a server that asks who we are."""
    return AuthResponseMessage("" if token is None else token)


def features_of(supported: Mapping[str, Sequence[str]]) -> ProtocolFeatures:
    """What of the server's own features we use: its limits told apart, tablets, and its hints about conditions."""
    found = ProtocolFeatures.parse_from_supported(supported)
    return ProtocolFeatures(
        rate_limit_error=found.rate_limit_error,
        shard_id=found.shard_id,
        sharding_info=found.sharding_info,
        tablets_routing_v1=found.tablets_routing_v1,
        lwt_info=found.lwt_info,
    )


def shards_of(features: ProtocolFeatures, *, is_tls: bool) -> Shards | None:
    """The server's shards, where there are several, each can be connected to, and their rule is the one we know."""
    info = features.sharding_info
    if info is None or info.shards_count < 2 or info.sharding_algorithm != _SHARDING:
        return None
    port = info.shard_aware_port_ssl if is_tls else info.shard_aware_port
    return Shards(info.shards_count, port, info.shard_id_from_token) if port else None


def encode(message: Message, features: ProtocolFeatures = PLAIN) -> Frame:
    """The frame of a message of the driver's."""
    frame: bytes = ProtocolHandler.encode_message(message, 0, PROTOCOL, None, False, features)
    return Frame(frame[4], frame[HEADER.size :])


def decode(flags: int, opcode: int, body: bytes, features: ProtocolFeatures = PLAIN) -> Message:
    """The message in a frame. Raises whatever the driver raises for one that it cannot read."""
    if opcode == RESULT and not flags and len(body) <= ANSWER_BYTES_KNOWN and body[:4] in _VOID_OR_ROWS:
        return _known(body)
    return _decoded(flags, opcode, body, features)


@lru_cache(maxsize=ANSWERS_KNOWN)
def _known(body: bytes) -> Message:
    """The result of these bytes, which nobody changes."""
    return _decoded(0, RESULT, body, PLAIN)


def _decoded(flags: int, opcode: int, body: bytes, features: ProtocolFeatures) -> Message:
    return ProtocolHandler.decode_message(PROTOCOL, features, {}, 0, flags, opcode, body, None, None)


def reply_of(message: Message) -> Reply:
    """What an answer says."""
    if isinstance(message, ErrorMessage):
        return Failure(message.to_exception(), was_sent=True)
    if isinstance(message, ResultMessage) and message.column_names is not None:
        return ResultRows(message.column_names, message.parsed_rows)
    return None


def prepared_id(message: Message) -> bytes:
    """Under what id the server knows the statement, as it travels. Raises the error that it answered instead."""
    if isinstance(message, ErrorMessage):
        raise message.to_exception()
    prepared: bytes = message.query_id
    return _int16(len(prepared)) + prepared


def is_unprepared(message: Message) -> bool:
    """Whether the server does not know a statement, and so has done nothing."""
    return isinstance(message, PreparedQueryNotFound)


def learn_tablet(metadata: Metadata, message: Message, keyspace: str, table: str) -> bool:
    """Hand a tablet that the answer tells of to the driver, which learns of tablets from answers alone; whether it told
    of one.
    """
    payload = getattr(message, "custom_payload", None)
    if not payload or _TABLET not in payload:
        return False
    tablet = Tablet.from_row(*_TABLET_TYPE.from_binary(payload[_TABLET], PROTOCOL))
    if tablet is not None:
        add_tablet(metadata, keyspace, table, tablet)
    return tablet is not None
