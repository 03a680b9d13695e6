"""CQL messages as bytes, by the driver's own codec: the only place that uses it; its test fails when that changes."""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from cassandra import cqltypes
from cassandra.metadata import Metadata
from cassandra.protocol import (
    AuthChallengeMessage,
    AuthenticateMessage,
    AuthResponseMessage,
    AuthSuccessMessage,
    BatchMessage,
    ErrorMessage,
    ExecuteMessage,
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
from cassandra.query import BatchType
from cassandra.tablets import Tablet

from travio_inventory.store.scylla.connecting import ResultRows
from travio_inventory.store.scylla.driver_internals import add_tablet
from travio_inventory.store.scylla.failures import Failure
from travio_inventory.store.scylla.levels import Levels

PROTOCOL = 4
"""Version 5 has an error for unknown outcomes that the driver does not know."""
HEADER = struct.Struct(">BBhBi")
"""Version, flags, stream, opcode, and the length of the body."""
CQL_VERSION = "3.0.0"
"""Every server of that protocol takes it."""

Message: TypeAlias = Any
"""One of the driver's, which ships no types."""
Reply: TypeAlias = ResultRows | Failure | None
"""Rows, an error, or nothing."""

PLAIN = ProtocolFeatures()
"""Before a server has said what it supports."""

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


class Query(NamedTuple):
    """A prepared statement with its values."""

    id: bytes
    values: Sequence[bytes | None]


class Shards(NamedTuple):
    """How a server divides its partitions, and the port where a client may choose the shard."""

    number: int
    port: int
    of_token: Callable[[int], int]
    """Which of them has a token."""


def batch(queries: Sequence[Query], levels: Levels, *, is_logged: bool) -> Message:
    """All of the queries in one request; conditional ones are of the logged kind, as the driver sends them."""
    kind = BatchType.LOGGED if is_logged else BatchType.UNLOGGED
    return BatchMessage(kind, [(True, query.id, query.values) for query in queries], *levels)


def execute(query: Query, levels: Levels) -> Message:
    """One query."""
    return ExecuteMessage(query.id, query.values, *levels)


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


def encode(message: Message, stream: int, features: ProtocolFeatures = PLAIN) -> bytes:
    """The frame of a message. Raises what the driver raises for values that have no form on the wire."""
    frame: bytes = ProtocolHandler.encode_message(message, stream, PROTOCOL, None, False, features)
    return frame


def decode(stream: int, flags: int, opcode: int, body: bytes, features: ProtocolFeatures = PLAIN) -> Message:
    """The message in a frame. Raises whatever the driver raises for one that it cannot read."""
    return ProtocolHandler.decode_message(PROTOCOL, features, {}, stream, flags, opcode, body, None, None)


def reply_of(message: Message) -> Reply:
    """What an answer says."""
    if isinstance(message, ErrorMessage):
        return Failure(message.to_exception(), was_sent=True)
    if isinstance(message, ResultMessage) and message.column_names is not None:
        return ResultRows(message.column_names, message.parsed_rows)
    return None


def prepared_id(message: Message) -> bytes:
    """Under what id the server knows the statement. Raises the error that it answered instead."""
    if isinstance(message, ErrorMessage):
        raise message.to_exception()
    prepared: bytes = message.query_id
    return prepared


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
