"""Large messages in protobuf: their parts are counted in turns before a parser makes objects of all of them at once."""

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import Final, TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError, Message

from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.kernel import limits
from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.refusals import InvalidRequest, Violation

M = TypeVar("M", bound=Message)

AT_ONCE_BYTES: Final = 65_536
"""So much is parsed in two milliseconds, whatever it is."""
AT_ONCE: Final = 1_000
"""Parts that are counted in a turn."""
PARTS_MAX: Final = limits.SEATS_MAX + 50_000
"""No request of a size that is allowed has as many; the parser takes half a microsecond for each."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class _Wrong(Exception):
    """It is no message: the parser says so."""


async def read_large(data: bytes, form: type[M]) -> M:
    """The message. Raises InvalidRequest for more parts than any message may have, DecodeError for what is none."""
    if len(data) > AT_ONCE_BYTES:
        with only_reading:
            await _count(data, form)
    return form.FromString(data)


async def read_for_grpc(data: bytes, form: type[M]) -> M:
    """The same. Raises GRPCError for too many parts."""
    try:
        return await read_large(data, form)
    except InvalidRequest as refusal:
        raise grpc_error(refusal) from None


async def _count(data: bytes, form: type[Message]) -> None:
    descriptor = cast(Descriptor, form.DESCRIPTOR)
    try:
        for number, name in enumerate(_parts(data, 0, len(data), descriptor, ""), start=1):
            if number > PARTS_MAX:
                raise InvalidRequest(
                    [Violation(name, f"a message has at most {PARTS_MAX} parts, with those of its parts")]
                )
            if not number % AT_ONCE:
                await asyncio.sleep(0)
    except _Wrong:
        raise DecodeError(descriptor.name) from None


def _parts(data: bytes, at: int, end: int, form: Descriptor, within: str) -> Iterator[str]:
    """The names of all fields between, each as often as it is there, with those of messages that have messages."""
    while at < end:
        key, at = _varint(data, at, end)
        field, kind = form.fields_by_number.get(key >> 3), key & 7
        name = f"{within}{field.name}" if field else within.rstrip(".")
        yield name
        if kind == VARINT:
            _, at = _varint(data, at, end)
        elif kind == BYTES:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise _Wrong
            inner = field.message_type if field is not None else None
            if inner is not None and _has_messages(inner):
                yield from _parts(data, at, at + size, inner, f"{name}.")
            at += size
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise _Wrong


@cache
def _has_messages(form: Descriptor) -> bool:
    return any(field.type == Field.TYPE_MESSAGE for field in form.fields)


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < end and shift < 70:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _Wrong
