"""Bodies that are no requests: endless, oversized, compressed, truncated, random, deep, with huge lists or odd text."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from verification.attack.assault import Assault
from verification.attack.raw_connection import RawConnection
from verification.attack.targets import ATTACKED_TRIP, REFLECTION
from verification.kit.frames import DATA, FRAME_BYTES, asked, frame, framed, in_frames, opened
from verification.kit.requests import RPCS, VALID, path_of, request, text_fields, varint

ANSWER_SECONDS_MAX: Final = 20.0
END_SECONDS_MAX: Final = 2.0
AT_ONCE: Final = 50
REQUEST_BYTES_MAX: Final = 65_536
ADMIN_REQUEST_BYTES_MAX: Final = 4_194_304
"""The service's default limit."""
ADMIN = ("InitializeTripInventory", "UpdateInventory")
LIST_ITEMS: Final = 100_000
SEATS_BEYOND: Final = 100_001
"""More seats than a trip may have."""
ODD_TEXTS = {
    "a NUL": b"a\0b",
    "a lone surrogate": b"\xed\xa0\x80",
    "an overlong slash": b"\xc0\xaf",
    "half a character": b"\xf0\x9f\x98",
    "no character at all": b"\xff\xfe",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "right to left": "\u202eabc\u202c".encode(),
    "no width": "\u200b\u200d\ufeff".encode(),
    "a hundred accents": ("e" + "\u0301" * 100).encode(),
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467".encode(),
    "not assigned": "\uffff\U0010ffff".encode(),
    "grows in capitals": ("\u0390" * 60).encode(),
    "wide digits": "\uff11\uff12".encode(),
    "lines": "a\r\nb\u2028c\u0085".encode(),
    "a format": b"%s%n{0}{self.__class__}",
    "a long one": b"\xf0\x9f\x98\x80" * 3_000,
}


async def ask_all(assault: Assault, connection: RawConnection, asks: Sequence[tuple[str, bytes]]) -> None:
    """Send whole requests in turn, some at once, and wait for the answers."""
    for start in range(0, len(asks), AT_ONCE):
        chunk = asks[start : start + AT_ONCE]
        calls = [asked(2 * at + 1, path, body) for at, (path, body) in enumerate(chunk, start)]
        await connection.send(b"".join(calls))
        assault.did("requests", len(chunk))
        await connection.answers(start + len(chunk), within_s=ANSWER_SECONDS_MAX)


async def wrong_prefixes(assault: Assault, prefix: bytes) -> None:
    """For every method, on ten connections: a prefix that is refused, and some bytes after it."""
    paths = [path_of(rpc) for rpc in RPCS] * assault.times(10)
    async with assault.connections(assault.times(10)) as connections:
        for connection in connections:
            for start in range(0, len(paths), AT_ONCE):
                ids = [(2 * at + 1, path) for at, path in enumerate(paths[start : start + AT_ONCE], start)]
                await connection.send(
                    b"".join(opened(at, path) + in_frames(at, prefix + b"\x0a\x01t") for at, path in ids)
                )
                assault.did("requests", len(ids))
                await connection.answers(start + len(ids), within_s=ANSWER_SECONDS_MAX)


async def oversized(assault: Assault) -> None:
    await wrong_prefixes(assault, framed(b"", declared_bytes=0xFFFF_FFFF))


async def compressed(assault: Assault) -> None:
    await wrong_prefixes(assault, framed(b"", flag=1, declared_bytes=3))


async def truncated(assault: Assault) -> None:
    await wrong_prefixes(assault, framed(b"", declared_bytes=1_000))


async def unfinished(assault: Assault) -> None:
    """Messages within the limits that lack their last byte: 2,560 of 64 KiB and 24 of 4 MiB, 260 MB in all."""
    small = framed(bytes(REQUEST_BYTES_MAX - 1), declared_bytes=REQUEST_BYTES_MAX)
    large = framed(bytes(ADMIN_REQUEST_BYTES_MAX - 1), declared_bytes=ADMIN_REQUEST_BYTES_MAX)

    async def leave_open(connection: RawConnection, path: str, body: bytes, calls: int) -> None:
        for at in range(1, 2 * calls, 2):
            await connection.send(opened(at, path))
            await connection.send_within_windows(at, body, end=False)
            assault.did("unfinished requests", 1)
        await asyncio.sleep(assault.seconds(1))

    async with (
        assault.connections(assault.times(40)) as many,
        assault.connections(assault.times(24)) as heavy,
        asyncio.TaskGroup() as group,
    ):
        for connection in many:
            group.create_task(leave_open(connection, path_of("HoldSeats"), small, assault.times(64)))
        for connection in heavy:
            group.create_task(leave_open(connection, path_of(ADMIN[0]), large, 1))


async def endless(assault: Assault) -> None:
    """Endless DATA: after a refused 4 GiB message, after a complete message, and beyond every window."""
    body = frame(DATA, 0, 1, bytes(FRAME_BYTES)) * 16
    whole = framed(bytes(request("GetSeatMap").SerializeToString()))

    async def pour(connection: RawConnection, start: bytes) -> None:
        await connection.send(opened(1, path_of("GetSeatMap")) + frame(DATA, 0, 1, start))
        for _ in range(assault.times(400)):
            await connection.send(body)
            assault.did("MiB sent", 16 * FRAME_BYTES >> 18)
            await asyncio.sleep(0)
            if connection.ended.is_set():
                return
        await connection.answers(1, within_s=ANSWER_SECONDS_MAX)
        await connection.end(within_s=END_SECONDS_MAX)

    starts = framed(b"", declared_bytes=0xFFFF_FFFF), whole, framed(b"", declared_bytes=60_000), b""
    async with assault.connections(len(starts)) as connections, asyncio.TaskGroup() as group:
        for connection, start in zip(connections, starts, strict=False):
            group.create_task(pour(connection, start))


