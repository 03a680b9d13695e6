"""Floods of frames that cost the sender nothing: resets, pings, settings, window updates, calls never made."""

import asyncio
from functools import partial
from itertools import count, islice
from typing import Final

from verification.attack.assault import NO_ANSWER, Assault, spread
from verification.attack.raw_connection import RawConnection
from verification.attack.targets import hold_of, watch_request
from verification.kit.frames import (
    DATA,
    INITIAL_WINDOW_SIZE,
    PING,
    PRIORITY,
    WINDOW_UPDATE,
    asked,
    frame,
    opened,
    reset,
    settings_frame,
)
from verification.kit.requests import path_of

LINES: Final = 8
RESETS_IN_A_LOT: Final = 200
"""What the service lets one connection do at once: a batch of that size is handled, a larger one makes the service
close the connection.
"""
FRAMES_IN_A_LOT: Final = 1_000
LOTS_AT_ONCE_MIN: Final = 6
LOTS_AT_ONCE_MAX: Final = 1_000
"""A flood lasts until the service closes the connection, which takes longer if the service reads slowly."""
CALLS_OPEN: Final = 200
HEADERS_BEYOND: Final = 2_000
END_SECONDS_MAX: Final = 20.0
BEGIN_SECONDS_MAX: Final = 60.0
"""Nobody waits for so long but where a call is forgotten."""
HEALTH: Final = "/grpc.health.v1.Health/Watch"
MINUTES_OF_A_CENTURY: Final = 52_560_000
"""As many digits as a deadline may have."""


async def resets_at_once(assault: Assault) -> None:
    """50,000 calls, each reset right after its request, over eight connections, as fast as possible."""
    lines_open = assault.times(LINES)
    each = assault.times(50_000, least=LOTS_AT_ONCE_MIN * FRAMES_IN_A_LOT) // lines_open
    path = path_of("HoldSeats")

    async def flood(connection: RawConnection) -> None:
        numbers = iter(range(1, 2 * each, 2))
        while (lot := list(islice(numbers, FRAMES_IN_A_LOT))) and not connection.ended.is_set():
            await connection.send(b"".join(opened(number, path) + reset(number) for number in lot))
            assault.did("resets sent", len(lot))
        await connection.end(within_s=END_SECONDS_MAX)

    async with assault.connections(lines_open) as connections, asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(flood(connection))


async def resets_again_and_again(assault: Assault) -> None:
    """50,000 holds reset, on ever new connections: on each as many as are worked through before it is cut off.

    In every other lot the holds are under way before they are reset.
    """
    path = path_of("HoldSeats")

    async def lot(number: int) -> None:
        streams = range(1, 2 * RESETS_IN_A_LOT, 2)
        async with assault.connection() as connection:
            await connection.send(b"".join(asked(at, path, hold_of(number * RESETS_IN_A_LOT + at)) for at in streams))
            if number % 2:
                await asyncio.sleep(0.01)
            await connection.send(b"".join(map(reset, streams)))
            assault.did("resets sent", RESETS_IN_A_LOT)
            connection.write(frame(PING, 0, 0, bytes(8)))
            await connection.end(within_s=0.05)

    await spread(lot, range(assault.times(50_000) // RESETS_IN_A_LOT), at_once=LINES)


async def control_frames(assault: Assault, frames: bytes, *, calls_open: int = 0) -> None:
    """The frames on eight connections until each is closed, and 50,000 on new ones, in batches that are handled."""
    path = path_of("HoldSeats")
    calls = b"".join(opened(at, path) for at in range(1, 2 * calls_open, 2))

    async def lot(lots: int, _: int) -> None:
        async with assault.connection() as connection:
            await connection.send(calls)
            for _ in range(lots):
                await connection.send(frames * FRAMES_IN_A_LOT)
                assault.did("frames sent", FRAMES_IN_A_LOT)
                if connection.ended.is_set():
                    return
            await connection.end(within_s=END_SECONDS_MAX if lots > 1 else 0.1)

    half, connections = assault.times(50), assault.times(LINES)
    await spread(partial(lot, LOTS_AT_ONCE_MAX), range(connections), at_once=connections)
    await spread(partial(lot, 1), range(half), at_once=connections)


async def pings(assault: Assault) -> None:
    await control_frames(assault, frame(PING, 0, 0, bytes(8)))


async def settings(assault: Assault) -> None:
    """Each changes the windows of 200 open calls."""
    await control_frames(assault, settings_frame([(INITIAL_WINDOW_SIZE, 70_000)]), calls_open=CALLS_OPEN)


async def window_updates(assault: Assault) -> None:
    await control_frames(assault, frame(WINDOW_UPDATE, 0, 0, (1).to_bytes(4)), calls_open=CALLS_OPEN)


async def priorities(assault: Assault) -> None:
    await control_frames(assault, frame(PRIORITY, 0, 1, (3).to_bytes(4) + b"\x01"))


async def empty_data(assault: Assault) -> None:
    await control_frames(assault, frame(DATA, 0, 1, b""), calls_open=1)


async def calls_never_made(assault: Assault) -> None:
    """Only headers: as many calls as may be open on each of 40 connections, and 2,000 on each of four."""
    ms = f"{round(assault.seconds(2) * 1_000)}m"
    path = path_of("HoldSeats")

    async def begin(connection: RawConnection, count: int) -> None:
        calls = [opened(at, path, ("grpc-timeout", ms)) for at in range(1, 2 * count, 2)]
        await connection.send(b"".join(calls))
        assault.did("calls begun", count)
        await connection.answers(count, within_s=END_SECONDS_MAX)

    async with (
        assault.connections(assault.times(40)) as many,
        assault.connections(assault.times(4)) as greedy,
        asyncio.TaskGroup() as group,
    ):
        for connection in many:
            group.create_task(begin(connection, CALLS_OPEN))
        for connection in greedy:
            group.create_task(begin(connection, HEADERS_BEYOND))


async def watching_calls(assault: Assault) -> None:
    """20,000 calls that watch and name deadlines in a hundred years, no two alike: 200 on each connection, which is
    left once each of them watches or is refused. Nine of ten watch the health, which is cheap, the others a large map.

    The service keeps a timer for each hundredth of a second of the next minute at most, 6,001 in all, however many
    calls there are (`grpc_server/lean/deadlines.py`).
    """
    minutes = count(MINUTES_OF_A_CENTURY)
    watched = [(HEALTH, b"")] * 9 + [(path_of("WatchSeatMap"), watch_request())]

    def call(number: int) -> bytes:
        path, message = watched[number % len(watched)]
        return asked(2 * number + 1, path, message, ("grpc-timeout", f"{next(minutes)}M"))

    async def watch(_: int) -> None:
        async with assault.connection() as connection:
            await connection.send(b"".join(map(call, range(CALLS_OPEN))))
            await connection.begins(CALLS_OPEN, within_s=BEGIN_SECONDS_MAX)
            assault.did("calls that watched", len(connection.begun))
            if not connection.ended.is_set():
                assault.missed(NO_ANSWER, CALLS_OPEN - len(connection.begun | connection.answered))

    connections = assault.times(20_000) // CALLS_OPEN
    await spread(watch, range(connections), at_once=min(connections, LINES))
