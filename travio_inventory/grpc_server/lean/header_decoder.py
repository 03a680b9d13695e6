"""HPACK as a peer sends it: header blocks to fields, and the table that the next blocks refer to.

A field is a pair of str, latin-1, so that every byte is a character. Those in the table are the same objects each time:
a block that only points into it costs a list.
"""

import re
from typing import Final, TypeAlias

from h2.errors import ErrorCodes
from hpack.table import HeaderTable

from travio_inventory.grpc_server.lean import huffman
from travio_inventory.grpc_server.lean.frame_format import ConnectionFault

Field: TypeAlias = tuple[str, str]

TABLE_BYTES_MAX: Final = 4_096
"""HTTP/2's own; we never announce another."""
ENTRY_BYTES: Final = 32
"""What HTTP/2 counts for each field on top of its text."""
_INTEGER_BITS_MAX: Final = 28

STATIC: Final[list[Field]] = [
    ("", ""),
    *((name.decode("ascii"), value.decode("ascii")) for name, value in HeaderTable.STATIC_TABLE),
]
_STATIC_END: Final = len(STATIC)
_STATIC_ENTRY_BYTES_MAX: Final = max(len(name) + len(value) for name, value in STATIC) + ENTRY_BYTES

# RFC 9113, 8.2.1.
_NAME: Final = re.compile(r":?[\x21-\x39\x3b-\x40\x5b-\x7e]+")
_VALUE: Final = re.compile(r"(?![ \t])[^\0\r\n]*(?<![ \t])")


class HeaderDecoder:
    """The table of one connection. `decode` raises ConnectionFault if the block makes no sense."""

    __slots__ = ("_bad", "_block_is_bad", "_entry_bytes_max", "_size", "_size_max", "_table", "changed")

    def __init__(self) -> None:
        self.changed = False
        """Whether the last block changed the table: what earlier blocks meant, they mean no longer."""
        self._table: list[Field] = []
        """The newest last."""
        self._size = 0
        self._size_max = TABLE_BYTES_MAX
        self._entry_bytes_max = _STATIC_ENTRY_BYTES_MAX
        self._bad: set[Field] = set()
        """Those in the table that none may have."""
        self._block_is_bad = False

    def decode(self, block: bytes) -> list[Field]:
        """The fields of a block."""
        self.changed = self._block_is_bad = False
        try:
            return self._fields(block)
        except (IndexError, ValueError) as error:
            raise ConnectionFault(ErrorCodes.COMPRESSION_ERROR, f"a senseless header block: {error}") from None

    def is_malformed(self, fields: list[Field]) -> bool:
        """Whether a name or a value of the last block has characters that none may have."""
        return self._block_is_bad or (bool(self._bad) and not self._bad.isdisjoint(fields))

    def list_bytes(self, fields: list[Field], block: bytes, *, unless_beyond: int) -> int:
        """The size of the fields as HTTP/2 counts it, or 0 where it is at most so much without counting."""
        if len(fields) * (self._entry_bytes_max + ENTRY_BYTES) + 2 * len(block) <= unless_beyond:
            return 0
        return sum([len(name) + len(value) + ENTRY_BYTES for name, value in fields])

    def _fields(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        at, end, table = self._resized(block), len(block), self._table
        while at < end:
            byte = block[at]
            at += 1
            if byte & 0x80:
                index = byte & 0x7F
                if index == 0x7F:
                    index, at = _integer(block, at, 0x7F)
                if index >= _STATIC_END:
                    fields.append(table[_STATIC_END - 1 - index])
                elif index:
                    fields.append(STATIC[index])
                else:
                    raise ValueError("a field of index 0")
                continue
            field, at = self._literal(block, at, byte)
            fields.append(field)
            if byte & 0x40:
                self._add(field)
        return fields

    def _literal(self, block: bytes, at: int, byte: int) -> tuple[Field, int]:
        """A field that is written out, or its value is; and where the next one begins."""
        if byte & 0x60 == 0x20:
            raise ValueError("a change of the table's size after a field")
        bits = 0x3F if byte & 0x40 else 0x0F
        index = byte & bits
        if index == bits:
            index, at = _integer(block, at, bits)
        if not index:
            name, at = _text(block, at)
            is_good = _NAME.fullmatch(name) is not None
        else:
            name = STATIC[index][0] if index < _STATIC_END else self._table[_STATIC_END - 1 - index][0]
            is_good = not self._bad or _NAME.fullmatch(name) is not None
        value, at = _text(block, at)
        field = name, value
        if not is_good or _VALUE.fullmatch(value) is None:
            self._block_is_bad = True
            if byte & 0x40:
                self._bad.add(field)
        return field, at

    def _resized(self, block: bytes) -> int:
        """Do as a block says at its beginning about the size of the table; where its fields begin."""
        at = 0
        while at < len(block) and block[at] & 0xE0 == 0x20:
            size, at = block[at] & 0x1F, at + 1
            if size == 0x1F:
                size, at = _integer(block, at, 0x1F)
            if size > TABLE_BYTES_MAX:
                raise ValueError("a table larger than we have")
            self._size_max = size
            self._evict(0)
            self.changed = True
        return at

    def _add(self, field: Field) -> None:
        size = len(field[0]) + len(field[1]) + ENTRY_BYTES
        self.changed = True
        self._evict(size)
        if size <= self._size_max:
            self._table.append(field)
            self._size += size
            self._entry_bytes_max = max(self._entry_bytes_max, size)
        if self._bad:
            self._bad.intersection_update(self._table)

    def _evict(self, size: int) -> None:
        """Make room for so many bytes; the name of a field that is added may be of one that goes."""
        going = 0
        while self._size + size > self._size_max and going < len(self._table):
            name, value = self._table[going]
            self._size -= len(name) + len(value) + ENTRY_BYTES
            going += 1
        if going:
            del self._table[:going]


def _integer(block: bytes, at: int, start: int) -> tuple[int, int]:
    """A number that did not fit into its first byte, and where it ends."""
    shift = 0
    while True:
        byte = block[at]
        at += 1
        start += (byte & 0x7F) << shift
        if not byte & 0x80:
            return start, at
        shift += 7
        if shift > _INTEGER_BITS_MAX:
            raise ValueError("a number without end")


def _text(block: bytes, at: int) -> tuple[str, int]:
    byte = block[at]
    at += 1
    size = byte & 0x7F
    if size == 0x7F:
        size, at = _integer(block, at, 0x7F)
    end = at + size
    if end > len(block):
        raise ValueError("a text that is cut off")
    data = block[at:end]
    return (huffman.decode(data) if byte & 0x80 else data.decode("latin-1")), end
