"""Messages of the contract as Connect's codecs read and write them: a reply may be bytes already."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import betterproto2
from connectrpc.code import Code
from connectrpc.codec import Codec
from connectrpc.errors import ConnectError
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message

from travio_inventory.api.grpc.large_messages import AT_ONCE_BYTES, read_large
from travio_inventory.kernel.json_members import NamedTwice, members_once
from travio_inventory.kernel.off_loop import off_loop

JSON_BYTES_MAX = 65_536
"""Of a request in JSON, which takes 50 times as long to read as the same message in protobuf."""
BYTES_OF_JSON = 20
"""So many bytes of a message become JSON in the time that much else takes."""


class Reply:
    """A reply as protobuf, and as JSON where the caller wants that."""

    __slots__ = ("json", "protobuf")

    def __init__(self, protobuf: bytes, json: bytes = b"") -> None:
        self.protobuf = protobuf
        self.json = json


async def reply_of(answer: betterproto2.Message | bytes, form: type[Message], *, as_json: bool) -> Reply:
    """The answer, whose form the contract gives."""
    protobuf = answer if isinstance(answer, bytes) else bytes(answer)
    if not as_json:
        return Reply(protobuf)
    return Reply(protobuf, await off_loop(len(protobuf) * BYTES_OF_JSON, _json_of, protobuf, form))


def _json_of(protobuf: bytes, form: type[Message]) -> bytes:
    return MessageToJson(form.FromString(protobuf), indent=None).encode()


class Unread(NamedTuple):
    """A large request, of which others must not wait for the reading."""

    data: bytes
    form: type[Message]


class _Protobuf(Codec[Any, Any]):
    """Reads a request that is not large; writes a reply."""

    def name(self) -> str:
        return "proto"

    def encode(self, message: Reply) -> bytes:
        return message.protobuf

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> Message | Unread:
        if len(data) > AT_ONCE_BYTES:
            return Unread(bytes(data), message_class)
        try:
            return message_class.FromString(bytes(data))
        except DecodeError:
            raise _no_message(message_class) from None


async def read(request: Message | Unread) -> Message:
    """The request. Raises ConnectError, InvalidRequest."""
    if not isinstance(request, Unread):
        return request
    try:
        return await read_large(request.data, request.form)
    except DecodeError:
        raise _no_message(request.form) from None


def _no_message(form: type[Message]) -> ConnectError:
    return ConnectError(Code.INVALID_ARGUMENT, f"the body is no {form.DESCRIPTOR.name} in protobuf")


class _Json(Codec[Any, Any]):
    """The same in JSON, as protobuf maps it."""

    def name(self) -> str:
        return "json"

    def encode(self, message: Reply) -> bytes:
        return message.json

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> Message:
        if len(data) > JSON_BYTES_MAX:
            raise ConnectError(
                Code.RESOURCE_EXHAUSTED,
                f"a request in JSON has at most {JSON_BYTES_MAX} bytes, this one has {len(data)}: send protobuf",
            )
        try:
            members = json.loads(data.decode(), object_pairs_hook=members_once)
            if not isinstance(members, dict):  # the parser takes a text for an object without names
                raise ParseError("not an object")
            _fields_once(members, message_class.DESCRIPTOR)  # type: ignore[arg-type]    # of its C implementation
            return ParseDict(members, message_class(), ignore_unknown_fields=True, max_recursion_depth=10)
        except (ParseError, ValueError, RecursionError) as error:
            raise ConnectError(
                Code.INVALID_ARGUMENT, f"the body is no {message_class.DESCRIPTOR.name} in JSON: {str(error)[:200]}"
            ) from None


def _fields_once(members: Mapping[str, Any], form: Descriptor) -> None:
    """A field may be named in two ways, `tripId` and `trip_id`. Raises NamedTwice where an object has both."""
    named = set()
    for name, value in members.items():
        field = form.fields_by_camelcase_name.get(name) or form.fields_by_name.get(name)
        if field is None:
            continue
        if field.name in named:
            raise NamedTwice(name)
        named.add(field.name)
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, dict):
                    _fields_once(each, field.message_type)


CODECS: Sequence[Codec[Any, Any]] = (_Protobuf(), _Json())
