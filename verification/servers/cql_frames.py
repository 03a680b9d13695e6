"""Frames of CQL's native protocol, version 4, as far as a proxy needs them: complete, uncompressed, untraced."""

import struct
from asyncio import StreamReader
from collections.abc import Collection, Iterator
from enum import IntEnum
from typing import NamedTuple

VERSION = 4
BODY_BYTES_MAX = 256 * 2**20
PREPARED = 4
"""The kind of RESULT that answers a PREPARE."""

_HEADER = struct.Struct(">BBhBI")
_INT16, _INT32 = 2, 4


class Opcode(IntEnum):
    """What a frame is."""

    STARTUP = 0x01
    READY = 0x02
    QUERY = 0x07
    RESULT = 0x08
    PREPARE = 0x09
    EXECUTE = 0x0A
    BATCH = 0x0D


class Frame(NamedTuple):
    """A request or an answer; the two have the same stream."""

    version: int
    flags: int
    stream: int
    opcode: int
    body: bytes

    def encoded(self) -> bytes:
        """Its bytes."""
        return _HEADER.pack(self.version, self.flags, self.stream, self.opcode, len(self.body)) + self.body


async def read_frame(reader: StreamReader) -> Frame:
    """The next frame. Raises IncompleteReadError at the end, ValueError where these are no frames."""
    version, flags, stream, opcode, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if version & 0x7F != VERSION or length > BODY_BYTES_MAX:
        raise ValueError(f"no frame of version {VERSION}: version {version:#x}, {length} bytes")
    return Frame(version, flags, stream, opcode, await reader.readexactly(length))


def startup() -> Frame:
    """The request that begins a connection."""
    name, version = b"CQL_VERSION", b"3.0.0"
    body = _int(1, _INT16) + _int(len(name), _INT16) + name + _int(len(version), _INT16) + version
    return Frame(VERSION, 0, 0, Opcode.STARTUP, body)


def prepares_a_condition(frame: Frame) -> bool:
    """Whether it asks to prepare a conditional statement."""
    return frame.opcode == Opcode.PREPARE and _is_conditional(_sized(frame.body, 0, _INT32)[0])


def prepared_id(answer: Frame) -> bytes | None:
    """The id of the statement that this answer prepared; None if it is an error. Raises ValueError for an answer with
    warnings and the like before it.
    """
    if answer.opcode != Opcode.RESULT:
        return None
    if answer.flags or _read(answer.body, 0, _INT32) != PREPARED:
        raise ValueError(f"no plain answer to PREPARE: flags {answer.flags:#x}, {answer.body[:40]!r}")
    return _sized(answer.body, _INT32, _INT16)[0]


def is_conditional(frame: Frame, prepared: Collection[bytes]) -> bool:
    """Whether it asks for a conditional batch or statement; `prepared` are the ids of conditional statements."""
    if frame.opcode == Opcode.EXECUTE:
        return _sized(frame.body, 0, _INT16)[0] in prepared
    if frame.opcode == Opcode.BATCH:
        return any(statement in prepared or _is_conditional(statement) for statement in _statements(frame.body))
    return False


def _is_conditional(text: bytes) -> bool:
    return b" IF " in text


def _statements(body: bytes) -> Iterator[bytes]:
    """The id of each prepared statement of a batch, the text of each other one."""
    at = 1 + _INT16
    for _ in range(_read(body, 1, _INT16)):
        is_prepared = body[at]
        statement, at = _sized(body, at + 1, _INT16 if is_prepared else _INT32)
        yield statement
        values, at = _read(body, at, _INT16), at + _INT16
        for _ in range(values):
            at += _INT32 + max(0, _read(body, at, _INT32))


def _sized(body: bytes, at: int, width: int) -> tuple[bytes, int]:
    """The bytes whose length comes before them, and where they end."""
    start = at + width
    end = start + _read(body, at, width)
    return body[start:end], end


def _read(body: bytes, at: int, width: int) -> int:
    """An integer. Those of 32 bits are signed: null has the length -1."""
    return int.from_bytes(body[at : at + width], "big", signed=width == _INT32)


def _int(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")