async def endless_after_the_refusal(assault: Assault) -> None:
    """Endless DATA, as the windows allow, on calls that have been refused: each call is refused once."""

    async def pour(connection: RawConnection) -> None:
        await connection.send(opened(1, path_of("GetSeatMap")) + frame(DATA, 0, 1, framed(b"", declared_bytes=2**31)))
        await connection.answers(1, within_s=ANSWER_SECONDS_MAX)
        connection.answered.clear()
        await connection.send_within_windows(1, bytes(assault.times(100_000_000)))
        await connection.end(within_s=assault.seconds(2))

    async with assault.connections(4) as connections, asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(pour(connection))


async def endless_questions(assault: Assault) -> None:
    """Endless requests to the only streaming call, by callers that open no window for the answers."""
    questions = framed(b"\x3a\x01*") * assault.times(1_000_000)

    async def question(connection: RawConnection) -> None:
        await connection.send(opened(1, REFLECTION))
        with suppress(TimeoutError):
            async with asyncio.timeout(assault.seconds(8)):
                await connection.send_within_windows(1, questions, end=False)
        assault.did("callers", 1)

    async with assault.connections(8) as connections, asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(question(connection))


async def no_protobuf(assault: Assault) -> None:
    """Random bytes, messages within messages, groups that never end, and fields that are repeated without end."""
    random, paths = assault.random, [path_of(rpc) for rpc in RPCS]
    asks = [
        (path, random.randbytes(random.choice((1, 20, 300, 5_000)))) for path in paths for _ in range(assault.times(60))
    ]
    for path in paths:
        admin = path in map(path_of, ADMIN)
        size = (ADMIN_REQUEST_BYTES_MAX if admin and assault.scale >= 1 else REQUEST_BYTES_MAX) - 16
        asks += [(path, body) for body in (nested(size), b"\x0b" * size, b"\xff" * size)]
        asks += [(path, repeated(number, size)) for number in range(1, assault.times(9, least=4))]
    random.shuffle(asks)
    async with assault.connection() as connection:
        for at, (path, body) in enumerate(asks):
            await connection.send(opened(2 * at + 1, path))
            await connection.send_within_windows(2 * at + 1, framed(body))
            assault.did("requests", 1)
            if at % AT_ONCE == 0:
                await connection.answers(at + 1, within_s=ANSWER_SECONDS_MAX)
        await connection.answers(len(asks), within_s=ANSWER_SECONDS_MAX)


def nested(bytes_max: int) -> bytes:
    """Field 1 in field 1 in field 1, as deep as this number of bytes allows, 20,000 times at most."""
    parts: list[bytes] = []
    size = 0
    while size < bytes_max - 6 and len(parts) < 20_000:
        parts.append(b"\x0a" + varint(size))
        size += len(parts[-1])
    return b"".join(reversed(parts))


def repeated(number: int, size: int) -> bytes:
    """Empty values, again and again, in the field of that number."""
    nothing = varint(number << 3 | 2) + b"\0"
    return nothing * (size // len(nothing))


async def odd_text(assault: Assault) -> None:
    """Sixteen odd texts in every text field of every request."""
    asks = [(path_of(rpc), body) for rpc in VALID for body in oddly(rpc)]
    asks = assault.random.sample(asks, assault.times(len(asks)))
    async with assault.connection() as connection:
        await ask_all(assault, connection, asks)


def oddly(rpc: str) -> Iterator[bytes]:
    """The request with one odd text in one field, for every text and every field."""
    for path in text_fields(request(rpc), VALID[rpc]):
        for text in ODD_TEXTS.values():
            mark = "M" * 12_000 if len(text) > 1_000 else "M" * len(text)
            yield request(rpc, {path: mark}).SerializeToString().replace(mark.encode(), text)


async def huge_lists(assault: Assault) -> None:
    """100,000 seats to hold, to open, to block; and as many as fit in a request, which may be opened."""
    asks = [
        (path_of(rpc), body) for rpc, body in long_lists(assault.times(LIST_ITEMS, least=SEATS_BEYOND))
    ] * assault.times(5)
    async with assault.connection() as connection:
        for at, (path, body) in enumerate(asks):
            await connection.send(opened(2 * at + 1, path))
            await connection.send_within_windows(2 * at + 1, framed(body))
            await connection.answers(at + 1, within_s=ANSWER_SECONDS_MAX)
            assault.did("requests", 1)


def long_lists(count: int) -> Iterator[tuple[str, bytes]]:
    """Requests with this number of items, and the same with as many as a request may have."""
    names = [f"s{number}" for number in range(count)]
    fitting = REQUEST_BYTES_MAX // 12
    lists: dict[str, tuple[str, list[Any]]] = {
        "HoldSeats": ("seat_ids", names),
        "ConfirmBooking": ("passengers", [{"seat_id": name} for name in names]),
        "BatchCheckAvailability": ("requests", [{"trip_id": ATTACKED_TRIP} for _ in names]),
        "InitializeTripInventory": ("seat_config.seats", [{"seat_id": name} for name in names]),
        "UpdateInventory": ("updates", [{"seat_id": name, "new_status": 4} for name in names]),
    }
    for rpc, (field, items) in lists.items():
        for some in (items, items[:fitting]):
            yield rpc, request(rpc, {field: some}).SerializeToString()
