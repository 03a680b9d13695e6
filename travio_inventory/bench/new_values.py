"""Header blocks as callers send them whose every call has a value that no call had before: a key, a trace, a token.

As grpc-go writes them: each new value enters the peer's table, so that all others move there, and the oldest go.
"""

from secrets import token_hex
from typing import Final

from hpack.hpack import encode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

TABLE_BYTES_MAX: Final = 4_096
ENTRY_BYTES: Final = 32
STATIC_END, PLACES_IN_A_BYTE = 62, 63
NAME: Final = "x-request-id"
_STATIC: Final = {(":method", "POST"): b"\x83", (":scheme", "http"): b"\x86"}
_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


class NewValues:
    """The table that one connection's peer has of us."""

    def __init__(self) -> None:
        self._entered: dict[tuple[str, str], int] = {}
        """The fields in the table, the oldest first, each with its number."""
        self._named: dict[str, int] = {}
        """The number of the newest field of each name."""
        self._count = 0
        self._size = 0
        self._written: dict[str, bytes] = {}
        """Names, and values that come again."""

    def block(self, headers: list[tuple[str, str]]) -> bytes:
        """These headers, and one with a new value."""
        parts = [self._field(header) for header in headers]
        parts.append(self._entering((NAME, token_hex(16)), is_new=True))
        return b"".join(parts)

    def _field(self, header: tuple[str, str]) -> bytes:
        static = _STATIC.get(header)
        if static is not None:
            return static
        number = self._entered.get(header)
        return self._entering(header) if number is None else bytes((0x80 | self._index(number),))

    def _index(self, number: int) -> int:
        return STATIC_END + self._count - 1 - number

    def _entering(self, header: tuple[str, str], *, is_new: bool = False) -> bytes:
        """Written out, and entered."""
        name, value = header
        written = self._name(name) + (_text(value) if is_new else self._text(value))
        self._size += len(name) + len(value) + ENTRY_BYTES
        while self._size > TABLE_BYTES_MAX:
            oldest = next(iter(self._entered))
            del self._entered[oldest]
            self._size -= len(oldest[0]) + len(oldest[1]) + ENTRY_BYTES
        self._entered[header] = self._named[name] = self._count
        self._count += 1
        return written

    def _name(self, name: str) -> bytes:
        """By its place in the table, where it has one that fits into a byte."""
        number = self._named.get(name, -1)
        index = self._index(number)
        is_there = number >= next(iter(self._entered.values()), 0) and index < PLACES_IN_A_BYTE
        return bytes((0x40 | index,)) if is_there else b"\x40" + self._text(name)

    def _text(self, text: str) -> bytes:
        found = self._written.get(text)
        if found is None:
            found = self._written[text] = _text(text)
        return found


def _text(text: str) -> bytes:
    data: bytes = _huffman.encode(text.encode("ascii"))
    size = encode_integer(len(data), 7)
    size[0] |= 0x80
    return bytes(size) + data
