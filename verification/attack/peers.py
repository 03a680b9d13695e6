"""Peers that misuse the connection itself: idle, slow, never reading, without windows, not speaking HTTP/2 at all."""

import asyncio
from contextlib import suppress
from typing import Final

from hpack import Encoder

from verification.attack.assault import Assault, spread
from verification.attack.raw_connection import RawConnection
from verification.attack.targets import map_request
from verification.kit.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    asked,
    frame,
    framed,
    header_block,
    in_frames,
    opened,
    settings_frame,
)
from verification.kit.requests import path_of, request

END_SECONDS_MAX: Final = 20.0
LATE_SECONDS_MAX: Final = 30.0
WINDOW_BYTES_MAX: Final = 2**31 - 1
MAP, CHECK = path_of("GetSeatMap"), path_of("CheckAvailability")
OVER_A_LOT: Final = 20


async def idle(assault: Assault) -> None:
    """10,000 idle connections: some made one request, some only sent the preface, and half sent nothing."""
    count = assault.times(10_000)
    async with (
        assault.connections(count // 2) as polite,
        assault.connections(count - count // 2, preface=False) as silent,
    ):
        for connection in polite[::2]:
            connection.write(asked(1, CHECK, request("CheckAvailability").SerializeToString()))
        await asyncio.sleep(assault.seconds(5))
        for connection in polite[::2]:
            await connection.answers(1, within_s=END_SECONDS_MAX)
        connections = polite + silent
        assault.did("connections tried", count)
        assault.did("connections kept", sum(not connection.ended.is_set() for connection in connections))


async def slow_bytes(assault: Assault) -> None:
    """One byte a second of a request, on 500 connections; on half of them even the preface comes that slowly."""
    start = PREFACE + settings_frame([]) + opened(1, MAP)
    slow = framed(map_request())

    async def drip(connection: RawConnection, said: bytes, rest: bytes) -> None:
        await connection.send(said)
        for at in range(round(assault.seconds(12))):
            await connection.send(rest[at : at + 1])
            assault.did("bytes sent", 1)
            await asyncio.sleep(1)
        await connection.answers(1, within_s=assault.seconds(1))

    async with assault.connections(assault.times(500), preface=False) as connections, asyncio.TaskGroup() as group:
        for at, connection in enumerate(connections):
            if at % 2:
                group.create_task(drip(connection, b"", start))
            else:
                group.create_task(drip(connection, start, b"".join(frame(DATA, 0, 1, bytes([byte])) for byte in slow)))


async def no_window(assault: Assault) -> None:
    """Large maps asked for by peers that never open their window: 50 connections, 200 calls each."""
    timeout = ("grpc-timeout", f"{round(assault.seconds(3) * 1_000)}m")
    calls = assault.times(200)

    async def ask(connection: RawConnection) -> None:
        await connection.send(b"".join(asked(at, MAP, map_request(), timeout) for at in range(1, 2 * calls, 2)))
        assault.did("maps asked for", calls)
        await connection.answers(calls, within_s=assault.seconds(3) + LATE_SECONDS_MAX)

    shut = [(INITIAL_WINDOW_SIZE, 0)]
    async with assault.connections(assault.times(50), settings=shut) as connections, asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(ask(connection))


async def window_by_the_byte(assault: Assault) -> None:
    """A large map read one byte at a time: a window update for each byte."""
    more = frame(WINDOW_UPDATE, 0, 1, (1).to_bytes(4))

    async def sip(connection: RawConnection) -> None:
        await connection.send(asked(1, MAP, map_request()))
        for _ in range(assault.times(2_000, least=100)):
            await connection.send(more * OVER_A_LOT)
            assault.did("window updates", OVER_A_LOT)
            await asyncio.sleep(0.005)
            if connection.ended.is_set():
                return
        await connection.end(within_s=assault.seconds(2))

    async with (
        assault.connections(20, settings=[(INITIAL_WINDOW_SIZE, 1)]) as connections,
        asyncio.TaskGroup() as group,
    ):
        for connection in connections:
            group.create_task(sip(connection))


async def never_reading(assault: Assault) -> None:
    """Large maps requested with all windows open, and nothing read: 50 connections, 200 calls each."""
    wide = [(INITIAL_WINDOW_SIZE, WINDOW_BYTES_MAX), (MAX_FRAME_SIZE, 2**20)]
    window = frame(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4))
    calls = assault.times(200)

    async def ask(connection: RawConnection) -> None:
        connection.stop_reading()
        body = window + b"".join(asked(at, MAP, map_request()) for at in range(1, 2 * calls, 2))
        with suppress(TimeoutError):
            async with asyncio.timeout(assault.seconds(8)):
                await connection.send(body)
        assault.did("maps asked for", calls)

    async with assault.connections(assault.times(50), settings=wide) as connections:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(ask(connection))
        await asyncio.sleep(assault.seconds(8))


async def huge_headers(assault: Assault) -> None:
    """Headers above the limit: by one value, by 10,000 names, by one table entry that is referenced again and again."""
    bomb = Encoder()
    bomb.encode([("x-bomb", "b" * 4_000)])
    entry = Encoder().encode([("x-bomb", "b" * 4_000)])
    names = Encoder().encode([(f"x-{number}", "") for number in range(assault.times(10_000))])
    blocks = [
        header_block(MAP, ("x-long", "x" * 20_000)),
        names,
        entry + bomb.encode([("x-bomb", "b" * 4_000)]) * 10_000,
        b"\x7f" + b"\xff" * 60_000,
        b"\x20" * 60_000,
        b"\x00\x84" + b"\xff" * 3 + b"\x00",
    ]

    async def send(number: int) -> None:
        async with assault.connection() as connection:
            await connection.send(in_continuations(blocks[number % len(blocks)]))
            assault.did("header blocks", 1)
            await connection.answers(1, within_s=END_SECONDS_MAX)

    await spread(send, range(assault.times(300, least=len(blocks))), at_once=OVER_A_LOT)


def in_continuations(block: bytes, size: int = 16_384, *, stream_id: int = 1) -> bytes:
    """The header block as HEADERS and the necessary number of CONTINUATION frames."""
    parts = [block[start : start + size] for start in range(0, len(block), size)]
    last = len(parts) - 1
    return b"".join(
        frame(CONTINUATION if at else HEADERS, END_HEADERS if at == last else 0, stream_id, part)
        for at, part in enumerate(parts)
    )


async def endless_headers(assault: Assault) -> None:
    """Endless CONTINUATION frames: full, small and empty ones; on some connections one byte at a time."""
    begun = frame(HEADERS, 0, 1, header_block(MAP))
    kinds = [frame(CONTINUATION, 0, 1, body) for body in (b"", b"\0\x01x\x01y", b"\0\x01x\x7f\xff\x7e" + bytes(16_000))]

    async def send(number: int) -> None:
        more = kinds[number % len(kinds)]
        async with assault.connection() as connection:
            await connection.send(begun)
            for _ in range(100):
                await connection.send(more * OVER_A_LOT)
                assault.did("CONTINUATION frames", OVER_A_LOT)
                await asyncio.sleep(0)
                if connection.ended.is_set():
                    return
            await connection.end(within_s=END_SECONDS_MAX)

    await spread(send, range(assault.times(150, least=len(kinds))), at_once=OVER_A_LOT)


async def heavy_headers(assault: Assault) -> None:
    """The largest allowed headers, Huffman-coded, on otherwise valid calls."""
    heavy = Encoder().encode([(f"x-{number}", "~" * 3_500) for number in range(4)])
    call = [(":method", "POST"), (":scheme", "http"), (":path", CHECK), ("content-type", "application/grpc")]
    begun = Encoder().encode(call)
    body = framed(request("CheckAvailability").SerializeToString())
    calls = assault.times(2_000)

    async def send(connection: RawConnection) -> None:
        for at in range(1, 2 * calls // 4, 2):
            await connection.send(in_continuations(begun + heavy, stream_id=at) + in_frames(at, body))
            assault.did("calls", 1)
            await connection.answers(at // 2 + 1, within_s=END_SECONDS_MAX)

    async with assault.connections(4) as connections, asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(send(connection))


async def other_protocols(assault: Assault) -> None:
    """HTTP/1.1, TLS, random bytes, half a preface, and nothing at all on 1,000 connections."""
    said = [
        b"GET / HTTP/1.1\r\nHost: attack\r\n\r\n",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + bytes(50_000),
        bytes.fromhex("16030100ba010000b60303") + bytes(170),
        assault.random.randbytes(100_000),
        PREFACE + assault.random.randbytes(100_000),
        PREFACE + bytes(100_000),
    ]
    waits = [PREFACE[:10], PREFACE, b""]

    async def say(number: int) -> None:
        async with assault.connection(preface=False) as connection:
            await connection.send((said + waits)[number % len(said + waits)])
            assault.did("connections", 1)
            await connection.end(within_s=END_SECONDS_MAX if number % len(said + waits) < len(said) else 0.1)

    await spread(say, range(assault.times(1_000, least=len(said + waits))), at_once=OVER_A_LOT)


async def illegal_frames(assault: Assault) -> None:
    """Frames that are well formed but forbidden, each kind on its own connections."""
    call, data = opened(1, MAP), b"\0\0\0\0\x01"
    frames = [
        frame(DATA, 0, 0, data),
        frame(DATA, 0, 9, data),
        call + frame(DATA, PADDED, 1, b"\xff"),
        frame(HEADERS, END_HEADERS, 0, header_block(MAP)),
        frame(HEADERS, END_HEADERS, 2, header_block(MAP)),
        opened(5, MAP) + opened(3, MAP),
        call + call,
        call + frame(PING, 0, 0, bytes(8))[:-3],
        frame(PING, 0, 0, bytes(7)),
        frame(PING, 0, 1, bytes(8)),
        frame(SETTINGS, 0, 1, b""),
        frame(SETTINGS, 0, 0, bytes(5)),
        frame(SETTINGS, ACK, 0, bytes(6)),
        settings_frame([(INITIAL_WINDOW_SIZE, 2**31)]),
        settings_frame([(MAX_FRAME_SIZE, 1)]),
        settings_frame([(2, 7)]),
        settings_frame([(1, 2**32 - 1), (3, 0), (6, 0), (999, 1)]),
        frame(WINDOW_UPDATE, 0, 0, bytes(4)),
        frame(WINDOW_UPDATE, 0, 0, WINDOW_BYTES_MAX.to_bytes(4)),
        call + frame(WINDOW_UPDATE, 0, 1, WINDOW_BYTES_MAX.to_bytes(4)),
        call + frame(WINDOW_UPDATE, 0, 1, bytes(4)),
        call + frame(WINDOW_UPDATE, 0, 1, bytes(3)),
        frame(RST_STREAM, 0, 0, bytes(4)),
        frame(RST_STREAM, 0, 7, bytes(4)),
        call + frame(RST_STREAM, 0, 1, bytes(3)),
        frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4) + header_block(MAP)),
        call + frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4) + header_block(MAP)),
        frame(CONTINUATION, END_HEADERS, 1, header_block(MAP)),
        frame(HEADERS, 0, 1, header_block(MAP)) + frame(PING, 0, 0, bytes(8)),
        frame(HEADERS, END_HEADERS | 0x20, 1, (1).to_bytes(4) + b"\x10" + header_block(MAP)),
        call + frame(2, 0, 1, (1).to_bytes(4) + b"\x10"),
        frame(GOAWAY, 0, 0, bytes(8)) * 3 + asked(1, MAP, b"\xff"),
        frame(GOAWAY, 0, 0, b""),
        frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\x0f"),
        frame(HEADERS, END_HEADERS, 1, b""),
        frame(HEADERS, END_HEADERS | 1, 1, header_block(MAP)) + frame(DATA, 0, 1, data),
        call + frame(HEADERS, END_HEADERS, 1, header_block(MAP)),
        (2**24 - 1).to_bytes(3) + bytes(6) + bytes(20_000),
    ]

    async def send(number: int) -> None:
        async with assault.connection() as connection:
            await connection.send(frames[number % len(frames)])
            assault.did("connections", 1)
            await connection.end(within_s=0.05)

    await spread(send, range(assault.times(10 * len(frames), least=len(frames))), at_once=OVER_A_LOT)
