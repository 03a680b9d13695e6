"""Writes single protobuf fields, for replies that are put together from parts written before."""

_ONE_BYTE = [bytes((value,)) for value in range(0x80)]


def varint(value: int) -> bytes:
    """A number of up to 64 bits; a negative one as its two's complement, as int32 and int64 have it."""
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    if 0 <= value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    value &= 0xFFFF_FFFF_FFFF_FFFF
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def number(field: int, value: int) -> bytes:
    """A number, bool or enum; nothing for 0."""
    return varint(field << 3) + varint(value) if value else b""


def text(field: int, value: str) -> bytes:
    """A string; nothing for the empty one."""
    return part(field, value.encode()) if value else b""


def part(field: int, value: bytes) -> bytes:
    """A message that is serialized already, empty or not."""
    return varint(field << 3 | 2) + varint(len(value)) + value
